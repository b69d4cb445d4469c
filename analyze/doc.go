// Package analyze turns the traces of one run into tables of base-unit
// integers: which stage, device, phase, step, category and kernel the GPU time
// went to, and what a reader of these numbers has to know.
//
// Its one design decision: every GPU event of the run is one [Work] row that
// carries all that was found out about it, and every table is a grouping of
// these rows. So the rows of a table are a partition by construction, and a new
// split of GPU time is a new grouping and not new arithmetic. Tables are
// registered by package-level variables, one file each; see stages.go.
//
// All of it is a pure function of its inputs. The package opens no file, looks
// at no clock, rounds nothing and formats nothing: package report does.
package analyze
