package period

import "slices"

func (t turning) loop() Loop {
	bounds, r := t.bounds, t.run
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
	return l
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
