package period

import "slices"

// reach is how many kernels may be skipped to find two stretches in step
// again behind an inserted, missing or renamed kernel.
const reach = 16

// walk compares the kernels from a and b on in direction dir (1 or -1), a and
// b themselves only forwards, and returns how far they agree on either side.
// Where two differ it goes on at the nearest places behind which gram kernels
// agree again.
func (x *index) walk(a, b, dir, limit int) (da, db int) {
	if dir < 0 {
		a, b = a-1, b-1
	}
	for da < limit && db < limit {
		i, j := a+dir*da, b+dir*db
		if i < 0 || j < 0 || i >= len(x.names) || j >= len(x.names) {
			break
		}
		if x.names[i] == x.names[j] {
			da, db = da+1, db+1
			continue
		}
		sa, sb, ok := x.resync(i, j, dir)
		if !ok {
			break
		}
		da, db = da+sa+gram, db+sb+gram
	}
	return min(da, limit), min(db, limit)
}

// resync returns how many kernels to skip on either side, as few as possible.
func (x *index) resync(i, j, dir int) (sa, sb int, ok bool) {
	for sum := 1; sum <= reach; sum++ {
		for k := range sum + 1 {
			// Equal skips (a renamed kernel) first, then the more uneven.
			sa = sum/2 + (k+1)/2
			if k%2 == 0 {
				sa = sum/2 - k/2
			}
			sb = sum - sa
			if sa < 0 || sb < 0 {
				continue
			}
			ta, tb := x.tokenFrom(i+dir*sa, dir), x.tokenFrom(j+dir*sb, dir)
			if ta >= 0 && ta == tb {
				return sa, sb, true
			}
		}
	}
	return 0, 0, false
}

// tokenFrom is the token of the gram kernels from i on in direction dir, -1
// beyond the ends.
func (x *index) tokenFrom(i, dir int) int32 {
	if dir < 0 {
		i -= gram - 1
	}
	if i < 0 || i >= len(x.tokens) {
		return -1
	}
	return x.tokens[i]
}

// bounds returns the step boundaries of r: the first kernel of each step, and
// at the end that behind the last. first are the first passes of the steps.
//
// Inside a loop any phase would do; it is the first step that shows where a
// step begins (before it nothing looks like the end of a step), and the last
// one where it ends.
func (x *index) bounds(r run, first []int) turning {
	n := len(first)
	begins := make([]int, n)
	tails := make([]span, n)
	for k, f := range first {
		begins[k] = r.passes[f].from
		last := len(r.passes) - 1
		if k+1 < n {
			last = first[k+1] - 1
		}
		tails[k] = r.gap(last)
	}
	lead := 0
	for k := 1; k < min(n, 8); k++ {
		da, _ := x.walk(begins[0], begins[k], -1, tails[k-1].len())
		lead = max(lead, da)
	}
	closed := x.closedLead(begins, tails)
	if more := closed - lead; more > 0 && more <= minUnit && closed <= begins[0] &&
		2*x.subsequence(span{begins[1] - closed, begins[1] - lead}, span{begins[0] - closed, begins[0] - lead + gram/2}) >= more {
		lead = closed
	}
	return turning{r, x.settled(x.boundsAt(begins, tails, lead)), tails, begins}
}

// boundsAt returns the bounds of steps that begin lead kernels before their
// first pass.
func (x *index) boundsAt(begins []int, tails []span, lead int) []int {
	n := len(begins)
	out := []int{begins[0] - lead}
	for k := 1; k < n; k++ {
		da, db := x.walk(begins[0], begins[k], -1, lead)
		if max(da-db, db-da) > gram { // lost its way
			da, db = 0, 0
		}
		out = append(out, max(begins[k]-db-(lead-da), tails[k-1].from))
	}
	tail := 0
	for k := range n - 1 {
		if k < 8 || k > n-10 {
			da, _ := x.walk(tails[n-1].from, tails[k].from, 1, out[k+1]-tails[k].from)
			tail = max(tail, da)
		}
	}
	return append(out, min(tails[n-1].from+tail, len(x.names)))
}

// closedLead is the distance from the begin of a step to its first pass as the
// end of the loop shows it. The first step may have other kernels there.
func (x *index) closedLead(begins []int, tails []span) int {
	n := len(begins)
	closed := tails[0].len()
	for k := range min(n-1, 8) {
		_, db := x.walk(tails[n-1].from, tails[k].from, 1, tails[k].len())
		closed = min(closed, begins[k+1]-tails[k].from-db)
	}
	return closed
}

// settled moves the end of the last step to where it ends like another step.
// Behind the walked end: the last turn of a multi-step solver resembles none
// of the others throughout, but closes like the first. Before it: a decoder
// may begin like a step.
func (x *index) settled(bounds []int) []int {
	n := len(bounds) - 1
	end := bounds[n]
	ahead, behind := -1, -1
	for _, b := range bounds[1:n] {
		t := x.tokenFrom(b-1, -1)
		if t < 0 || x.byTok.count(t) > 3*n {
			continue
		}
		at := x.byTok.of(t)
		i, _ := slices.BinarySearch(at, int32(end-gram))
		for near := end; i < len(at) && int(at[i])+gram <= near+4*reach; i++ {
			near = int(at[i]) + gram
			ahead = max(ahead, near)
		}
		if i, _ := slices.BinarySearch(at, int32(end-gram)); i > 0 && int(at[i-1])+gram > end-reach {
			behind = max(behind, int(at[i-1])+gram)
		}
	}
	switch {
	case ahead >= 0:
		bounds[n] = ahead
	case behind > bounds[n-1]:
		bounds[n] = behind
	}
	return bounds
}
