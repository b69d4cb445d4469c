package analyze

import (
	"fmt"
	"testing"

	"omnitrace/internal/tracetest"
	"omnitrace/trace"
)

// Two stages on one GPU by word of the user: the nanoseconds in which none, one
// or both of them worked, counted one by one.
func TestGPUsOfTorchTraces(t *testing.T) {
	spans := [][]trace.Span{
		{{Start: 0, End: 10}, {Start: 20, End: 31}, {Start: 90, End: 100}},
		{{Start: 5, End: 12}, {Start: 8, End: 25}, {Start: 40, End: 47}},
	}
	var inputs []Input
	for stage, own := range spans {
		text := ""
		for i, s := range own {
			text += fmt.Sprintf("kernel t=%d d=%d track=gpu0/%d \"k\"\n", s.Start, s.Len(), 7+i)
		}
		tr := tracetest.Must(t, text)
		tr.Clock = trace.ClockUnix
		inputs = append(inputs, input(fmt.Sprintf("20261123-224646_stage%d_rank0_1/trace_rank0.json.gz", stage), tr))
	}
	var active [3]int64 // nanoseconds with 0, 1, 2 stages
	var busy [2]int64
	for at := trace.Time(0); at < 100; at++ {
		n := 0
		for stage, own := range spans {
			for _, s := range own {
				if s.Start <= at && at < s.End {
					n++
					busy[stage]++
					break
				}
			}
		}
		active[n]++
	}
	s := newSession(t, Options{GPUMap: map[int]string{0: "GPU-x", 1: "GPU-x"}}, inputs...)
	gpus := table(s, GPUs)
	if len(gpus.Rows) != 3 || len(s.Warnings) != 0 {
		t.Fatal(dump(gpus), s.Warnings)
	}
	for column, want := range map[string]int64{"idle_ns": active[0], "alone_ns": active[1], "shared_ns": active[2], "busy_ns": active[1] + active[2]} {
		if got := cell(t, &gpus, 0, column); got != want {
			t.Errorf("%s is %d, counted %d\n%s", column, got, want, dump(gpus))
		}
	}
	for stage := range busy {
		if got := cell(t, &gpus, 1+stage, "busy_ns"); got != busy[stage] || cell(t, &gpus, 1+stage, "shared_ns") != active[2] {
			t.Errorf("stage %d: busy %d, counted %d\n%s", stage, got, busy[stage], dump(gpus))
		}
	}
}

// One name can't be that of several devices, and times without a common clock
// can't be joined: both are said and not guessed.
func TestGPUsThatCannotBeJoined(t *testing.T) {
	tr := tracetest.Must(t, "kernel t=0 d=5 track=gpu0/7 \"k\"")
	stage0 := "20261123-224646_stage0_rank%d_1/trace_rank%d.json.gz"
	s := newSession(t, Options{GPUMap: map[int]string{0: "GPU-x"}},
		input(fmt.Sprintf(stage0, 0, 0), tr), input(fmt.Sprintf(stage0, 1, 1), tr))
	if gpus := table(s, GPUs); len(gpus.Rows) != 0 || !warned(s, "gpu_unclear") {
		t.Error(dump(gpus), s.Warnings)
	}
	s = newSession(t, Options{GPUMap: map[int]string{0: "GPU-x", 1: "GPU-x"}},
		input(fmt.Sprintf(stage0, 0, 0), tr), input("20261123-224646_stage1_rank0_1/trace_rank0.json.gz", tr))
	if gpus := table(s, GPUs); len(gpus.Rows) != 0 || !warned(s, "gpu_clocks") {
		t.Error(dump(gpus), s.Warnings)
	}
}

func warned(s *Session, code string) bool {
	for _, w := range s.Warnings {
		if w.Code == code {
			return true
		}
	}
	return false
}
