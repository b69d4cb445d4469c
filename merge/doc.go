// Package merge puts the traces of a run on one timeline.
//
// Its one design decision: IDs become unique by arithmetic, not by a table. A
// source has a range of process IDs, of arrow IDs and of correlation IDs of its
// own, and a row's new ID follows from its old one alone. So rows are copied as
// they stream by, on all cores, and the result does not depend on their order.
//
// The package opens no file: it is given readers, and tracks that analyze found
// to add to what the traces show.
package merge
