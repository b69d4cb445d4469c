package trace_test

import (
	"cmp"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"omnitrace/internal/tracetest"
	"omnitrace/trace"
)

// Ties at one start: the longer first, then host before device, lower device,
// process and lane, lower correlation (none is lowest), name, kind, detail.
func TestSortTies(t *testing.T) {
	const sorted = `op t=0 d=9 track=host/3 "x"
op t=0 d=5 track=host/3 "x"
op t=0 d=5 track=host/20 "x"
op t=0 d=5 track=host/3 pid=2 "x"
kernel t=0 d=5 track=gpu0/7 "x"
kernel t=0 d=5 track=gpu0/7 corr=-5 "x"
kernel t=0 d=5 track=gpu0/7 corr=2 "a"
kernel t=0 d=5 track=gpu0/7 corr=2 "b"
memcpy t=0 d=5 track=gpu0/7 corr=2 "b"
memcpy t=0 d=5 track=gpu0/7 corr=2 bytes=8 "b"
kernel t=0 d=5 track=gpu0/10 "x"
kernel t=0 d=5 track=gpu1/7 "x"
kernel t=1 d=5 track=gpu0/7 "x"
`
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.Permutation(strings.Split(strings.TrimSpace(sorted), "\n")).Draw(t, "lines")
		tr, err := tracetest.Parse(strings.Join(lines, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for i := range tr.Events {
			got.WriteString(tracetest.Event(tr, &tr.Events[i]) + "\n")
		}
		if got.String() != sorted {
			t.Fatalf("got:\n%swant:\n%s", got.String(), sorted)
		}
	})
}

// A fixed is a reader of events that are given.
type fixed struct {
	header *trace.Header
	events []trace.Event
	origin trace.Time
	err    error
	closed bool
}

func (f *fixed) Next() ([]trace.Event, error) {
	if len(f.events) == 0 {
		return nil, f.err
	}
	batch := f.events[:1]
	f.events = f.events[1:]
	return batch, nil
}
func (f *fixed) Header() *trace.Header { return f.header }
func (f *fixed) Origin() trace.Time    { return f.origin }
func (f *fixed) Close() error          { f.closed = true; return nil }

// Read puts times on the header's clock, drops and counts what leaves it, and
// closes the reader.
func TestRead(t *testing.T) {
	at := func(start, end trace.Time) trace.Event {
		return trace.Event{Span: trace.Span{Start: start, End: end}, Correlation: trace.NoCorrelation}
	}
	f := &fixed{header: trace.NewHeader("text"), origin: 100, err: io.EOF}
	f.header.Tracks = []trace.Track{{Process: -1, Device: -1}}
	f.header.Rows = 4
	f.events = []trace.Event{at(50, 60), at(math.MaxInt64-100, math.MaxInt64), at(-100, -90), at(math.MaxInt64-100, math.MaxInt64-100)}
	tr, err := trace.Read(f)
	if err != nil || !f.closed {
		t.Fatalf("error %v, closed %v", err, f.closed)
	}
	tracetest.Check(t, tr)
	if len(tr.Events) != 3 || tr.Events[0] != at(0, 10) || tr.Events[1] != at(150, 160) || tr.Events[2] != at(math.MaxInt64, math.MaxInt64) {
		t.Errorf("events %v", tr.Events)
	}
	if n := tr.Health.Count(trace.TimeOutOfRange); n != 1 {
		t.Errorf("%d times out of range, want 1", n)
	}

	broken := errors.New("the disk is gone")
	f = &fixed{header: trace.NewHeader("text"), events: []trace.Event{at(0, 1)}, err: broken}
	if _, err := trace.Read(f); !errors.Is(err, broken) || !f.closed {
		t.Errorf("error %v, closed %v", err, f.closed)
	}
}

// Sorting by merging is the library's stable sort, whatever runs the events
// come in.
func TestSortIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 3000).Draw(t, "events")
		descents := rapid.IntRange(1, 400).Draw(t, "descents")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		tr := &trace.Trace{Header: trace.NewHeader("test")}
		tr.Tracks, tr.Details = []trace.Track{{}}, []trace.Detail{{}}
		at := trace.Time(0)
		for i := range n {
			if at++; random.IntN(descents) == 0 {
				at -= trace.Time(random.IntN(200))
			}
			// Lanes that differ in nothing but their ID tell equal events apart.
			tr.Tracks = append(tr.Tracks, trace.Track{Process: -1, Device: -1})
			tr.Events = append(tr.Events, trace.Event{Span: trace.Span{Start: at, End: at + 1}, Track: trace.TrackID(i + 1)})
		}
		want := slices.Clone(tr.Events)
		slices.SortStableFunc(want, func(a, b trace.Event) int { return cmp.Compare(a.Start, b.Start) })
		if trace.SortEvents(tr); !slices.Equal(tr.Events, want) {
			t.Fatalf("%d events: not the stable order", n)
		}
	})
}
