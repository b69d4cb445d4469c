package trace_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"omnitrace/internal/tracetest"
	"omnitrace/trace"
)

func TestLink(t *testing.T) {
	for _, c := range tracetest.Load(t, filepath.Join("testdata", "link", "*.txtar")) {
		t.Run(c.Name, func(t *testing.T) {
			tr := tracetest.Must(t, c.Sections["trace"])
			tracetest.Check(t, tr)
			if got := linksOf(tr, trace.Link(tr).Launch); got != c.Sections["links"] {
				t.Errorf("%s\n got:\n%s\nwant:\n%s", c.Rule, got, c.Sections["links"])
			}
		})
	}
}

func linksOf(t *trace.Trace, launch []int32) string {
	var out strings.Builder
	at := func(i int32) string { return fmt.Sprintf("%s@%d", t.Names.Text(t.Events[i].Name), t.Events[i].Start) }
	for i, e := range t.Events {
		if !e.Kind.GPU() {
			continue
		}
		call := "none"
		if launch[i] >= 0 {
			call = at(launch[i])
		}
		fmt.Fprintf(&out, "%s <- %s\n", at(int32(i)), call)
	}
	return out.String()
}

// Link finds what the rule says when it is applied to all pairs.
func TestLinkAgainstAllPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := rapid.IntRange(0, 6)
		var text strings.Builder
		for range rapid.IntRange(0, 12).Draw(t, "calls") {
			// Calls of one length: none lies inside another that began earlier.
			fmt.Fprintf(&text, "launch t=%d d=1 track=host/%d pid=%d corr=%d \"call\"\n",
				2*rapid.IntRange(0, 20).Draw(t, "t"), small.Draw(t, "thread"), small.Draw(t, "pid")%2, small.Draw(t, "id")%3)
		}
		for range rapid.IntRange(0, 12).Draw(t, "kernels") {
			pid := rapid.SampledFrom([]string{"0", "1", "2", tracetest.Unknown}).Draw(t, "pid")
			fmt.Fprintf(&text, "kernel t=%d d=3 track=gpu0/7 pid=%s corr=%d \"k\"\n",
				rapid.IntRange(0, 45).Draw(t, "t"), pid, small.Draw(t, "id")%3)
		}
		tr, err := tracetest.Parse(text.String())
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range trace.Link(tr).Launch {
			if want := linkByPairs(tr, &tr.Events[i]); start(tr, got) != start(tr, want) || (got < 0) != (want < 0) {
				t.Fatalf("%s\nlaunched at %d, want %d", tracetest.Event(tr, &tr.Events[i]), start(tr, got), start(tr, want))
			}
		}
	})
}

func start(t *trace.Trace, i int32) trace.Time {
	if i < 0 {
		return -1
	}
	return t.Events[i].Start
}

func linkByPairs(t *trace.Trace, gpu *trace.Event) int32 {
	best := int32(-1)
	if !gpu.Kind.GPU() {
		return best
	}
	for i := range t.Events {
		e := &t.Events[i]
		p := t.Tracks[gpu.Track].Process
		if e.Kind != trace.Launch || e.Correlation != gpu.Correlation || p >= 0 && p != t.Tracks[e.Track].Process {
			continue
		}
		if best < 0 || e.Start <= gpu.Start { // in order of start
			best = int32(i)
		}
	}
	return best
}

// Some writers give all rows the same ID; linking must stay fast.
func TestLinkOneIDForAll(t *testing.T) {
	const n = 50_000
	tr := &trace.Trace{Header: trace.NewHeader("text")}
	tr.Processes = make([]trace.Process, 1)
	tr.Devices = make([]trace.Device, 1)
	tr.Tracks = []trace.Track{{Device: -1}, {Process: -1}}
	for i := range trace.Time(n) {
		tr.Events = append(tr.Events,
			trace.Event{Span: trace.Span{Start: 10 * i, End: 10*i + 5}, Kind: trace.Launch},
			trace.Event{Span: trace.Span{Start: 10*i + 6, End: 10*i + 9}, Kind: trace.Kernel, Track: 1})
	}
	began := time.Now()
	launch := trace.Link(tr).Launch
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("linking %d kernels took %v", n, d)
	}
	for i := 1; i < len(launch); i += 2 {
		if launch[i] != int32(i-1) {
			t.Fatalf("kernel %d: launched by %d", i, launch[i])
		}
	}
}
