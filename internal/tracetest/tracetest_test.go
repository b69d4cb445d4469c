package tracetest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"omnitrace/internal/tracetest"
	"omnitrace/trace"
)

// What Format writes, Parse reads; both know every field.
func TestTextRoundTrip(t *testing.T) {
	const text = `other t=-5 d=0 track=host/1 "\"quoted\" 步"
gpu_range t=10 d=5 track=gpu0/7 pid=2 "range"
kernel t=10 d=5 track=gpu0/7 pid=? corr=3 node=9 grid=1,2,3 block=4,5,6 "gemm"
memcpy t=20 d=5 track=gpu1/7 corr=-1 bytes=4096 "Memcpy HtoD"
`
	tr := tracetest.Must(t, text)
	tracetest.Check(t, tr)
	if got := tracetest.Format(tr); got != text {
		t.Errorf("got\n%swant\n%s", got, text)
	}
	if len(tr.Devices) != 3 || len(tr.Processes) != 2 {
		t.Errorf("devices %v, processes %v", tr.Devices, tr.Processes)
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		`kernel t=1 d=2 track=gpu0/7`:             "no name",
		`colonel t=1 d=2 track=gpu0/7 "x"`:        "unknown kind",
		`kernel t=1 d=2 track=gpu0/7 speed=3 "x"`: "unknown field",
		`kernel t=1 d=two track=gpu0/7 "x"`:       "invalid syntax",
		`kernel t=1 d=2 track=gpu/7 "x"`:          "device",
		`kernel t=1 d=2 track=moon/7 "x"`:         "lane",
		"\n\n" + `kernel t=1 d=2 "x"`:             "line 3",
	} {
		if _, err := tracetest.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// The validator finds each rule that is broken.
func TestValidate(t *testing.T) {
	for name, breaks := range map[string]func(*trace.Trace){
		"end before start": func(t *trace.Trace) { t.Events[0].End = -1 },
		"not sorted":       func(t *trace.Trace) { t.Events[1].Start = -1 },
		"kind":             func(t *trace.Trace) { t.Events[0].Kind = 77 },
		"name":             func(t *trace.Trace) { t.Events[0].Name = 99 },
		"not UTF-8":        func(t *trace.Trace) { t.Events[0].Name = t.Names.Intern("\xff") },
		"track":            func(t *trace.Trace) { t.Events[0].Track = 99 },
		"host":             func(t *trace.Trace) { t.Tracks[0].Device = -1 },
		"device":           func(t *trace.Trace) { t.Tracks[0].Device = 5 },
		"process":          func(t *trace.Trace) { t.Tracks[0].Process = -2 },
		"detail":           func(t *trace.Trace) { t.Details[0].Bytes = 1 },
		"rows":             func(t *trace.Trace) { t.Rows = 1 },
		"defect":           func(t *trace.Trace) { t.Health.Add("unheard of", 0) },
	} {
		tr := tracetest.Must(t, "kernel t=0 d=9 track=gpu0/7 \"a\"\nkernel t=5 d=9 track=gpu0/8 \"b\"")
		if err := tracetest.Validate(tr); err != nil {
			t.Fatal(err)
		}
		if breaks(tr); tracetest.Validate(tr) == nil {
			t.Errorf("%s: nothing found", name)
		}
	}
}

// What is drawn is valid JSON, and sometimes more than trivial.
func TestDraw(t *testing.T) {
	long := false
	rapid.Check(t, func(t *rapid.T) {
		text := tracetest.DrawDocument(t, tracetest.DrawRows(t))
		if !json.Valid([]byte(text)) {
			t.Fatalf("not JSON: %s", text)
		}
		long = long || len(text) > 500
	})
	if !long {
		t.Error("nothing long was drawn")
	}
}
