// Package trace is the event model that every reader fills and every analysis
// reads: times, spans, events, the lanes they lie on, and what was wrong with
// the file they came from.
//
// Its one design decision: an [Event] is small and pointer-free, and times are
// integer nanoseconds from the first byte read to the last table printed. A
// gigabyte trace keeps a few hundred thousand events; they must cost the
// garbage collector nothing, and no sum over them may depend on its order.
//
// The package opens no file, formats nothing for people and knows no model,
// engine or vendor. Its neighbours: trace/chrome and nsys fill it,
// trace/session says which files belong together, analyze turns it into tables.
package trace
