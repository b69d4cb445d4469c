package merge_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"omnitrace/merge"
	"omnitrace/trace"
)

func source(name, text string, shift trace.Time) merge.Source {
	return merge.Source{Name: name, Label: name, Shift: shift, Input: merge.Input{Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}}
}

const one = `[
{"ph":"X","cat":"cuda_runtime","name":"launch","pid":5,"tid":6,"ts":1.5,"dur":1,"args":{"correlation":7,"External id":8}},
{"ph":"s","cat":"ac2g","name":"ac2g","id":7,"pid":5,"tid":6,"ts":1.5},
{"ph":"X","cat":"kernel","name":"gemm","pid":0,"tid":7,"ts":3,"dur":2,"args":{"device":0,"stream":7,"correlation":7}},
{"ph":"f","cat":"ac2g","name":"ac2g","id":7,"pid":0,"tid":7,"ts":3,"bp":"e"},
{"ph":"M","name":"process_name","pid":5,"args":{"name":"python3"}}]`

// Two files that use the same IDs keep apart in one: processes, arrows and
// launches; times move by the source's shift, and all else stays.
func TestWrite(t *testing.T) {
	var out bytes.Buffer
	tracks := []merge.Track{{Source: 1, Name: "steps", Slices: []merge.Slice{
		{Span: trace.Span{Start: 1000, End: 3000}, Name: "a"}, {Span: trace.Span{Start: 2000, End: 4000}, Name: "b"},
	}}}
	plan := merge.Plan{Sources: []merge.Source{source("x", one, 0), source("y", one, 250)}, Tracks: tracks}
	if _, err := plan.Write(&out); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Events []struct {
			Ph, Cat, Name string
			Pid, Tid, ID  int64
			Ts            json.Number
			Args          map[string]any
		} `json:"traceEvents"`
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatalf("%v:\n%s", err, out.String())
	}
	launches, kernels, pids := map[any]int64{}, map[any]bool{}, map[int64]bool{}
	names, lanes, times := map[int64]string{}, map[int64]bool{}, ""
	for _, e := range doc.Events {
		switch {
		case e.Cat == "cuda_runtime":
			launches[e.Args["correlation"]] = e.Pid
			times += " " + e.Ts.String()
		case e.Cat == "kernel":
			kernels[e.Args["correlation"]] = true
			pids[e.Pid] = true
		case e.Name == "process_name":
			names[e.Pid] = fmt.Sprint(e.Args["name"])
		case e.Cat == "omnitrace":
			lanes[e.Tid] = true
		}
	}
	if len(launches) != 2 || len(kernels) != 2 || len(pids) != 2 {
		t.Errorf("launches %v, kernels %v, GPU processes %v: want 2 of each", launches, kernels, pids)
	}
	for id, pid := range launches {
		if !kernels[id] || names[pid] != "x" && names[pid] != "y" {
			t.Errorf("launch %v of process %q", id, names[pid])
		}
	}
	if times != " 1.5 1.750" {
		t.Errorf("launches at%s: the first is not touched, the second is 250 ns later", times)
	}
	if len(lanes) != 2 {
		t.Errorf("slices that overlap share %d lane", len(lanes))
	}
}
