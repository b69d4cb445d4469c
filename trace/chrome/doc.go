// Package chrome reads traces in Chrome's JSON format, as the PyTorch profiler
// (Kineto) and its relatives for ROCm, XPU and Ascend write them, into the
// event model of package trace.
//
// Its one design decision: the text is cut into blocks at places that look
// like the border between two events, and the blocks are scanned in parallel
// on that guess. Each scan also reports where it ended, so the guess about the
// next block is verified before its events are used; a wrong guess costs time
// and never an event. The result therefore does not depend on block size,
// number of cores, or how the input arrives.
//
// An event is scanned strictly first. What JSON does not allow is read again
// by the tolerant scanner, which repairs what it can and counts each defect.
// On valid text both give the same events.
//
// The package analyses nothing and guesses no stage. Decompression is package
// trace/open's, and what events mean is package analyze's.
package chrome
