package period

import "slices"

const (
	leastSkip = 4 // kernels of the shortest step that can be told from damage
	closing   = 8 // kernels by which the end of a step is known again
)

// skipped finds the steps that a cache left without any pass: behind the end
// of a step its scheduler's part comes once more. bounds gets longer by them.
// known are lengths of such steps in other requests; the longest is returned
// with the bounds, 0 where there is none.
func (x *index) skipped(bounds []int, tails []span, known []int) (out []int, length int) {
	s := skips{x: x, bounds: bounds, tails: tails}
	s.refs = s.closings()
	best, most := make([][]int, len(tails)), 0
	for _, n := range append(s.lengths(), known...) {
		cuts := s.cuts(n)
		plain, found := 0, 0
		for _, c := range cuts {
			found += len(c)
			if len(c) == 0 {
				plain++
			}
		}
		// A solver that repeats itself has no step with a single copy.
		if found > most && plain > 0 && s.longer(cuts, n) {
			best, length, most = cuts, n, found
		}
	}
	if most > 0 {
		s.complete(best, length)
		known = append([]int{length}, known...)
	}
	return append(merged(bounds, best), s.behind(known)...), length
}

// behind returns the ends of skipped steps that follow the last one.
func (s skips) behind(lengths []int) []int {
	var out []int
	end := s.bounds[len(s.bounds)-1]
	for _, n := range lengths {
		for {
			at, _ := s.closes(end+n, end+n+2*gram)
			if at < 0 || !s.x.twice(end, at-end) {
				break
			}
			out = append(out, at)
			end = at
		}
	}
	return out
}

type skips struct {
	x      *index
	bounds []int
	tails  []span // behind the last pass of each step
	refs   []int  // ends of steps that are followed by a pass soonest
}

// long is how many kernels step k has behind its last pass.
func (s skips) long(k int) int { return s.bounds[k+1] - s.tails[k].from }

// lengths returns by how much the steps differ behind their passes, at most
// the 24 most frequent amounts.
func (s skips) lengths() []int {
	lens := make(map[int]int)
	for k := range s.tails {
		lens[s.long(k)]++
	}
	diff := make(map[int]int)
	for a, n := range lens {
		for b, m := range lens {
			if a-b >= leastSkip {
				diff[a-b] += n * m
			}
		}
	}
	out := make([]int, 0, len(diff))
	for d := range diff {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b int) int {
		if diff[a] != diff[b] {
			return diff[b] - diff[a]
		}
		return a - b
	})
	return out[:min(len(out), 24)]
}

// longer says whether the steps with cuts, less what lies behind the cuts, are
// as long as one of the others: a multi-step solver's first steps are shorter.
func (s skips) longer(cuts [][]int, n int) bool {
	var with []int
	for k, c := range cuts {
		if len(c) > 0 {
			with = append(with, s.long(k)-n*len(c))
		}
	}
	slices.Sort(with)
	usual := with[len(with)/2]
	for k, c := range cuts {
		if d := s.long(k) - usual; len(c) == 0 && 3*max(d, -d) <= n {
			return true
		}
	}
	return false
}

// cuts returns, for each step, where it would have to be cut if its end were
// repeated after n kernels. At a cut, the kernels before must be those that
// close other steps, and the kernels behind it those before it.
func (s skips) cuts(n int) [][]int {
	out := make([][]int, len(s.tails))
	for k, t := range s.tails {
		end := s.bounds[k+1]
		for end-n-closing/2 > t.from {
			at, sure := s.closes(end-n, end)
			if at < 0 || !sure && !s.x.twice(at, n) {
				break
			}
			out[k] = append(out[k], at)
			end = at
		}
		slices.Reverse(out[k])
	}
	return out
}

// complete adds the cuts of steps whose length tells of a repetition that
// damage hides.
func (s skips) complete(cuts [][]int, n int) {
	var lens []int
	for k, c := range cuts {
		if len(c) == 0 {
			lens = append(lens, s.long(k))
		}
	}
	slices.Sort(lens)
	plain := lens[len(lens)/4]
	slack := max(2, n/3)
	for k := range cuts {
		extra := s.long(k) - plain
		copies := (extra + n/2) / n
		if len(cuts[k]) > 0 || copies < 1 || max(extra-copies*n, copies*n-extra) > slack {
			continue
		}
		for i := copies; i > 0; i-- {
			cuts[k] = append(cuts[k], s.bounds[k+1]-i*n)
		}
	}
}

// closings picks the ends of the steps with the shortest tails.
func (s skips) closings() []int {
	idx := make([]int, len(s.tails)-1) // the last one's end is not as sure
	for i := range idx {
		idx[i] = i
	}
	slices.SortStableFunc(idx, func(a, b int) int { return s.long(a) - s.long(b) })
	var refs []int
	for _, i := range idx[:min(len(idx), 8)] {
		refs = append(refs, s.bounds[i+1])
	}
	return refs
}

// closes returns the place near at, give or take two kernels, before which the
// kernels are most like those that close a step, -1 if they are not, and
// whether nothing else can be meant.
func (s skips) closes(at, end int) (place int, sure bool) {
	best := closing / 2
	place = -1
	for _, shift := range []int{0, -1, 1, -2, 2} {
		for _, r := range s.refs {
			p := at + shift
			n, last := s.x.equal(p-closing, r-closing, closing), s.x.equal(p-gram, r-gram, gram)
			if n > best && p != r && p <= end-gram && last >= gram/2 {
				best, place, sure = n, p, n >= closing-1 && last == gram
			}
		}
	}
	return place, sure
}

// twice says whether the n kernels before at are those behind it too.
func (x *index) twice(at, n int) bool {
	for _, shift := range []int{0, -1, 1, -2, 2} {
		if 5*x.equal(at-n, at+shift, n) >= 3*n {
			return true
		}
	}
	return false
}

func merged(bounds []int, cuts [][]int) []int {
	out := []int{bounds[0]}
	for k, c := range cuts {
		out = append(append(out, c...), bounds[k+1])
	}
	return out
}
