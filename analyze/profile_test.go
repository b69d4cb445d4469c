package analyze

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"omnitrace/trace"
)

// A profile adds up to the totals of the run, value by value.
func TestProfileAddsUp(t *testing.T) {
	for _, path := range corpusTraces(t, "torch", "own", "vllm-omni") {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			checkProfile(t, run(t, Options{}, nil, path))
		})
	}
	rapid.Check(t, func(t *rapid.T) { checkProfile(t, drawSession(t)) })
}

func checkProfile(t failer, s *Session) {
	t.Helper()
	var exclusive, kernel, launches, bytes, moved int64
	for _, p := range s.Profile() {
		exclusive, kernel = exclusive+p.ExclusiveNS, kernel+p.KernelNS
		launches, bytes = launches+p.Launches, bytes+p.Bytes
	}
	sum := s.Summarize(nil)
	total := func(name string) int64 {
		i := slices.IndexFunc(TotalColumns(), func(c Column) bool { return c.Name == name })
		n, _ := sum.Totals.Cells[i].Int()
		return n
	}
	for i := range s.work {
		moved += s.bytes(&s.work[i])
	}
	if exclusive != total("busy_ns") || kernel != total("kernel_ns") || launches != total("launches") || bytes != moved {
		t.Errorf("the profile adds up to %d ns exclusive, %d ns of kernels, %d launches, %d bytes; the run has %d, %d, %d, %d",
			exclusive, kernel, launches, bytes, total("busy_ns"), total("kernel_ns"), total("launches"), moved)
	}
}

// Stacks go from the stage to the kernel; a graph's replay is one launch, of its
// first kernel; what was launched outside of everything has a short stack.
func TestProfileStacks(t *testing.T) {
	s := written(t, `
		range t=0 d=100 track=host/1 "diffusion_forward"
		op t=10 d=20 track=host/1 "aten::linear"
		launch t=15 d=2 track=host/1 corr=1 "cudaLaunchKernel"
		launch t=40 d=2 track=host/1 corr=2 "cudaGraphLaunch"
		launch t=200 d=2 track=host/1 corr=3 "cudaMemcpyAsync"
		kernel t=20 d=10 track=gpu0/7 corr=1 "gemm"
		kernel t=60 d=5 track=gpu0/7 corr=2 "b_second"
		kernel t=50 d=7 track=gpu0/7 corr=2 "z_first"
		memcpy t=210 d=4 track=gpu0/9 corr=3 bytes=64 "Memcpy HtoD"
	`)
	want := map[string]StackSample{
		"stage0 > request 0 > other > aten::linear > gemm": {ExclusiveNS: 10, KernelNS: 10, Launches: 1},
		"stage0 > request 0 > other > z_first":             {ExclusiveNS: 7, KernelNS: 7, Launches: 1},
		"stage0 > request 0 > other > b_second":            {ExclusiveNS: 5, KernelNS: 5},
		"stage0 > memcpy HtoD":                             {ExclusiveNS: 4, Bytes: 64},
	}
	got := s.Profile()
	if len(got) != len(want) {
		t.Errorf("%d samples, want %d", len(got), len(want))
	}
	for _, p := range got {
		stack := strings.Join(p.Stack, " > ")
		w, ok := want[stack]
		if !ok {
			t.Errorf("unexpected stack %q", stack)
			continue
		}
		if p.ExclusiveNS != w.ExclusiveNS || p.KernelNS != w.KernelNS || p.Launches != w.Launches || p.Bytes != w.Bytes {
			t.Errorf("%s: %+v", stack, p)
		}
		if stream := map[bool]int64{true: 9, false: 7}[p.Bytes > 0]; p.Stream != stream || p.Stage != "stage0" {
			t.Errorf("%s: stream %d of stage %q", stack, p.Stream, p.Stage)
		}
	}
}

// The order of the events in the file leaves no trace in a profile.
func TestProfileOrder(t *testing.T) {
	const path = "own/omni_session/20261123-224312_stage0_rank0_1795473792/trace_rank0.json.gz"
	a := run(t, Options{}, nil, path).Profile()
	b := run(t, Options{}, func(t *trace.Trace) *trace.Trace {
		c := *t
		c.Events = slices.Clone(t.Events)
		slices.Reverse(c.Events)
		trace.SortEvents(&c)
		return &c
	}, path).Profile()
	if !slices.EqualFunc(a, b, func(x, y StackSample) bool {
		return slices.Equal(x.Stack, y.Stack) && x.ExclusiveNS == y.ExclusiveNS && x.Launches == y.Launches && x.Stream == y.Stream
	}) {
		t.Error("the profile of the reversed file differs")
	}
}
