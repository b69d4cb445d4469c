package trace

// A Nest deals spans out to lanes on which each lies inside those before it or
// beside them: viewers drop what overlaps in part. The zero Nest is empty.
type Nest struct {
	open [][]Time // of each lane, the ends of what is open, outer first
}

// Lane returns the first lane, from 0, that takes s. Spans must come in the
// order of [SortEvents]: by start, longer ones first.
func (n *Nest) Lane(s Span) int {
	for lane, open := range n.open {
		for len(open) > 0 && open[len(open)-1] <= s.Start {
			open = open[:len(open)-1]
		}
		n.open[lane] = open
		if len(open) == 0 || s.End <= open[len(open)-1] {
			n.open[lane] = append(open, s.End)
			return lane
		}
	}
	n.open = append(n.open, []Time{s.End})
	return len(n.open) - 1
}
