package period

import "slices"

// foreign says which gaps hold another model's work: a kind of kernel that
// the usual gap lacks, or much that repeats and that no other gap holds.
func (x *index) foreign(gaps []span, pass int) []bool {
	sorted := slices.Clone(gaps)
	slices.SortFunc(sorted, func(a, b span) int { return a.len() - b.len() })
	usual := sorted[len(sorted)/2]
	in := make(map[int32]int32) // token to the number of gaps that hold it
	for _, g := range gaps {
		seen := make(map[int32]bool)
		for j := g.from; j < min(g.to, len(x.tokens)); j++ {
			if t := x.tokens[j]; !seen[t] {
				seen[t] = true
				in[t]++
			}
		}
	}
	out := make([]bool, len(gaps))
	for i, g := range gaps {
		if g.len() <= usual.len()+minUnit {
			continue
		}
		out[i] = g.len() > 3*pass || x.newWork(span{g.from + minUnit/2, g.to - minUnit/2}, usual) || x.aliens(g, in, len(gaps)) >= minUnit
	}
	return out
}

// newWork says whether g holds work of a kind that the usual gap does not.
func (x *index) newWork(g, usual span) bool {
	for _, h := range []Hint{Embedding, Conv, Attention} {
		if n := x.hinted(h, g.from, g.to); n > 2*x.hinted(h, usual.from, usual.to)+1 {
			return true
		}
	}
	return false
}

// aliens counts the kernels of g that repeat within it, but occur in less
// than a quarter of the gaps.
func (x *index) aliens(g span, in map[int32]int32, gaps int) int {
	count := make(map[int32]int)
	for j := g.from; j < min(g.to, len(x.tokens)); j++ {
		if t := x.tokens[j]; in[t] == 1 || 4*int(in[t]) < gaps {
			count[t]++
		}
	}
	sum := 0
	for _, n := range count {
		if n >= 3 {
			sum += n
		}
	}
	return sum
}
