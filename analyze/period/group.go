package period

import (
	"cmp"
	"slices"
)

// A beat is what recurs in every size-th gap, from gap phase on.
type beat struct{ size, phase int }

// maxBeat bounds the passes of one step: a Runge-Kutta step with guidance in
// several branches stays far below.
const maxBeat = 64

// groups does so for all requests of a pipeline, in which a step has as many
// passes as in most.
func (x *index) groups(runs []run) [][]int {
	out := make([][]int, len(runs))
	passes := make(map[int]int) // by passes of a step
	for i, r := range runs {
		out[i] = x.group(r)
		passes[eachStep(r, out[i])] += len(r.passes)
	}
	usual := 1
	for size, n := range passes {
		if n > passes[usual] || n == passes[usual] && size < usual {
			usual = size
		}
	}
	for i, r := range runs {
		if eachStep(r, out[i]) == usual || len(r.passes)%usual != 0 {
			continue
		}
		out[i] = out[i][:0]
		for p := 0; p < len(r.passes); p += usual {
			out[i] = append(out[i], p)
		}
	}
	return out
}

// eachStep is how many passes most steps of r have.
func eachStep(r run, first []int) int {
	sizes := make([]int, len(first))
	for i, f := range first {
		end := len(r.passes)
		if i+1 < len(first) {
			end = first[i+1]
		}
		sizes[i] = end - f
	}
	slices.Sort(sizes)
	return sizes[len(sizes)/2]
}

// group joins the passes of r into steps and returns, for each step, the
// index of its first pass. A step ends in a gap that holds what not every gap
// holds, regularly: the scheduler after the second pass of a guided step, the
// sum after the fourth of a Runge-Kutta step.
func (x *index) group(r run) []int {
	last := make([]int, len(r.passes)) // the last pass of each step
	for i := range last {
		last[i] = i
	}
	for range 1 {
		ends := x.stepEnds(r, last)
		if ends == nil {
			break
		}
		var next []int
		for i, end := range ends {
			if end || i == len(ends)-1 {
				next = append(next, last[i])
			}
		}
		if len(next) == len(last) || len(next) < 2 {
			break
		}
		last = next
	}
	last = x.withoutOpen(r, last)
	first := make([]int, len(last))
	for i := 1; i < len(last); i++ {
		first[i] = last[i-1] + 1
	}
	return first
}

// withoutOpen drops from last the short passes behind which no step ends: of
// what the gaps at the ends of steps have in common, they have only what every
// gap has.
func (x *index) withoutOpen(r run, last []int) []int {
	var ends, inner []span
	for i, p := range last {
		if r.passes[p].len() > 0 {
			ends = append(ends, r.gap(p))
		}
		from := 0
		if i > 0 {
			from = last[i-1] + 1
		}
		for q := from; q < p; q++ {
			inner = append(inner, r.gap(q))
		}
	}
	common := x.common(ends, inner)
	if len(common) < gram {
		return last
	}
	var out []int
	for i, p := range last {
		if i == len(last)-1 || r.passes[p].len() > 0 || x.having([]span{r.gap(p)}, common)[0] {
			out = append(out, p)
		}
	}
	return out
}

// common returns the tokens that most of ends hold and few of inner.
func (x *index) common(ends, inner []span) []int32 {
	count := func(gaps []span) map[int32]int {
		in := make(map[int32]int)
		for _, p := range x.inGaps(gaps) {
			in[p.tok] = len(p.in)
		}
		return in
	}
	in, other := count(ends), count(inner)
	var out []int32
	for t, n := range in {
		if 10*n >= 7*len(ends) && 4*other[t] <= len(inner) {
			out = append(out, t)
		}
	}
	slices.Sort(out)
	return out
}

// stepEnds says behind which of the last passes a step ends, or nil where all
// gaps are alike but for drift: kernels that only the first steps launch, or
// only the later ones, or one expert. Only what follows full passes can tell:
// a cache that cuts every other step short makes a beat of its own.
func (x *index) stepEnds(r run, last []int) []bool {
	var full, all []span
	var units []int // kernels from one full pass to the next
	var fulls []int
	for i, p := range last {
		all = append(all, r.gap(p))
		if r.passes[p].len() > 0 {
			full = append(full, r.gap(p))
			fulls = append(fulls, i)
			from := r.passes[0].from
			if i > 0 {
				from = r.passes[last[i-1]+1].from
			}
			units = append(units, r.gap(p).to-from)
		}
	}
	if len(full) < 4 {
		return nil
	}
	present := x.presence(full)
	classes := make(map[beat][]int32)
	for _, p := range present {
		if b, ok := beatOf(p.in, len(full)); ok {
			classes[b] = append(classes[b], p.tok)
		}
	}
	if x.damaged(r) { // passes are then longer and shorter by chance
		for i, g := range full {
			units[i] = g.len()
		}
	}
	for b, toks := range classes {
		if x.again(full, x.having(full, toks), b) || !x.apart(full, b) {
			delete(classes, b)
		}
	}
	b, ok := chooseBeat(classes, units[:len(units)-1]) // the last one's end is a guess
	if !ok {
		return nil
	}
	return regular(x.having(all, classes[b]), fulls, b.size)
}

// again says whether even the shortest gap on the beat holds much of what the
// others hold, and holds it twice: then these end steps already, and a step
// that a cache cut short follows some.
func (x *index) again(gaps []span, on []bool, b beat) bool {
	var ends, others []span
	for i, g := range gaps {
		switch {
		case on[i] && i%b.size == b.phase:
			ends = append(ends, g)
		case !on[i]:
			others = append(others, g)
		}
	}
	if len(ends) == 0 || len(others) == 0 {
		return false
	}
	byLen := func(a, b span) int { return a.len() - b.len() }
	slices.SortFunc(others, byLen)
	usual, end := around(others[len(others)/2]), around(slices.MinFunc(ends, byLen))
	once, twice := 0, 0
	for _, t := range x.tokensIn(usual) {
		if x.byTok.within(t, usual.from, usual.to) == 1 {
			once++
			if x.byTok.within(t, end.from, end.to) > 1 {
				twice++
			}
		}
	}
	return twice >= 3 && 10*twice >= once
}

// apart says whether the gaps of another phase hold what the shortest ones on
// the beat do not: where one pass follows the other at once, their ends meet.
// Gaps that damage makes poorer than others have nothing of their own.
func (x *index) apart(gaps []span, b beat) bool {
	var ends []int
	for i := b.phase; i < len(gaps); i += b.size {
		ends = append(ends, i)
	}
	slices.SortStableFunc(ends, func(i, j int) int { return gaps[i].len() - gaps[j].len() })
	if ends = ends[:min(2, len(ends))]; len(ends) == 2 && 2*gaps[ends[1]].len() > 3*gaps[ends[0]].len() {
		ends = ends[:1] // a step that a cache cut short follows the other
	}
	own := make([]int, b.size)
	for _, p := range x.inGaps(gaps) {
		hits := make([]int, b.size)
		for _, i := range p.in {
			hits[int(i)%b.size]++
		}
		if slices.ContainsFunc(ends, func(i int) bool { return slices.Contains(p.in, int32(i)) }) {
			continue
		}
		for phase, n := range hits {
			if n >= 2 && 5*n >= 3*(len(gaps)/b.size) {
				own[phase]++
			}
		}
	}
	own[b.phase] = 0
	return slices.Max(own) >= 2
}

// around is g with the kernels at its sides that share tokens with it.
func around(g span) span { return span{max(0, g.from-gram+1), g.to} }

// A presence lists the gaps that hold a token.
type presence struct {
	tok int32
	in  []int32
}

// damaged says whether so many tokens of r occur but once in the sequence that
// kernels must have been lost.
func (x *index) damaged(r run) bool {
	from, to := r.passes[0].from, r.passes[len(r.passes)-1].to
	once := 0
	for i := from; i < min(to, len(x.tokens)); i++ {
		if x.byTok.count(x.tokens[i]) == 1 {
			once++
		}
	}
	return 25*once > to-from
}

// presence returns the tokens that some but not all gaps hold.
func (x *index) presence(gaps []span) []presence {
	return slices.DeleteFunc(x.inGaps(gaps), func(p presence) bool {
		return len(p.in) < 2 || 4*len(p.in) > 3*len(gaps)
	})
}

// inGaps returns which gaps hold which tokens.
func (x *index) inGaps(gaps []span) []presence {
	in := make(map[int32][]int32)
	for k, g := range gaps {
		g = around(g)
		for j := g.from; j < min(g.to, len(x.tokens)); j++ {
			t := x.tokens[j]
			if p := in[t]; len(p) == 0 || p[len(p)-1] != int32(k) {
				in[t] = append(p, int32(k))
			}
		}
	}
	var out []presence
	for t, p := range in {
		out = append(out, presence{t, p})
	}
	slices.SortFunc(out, func(a, b presence) int { return cmp.Compare(a.tok, b.tok) })
	return out
}

// beatOf returns the beat at which gaps hold a token, if they do so throughout.
func beatOf(in []int32, gaps int) (beat, bool) {
	steps := make([]int32, len(in)-1)
	for i := range steps {
		steps[i] = in[i+1] - in[i]
	}
	slices.Sort(steps)
	size := int(steps[len(steps)/4]) // a lost gap makes two steps one
	if size < 2 || size > maxBeat {
		return beat{}, false
	}
	hits := make([]int, size)
	for _, i := range in {
		hits[int(i)%size]++
	}
	phase := 0
	for p, h := range hits {
		if h > hits[phase] {
			phase = p
		}
	}
	expected := (gaps - phase + size - 1) / size
	misses := len(in) - hits[phase]
	return beat{size, phase}, expected >= 2 && 4*hits[phase] >= 3*expected && 8*misses <= expected
}

// chooseBeat picks the shortest beat that stands for something inserted after
// a pass. A kernel that merely changes its name from step to step (a pointer's
// alignment decides between a vectorized and a plain one) beats too, but
// leaves all units equally long.
func chooseBeat(classes map[beat][]int32, units []int) (beat, bool) {
	beats := make([]beat, 0, len(classes))
	for b := range classes {
		beats = append(beats, b)
	}
	slices.SortFunc(beats, func(a, b beat) int {
		return cmp.Or(cmp.Compare(a.size, b.size), cmp.Compare(b.phase, a.phase))
	})
	for _, b := range beats {
		if b.phase == b.size-1 && len(classes[b]) >= gram && uneven(units, b) {
			return b, true
		}
	}
	return beat{}, false
}

// uneven says whether the units on the beat differ in length from the others;
// every other one must be longer.
func uneven(units []int, b beat) bool {
	var on, off []int
	for i, n := range units {
		if i%b.size == b.phase {
			on = append(on, n)
		} else {
			off = append(off, n)
		}
	}
	if len(on) == 0 {
		return false
	}
	slices.Sort(on)
	slices.Sort(off)
	d := on[len(on)/2] - off[len(off)/2]
	return d > 0 || d < 0 && b.size > 2
}

// having says which gaps hold most of the tokens.
func (x *index) having(gaps []span, toks []int32) []bool {
	out := make([]bool, len(gaps))
	for i, g := range gaps {
		n := 0
		for _, t := range toks {
			if g := around(g); x.byTok.within(t, g.from, g.to) > 0 {
				n++
			}
		}
		out[i] = 5*n >= 2*len(toks)
	}
	return out
}

// regular closes the gaps in ends that a beat of size leaves where the first
// or last steps lack what the others have. Only the full passes count.
func regular(ends []bool, full []int, size int) []bool {
	since := 0
	for k, i := range full {
		since++
		if !ends[i] && since >= size && (k+1 == len(full) || !ends[full[k+1]]) {
			ends[i] = true
		}
		if ends[i] {
			since = 0
		}
	}
	return ends
}
