package cli

import (
	"bytes"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"omnitrace/analyze"
	"omnitrace/analyze/diff"
)

// baselineOf returns the text of a baseline of a small trace.
func baselineOf(tb testing.TB) []byte {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "baseline.json")
	trace := filepath.Join(repository, "testdata", "diffusion_nostack")
	if code := run(tb.Context(), []string{"summarize", trace, "--save", path, "-o", filepath.Join(tb.TempDir(), "out")}, streams{strings.NewReader(""), new(bytes.Buffer), new(bytes.Buffer)}); code != exitOK {
		tb.Fatalf("exit code %d", code)
	}
	runs, err := readBaseline(path)
	if err != nil {
		tb.Fatal(err)
	}
	var text bytes.Buffer
	if err := writeBaseline(&text, runs); err != nil {
		tb.Fatal(err)
	}
	return text.Bytes()
}

// What is written is read again, byte by byte and value by value.
func TestBaselineRoundTrip(t *testing.T) {
	text := baselineOf(t)
	runs, err := decodeBaseline(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := writeBaseline(&again, runs); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, again.Bytes()) {
		t.Error("a baseline that was read is written differently")
	}
	reread, err := decodeBaseline(&again)
	if err != nil || !reflect.DeepEqual(runs, reread) {
		t.Errorf("a baseline that was written is read differently: %v", err)
	}
	if len(text) > 150_000 {
		t.Errorf("%d bytes for a run of 8 steps: too much to commit", len(text))
	}
	for i, line := range strings.Split(string(text), "\n") {
		if len(line) > 20_000 {
			t.Errorf("line %d has %d bytes", i+1, len(line))
		}
	}
}

func TestBaselineRefuses(t *testing.T) {
	good := string(baselineOf(t))
	for _, c := range []struct{ old, new, want string }{
		{baselineSchema, "omnitrace.baseline/v0", "want \"omnitrace.baseline/v1\""},
		{analyze.SamplesSchema, "omnitrace.samples/v9", "schema"},
		{`"exclusive_ns":[`, `"exclusive_ns":[1,`, "times for"},
		{`"exclusive_ns":[`, `"exclusive_ns":[-`, "out of range"},
		{`"pattern":0`, `"pattern":100000`, "pattern 100000"},
		{`"busy_ns":`, `"busy_ns":1`, "add up"},
		{`"counts":[`, `"counts":[7,`, "counts"},
		{`{"schema"`, `{"schema`, "summarize --save"},
	} {
		bad := strings.Replace(good, c.old, c.new, 1)
		if bad == good {
			t.Errorf("%q is not in the baseline", c.old)
		}
		if _, err := decodeBaseline(strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: error %v, want one with %q", c.new, c.old, err, c.want)
		}
	}
}

// Whatever a file holds, it is refused or can be compared.
func FuzzBaseline(f *testing.F) {
	f.Add([]byte(`{"schema":"omnitrace.baseline/v1","runs":[{"schema":"omnitrace.samples/v1","totals":{"busy_ns":7},
		"kernels":[{"name":"k","category":"gemm"}],"patterns":[{"kernels":[0],"counts":[1],"sequence":[0]}],
		"units":[{"kind":"first","pattern":0,"exclusive_ns":[7],"idle_ns":{"host_op":3}}]}]}`))
	f.Add([]byte(`{"schema":"omnitrace.baseline/v1","runs":[null]}`))
	f.Add([]byte(`{"schema":"omnitrace.baseline/v1","runs":[{"schema":"omnitrace.samples/v1","units":[{"pattern":0}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		runs, err := decodeBaseline(bytes.NewReader(text))
		if err != nil {
			return
		}
		r := diff.Compare(runs, runs, diff.Options{Gates: []diff.Gate{{Relative: true}}})
		if r.Totals.DeltaNS != 0 || r.Verdict.Word != diff.Unchanged {
			t.Errorf("%v %+v", r.Verdict, r.Totals)
		}
	})
}
