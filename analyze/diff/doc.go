// Package diff says what changed between two sets of runs, where, and whether
// it is more than noise.
//
// Its one design decision: equal work is compared with equal work. Every run is
// a list of units (denoise steps, scheduler passes, what a request does in a
// phase), units of the same class are paired by their place, and only they say
// whether anything got slower. What one side alone did is work and no change
// of speed. The ledger stays exact all the same: every nanosecond of both
// sides is in one row, so the deltas of any table add up to the total, and each
// delta is the sum of what durations, numbers of launches and different work
// contribute.
//
// Whether a difference is real is decided from repeated units, never from a
// constant: see evidence.go. With one unit a side nothing can be decided, and
// the result says so.
//
// The result is a pure function of the runs' [analyze.Samples]; exchanging the
// sides changes every sign and nothing else. The package opens no file and
// rounds nothing for people: report writes the sentences and tables.
package diff
