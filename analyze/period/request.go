package period

import "slices"

// A run is a row of passes of one transformer that belong to one request.
type run struct {
	passes []pass
	last   int // nothing behind this kernel can belong to the last pass
}

// gap is what follows pass i up to the next one.
func (r run) gap(i int) span {
	if i+1 < len(r.passes) {
		return span{r.passes[i].to, r.passes[i+1].from}
	}
	return span{r.passes[i].to, r.last}
}

// runs cuts passes where more than a scheduler lies between two of them: the
// decoder of one request and the encoder of the next.
func (x *index) runs(passes []pass) []run {
	if len(passes) < 2 {
		return nil
	}
	gaps := make([]span, len(passes)-1)
	for i := range gaps {
		gaps[i] = span{passes[i].to, passes[i+1].from}
	}
	foreign := x.foreign(gaps, medianLen(passes))
	var out []run
	from := 0
	for i := 1; i <= len(passes); i++ {
		if i < len(passes) && !foreign[i-1] {
			continue
		}
		if i-from >= 2 {
			out = append(out, x.newRun(passes[from:i]))
		}
		from = i
	}
	return out
}

func (x *index) newRun(passes []pass) run {
	r := run{passes: passes}
	longest := 0
	for i := range len(passes) - 1 {
		longest = max(longest, r.gap(i).len())
	}
	r.last = min(len(x.names), passes[len(passes)-1].to+longest)
	return x.withShort(r, longest)
}

// withShort adds the passes that a cache cut short, as empty ones where their
// layers would begin: in a gap, what precedes a pass occurs once more, and
// then what follows one.
func (x *index) withShort(r run, longest int) run {
	heads, tails := x.sides(r.passes)
	if len(heads) < 2 {
		return r
	}
	var out []pass
	for i, p := range r.passes {
		out = append(out, p)
		g := r.gap(i)
		last := i == len(r.passes)-1
		if last {
			g.to = min(len(x.names), g.to+longest)
		}
		for _, at := range x.elect(heads, g) {
			if !last && at >= g.to-minUnit/2 || !x.anyOf(tails, at, at+2*reach) {
				continue
			}
			out = append(out, span{at, at})
			if last {
				r.last = max(r.last, min(len(x.names), at+longest))
			}
		}
	}
	r.passes = out
	return r
}

func (x *index) anyOf(voters []voter, from, to int) bool {
	return slices.ContainsFunc(voters, func(v voter) bool { return x.byTok.within(v.tok, from, to) > 0 })
}

// sides are the tokens that precede and follow most passes at a fixed distance.
func (x *index) sides(passes []pass) (heads, tails []voter) {
	before, after := make(map[int32][]int), make(map[int32][]int)
	sampled := sample(len(passes))
	for _, i := range sampled {
		p := passes[i]
		for o := -minUnit; o <= -gram; o++ {
			if at := p.from + o; at >= 0 {
				before[x.tokens[at]] = append(before[x.tokens[at]], o)
			}
		}
		for o := 0; o < gram && p.to+o < len(x.tokens); o++ {
			after[x.tokens[p.to+o]] = append(after[x.tokens[p.to+o]], o)
		}
	}
	return keptVoters(before, len(sampled)), keptVoters(after, len(sampled))
}
