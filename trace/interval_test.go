package trace_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"omnitrace/internal/tracetest"
	"omnitrace/trace"
)

// gpuWork draws up to 12 GPU events of one device in the first 40 ns, many of
// them at equal times, and some empty.
func gpuWork(t *rapid.T) *trace.Trace {
	var text strings.Builder
	for range rapid.IntRange(0, 12).Draw(t, "events") {
		fmt.Fprintf(&text, "%s t=%d d=%d track=gpu0/%d corr=%d %q\n",
			rapid.SampledFrom([]string{"kernel", "memcpy", "memset"}).Draw(t, "kind"),
			rapid.IntRange(-10, 20).Draw(t, "t"), rapid.IntRange(0, 9).Draw(t, "d"),
			rapid.IntRange(7, 9).Draw(t, "stream"), rapid.IntRange(1, 3).Draw(t, "corr"),
			rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"))
	}
	tr, err := tracetest.Parse(text.String())
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// owner finds the event that owns the nanosecond from t on by the definition:
// the one that started first among those running; ties to the longer one, then
// lower stream, lower correlation, name.
func owner(tr *trace.Trace, t trace.Time) int {
	best := -1
	for i := range tr.Events {
		e := &tr.Events[i]
		if !e.Contains(t) {
			continue
		}
		if best < 0 || startedFirst(tr, e, &tr.Events[best]) {
			best = i
		}
	}
	return best
}

func startedFirst(tr *trace.Trace, a, b *trace.Event) bool {
	stream := func(e *trace.Event) int64 { return tr.Tracks[e.Track].ID }
	name := func(e *trace.Event) string { return tr.Names.Text(e.Name) }
	return cmp.Or(
		cmp.Compare(a.Start, b.Start), -cmp.Compare(a.Len(), b.Len()), cmp.Compare(stream(a), stream(b)),
		cmp.Compare(a.Correlation, b.Correlation), cmp.Compare(name(a), name(b)),
	) < 0
}

// Each nanosecond in which something runs belongs to one event, the one that
// the definition says; over any partition the shares sum to Busy.
func TestExclusiveAgainstSweep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := gpuWork(t)
		want := make([]time.Duration, len(tr.Events))
		var union time.Duration
		for at := trace.Time(-10); at < 40; at++ {
			if i := owner(tr, at); i >= 0 {
				want[i]++
				union++
			}
		}
		got := make([]time.Duration, len(tr.Events))
		trace.Exclusive(tr.Events, func(i int, d time.Duration) { got[i] = d })
		byName := func(shares []time.Duration) map[string]time.Duration { // events may be equal in all that is compared
			m := map[string]time.Duration{}
			for i, d := range shares {
				m[tracetest.Event(tr, &tr.Events[i])] += d
			}
			return m
		}
		if g, w := fmt.Sprint(byName(got)), fmt.Sprint(byName(want)); g != w {
			t.Fatalf("shares %v, want %v", g, w)
		}
		if busy := trace.Busy(tr.Events); busy != union {
			t.Fatalf("busy %d, want %d", busy, union)
		}
		parts := make([]time.Duration, 3)
		for _, d := range got {
			parts[rapid.IntRange(0, 2).Draw(t, "part")] += d
		}
		if sum := parts[0] + parts[1] + parts[2]; sum != union {
			t.Fatalf("parts %v sum to %d, not to %d", parts, sum, union)
		}
	})
}

// The cases on which other tools are wrong: sub-microsecond kernels, kernels
// that overlap on one stream (programmatic dependent launch), kernels within
// kernels, three at a time.
func TestBusy(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		busy time.Duration
	}{
		{"nothing", ``, 0},
		{"sub-microsecond", `
			kernel t=0 d=600 track=gpu0/7 "a"
			kernel t=600 d=400 track=gpu0/7 "b"`, 1000},
		{"overlap on one stream", `
			kernel t=0 d=60 track=gpu0/7 "a"
			kernel t=50 d=60 track=gpu0/7 "b"
			kernel t=100 d=60 track=gpu0/7 "c"`, 160},
		{"contained, then a gap that the running maximum closes", `
			kernel t=0 d=100 track=gpu0/7 "a"
			kernel t=10 d=10 track=gpu0/8 "b"
			kernel t=90 d=20 track=gpu0/8 "c"`, 110},
		{"three deep", `
			kernel t=0 d=10 track=gpu0/7 "a"
			kernel t=5 d=10 track=gpu0/8 "b"
			kernel t=8 d=30 track=gpu0/9 "c"
			kernel t=50 d=1 track=gpu0/9 "d"`, 39},
		{"empty and negative times", `
			kernel t=-20 d=0 track=gpu0/7 "a"
			kernel t=-10 d=5 track=gpu0/7 "b"`, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := trace.Busy(tracetest.Must(t, c.text).Events); got != c.busy {
				t.Errorf("busy %d, want %d", got, c.busy)
			}
		})
	}
}

// marks draws a set of spans in the first 30 ns.
func marks(t *rapid.T, label string) []trace.Span {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) trace.Span {
		start := trace.Time(rapid.IntRange(0, 25).Draw(t, "start"))
		return trace.Span{Start: start, End: start + trace.Time(rapid.IntRange(0, 5).Draw(t, "len"))}
	}), 0, 6).Draw(t, label)
}

// covered lists the nanoseconds that spans cover.
func covered(spans []trace.Span) (ns [32]bool) {
	for _, s := range spans {
		for t := s.Start; t < s.End; t++ {
			ns[t] = true
		}
	}
	return ns
}

// Union, difference and intersection of sets of spans are those of the sets of
// nanoseconds, and their results are sorted, disjoint and not empty.
func TestSpansAlgebra(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := marks(t, "x"), marks(t, "y")
		inX, inY := covered(x), covered(y)
		a, b := trace.UnionOf(x), trace.UnionOf(y)
		both, rest := inX, inX
		for i := range both {
			both[i], rest[i] = inX[i] && inY[i], inX[i] && !inY[i]
		}
		for _, c := range []struct {
			name string
			got  trace.Spans
			want [32]bool
		}{{"union", a, inX}, {"intersection", a.Intersect(b), both}, {"difference", a.Subtract(b), rest}} {
			if covered(c.got) != c.want {
				t.Fatalf("%s of %v and %v: %v", c.name, x, y, c.got)
			}
			length := time.Duration(0)
			for i, s := range c.got {
				if s.Len() <= 0 || i > 0 && s.Start < c.got[i-1].End {
					t.Fatalf("%s of %v and %v is not a sorted set: %v", c.name, x, y, c.got)
				}
				length += s.Len()
			}
			if c.got.Len() != length {
				t.Fatalf("length %d, want %d", c.got.Len(), length)
			}
		}
	})
}

func TestSpan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		two := slices.Concat(marks(t, "a"), marks(t, "b"), []trace.Span{{Start: 1, End: 3}, {Start: 2, End: 2}})
		s, o := two[0], two[1]
		inS, inO := covered(two[:1]), covered(two[1:2])
		shared, all := 0, true
		for i := range inS {
			if s.Contains(trace.Time(i)) != inS[i] {
				t.Fatalf("%v contains %d: %v", s, i, !inS[i])
			}
			if inS[i] && inO[i] {
				shared++
			}
			all = all && (inS[i] || !inO[i])
		}
		if got := s.Intersect(o); int(got.Len()) != shared {
			t.Fatalf("%v and %v share %v", s, o, got)
		}
		if o.Len() > 0 && s.Covers(o) != all {
			t.Fatalf("%v covers %v: %v", s, o, !all)
		}
		if u := s.Union(o); !u.Covers(s) || !u.Covers(o) || u.Start != min(s.Start, o.Start) || u.End != max(s.End, o.End) {
			t.Fatalf("union of %v and %v: %v", s, o, u)
		}
	})
}

func TestExtent(t *testing.T) {
	if _, ok := trace.Extent(nil); ok {
		t.Error("no events have an extent")
	}
	tr := tracetest.Must(t, `
		kernel t=5 d=100 track=gpu0/7 "a"
		kernel t=10 d=1 track=gpu0/7 "b"`)
	if got, _ := trace.Extent(tr.Events); got != (trace.Span{Start: 5, End: 105}) {
		t.Errorf("extent %v", got)
	}
}
