package trace_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"omnitrace/trace"
)

// Rule: no two spans of a lane overlap in part, and a span leaves a lane only
// for one that it overlaps there in part.
func TestNest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var spans []trace.Span
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 999), 0, 12).Draw(t, "start and length") {
			start := trace.Time(n / 30)
			spans = append(spans, trace.Span{Start: start, End: start + trace.Time(n%30)})
		}
		slices.SortFunc(spans, func(a, b trace.Span) int {
			if a.Start != b.Start {
				return int(a.Start - b.Start)
			}
			return int(b.End - a.End)
		})
		crosses := func(a, b trace.Span) bool { return a.Start < b.Start && b.Start < a.End && a.End < b.End }
		var nest trace.Nest
		lanes := make([]int, len(spans))
		for i, s := range spans {
			lanes[i] = nest.Lane(s)
			for lane := 0; lane <= lanes[i]; lane++ {
				conflict := false
				for j := range i {
					conflict = conflict || lanes[j] == lane && crosses(spans[j], s)
				}
				if conflict != (lane < lanes[i]) {
					t.Fatalf("span %v of %v is on lane %d; lane %d: conflict %v", s, spans[:i], lanes[i], lane, conflict)
				}
			}
		}
	})
}
