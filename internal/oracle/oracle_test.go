package oracle

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// The figures of a trace that was computed by hand:
//
//	stream 7  aaaaaaaaaa     bbbb
//	stream 8       cccccccc
//	stream 8               m
func TestFigures(t *testing.T) {
	const text = `{"baseTimeNanoseconds": 100, "other": [{"x": 1}], "traceEvents": [
		{"ph":"X","cat":"cuda_runtime","name":"call","pid":1,"tid":1,"ts":-1,"dur":0.5,"args":{"correlation":1}},
		{"ph":"X","cat":"cuda_driver","name":"inner","pid":1,"tid":1,"ts":-0.9,"dur":0.1,"args":{"correlation":1}},
		{"ph":"X","cat":"kernel","name":"a","pid":0,"tid":7,"ts":0,"dur":0.010,"args":{"device":0,"stream":7,"correlation":1}},
		{"ph":"X","cat":"Kernel","name":"b","pid":0,"tid":7,"ts":0.015,"dur":0.004,"args":{"device":0,"stream":7,"correlation":1}},
		{"ph":"X","cat":"foo,kernel","name":"a","pid":0,"tid":8,"ts":"0.005","dur":0.008,"args":{"device":0,"stream":8,"correlation":2}},
		{"ph":"X","cat":"gpu_memcpy","name":"m","pid":0,"tid":8,"ts":0.013,"dur":0.001,"args":{"device":0,"stream":8,"bytes":64}},
		{"ph":"X","cat":"kernel","name":"a","pid":1,"tid":7,"ts":1,"dur":0.0005},
		{"ph":"i","name":"x","ts":1}, null, {}
	], "last": null}`
	f, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if f.Base != 100 || f.Rows != 9 {
		t.Errorf("base %d, rows %d", f.Base, f.Rows)
	}
	got := f.Figures()
	want := []Figures{
		{
			Device: "0", PID: "0", Kernels: 3, KernelNS: 22, GPUNS: 23, BusyNS: 18, SpanNS: 19, First: 0, Launches: 1, Unlaunched: 1,
			ByKernel: map[string]Stat{"a": {2, 18, 8, 10, 0}, "b": {1, 4, 4, 4, 0}},
			ByMemory: map[string]Stat{"m": {1, 1, 1, 1, 64}},
		},
		{
			Device: "1", PID: "1", Kernels: 1, First: 1000, Unlaunched: 1,
			ByKernel: map[string]Stat{"a": {Count: 1}}, ByMemory: map[string]Stat{},
		},
	}
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

func TestRound(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1/2": 0, "3/2": 2, "5/2": 2, "-1/2": 0, "-3/2": -2, "-5/2": -2, "7/3": 2, "8/3": 3, "-7/3": -2, "-8/3": -3, "5": 5,
	} {
		x, _ := new(big.Rat).SetString(text)
		if got := Round(x).Int64(); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

func TestReadErrors(t *testing.T) {
	for _, text := range []string{``, `5`, `{"traceEvents":[{"ph":"X"`, `{"traceEvents":[{"ph":"X","cat":"kernel","ts":NaN}]}`, `{"traceEvents":[{"ph":"X","cat":"kernel","ts":"soon"}]}`} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
