package analyze

import (
	"cmp"
	"slices"

	"omnitrace/trace"
)

// Overlaps knows the rows of a source that overlap others of their lane without
// lying inside them, which viewers drop.
type Overlaps struct {
	work   map[startOnStream]int
	starts map[threadOfProcess][]trace.Span // ranges of host threads, by start
	ends   map[threadOfProcess][]trace.Span // the same, by end
	marks  func(trace.Kind, string) bool
}

type startOnStream struct {
	stream int64
	at     trace.Time
}

// Overlaps finds the overlaps of a source. GPU work can overlap other work of
// its stream (programmatic dependent launches do so), python frames the ranges
// that they begin or end.
func (s *Session) Overlaps(source int) *Overlaps {
	t := s.Sources[source].Trace
	o := &Overlaps{work: overlappingWork(t), starts: map[threadOfProcess][]trace.Span{}, ends: map[threadOfProcess][]trace.Span{}, marks: s.structure()}
	for i := range t.Events {
		if e := &t.Events[i]; e.Kind == trace.Range {
			key := threadOf(t, e.Track)
			o.starts[key] = append(o.starts[key], e.Span)
		}
	}
	for key, ranges := range o.starts {
		o.ends[key] = slices.Clone(ranges)
		slices.SortFunc(o.ends[key], func(a, b trace.Span) int { return cmp.Compare(a.End, b.End) })
	}
	return o
}

// overlappingWork gives GPU work the first lane, from 0, on which it lies
// inside other work or beside it.
func overlappingWork(t *trace.Trace) map[startOnStream]int {
	nests := map[trace.TrackID]*trace.Nest{}
	moved := map[startOnStream]int{}
	for i := range t.Events {
		e := &t.Events[i]
		if !e.Kind.GPU() {
			continue
		}
		if nests[e.Track] == nil {
			nests[e.Track] = &trace.Nest{}
		}
		if lane := nests[e.Track].Lane(e.Span); lane > 0 {
			moved[startOnStream{t.Tracks[e.Track].ID, e.Start}] = lane
		}
	}
	return moved
}

// Work returns the lane of GPU work that starts at a time on a stream: 0 for
// the stream's own.
func (o *Overlaps) Work(stream int64, at trace.Time) int {
	return o.work[startOnStream{stream, at}]
}

// Frame reports whether a python frame overlaps a range of its thread in part
// and can be moved without loss: it marks nothing.
func (o *Overlaps) Frame(pid, tid string, span trace.Span, name func() string) bool {
	key := threadOfProcess{pid, tid}
	starts, ends := o.starts[key], o.ends[key]
	i, _ := slices.BinarySearchFunc(starts, span.Start+1, func(r trace.Span, t trace.Time) int { return cmp.Compare(r.Start, t) })
	for ; i < len(starts) && starts[i].Start < span.End; i++ {
		if starts[i].End > span.End {
			return !o.marks(trace.Frame, name())
		}
	}
	i, _ = slices.BinarySearchFunc(ends, span.Start+1, func(r trace.Span, t trace.Time) int { return cmp.Compare(r.End, t) })
	for ; i < len(ends) && ends[i].End < span.End; i++ {
		if ends[i].Start < span.Start {
			return !o.marks(trace.Frame, name())
		}
	}
	return false
}
