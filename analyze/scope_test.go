package analyze

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"omnitrace/trace"
)

// horizon bounds the times that are drawn, so that a model can hold a value for
// each nanosecond.
const horizon = 48

// A timeline holds what is true in each nanosecond from -horizon on; -1 for nothing.
type timeline [2 * horizon]int32

func (l *timeline) at(t trace.Time) int32 { return l[t+horizon] }

// timelineOf asks choose in each nanosecond about the scopes that hold there,
// outer ones first: by start, longer ones first, then in the order given.
func timelineOf(s []scope, choose func([]scope) int32) *timeline {
	sorted := slices.Clone(s)
	slices.SortStableFunc(sorted, func(a, b scope) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End))
	})
	var l timeline
	for i := range l {
		var open []scope
		for _, x := range sorted {
			if t := trace.Time(i - horizon); x.Start <= t && t < x.End {
				open = append(open, x)
			}
		}
		l[i] = -1
		if len(open) > 0 {
			l[i] = choose(open)
		}
	}
	return &l
}

func first(open []scope) int32 { return open[0].value }
func last(open []scope) int32  { return open[len(open)-1].value }

func drawScopes(t *rapid.T, name string) []scope {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) scope {
		start := rapid.IntRange(-horizon, horizon-1).Draw(t, "start")
		end := rapid.IntRange(start, horizon-1).Draw(t, "end")
		return scope{trace.Span{Start: trace.Time(start), End: trace.Time(end)}, int32(rapid.IntRange(0, 3).Draw(t, "value"))}
	}), 0, 8).Draw(t, name)
}

func checkScopes(t *rapid.T, what string, got scopes, want *timeline) {
	t.Helper()
	for i, x := range got {
		if x.Start >= x.End || i > 0 && x.Start < got[i-1].End {
			t.Fatalf("%s: %v is empty or overlaps the one before", what, got)
		}
	}
	for at := trace.Time(-horizon); at < horizon; at++ {
		if got.at(at) != want.at(at) {
			t.Fatalf("%s: %v has %d at %d, want %d", what, got, got.at(at), at, want.at(at))
		}
		if (got.index(at) >= 0) != (want.at(at) >= 0) {
			t.Fatalf("%s: %v has index %d at %d", what, got, got.index(at), at)
		}
	}
}

// Scopes deal out time as a model does that looks at each nanosecond.
func TestScopes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawScopes(t, "a"), drawScopes(t, "b")
		outer, inner := timelineOf(a, first), timelineOf(b, last)
		base, top := innermost(slices.Clone(b)), outermost(slices.Clone(a))
		checkScopes(t, "outermost", top, outer)
		checkScopes(t, "innermost", base, inner)
		var both timeline
		for i := range both {
			both[i] = inner[i]
			if outer[i] >= 0 {
				both[i] = outer[i]
			}
		}
		checkScopes(t, "overlay", overlay(base, top), &both)
	})
}

// A walk covers its span without gap or overlap and says what holds where.
func TestWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := innermost(drawScopes(t, "scopes"))
		from := trace.Time(rapid.IntRange(-horizon, horizon-1).Draw(t, "from"))
		span := trace.Span{Start: from, End: trace.Time(rapid.IntRange(int(from), horizon-1).Draw(t, "to"))}
		at := span.Start
		s.walk(span, func(part trace.Span, value int32) {
			if part.Start != at || part.End <= part.Start {
				t.Fatalf("%v in %v: part %v behind %d", s, span, part, at)
			}
			for ; at < part.End; at++ {
				if s.at(at) != value {
					t.Fatalf("%v in %v: %d at %d, want %d", s, span, value, at, s.at(at))
				}
			}
		})
		if at != span.End {
			t.Fatalf("%v: the walk of %v ends at %d", s, span, at)
		}
	})
}

// Of scopes with the same span the one added last is the inner one, whatever
// its value: a denoise loop may be all there is of a request.
func TestInnermostOfEqualSpans(t *testing.T) {
	span := trace.Span{Start: 5, End: 9}
	got := innermost([]scope{{span, phaseID("other")}, {span, phaseID("denoise")}})
	if len(got) != 1 || got[0].value != phaseID("denoise") {
		t.Errorf("got %v, want the phase added last", got)
	}
}
