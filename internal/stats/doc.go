// Package stats says whether two sets of repeated measurements differ, by how
// much, and how sure that is.
//
// Its one design decision: figures come in strata, repetitions of exactly the
// same thing on both sides, and only figures of one stratum are ever compared
// with each other. Medians and ranks are used throughout, because GPU times
// have a hard lower edge and a long upper tail, and a mean follows the tail.
//
// Everything is deterministic: the bootstrap has a fixed seed. Everything is a
// mirror: with the sides exchanged an estimate changes its sign and nothing
// else, to the last bit.
//
// It knows nothing of traces and decides nothing: package analyze/diff does.
package stats
