package period

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// evidence is what one full step of a loop holds and what lies around it.
type evidence struct {
	steps                                  int
	attention, gemm, single, conv          int
	table, sampling, cache, training, time int
	passes                                 int
	noiseBefore, tableBefore, convBehind   int
	likeness                               float64
}

// A verdict is a reason to refuse a loop. The first that applies is given.
type verdict struct {
	always  bool // even where the caller vouches for a diffusion request
	applies func(e evidence) bool
	why     string
}

var verdicts = []verdict{
	{true, func(e evidence) bool { return e.conv > 2*(e.gemm+4*e.attention) },
		"the repeating part is a convolutional decoder"},
	{true, func(e evidence) bool { return e.steps <= 4 && e.passes <= e.steps && e.table > 0 && e.time == 0 },
		"the repeating part is an encoder run on several prompts"},
	{false, func(e evidence) bool { return e.training > 0 },
		"every turn holds gradients, a loss or an optimizer: training"},
	{false, func(e evidence) bool { return e.sampling > 0 },
		"every turn chooses a token: autoregressive decoding"},
	{false, func(e evidence) bool { return e.cache > 0 },
		"every turn writes a key-value cache: autoregressive decoding"},
	{false, func(e evidence) bool { return 2*e.single > e.gemm },
		"most matrix products have few rows: autoregressive decoding"},
	{false, func(e evidence) bool { return e.gemm == 0 || e.attention == 0 },
		"a turn holds no attention or no matrix product: no known denoiser"},
	{false, func(e evidence) bool { return e.signs() < 2 },
		"nothing around the loop looks like diffusion"},
}

// signs counts what speaks for a denoise loop. Looking up a table in every
// turn speaks against it, but a speech decoder does so too.
func (e evidence) signs() int {
	n := 0
	for _, holds := range []bool{
		e.noiseBefore > 0,
		e.convBehind >= 3,
		e.time > 0,
		e.passes > e.steps,
		e.tableBefore > 0,
	} {
		if holds {
			n++
		}
	}
	if e.table > 0 {
		n--
	}
	return n
}

// judge gives l its confidence and reason, or says why it is no denoise loop.
// around is the stretch of the sequence that belongs to no other loop.
func (x *index) judge(l *Loop, around span, vouched bool) string {
	e := x.evidence(*l, around)
	for _, v := range verdicts {
		if (v.always || !vouched) && x.known != 0 && v.applies(e) {
			return v.why
		}
	}
	if x.known == 0 && !vouched {
		return "nothing is known of what the kernels do"
	}
	c := 0.5 + 0.08*float64(e.signs())
	if vouched {
		c += 0.15
	}
	if e.steps < 3 {
		c -= 0.15
	}
	l.Confidence = max(0, min(0.95, c)) * e.likeness
	l.Reason = e.text(*l)
	return ""
}

func (x *index) evidence(l Loop, around span) evidence {
	s := typicalStep(l)
	count := func(h Hint) int { return x.hinted(h, s.from, s.to) }
	e := evidence{
		steps: len(l.Steps), attention: count(Attention), gemm: count(GEMM), single: count(SingleRow),
		conv: count(Conv), table: count(Embedding), sampling: count(Sampling), cache: count(CacheWrite),
		training: count(Training), time: count(Timestep),
		noiseBefore: x.hinted(Noise, around.from, l.First),
		tableBefore: x.hinted(Embedding, around.from, l.First),
		convBehind:  x.hinted(Conv, l.End, around.to),
	}
	for _, s := range l.Steps {
		e.passes += max(s.Forwards, 0)
	}
	e.likeness = x.evenness(l)
	return e
}

// typicalStep is the full step of median length.
func typicalStep(l Loop) span {
	var full []span
	for _, s := range l.Steps {
		if !s.Cached {
			full = append(full, span{s.First, s.End})
		}
	}
	slices.SortFunc(full, func(a, b span) int { return cmp.Or(a.len()-b.len(), a.from-b.from) })
	return full[len(full)/2]
}

// evenness is the median likeness of the full steps to the typical one.
func (x *index) evenness(l Loop) float64 {
	typical := typicalStep(l)
	var likes []float64
	for i, s := range l.Steps {
		if !s.Cached && (i < 32 || i%(len(l.Steps)/32+1) == 0) {
			likes = append(likes, x.likeness(typical, span{s.First, s.End}))
		}
	}
	slices.Sort(likes)
	return likes[(len(likes)-1)/2]
}

func (e evidence) text(l Loop) string {
	cached := 0
	for _, s := range l.Steps {
		if s.Cached {
			cached++
		}
	}
	parts := []string{fmt.Sprintf("%d repetitions, %.1f %% alike", e.steps, 100*e.likeness)}
	if cached > 0 {
		parts = append(parts, fmt.Sprintf("%d of them cut short", cached))
	}
	for _, sign := range []struct {
		holds bool
		text  string
	}{
		{e.passes > e.steps, fmt.Sprintf("%d passes", e.passes)},
		{e.time > 0, "a time embedding in each"},
		{e.noiseBefore > 0, "noise drawn before"},
		{e.tableBefore > 0, "a table looked up before"},
		{e.convBehind >= 3, "convolutions behind"},
	} {
		if sign.holds {
			parts = append(parts, sign.text)
		}
	}
	return strings.Join(parts, ", ")
}
