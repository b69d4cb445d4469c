package trace

import (
	"cmp"
	"slices"
	"time"
)

// Busy returns the length of the union of the spans of events, which must be
// sorted by start: time during which at least one of them runs.
func Busy(events []Event) time.Duration {
	var busy time.Duration
	Exclusive(events, func(_ int, d time.Duration) { busy += d })
	return busy
}

// Exclusive deals the union of the events' spans out so that each nanosecond
// belongs to exactly one event, the one that started first among those
// running, and calls yield with each event's index and share (0 included).
// Events must be in the order of [SortEvents] and lie on one device.
//
// The owner of an instant is the first running event in sort order; everything
// before event i starts no later, so i owns what lies behind the latest end so
// far. The shares therefore sum to the union exactly.
func Exclusive(events []Event, yield func(i int, d time.Duration)) {
	var s Shares
	for i := range events {
		yield(i, s.Next(events[i].Span))
	}
}

// Shares deals time out as [Exclusive] does, span by span. The zero value is
// ready for use.
type Shares struct {
	covered Time
	begun   bool
}

// Next returns the share of the next span.
func (s *Shares) Next(span Span) time.Duration {
	if !s.begun || span.Start > s.covered {
		s.covered, s.begun = span.Start, true
	}
	share := max(0, span.End.Sub(s.covered))
	s.covered = max(s.covered, span.End)
	return share
}

// Extent returns the span from the first start to the last end, and false
// where there are no events.
func Extent(events []Event) (Span, bool) {
	if len(events) == 0 {
		return Span{}, false
	}
	s := events[0].Span
	for _, e := range events[1:] {
		s = s.Union(e.Span)
	}
	return s, true
}

// Spans is a set of disjoint spans in ascending order.
type Spans []Span

// UnionOf returns the union of spans, given in any order. Empty spans vanish;
// spans that touch become one.
func UnionOf(spans []Span) Spans {
	sorted := slices.SortedFunc(slices.Values(spans), func(a, b Span) int { return cmp.Compare(a.Start, b.Start) })
	var u Spans
	for _, s := range sorted {
		switch n := len(u); {
		case s.Len() <= 0:
		case n > 0 && s.Start <= u[n-1].End:
			u[n-1].End = max(u[n-1].End, s.End)
		default:
			u = append(u, s)
		}
	}
	return u
}

// Len returns the total length of s.
func (s Spans) Len() time.Duration {
	var d time.Duration
	for _, x := range s {
		d += x.Len()
	}
	return d
}

// Subtract returns what of s lies in none of o.
func (s Spans) Subtract(o Spans) Spans {
	var rest Spans
	i := 0
	for _, x := range s {
		for i < len(o) && o[i].End <= x.Start {
			i++
		}
		for j := i; j < len(o) && o[j].Start < x.End; j++ {
			if o[j].Start > x.Start {
				rest = append(rest, Span{x.Start, o[j].Start})
			}
			x.Start = max(x.Start, o[j].End)
		}
		if x.Start < x.End {
			rest = append(rest, x)
		}
	}
	return rest
}

// Intersect returns what s and o share.
func (s Spans) Intersect(o Spans) Spans {
	var both Spans
	for i, j := 0, 0; i < len(s) && j < len(o); {
		if x := s[i].Intersect(o[j]); x.Len() > 0 {
			both = append(both, x)
		}
		if s[i].End < o[j].End {
			i++
		} else {
			j++
		}
	}
	return both
}
