package period

import "slices"

const (
	leastSkip  = 4  // kernels of the shortest step that can be told from damage
	closeReach = 28 // kernels before the end of a step that are looked at
	closeSize  = 8  // tokens that tell where a step may end
	closeVotes = 2  // of which so many must be found
	closing    = 6  // kernels by which the end of a step is known again
)

// A turning is what the passes of a run say of its steps.
type turning struct {
	run    run
	bounds []int  // first kernels of the steps, and the end of the last one
	tails  []span // the gap behind the last pass of each step
	begins []int  // of the first pass of each step
}

// before is what step k launches before its first pass.
func (t turning) before(k int) span { return span{t.bounds[k], t.begins[k]} }

// after is what step k launches behind its last pass.
func (t turning) after(k int) span { return span{t.tails[k].from, t.bounds[k+1]} }

// A closer knows the ends of steps.
type closer struct {
	x      *index
	voters []voter // the last tokens of a step
	refs   []int   // some ends
	reach  int     // most kernels from the last pass of a step to its end
}

// withSkipped adds the steps that a cache cut short or left out: behind the
// end of a step, what closes a step comes once more without a full pass. All
// requests together show what that is.
func (x *index) withSkipped(all []turning) {
	x.align(all)
	c := x.closer(all)
	if len(c.voters) < closeVotes {
		return
	}
	var once, again []int // kernels from the last pass to the first end, where it is the only one and where not
	ends := make([][][]int, len(all))
	for i, t := range all {
		for k := range t.tails {
			e := c.ends(t, k)
			ends[i] = append(ends[i], e)
			switch n := e[0] - t.tails[k].from; {
			case len(e) > 1:
				again = append(again, n)
			case k+1 < len(t.tails):
				once = append(once, n)
			}
		}
	}
	if len(again) > 0 && !endAlike(again, once) {
		return
	}
	for i := range all {
		all[i].bounds = append(all[i].bounds[:1], slices.Concat(ends[i]...)...)
	}
}

// align gives all steps the same distance to their first pass. Damage in the
// first step of a request hides where it begins.
func (x *index) align(all []turning) {
	var leads []int
	for _, t := range all {
		for k := range t.begins {
			leads = append(leads, t.before(k).len())
		}
	}
	if len(leads) == 0 {
		return
	}
	slices.Sort(leads)
	usual := leads[len(leads)/2]
	for i, t := range all {
		if d := t.before(0).len() - usual; max(d, -d) > gram/2 && t.begins[0] >= usual {
			all[i].bounds = x.settled(x.boundsAt(t.begins, t.tails, usual))
		}
	}
}

// closer learns from the steps of all requests. The ends of loops are not as
// sure as the others.
func (x *index) closer(all []turning) closer {
	c := closer{x: x}
	var ends []span
	for _, t := range all {
		for k := range t.tails {
			c.reach = max(c.reach, t.after(k).len())
			if k+1 < len(t.tails) {
				ends = append(ends, t.after(k))
			}
		}
	}
	offsets := make(map[int32][]int)
	sampled := sample(len(ends))
	for _, i := range sampled {
		for o := -min(closeReach, ends[i].len()); o <= -gram; o++ {
			t := x.tokens[ends[i].to+o]
			offsets[t] = append(offsets[t], o)
		}
	}
	c.voters = keptVoters(offsets, len(sampled))
	slices.SortFunc(c.voters, func(a, b voter) int { return b.offset - a.offset })
	c.voters = c.voters[:min(len(c.voters), closeSize)]
	for _, i := range sampled { // those that lie where most do
		if 2*c.votes(ends[i].to) >= len(c.voters) && ends[i].to >= closing {
			c.refs = append(c.refs, ends[i].to)
		}
	}
	return c
}

// votes counts the voters that vote for just at.
func (c closer) votes(at int) int {
	n := 0
	for _, v := range c.voters {
		if i := at + v.offset; i >= 0 && c.x.tokens[i] == v.tok {
			n++
		}
	}
	return n
}

// ends returns where step k of t and the skipped ones behind it end.
func (c closer) ends(t turning, k int) []int {
	s, end := t.after(k), t.bounds[k+1]
	last := k == len(t.tails)-1
	if last {
		s.to = min(len(c.x.names), s.from+2*c.reach)
	}
	var out []int
	for _, e := range c.x.elections(c.voters, s) {
		at := c.place(e.at)
		if e.votes < closeVotes || at <= s.from || len(out) > 0 && at < out[len(out)-1]+leastSkip {
			continue
		}
		if last || at <= end-leastSkip {
			out = append(out, at)
		}
	}
	switch n := len(out); {
	case !last && n > 0 && out[n-1] >= end-motifShift && c.place(end) < 0:
		return out
	case !last:
		return append(out, end)
	case n > 0 && end >= out[n-1]+leastSkip && c.endsLike(end):
		return append(out, end)
	case n == 0 || out[0] > end+leastSkip && 2*(out[0]-s.from) > 3*c.reach:
		out = append([]int{end}, out...)
	}
	if at := c.bare(t, out[len(out)-1]); at > 0 {
		out = append(out, at)
	}
	return out
}

// bare returns the end of a step without passes that begins at from: of what
// another step launches around its passes, in the same order. It is 0 where
// there is none.
func (c closer) bare(t turning, from int) int {
	for at := from + leastSkip; at <= min(from+c.reach+minUnit, len(c.x.names)); at++ {
		if !c.endsLike(at) {
			continue
		}
		for k := len(t.tails) - 2; k >= 0 && k > len(t.tails)-4; k-- {
			if n := c.x.subsequence(span{from, at}, t.before(k), t.after(k)); 5*n >= 4*(at-from) {
				return at
			}
		}
	}
	return 0
}

// endsLike says whether the very last kernels before at close a step.
func (c closer) endsLike(at int) bool {
	const few = gram - 1
	return slices.ContainsFunc(c.refs, func(r int) bool { return c.x.equal(at-few, r-few, few) == few })
}

// place returns the place next to at before which a step is closed, or -1.
func (c closer) place(at int) int {
	most, place := closing-2, -1
	for _, shift := range []int{0, -1, 1} {
		for _, r := range c.refs {
			p := min(at+shift, len(c.x.names))
			if n := c.x.subsequence(span{r - closing, r}, span{p - closing - 1, p}); n > most {
				most, place = n, p
			}
		}
	}
	return place
}

// subsequence returns how many kernels of a follow each other, perhaps with
// others between, in the given spans one after the other.
func (x *index) subsequence(a span, in ...span) int {
	row := make([]int, a.len()+1)
	for _, s := range in {
		for i := max(0, s.from); i < s.to; i++ {
			diagonal := 0
			for j := range a.len() {
				up := row[j+1]
				if x.names[i] == x.names[a.from+j] {
					row[j+1] = diagonal + 1
				} else {
					row[j+1] = max(row[j], up)
				}
				diagonal = up
			}
		}
	}
	return row[a.len()]
}

// endAlike says whether steps that are followed by skipped ones end as soon
// behind their last pass as one that is not: a solver that repeats itself has
// no such step, and a multi-step solver's first steps are shorter.
func endAlike(again, once []int) bool {
	slices.Sort(again)
	usual := again[len(again)/2]
	return slices.ContainsFunc(once, func(n int) bool { return 8*max(n-usual, usual-n) <= max(n, 4*gram) })
}
