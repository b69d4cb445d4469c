package session

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

func complete(t testing.TB, name string, data []byte) (State, string) {
	t.Helper()
	state, reason, err := Complete(fstest.MapFS{name: {Data: data}}, name)
	if err != nil {
		t.Fatal(err)
	}
	return state, reason
}

func TestComplete(t *testing.T) {
	whole := jsonTrace("a \"quoted\\\" name with ] and }")
	packed := pack(whole)
	flipped := bytes.Clone(packed)
	flipped[len(flipped)-6] ^= 1
	damaged := bytes.Clone(packed)
	copy(damaged[12:], "\xff\xff\xff\xff\xff\xff")
	for _, c := range []struct {
		name, data string
		want       State
		says       string
	}{
		{"a.json", string(whole), Whole, ""},
		{"a.json", string(whole) + "\n\n", Whole, ""},
		{"a.json", "[]", Whole, ""},
		{"a.json", "\xef\xbb\xbf [{}]", Whole, ""},
		{"a.json", "", HalfWritten, "empty"},
		{"a.json.gz", "\x1f", HalfWritten, "too short"},
		{"a.json.gz", string(packed[:len(packed)-8]), HalfWritten, "ends early"},
		{"a.json", " \n", HalfWritten, "no JSON"},
		{"a.json", `{"traceEvents": [{"name": "k"}`, HalfWritten, "2 brackets open"},
		{"a.json", `{"traceEvents": [{"name": "k]}}`, HalfWritten, "inside a string"},
		{"a.json.gz", string(packed), Whole, ""},
		{"a.json", string(packed), Whole, ""},
		{"a.json.gz", string(pack(whole[:20])) + string(pack(whole[20:])), Whole, ""},
		{"a.json.gz", string(pack(whole[:20])), HalfWritten, "ends"},
		{"a.json.gz", string(packed) + "junk", Whole, "behind the end"},
		{"a.json.gz", string(flipped), HalfWritten, "checksum"},
		{"a.json.gz", string(damaged), HalfWritten, "damaged"},
		{"a.sqlite", string(sqliteFile("a")), Whole, ""},
		{"a.sqlite", string(sqliteFile("a")[:1000]), HalfWritten, "1000 of 1024 bytes"},
		{"a.nsys-rep", "whatever", Whole, "only its reader"},
		{"a.json.zst", "\x28\xb5\x2f\xfd", Whole, "only its reader"},
	} {
		got, reason := complete(t, c.name, []byte(c.data))
		if got != c.want || !strings.Contains(reason, c.says) || (c.says == "") != (reason == "") {
			t.Errorf("%s %.40q: %s, %q", c.name, c.data, got, reason)
		}
	}
	if _, _, err := Complete(fstest.MapFS{}, "none"); err == nil {
		t.Error("no error for a missing file")
	}
}

// A file cut off anywhere is half-written, plain and compressed; Find never
// calls an uncut one so.
func TestCompleteCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(`{"traceEvents": [` + strings.Repeat(`{"name": "a]\"}", "args": {"x": [1, {}]}},`, rapid.IntRange(0, 20).Draw(t, "n")) + `{}]}`)
		if rapid.Bool().Draw(t, "gzip") {
			var b bytes.Buffer
			w, _ := gzip.NewWriterLevel(&b, rapid.SampledFrom([]int{0, 1, 9}).Draw(t, "level"))
			w.Write(text)
			w.Close()
			text = b.Bytes()
		}
		cut := rapid.IntRange(0, len(text)).Draw(t, "cut")
		fsys := fstest.MapFS{"a.json": {Data: text[:cut]}}
		state, reason, err := Complete(fsys, "a.json")
		if err != nil || (state == Whole) != (cut == len(text)) {
			t.Fatalf("cut at %d of %d: %s, %q, %v", cut, len(text), state, reason, err)
		}
		s, err := sniff(fsys, "a.json", int64(cut))
		if err != nil || state == Whole && s.state != Whole {
			t.Fatalf("cut at %d of %d: sniffed as %+v, %v", cut, len(text), s, err)
		}
	})
}

// The bytes on disk, step by step, while vLLM-Omni 0.26 flushes two stages.
func TestMissing(t *testing.T) {
	const (
		s0   = "p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json"
		s1   = "p/20260501-101011_stage_1_rep_0_diffusion_1777630211/trace_rank0.json"
		last = "p/20260401-101010_stage0_rank0_1775038210/trace_rank0.json"
	)
	want := []Identity{{Stage: 0, Replica: -1, Rank: 0}, {Stage: 1, Replica: 0, Rank: -1}}
	for _, c := range []struct{ files, missing string }{
		{last, "stage 0 rank 0: no trace yet|stage 1 replica 0: no trace yet"},
		{s0 + ".tmp <- cut", "p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json.tmp: |stage 1 replica 0: no trace yet"},
		{s0 + "\n" + s0 + ".gz <- empty\n" + s1, s0 + ".gz: empty"},
		{s0 + "\n" + s0 + ".gz <- cut\n" + s1, s0 + ".gz: the gzip stream ends early"},
		{s0 + ".gz <- cut\n" + s1, s0 + ".gz: the gzip stream ends early"},
		{s0 + ".gz\n" + s1 + " <- cut", s1 + ": the JSON ends"},
		{s0 + ".gz\n" + s1 + ".gz", ""},
	} {
		fsys := build(t, last+"\n"+c.files)
		missing, err := Missing(fsys, "p", want, func(path string) bool { return path == last })
		if err != nil {
			t.Fatal(err)
		}
		expect := strings.Split(c.missing, "|")
		ok := len(missing) == len(expect) || c.missing == "" && len(missing) == 0
		for i := range missing {
			ok = ok && i < len(expect) && strings.HasPrefix(missing[i], expect[i])
		}
		if !ok {
			t.Errorf("%s: got %q, want %q", c.files, missing, expect)
		}
	}
	if missing, err := Missing(fstest.MapFS{"p/x.txt": {}}, "p", want, nil); err != nil || len(missing) != 2 {
		t.Errorf("nothing there yet: %q, %v", missing, err)
	}
	if _, err := Missing(fstest.MapFS{}, "p", want, nil); err == nil {
		t.Error("no error for a missing directory")
	}
}

// A .gz longer than what is looked at is proved to be done by the length that
// it states at its end.
func TestTwinLength(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString(`{"traceEvents": [`)
	for range 40000 {
		fmt.Fprintf(&b, `{"ts": %d},`, random.Uint32())
	}
	b.WriteString(`{}]}`)
	text := []byte(b.String())
	packed := pack(text)
	if len(packed) < 2*headBytes {
		t.Fatalf("only %d bytes", len(packed))
	}
	for _, c := range []struct {
		size int
		want string
	}{{len(packed), "p/trace.json.gz"}, {len(packed) - 1, "p/trace.json"}, {len(packed) / 2, "p/trace.json"}} {
		found, err := Find(fstest.MapFS{"p/trace.json": {Data: text}, "p/trace.json.gz": {Data: packed[:c.size]}}, []string{"p"})
		if err != nil {
			t.Fatal(err)
		}
		if traces := found.Sessions[0].Traces(); len(traces) != 1 || traces[0].Path != c.want {
			t.Errorf("%d of %d bytes: counted %v, want %s", c.size, len(packed), traces, c.want)
		}
	}
}

func FuzzSniff(f *testing.F) {
	for _, seed := range [][]byte{
		jsonTrace("x"), pack(jsonTrace("x")), sqliteFile("x"), []byte("[{\"ph\": \"X\"}]"), []byte("\n\x02\x08\x01\n\x02\x08\x01"),
		[]byte("Start (ns),Duration (ns),Name\n"), {0x1f, 0x8b}, {0x28, 0xb5, 0x2f, 0xfd}, []byte("\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
	} {
		f.Add("trace_rank0.json", seed)
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		fsys := fstest.MapFS{"x": {Data: data}}
		s, err := sniff(fsys, "x", int64(len(data)))
		if err != nil || s.format == "" && s.reason == "" || s.format != "" && s.state == "" {
			t.Errorf("%+v, %v", s, err)
		}
		sniffHead(name, data, int64(len(data)))
		if _, _, err := Complete(fsys, "x"); err != nil {
			t.Error(err)
		}
	})
}
