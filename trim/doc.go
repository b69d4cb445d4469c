// Package trim says which rows of a Chrome trace belong to a part of a run, and
// what else can go when the copy must be small.
//
// Its one design decision: the rows that tell requests, steps and passes apart
// are always kept, though most of them lie outside the part. They are few, and
// with them the copy is split into the same steps with the same numbers as the
// whole trace: step 3 stays step 3. Where marks do not tell steps apart, or where
// they are clipped for a copy that is no longer than its part, the copy notes its
// requests and steps instead.
//
// The package reads and writes no file: analyze finds the part, trace/chrome
// copies the rows.
package trim
