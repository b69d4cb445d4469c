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
	x.anchor(passes)
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
// soon after it what other gaps hold too.
func (x *index) withShort(r run, longest int) run {
	heads := x.heads(r.passes)
	if len(heads) < 2 {
		return r
	}
	close := nearest(heads)
	usual := x.usual(r)
	var out []pass
	for i, p := range r.passes {
		out = append(out, p)
		g := r.gap(i)
		last := i == len(r.passes)-1
		if last {
			g.to = min(len(x.names), g.to+longest)
		}
		for _, at := range x.elect(heads, g) {
			if !last && at >= g.to-minUnit/2 || !x.anyOf(usual, at, at+reach) || !x.preceded(at, close) {
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

// nearest are the voters closest to what they vote for: of the kernels before
// a pass, those of the model, where the others may be a scheduler's.
func nearest(voters []voter) []voter {
	out := slices.Clone(voters)
	slices.SortFunc(out, func(a, b voter) int { return b.offset - a.offset })
	return out[:min(len(out), gram)]
}

// preceded says whether half of the voters vote for about at.
func (x *index) preceded(at int, voters []voter) bool {
	for _, e := range x.elections(voters, span{at - 2*minUnit, at + minUnit}) {
		if max(e.at-at, at-e.at) <= motifShift && 2*e.votes >= len(voters) {
			return true
		}
	}
	return false
}

// anchor moves the begins of passes to where what precedes most passes says
// they are: damage in the first layer hides the begin of a single one.
func (x *index) anchor(passes []pass) {
	heads := x.heads(passes)
	if len(heads) < 2 {
		return
	}
	const far = 4 * minUnit
	for i, p := range passes {
		best, at := far, p.from
		for _, e := range x.elections(heads, span{p.from - far - minUnit, p.from + far}) {
			if d := max(e.at-p.from, p.from-e.at); e.votes >= max(2, len(heads)/5) && d < best {
				best, at = d, e.at
			}
		}
		if at < p.to && (i == 0 || at > passes[i-1].to) {
			passes[i].from = at
		}
	}
}

// usual are the tokens that a quarter of the gaps hold, and two at least.
func (x *index) usual(r run) map[int32]bool {
	in := make(map[int32]int)
	for i := range len(r.passes) - 1 {
		g := r.gap(i)
		seen := make(map[int32]bool)
		for j := g.from; j+gram <= min(g.to, len(x.tokens)); j++ {
			if t := x.tokens[j]; !seen[t] {
				seen[t] = true
				in[t]++
			}
		}
	}
	out := make(map[int32]bool)
	for t, n := range in {
		if n >= 2 && 4*n >= len(r.passes)-1 {
			out[t] = true
		}
	}
	return out
}

func (x *index) anyOf(toks map[int32]bool, from, to int) bool {
	for _, t := range x.tokens[min(from, len(x.tokens)):min(to, len(x.tokens))] {
		if toks[t] {
			return true
		}
	}
	return false
}

// heads are the tokens that precede most passes at a fixed distance.
func (x *index) heads(passes []pass) []voter {
	before := make(map[int32][]int)
	sampled := sample(len(passes))
	for _, i := range sampled {
		for o := -minUnit; o <= -gram; o++ {
			if at := passes[i].from + o; at >= 0 {
				before[x.tokens[at]] = append(before[x.tokens[at]], o)
			}
		}
	}
	return keptVoters(before, len(sampled))
}
