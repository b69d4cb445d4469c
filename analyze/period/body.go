package period

import "slices"

// A body tells the kernels of a model's layers from all others: by what
// recurs within one pass and hardly occurs outside the passes.
type body struct {
	before      []int32 // marks before each kernel
	unit        int     // kernels from one pass to the next
	density     float64 // share of marked kernels in a pass
	phase       int     // kernels from the begin of a pass to its tooth
	lead, trail int     // how far marks reach before the first tooth and behind the last
	bare        int     // kernels without marks between two passes, at least
}

// body learns the marks from some of the units of c.
func (x *index) body(c comb, passes int) body {
	var units []span
	for _, i := range sample(len(c.units)) {
		units = append(units, c.units[i])
	}
	tokens := own(units, x.tokens, x.byTok, passes)
	b := body{unit: medianLen(c.units), before: make([]int32, len(x.names)+1)}
	for i := range x.names {
		b.before[i+1] = b.before[i]
		if i < len(x.tokens) && tokens[x.tokens[i]] {
			b.before[i+1]++
		}
	}
	b.density = b.share(units[len(units)/2].from, units[len(units)/2].to)
	b.bare = b.leastBare(units)
	return b
}

// leastBare is half of what most units have in their longest stretch without
// marks.
func (b body) leastBare(units []span) int {
	var longest []int
	for _, u := range units {
		run, most := 0, 0
		for i := u.from; i < u.to; i++ {
			if run++; b.marked(i) {
				run = 0
			}
			most = max(most, run)
		}
		longest = append(longest, most)
	}
	slices.Sort(longest)
	return longest[len(longest)/4] / 2
}

// share is the share of marked kernels in [from, to).
func (b body) share(from, to int) float64 {
	from, to = max(0, from), min(to, len(b.before)-1)
	if from >= to {
		return 0
	}
	return float64(b.before[to]-b.before[from]) / float64(to-from)
}

func (b body) marked(i int) bool { return b.before[i+1] > b.before[i] }

// own marks the IDs that recur within a unit, at least half as often as most
// do, and of which few occur outside the units.
func own(units []span, ids []int32, all places, passes int) []bool {
	type use struct{ count, units, last int }
	uses := make(map[int32]*use)
	for k, u := range units {
		for _, id := range ids[u.from:min(u.to, len(ids))] {
			p := uses[id]
			if p == nil {
				p = &use{last: -1}
				uses[id] = p
			}
			if p.last != k {
				p.last = k
				p.units++
			}
			p.count++
		}
	}
	var often []int
	for _, p := range uses {
		for range p.count {
			often = append(often, p.count/p.units)
		}
	}
	slices.Sort(often)
	least := 2
	if often[len(often)/2] >= 4 {
		least = 3
	}
	marks := make([]bool, all.ids())
	for id, p := range uses {
		inside := p.count * (passes + 1) / len(units)
		marks[id] = p.count >= least*p.units && 2*all.count(id) <= 3*inside &&
			p.units >= min(2, len(units)/3) && 3*p.units >= len(units)
	}
	return marks
}

func medianLen(s []span) int {
	lens := make([]int, len(s))
	for i := range s {
		lens[i] = s[i].len()
	}
	slices.Sort(lens)
	return lens[len(lens)/2]
}

// phaseOf is the median distance from the begin of a pass to its tooth. Where
// marks begin more than once in a unit (two kinds of layers) the begin of a
// pass is the one that the first pass begins with, or the last one ends before.
func (b body) phaseOf(teeth []int) int {
	var at []int
	for _, i := range sample(len(teeth) - 1) {
		u := span{teeth[i], teeth[i+1]}
		if 2*u.len() >= b.unit && 3*u.len() <= 4*b.unit {
			if j := b.junction(u.to-b.unit/2, u.to+b.unit/2, u.to); j >= 0 {
				at = append(at, u.to-j)
			}
		}
	}
	if len(at) == 0 {
		return 0
	}
	slices.Sort(at)
	return at[len(at)/2]
}

// edges returns how far the marks of the first pass reach back from its tooth,
// and those of the last one forth, each at most a unit and a third.
func (b body) edges(teeth []int) (lead, trail int) {
	bare := 64
	for _, i := range sample(len(teeth) - 1) {
		last := teeth[i]
		for j := teeth[i]; j < min(teeth[i+1], teeth[i]+2*b.unit); j++ {
			if b.marked(j) {
				bare, last = max(bare, (j-last)*3/2), j
			}
		}
	}
	first, last := teeth[0], teeth[len(teeth)-1]
	for j := first; j >= max(0, first-b.unit*4/3, first-lead-bare); j-- {
		if b.marked(j) {
			lead = first - j
		}
	}
	for j := last; j < min(len(b.before)-1, last+b.unit*4/3, last+trail+bare); j++ {
		if b.marked(j) {
			trail = j + 1 - last
		}
	}
	return lead, trail
}

// junction is where, in [from, to), the pass of a tooth at t begins: where
// marks set in most clearly, and where they do so at both ends of the loop.
// It is -1 where they set in nowhere.
func (b body) junction(from, to, t int) int {
	away := func(d int) int { // distance from a multiple of the unit
		d = ((d % b.unit) + b.unit) % b.unit
		return min(d, b.unit-d)
	}
	best, at := 0.05, -1
	end := min(max(0, from), len(b.before)-1) // of the last marks before i
	for end > 0 && from-end < b.unit && !b.marked(end-1) {
		end--
	}
	for i := max(1, from); i < min(to, len(b.before)-1); i++ {
		if !b.marked(i) {
			continue
		}
		if i-end >= b.bare {
			rise := b.share(i, i+minUnit) - b.share(i-minUnit, i)
			// The first steps may use other kernels, so that the end tells more.
			near := float64(min(away(t-i-b.lead)+b.unit/10, away(end-t-b.trail))) / float64(b.unit)
			long := float64(min(i-end, 4*minUnit)) / (4 * minUnit)
			if score := rise - 2*near + long/2; rise > 0.15 && score > best {
				best, at = score, i
			}
		}
		end = i + 1
	}
	return at
}

// end is the end of the layers that begin at from, before to.
func (b body) end(from, to int) int {
	for i := min(to, len(b.before)-1) - 1; i >= from+2*gram; i-- {
		if b.marked(i) && b.share(i-2*gram, i) > b.density/2 {
			return i + 1
		}
	}
	return from
}
