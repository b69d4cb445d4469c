// Package report writes an [analyze.Summary] for people and for machines: as
// text, Markdown, JSON, CSV and a page of HTML; and runs for other programs: as
// pprof profiles, Parquet and JSON Lines.
//
// The one decision: it knows no table by name. A table says what its columns
// count, which of them are parts of a whole and how many rows are worth
// showing; from that follow units, alignment, shares and what to leave out, so
// a new analysis needs no change here, and a new output needs one file and one
// line in [Formats].
//
// Only the page of HTML has a place for tables that it knows (pageSections),
// and one for all others.
//
// JSON and CSV are complete and unrounded. Text and Markdown are for reading:
//
//   - every column has one unit, which stands in its heading; what is not known
//     prints as "–", and only what is zero prints as 0;
//   - only the first rows of a table are shown, then one line with the sum of
//     the rest; rows called "(unattributed)" stand last and are never cut;
//   - columns that name the same thing in every row (stage 0, rank 0, a method)
//     are left out where another column tells the rows apart, and the table's
//     title says the texts among them; so are columns in which nothing is
//     known; [Options].Wide brings all back;
//   - text fits [Options].Width: long names are shortened in the middle, never
//     two different ones to the same text; then headings take two lines; then
//     columns are left out, those without a figure first, then from the right,
//     and a line says which.
//
// It computes nothing but shares of what the tables hold, sums of the rows that
// it leaves out and scales (internal/unit). It never reads a trace and never
// decides what is worth a warning (package analyze), nor where the output goes
// and whether that is a terminal (internal/cli).
package report
