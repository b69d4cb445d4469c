package analyze

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"omnitrace/analyze/rules"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
)

// A stack has the ranges and python frames of models and engines that opened in
// the step, outer ones first, and the modules' classes; not the step's own range,
// what was open before it, libraries, other threads, or what had ended.
func TestStacks(t *testing.T) {
	s := written(t, `
		frame t=0 d=1000 track=host/1 "vllm/v1/engine/core.py(1362): run_busy_loop"
		range t=10 d=500 track=host/1 "diffusion_forward"
		range t=100 d=100 track=host/1 "diffusion_step"
		frame t=101 d=90 track=host/1 "vllm_omni/models/wan.py(7): forward"
		range t=102 d=80 track=host/1 "mine"
		frame t=103 d=70 track=host/1 "nn.Module: Linear_12"
		frame t=104 d=60 track=host/1 "torch/nn/modules/module.py(1783): _call_impl"
		frame t=105 d=5 track=host/1 "vllm_omni/models/wan.py(9): ended"
		frame t=105 d=50 track=host/2 "vllm_omni/models/wan.py(9): elsewhere"
		op t=110 d=20 track=host/1 "aten::linear"
		launch t=115 d=2 track=host/1 corr=1 "cudaLaunchKernel"
		launch t=190 d=1 track=host/1 corr=2 "cudaLaunchKernel"
		launch t=900 d=1 track=host/1 corr=3 "cudaLaunchKernel"
		kernel t=120 d=10 track=gpu0/7 corr=1 "gemm"
		kernel t=195 d=10 track=gpu0/7 corr=2 "late"
		kernel t=910 d=10 track=gpu0/7 corr=3 "outside"
	`)
	var got []string
	for _, p := range s.Profile() {
		got = append(got, strings.Join(p.Stack, " > "))
	}
	slices.Sort(got)
	want := []string{
		"stage0 > request 0 > denoise > step 0 > vllm_omni/models/wan.py(7): forward > late",
		"stage0 > request 0 > denoise > step 0 > vllm_omni/models/wan.py(7): forward > mine > nn.Module: Linear > aten::linear > gemm",
		"stage0 > vllm/v1/engine/core.py(1362): run_busy_loop > outside",
	}
	if !slices.Equal(got, want) {
		t.Errorf("stacks\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The stacks of a real run are what looking through all events for each launch
// finds.
func TestStacksSlowly(t *testing.T) {
	const path = "own/omni_session/20261123-224312_stage0_rank0_1795473792/trace_rank0.json.gz"
	text, err := textOf(filepath.Join(corpus(t), path))
	if err != nil {
		t.Fatal(err)
	}
	read, err := trace.Read(chrome.NewReader(bytes.NewReader(text), ProfileNeeds(rules.Default())))
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(t, Options{}, input(path, read))
	src := s.Sources[0]
	st := s.readSourceStacks(src)
	checked, deep := 0, 0
	for i := range src.Trace.Events {
		launch := &src.Trace.Events[i]
		if launch.Kind != trace.Launch || i%5 != 0 {
			continue
		}
		got, want := st.names(nil, st.at[i]), slowStack(s, src, launch)
		if !slices.Equal(got, want) {
			t.Fatalf("launch at %d\n%s\nwant\n%s", launch.Start, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		checked, deep = checked+1, max(deep, len(got))
	}
	if checked < 200 || deep < 5 {
		t.Errorf("%d launches, the deepest stack is %d", checked, deep)
	}
}

// slowStack looks at every event that covers the launch. Events come in the
// order in which they opened.
func slowStack(s *Session, src *Source, launch *trace.Event) []string {
	var names []string
	from := src.opened(launch)
	for i := range src.Trace.Events {
		e := &src.Trace.Events[i]
		text := src.Trace.Names.Text(e.Name)
		if e.Track != launch.Track || e.Start > launch.Start || e.End <= launch.Start || e.Start < from {
			continue
		}
		switch e.Kind {
		case trace.Range:
			role, known := s.Rules.Range(text)
			if _, pass := s.Rules.ParseIteration(text); pass || known && role != rules.NoRole {
				continue
			}
		case trace.Frame:
			if !s.Rules.InStack(text) {
				continue
			}
			if class, _, ok := rules.Module(text); ok {
				text = "nn.Module: " + class
			}
		default:
			continue
		}
		names = append(names, text)
	}
	return names
}
