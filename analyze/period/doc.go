// Package period finds the steps of a denoise loop in nothing but the order of
// kernel names: no host rows, no times, no shapes.
//
// Its one design decision: it looks for passes of the transformer first, and
// makes steps of passes afterwards. What repeats most in such a sequence are
// the layers inside one pass; what a step adds to its passes is a handful of
// scheduler kernels that occur once a step. So tokens that recur about evenly
// (combs) vote for passes, passes are joined into runs, the gaps between them
// tell where a step ends, and a loop is kept only if the evidence does not
// speak for a token generator, a training step or a decoder, which repeat too.
//
// The package knows no model, no trace and no time of day. A caller that knows
// that it looks at a diffusion request says so ([Sequence.Diffusion]); without
// that word a loop has to prove it. Package analyze turns positions in the
// sequence into times.
package period
