package chrome_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"omnitrace/internal/tracetest"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/open"
)

// What Write writes, the reader reads back: the same spans, names, shapes and
// links, for traces of one process and of several.
func TestWriteRoundTrip(t *testing.T) {
	var files []string
	for _, pattern := range []string{"own/omni_session/*stage[01]*/*.gz", "vllm-omni/qwen25omni_online/*/*.gz"} {
		found, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "corpus", pattern))
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Skip("the corpus is not there")
	}
	for _, file := range files {
		roundTrip(t, file, readFile(t, file))
	}
}

func readFile(t *testing.T, path string) *trace.Trace {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := open.Reader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	want := trace.Want{Kinds: trace.GPUKinds | trace.KindsOf(trace.Launch, trace.Range, trace.Op)}
	tr, err := trace.Read(chrome.NewReader(z, want))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func roundTrip(t *testing.T, name string, a *trace.Trace) {
	t.Helper()
	var out bytes.Buffer
	if err := chrome.Write(&out, a); err != nil {
		t.Fatal(err)
	}
	b, err := trace.Read(chrome.NewReader(&out, trace.Want{Kinds: trace.AllKinds &^ trace.KindsOf(trace.Flow)}))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if d := b.Health.Defects(); len(d) > 0 {
		t.Errorf("%s: written with defects: %v", name, d)
	}
	tracetest.Check(t, b)
	if len(a.Events) != len(b.Events) {
		t.Fatalf("%s: %d events, read back %d", name, len(a.Events), len(b.Events))
	}
	la, lb := trace.Link(a), trace.Link(b)
	for i := range a.Events {
		x, y := a.Events[i], b.Events[i]
		if x.Span != y.Span || x.Kind != y.Kind || a.Names.Text(x.Name) != b.Names.Text(y.Name) ||
			a.Details[x.Detail] != b.Details[y.Detail] || la.Launch[i] != lb.Launch[i] ||
			!sameLane(a, b, x.Track, y.Track) {
			t.Fatalf("%s: event %d: %v %q, read back %v %q (launch %d, %d)", name, i,
				x, a.Names.Text(x.Name), y, b.Names.Text(y.Name), la.Launch[i], lb.Launch[i])
		}
	}
}

// Two processes with the same device, stream and correlation ID stay apart, and
// their GPU rows know whose they are, launched or not.
func TestWriteKeepsProcessesApart(t *testing.T) {
	roundTrip(t, "two processes", twoProcesses(
		at(1, 2, 0, trace.Launch, 5), at(1001, 1003, 1, trace.Launch, 5),
		at(2000, 2500, 2, trace.Kernel, 5), at(2001, 2600, 3, trace.Kernel, 5), at(3000, 3001, 3, trace.Kernel, trace.NoCorrelation),
	))
}

// sameLane compares what the tracks of two traces say, but for names that the
// first does not give.
func sameLane(a, b *trace.Trace, x, y trace.TrackID) bool {
	l, m := a.Tracks[x], b.Tracks[y]
	if l.ID != m.ID || l.Name != m.Name && l.Name != "" || (l.Process < 0) != (m.Process < 0) || (l.Device < 0) != (m.Device < 0) {
		return false
	}
	if l.Process >= 0 && a.Processes[l.Process].PID != b.Processes[m.Process].PID {
		return false
	}
	return l.Device < 0 || a.Devices[l.Device] == b.Devices[m.Device]
}

// twoProcesses is a trace of two processes on one GPU that both have the stream
// 7, with the given events.
func twoProcesses(events ...trace.Event) *trace.Trace {
	h := trace.NewHeader("test")
	h.Processes = []trace.Process{{PID: "10", Name: "a"}, {PID: "20", Name: "b"}}
	h.Devices = []trace.Device{{Index: 0, Name: "GPU", UUID: "GPU-1", Bus: "0000:01:00.0", MemoryBytes: 80 << 30}}
	h.Tracks = []trace.Track{
		{Process: 0, Device: -1, ID: 10}, {Process: 1, Device: -1, ID: 20},
		{Process: 0, Device: 0, ID: 7}, {Process: 1, Device: 0, ID: 7},
	}
	h.Names.Intern("k \"quoted\" <&>")
	t := &trace.Trace{Header: h, Events: events}
	trace.SortEvents(t)
	return t
}

func at(start, end trace.Time, track trace.TrackID, kind trace.Kind, correlation int64) trace.Event {
	return trace.Event{Span: trace.Span{Start: start, End: end}, Correlation: correlation, Track: track, Kind: kind}
}

// No lane of what Write writes has rows that overlap in part, which viewers
// drop; ranges and calls stay on their thread.
func TestWriteKeepsOverlapsApart(t *testing.T) {
	const none = trace.NoCorrelation
	tr := twoProcesses(
		at(0, 100, 0, trace.Range, none), at(50, 150, 0, trace.Range, none), // start/end ranges
		at(60, 160, 0, trace.Launch, 5), at(140, 170, 0, trace.Other, none),
		at(200, 300, 2, trace.Kernel, 5), at(290, 310, 2, trace.Kernel, 5), at(295, 320, 2, trace.Memcpy, none),
		at(190, 305, 2, trace.Sync, none), at(180, 180, 0, trace.Instant, none),
		at(0, 10, 1, trace.Launch, 5), at(250, 260, 3, trace.Kernel, 5),
	)
	roundTrip(t, "overlaps", tr)
	var out bytes.Buffer
	if err := chrome.Write(&out, tr); err != nil {
		t.Fatal(err)
	}
	var file struct {
		TraceEvents []struct {
			Ph       string
			PID, TID int64
			TS, Dur  float64 // whole nanoseconds below a microsecond: exact enough
		}
	}
	if err := json.Unmarshal(out.Bytes(), &file); err != nil {
		t.Fatal(err)
	}
	complete := 0
	for i, a := range file.TraceEvents {
		if a.Ph == "X" {
			complete++
		}
		for _, b := range file.TraceEvents[:i] {
			same := a.Ph == "X" && b.Ph == "X" && a.PID == b.PID && a.TID == b.TID
			if same && b.TS < a.TS && a.TS < b.TS+b.Dur-1e-6 && b.TS+b.Dur < a.TS+a.Dur-1e-6 {
				t.Errorf("on lane %d/%d %v+%v overlaps %v+%v", a.PID, a.TID, a.TS, a.Dur, b.TS, b.Dur)
			}
		}
	}
	if complete != 8 { // of 11 events: two are pairs of asynchronous rows, one an instant
		t.Errorf("%d complete rows", complete)
	}
}
