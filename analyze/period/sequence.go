package period

import "slices"

// A Sequence is what the finder may know: the kernels of one request, or of a
// whole file, in the order of their launches (or of their starts on the GPU,
// where launches are unknown; never a mix of both).
type Sequence struct {
	// Names holds one name ID per kernel. IDs need not be dense. A caller may
	// fold the launch shape into them: equal IDs must mean equal work.
	Names []uint32
	// Hint says what a name is known to do; nil says nothing about any name.
	// It is asked once per distinct ID.
	Hint func(name uint32) Hint
	// Diffusion is the caller's word that the kernels belong to a diffusion or
	// flow-matching request, so that a loop need not prove it. Without it the
	// finder refuses loops that look autoregressive or like training.
	Diffusion bool
}

// A Result lists the denoise loops of a sequence, in order, none overlapping.
type Result struct {
	Loops  []Loop
	Reason string // why there is no loop; "" where there is one
}

// A Loop is one denoise loop. What lies between the previous loop and First
// is the encoding of its request (and the decoding of the previous one); what
// lies behind End is its decoding.
type Loop struct {
	First, End int // kernels [First, End) of Sequence.Names
	Steps      []Step
	Confidence float64 // 0 to 1: how far the evidence goes, not a probability
	Reason     string  // the evidence, in a line
}

// A Step is one turn of a denoise loop. The steps of a loop lie edge to edge.
type Step struct {
	First, End int
	Forwards   int  // calls of the transformer; 0 in a cached step, -1 where unknown
	Cached     bool // most of the transformer was skipped
	Expert     int  // -1: experts of one architecture launch the same kernels
}

// minUnit is the least number of kernels between two passes of a transformer.
// Below it, what repeats is a layer or a part of one.
const minUnit = 24

// Find returns the denoise loops of s. It is deterministic and takes
// O(n log n) time and O(n) memory for n kernels.
func Find(s Sequence) Result {
	x := newIndex(s.Names, s.Hint)
	var loops []Loop
	for _, c := range x.combs() {
		loops = append(loops, x.loops(x.runs(x.passes(c)))...)
	}
	loops = disjoint(loops)
	refused := "no long kernel sequence repeats"
	kept := loops[:0:0]
	for i, l := range loops {
		around := span{0, len(s.Names)}
		if len(kept) > 0 {
			around.from = kept[len(kept)-1].End
		}
		if i+1 < len(loops) {
			around.to = loops[i+1].First
		}
		if why := x.judge(&l, around, s.Diffusion); why != "" {
			refused = why
			continue
		}
		kept = append(kept, l)
	}
	if len(kept) == 0 {
		return Result{Reason: refused}
	}
	return Result{Loops: kept}
}

// loops turns the runs of one transformer into loops.
func (x *index) loops(runs []run) []Loop {
	var all []turning
	for i, first := range x.groups(runs) {
		if len(first) >= 2 {
			all = append(all, x.bounds(runs[i], first))
		}
	}
	x.withSkipped(all)
	var out []Loop
	for _, t := range all {
		out = append(out, t.loop())
	}
	return out
}

// disjoint drops loops that overlap one of more steps, or of as many that is
// earlier in the list, which is better supported. It sorts the rest by place.
func disjoint(loops []Loop) []Loop {
	slices.SortStableFunc(loops, func(a, b Loop) int { return len(b.Steps) - len(a.Steps) })
	var kept []Loop
	for _, l := range loops {
		if !slices.ContainsFunc(kept, func(k Loop) bool { return l.First < k.End && k.First < l.End }) {
			kept = append(kept, l)
		}
	}
	slices.SortFunc(kept, func(a, b Loop) int { return a.First - b.First })
	return kept
}
