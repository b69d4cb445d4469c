package analyze

import (
	"cmp"
	"slices"
	"sort"

	"omnitrace/trace"
)

// Windows are disjoint closed intervals, sorted.
type Windows []trace.Span

// Touch reports whether s shares a moment with one of the windows.
func (w Windows) Touch(s trace.Span) bool {
	i := sort.Search(len(w), func(i int) bool { return w[i].End >= s.Start })
	return i < len(w) && w[i].Start <= s.End
}

// Hull returns the part of s from the first window that it touches to the end
// of the last.
func (w Windows) Hull(s trace.Span) trace.Span {
	i := sort.Search(len(w), func(i int) bool { return w[i].End >= s.Start })
	j := sort.Search(len(w), func(j int) bool { return w[j].Start > s.End })
	if i >= j {
		return trace.Span{Start: s.Start, End: s.Start}
	}
	return s.Intersect(trace.Span{Start: w[i].Start, End: w[j-1].End})
}

// Join sorts windows and joins those that touch.
func (w Windows) Join() Windows {
	slices.SortFunc(w, func(a, b trace.Span) int { return cmp.Compare(a.Start, b.Start) })
	out := w[:0]
	for _, s := range w {
		if n := len(out); n > 0 && s.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, s.End)
			continue
		}
		out = append(out, s)
	}
	return out
}

// runs returns the time of each run of kept events that follow each other on
// their lane without one that is not kept between them.
func runs(t *trace.Trace, test func(int32) (counts, kept bool), lane func(*trace.Trace, *trace.Event) int) Windows {
	var all Windows
	open := map[int]trace.Span{}
	for i := range t.Events {
		counts, kept := test(int32(i))
		if !counts {
			continue
		}
		e := &t.Events[i]
		l := lane(t, e)
		run, running := open[l]
		switch {
		case kept && running:
			open[l] = run.Union(e.Span)
		case kept:
			open[l] = e.Span
		case running:
			all = append(all, run)
			delete(open, l)
		}
	}
	for _, run := range open {
		all = append(all, run)
	}
	return all.Join()
}

func gpuLane(t *trace.Trace, e *trace.Event) int { return t.Tracks[e.Track].Device }

func hostLane(_ *trace.Trace, e *trace.Event) int { return int(e.Track) }
