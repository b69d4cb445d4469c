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

// outside returns what step k launches around its passes.
func (t turning) outside(k int) []span {
	out := []span{t.before(k)}
	for i, p := range t.run.passes[:len(t.run.passes)-1] {
		if g := t.run.gap(i); p.from >= t.begins[k] && g.to < t.tails[k].from {
			out = append(out, g)
		}
	}
	return append(out, t.after(k))
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
	x.complete(all, ends)
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
	n := len(out)
	switch {
	case last:
		return c.behind(t, out, end)
	case n > 0 && out[n-1] >= end-motifShift && c.place(end) < 0:
		return out
	}
	return append(out, end)
}

// behind returns where the last step ends and those that follow it without a
// full pass. Any of these may be closed like no other: a multi-step solver's
// last turn is a shorter one.
func (c closer) behind(t turning, closed []int, end int) []int {
	from := t.tails[len(t.tails)-1].from
	if len(closed) == 0 {
		before := t.after(len(t.tails) - 2)
		if at := c.place(from + before.len()); at > from && at <= end-leastSkip {
			closed = []int{at}
		}
	}
	switch n := len(closed); {
	case n == 0 || closed[0] > end+leastSkip && 2*(closed[0]-from) > 3*c.reach:
		closed = append([]int{end}, closed...)
	case end >= closed[n-1]+leastSkip && c.endsLike(end):
		return append(closed, end)
	}
	if at := c.bare(t, closed[len(closed)-1]); at > 0 {
		closed = append(closed, at)
	}
	return closed
}

// bare returns the end of a step without full passes that begins at from: of
// what another step launches around its passes, in the same order. It is 0
// where there is none.
func (c closer) bare(t turning, from int) int {
	best, place := 0, 0
	for k := max(0, len(t.tails)-3); k < len(t.tails)-1; k++ {
		parts := t.outside(k)
		to := min(from+total(parts)+minUnit, len(c.x.names))
		same := c.x.subsequences(span{from, to}, parts...)
		for n := closing; n <= to-from; n++ {
			odd := n - same[n]
			if score := same[n] - 2*odd; score >= best && 4*odd <= n-leastSkip && c.endsLike(from+n) {
				best, place = score, from+n
			}
		}
	}
	return place
}

// endsLike says whether the very last kernels before at close a step, but for
// one, or all do but for the next step's first.
func (c closer) endsLike(at int) bool {
	last := span{at - gram, at}
	return slices.ContainsFunc(c.refs, func(r int) bool {
		return c.x.subsequence(last, span{r - gram, r}) >= gram-1 || c.x.subsequence(last, span{r - closing, r}) == gram
	})
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
func (x *index) subsequence(a span, in ...span) int { return x.subsequences(a, in...)[a.len()] }

// subsequences returns the same for the first 0, 1, … kernels of a.
func (x *index) subsequences(a span, in ...span) []int {
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
	return row
}

// complete cuts the steps whose length, compared with that of others before
// their cut, tells of a skipped one that damage hides.
func (x *index) complete(all []turning, ends [][][]int) {
	var plain, skips []int
	for i, t := range all {
		for k, e := range ends[i][:len(ends[i])-1] {
			if len(e) > 1 {
				plain = append(plain, e[0]-t.tails[k].from)
				skips = append(skips, e[1]-e[0])
			}
		}
	}
	if len(skips) == 0 {
		return
	}
	slices.Sort(plain)
	slices.Sort(skips)
	usual, n := plain[len(plain)/2], skips[len(skips)/2]
	for i, t := range all {
		for k, e := range ends[i][:len(ends[i])-1] {
			extra := e[0] - t.tails[k].from - usual
			if len(e) == 1 && extra >= max(gram, 2*n/3) && extra <= n+max(gram, n/2) && x.twice(e[0], n) {
				ends[i][k] = []int{e[0] - n, e[0]}
			}
		}
	}
}

// twice says whether half of the n kernels before end come once more before
// these, in the same order.
func (x *index) twice(end, n int) bool {
	return end >= 2*n+gram && 2*x.subsequence(span{end - n, end}, span{end - 2*n - gram, end - n}) >= n
}

// endAlike says whether a step that is followed by a skipped one ends as soon
// behind its last pass as one that is not: a solver that repeats itself has no
// such step, and a multi-step solver's first steps are shorter.
func endAlike(again, once []int) bool {
	return slices.ContainsFunc(again, func(a int) bool {
		return slices.ContainsFunc(once, func(n int) bool { return 8*max(n-a, a-n) <= max(n, 4*gram) })
	})
}
