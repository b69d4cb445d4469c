// Package unit writes integers of base units for people to read, and reads
// what people type: durations, sizes, counts, rates and shares.
//
// The one decision: figures stay integers of their base unit (nanoseconds,
// bytes) until they are printed, and are scaled by powers of ten in integer
// arithmetic. No float is involved, so there is no boundary at which a digit
// comes out wrong, and rounding is one rule everywhere: to the nearest, halves
// away from zero, as on paper (1.25 with one digit is 1.3). What is not zero
// never prints as zero: it is printed as "<0.01".
//
// A whole column shares one [Scale], chosen by [Ladder.Columns], so that its
// unit stands once in the header and its figures can be compared by length.
//
// It never aligns or colours (package report) and never decides what a figure
// means.
package unit
