package period

import "slices"

// loop turns a run into a loop; false where it comes to less than two steps.
// skips are the lengths of steps without passes in other requests; those of
// this one are added.
func (x *index) loop(r run, skips *[]int) (Loop, bool) {
	first := x.group(r)
	if len(first) < 2 {
		return Loop{}, false
	}
	bounds, tails := x.bounds(r, first)
	bounds, skip := x.skipped(bounds, tails, *skips)
	if skip > 0 && !slices.Contains(*skips, skip) {
		*skips = append(*skips, skip)
	}
	l := Loop{First: bounds[0], End: bounds[len(bounds)-1]}
	for i := 1; i < len(bounds); i++ {
		s := Step{First: bounds[i-1], End: bounds[i], Expert: -1}
		for _, p := range r.passes {
			if p.from >= s.First && p.from < s.End {
				s.Forwards++
			}
		}
		l.Steps = append(l.Steps, s)
	}
	markCached(&l)
	return l, true
}

// markCached marks the steps that launch less than half of what a full one does.
func markCached(l *Loop) {
	lens := make([]int, len(l.Steps))
	for i, s := range l.Steps {
		lens[i] = s.End - s.First
	}
	slices.Sort(lens)
	full := lens[len(lens)*3/4]
	for i := range l.Steps {
		s := &l.Steps[i]
		s.Cached = 2*(s.End-s.First) < full
	}
}
