package chrome_test

import (
	"bytes"
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
			a.Tracks[x.Track].ID != b.Tracks[y.Track].ID || a.Tracks[x.Track].Name != b.Tracks[y.Track].Name && a.Tracks[x.Track].Name != "" {
			t.Fatalf("%s: event %d: %v %q, read back %v %q (launch %d, %d)", name, i,
				x, a.Names.Text(x.Name), y, b.Names.Text(y.Name), la.Launch[i], lb.Launch[i])
		}
	}
}

// Two processes with the same device, stream and correlation ID stay apart.
func TestWriteKeepsProcessesApart(t *testing.T) {
	h := trace.NewHeader("test")
	h.Processes = []trace.Process{{PID: "10", Name: "a"}, {PID: "20", Name: "b"}}
	h.Devices = []trace.Device{{Index: 0, Name: "GPU"}}
	h.Tracks = []trace.Track{
		{Process: 0, Device: -1, ID: 10}, {Process: 1, Device: -1, ID: 20},
		{Process: 0, Device: 0, ID: 7}, {Process: 1, Device: 0, ID: 7},
	}
	name := h.Names.Intern("k \"quoted\" <&>")
	tr := &trace.Trace{Header: h, Events: []trace.Event{
		{Span: trace.Span{Start: 1, End: 2}, Correlation: 5, Name: name, Track: 0, Kind: trace.Launch},
		{Span: trace.Span{Start: 1001, End: 1003}, Correlation: 5, Name: name, Track: 1, Kind: trace.Launch},
		{Span: trace.Span{Start: 2000, End: 2500}, Correlation: 5, Name: name, Track: 2, Kind: trace.Kernel},
		{Span: trace.Span{Start: 2001, End: 2600}, Correlation: 5, Name: name, Track: 3, Kind: trace.Kernel},
	}}
	roundTrip(t, "two processes", tr)
}
