// Package session finds the traces of a profiling run: which files below a
// directory form one run, which stage, replica and rank each is, which are
// half-written, duplicates, or of a sort that is shown and never counted, and
// what lies beside them.
//
// Its one design decision: everything that is known about file layouts is a
// table of regular expressions over single path elements, with the era that
// wrote such names beside each. Directories are read from the file upwards as
// long as their names tell something new; the first one that tells nothing is
// the run's folder. So a new layout is a line in the table and no code.
//
// # Sessions
//
// A session is one start…stop of the profiler over all its stages and ranks.
// Files given by name form one session, whatever they are called. Files found
// in directories are in one session only if they share a run folder, and
//
//   - files whose names hold no time form a session where their names differ
//     in nothing but the numbers of stage, replica, rank or worker (rank0.json,
//     rank1.json), or in the number of an nsys capture range (report.1.nsys-rep,
//     report.2.nsys-rep);
//   - files whose names hold a time are taken in the order of these times, and
//     a new session begins at a file (1) whose stage, replica, rank and process
//     the session has already, unless both profilers started within a second
//     (then it is another replica: the names of autoregressive stages do not
//     number theirs); (2) that was started after another was stopped; or (3)
//     that lies too far behind the one before: 30 s between two starts (stages
//     are started one after another), 60 s between two stops, an hour between
//     a start and a stop.
//
// vLLM-Omni since 0.18 stamps files with the start, plain vLLM with the stop;
// both lie side by side in the runs of vLLM-Omni 0.14 to 0.17. Names with
// nothing but local wall-clock time are never mixed with Unix times.
//
// # What it costs
//
// [Find] opens each file and reads at most 64 KiB at its start and 4 KiB at its
// end; only traces of equal size are compared byte by byte. It therefore calls
// a gzip file whole that may still turn out to be cut off when it is read.
// [Complete] looks at every byte.
//
// The package parses no event and prints nothing. It works on an [fs.FS]; [OS]
// is the machine's own. Its neighbours: trace/open decompresses what was found
// here, trace/chrome and nsys read it, and capture waits with [Missing] until a
// profiler has written what it should.
package session
