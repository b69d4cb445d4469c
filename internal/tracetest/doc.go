// Package tracetest writes traces for tests by hand, and checks what must be
// true of every trace.
//
// Its one design decision: a trace is text, one event a line, so that a test
// shows its whole input and what it expects side by side:
//
//	launch t=0 d=3 track=host/11 corr=7 "cudaLaunchKernel"
//	kernel t=10 d=5 track=gpu0/7 corr=7 "gemm"
//
// [Parse] reads such text into the event model, [Format] writes it, [JSON]
// writes the Chrome trace that would hold it, and [Validate] is the one
// validator that unit, property and fuzz tests share. [Load] reads a txtar
// file of them, whose first line says which rule it pins.
//
// It is for tests only.
package tracetest
