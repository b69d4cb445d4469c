package analyze

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// causes lists the rows of idle_calls: "cause name count ns".
func causes(t *testing.T, s *Session) string {
	t.Helper()
	tab := table(s, IdleCalls)
	var lines []string
	for i := range tab.Rows {
		lines = append(lines, strings.Join(strings.Fields(fmt.Sprintf("%s %s %d %d", cellText(t, &tab, i, "cause"), cellText(t, &tab, i, "name"),
			cell(t, &tab, i, "count"), cell(t, &tab, i, "idle_ns"))), " "))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Each cause of idle time on a trace that has one gap, from 100 to 200, in
// front of work that was launched at 190; and gaps with several.
func TestIdleCauses(t *testing.T) {
	const work = `
		launch t=0 d=1 track=host/1 corr=1 "cudaLaunchKernel"
		kernel t=50 d=50 track=gpu0/7 corr=1 "a"
		launch t=190 d=5 track=host/1 corr=2 "cudaLaunchKernel"
		kernel t=200 d=50 track=gpu0/7 corr=2 "b"
		`
	for _, c := range []struct{ rule, trace, want string }{{
		"python: nothing that the trace knows of", work, `
			host_other 1 90
			launch_latency 1 10`,
	}, {
		"the outermost operator", work + `
			op t=120 d=40 track=host/1 "aten::linear"
			op t=130 d=20 track=host/1 "aten::addmm"`, `
			host_op aten::linear 1 40
			host_other 2 50
			launch_latency 1 10`,
	}, {
		"a call that waits, in an operator", work + `
			op t=100 d=80 track=host/1 "aten::item"
			launch t=120 d=30 track=host/1 "cudaStreamSynchronize"`, `
			host_op aten::item 2 50
			host_other 1 10
			launch_latency 1 10
			synchronize cudaStreamSynchronize 1 30`,
	}, {
		"memory taken, code loaded, a graph captured", work + `
			launch t=110 d=10 track=host/1 "cudaMalloc"
			launch t=130 d=10 track=host/1 "cuModuleLoadData"
			launch t=150 d=10 track=host/1 "cudaGraphInstantiate"`, `
			allocation cudaMalloc 1 10
			graph_capture cudaGraphInstantiate 1 10
			host_other 4 60
			launch_latency 1 10
			module_load cuModuleLoadData 1 10`,
	}, {
		"code compiled: the operators inside are part of it", work + `
			frame t=110 d=50 track=host/1 "triton/compiler/compiler.py(5): compile"
			op t=120 d=20 track=host/1 "aten::empty"`, `
			compile triton/compiler/compiler.py(5): compile 1 50
			host_other 2 40
			launch_latency 1 10`,
	}, {
		"the profiler stops all threads, whatever they do", work + `
			op t=100 d=80 track=host/1 "aten::linear"
			overhead t=130 d=20 track=host/9 "Activity Buffer Request"`, `
			host_op aten::linear 2 60
			host_other 1 10
			launch_latency 1 10
			profiler_overhead Activity Buffer Request 1 20`,
	}, {
		"no request was open until one came", work + `
			range t=0 d=40 track=host/1 "diffusion_forward"
			range t=150 d=100 track=host/1 "diffusion_forward"`, `
			host_other 1 40
			launch_latency 1 10
			waiting_for_work 1 50`,
	}, {
		"what the launching thread does counts, not another one", work + `
			op t=100 d=80 track=host/2 "aten::linear"`, `
			host_other 1 90
			launch_latency 1 10`,
	}, {
		"no launch call, no explanation", `
			kernel t=50 d=50 track=gpu0/7 "a"
			kernel t=200 d=50 track=gpu0/7 "b"`, `
			(unattributed) 1 100`,
	}, {
		"launched long before: all latency", `
			launch t=0 d=1 track=host/1 corr=1 "cudaLaunchKernel"
			launch t=10 d=90 track=host/1 corr=2 "cudaLaunchKernel"
			op t=0 d=500 track=host/1 "aten::linear"
			kernel t=50 d=50 track=gpu0/7 corr=1 "a"
			kernel t=200 d=50 track=gpu0/7 corr=2 "b"`, `
			launch_latency 1 100`,
	}, {
		"a clock that runs backwards: launched after its start", `
			launch t=0 d=1 track=host/1 corr=1 "cudaLaunchKernel"
			launch t=300 d=1 track=host/1 corr=2 "cudaLaunchKernel"
			kernel t=50 d=50 track=gpu0/7 corr=1 "a"
			kernel t=200 d=50 track=gpu0/7 corr=2 "b"`, `
			host_other 1 100`,
	}, {
		"a kernel that covers others leaves no gap behind them; devices have gaps of their own", `
			launch t=0 d=1 track=host/1 corr=1 "cudaLaunchKernel"
			kernel t=50 d=100 track=gpu0/7 corr=1 "a"
			kernel t=60 d=10 track=gpu0/8 corr=1 "inside"
			kernel t=160 d=10 track=gpu0/7 corr=1 "b"
			kernel t=500 d=10 track=gpu1/7 corr=1 "other device"
			kernel t=511 d=10 track=gpu1/7 corr=1 "other device"`, `
			launch_latency 2 11`,
	}} {
		t.Run(c.rule, func(t *testing.T) {
			s := written(t, c.trace)
			same(t, causes(t, s), sortLines(c.want))
			checkIdle(t, s)
		})
	}
}

func sortLines(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Units are steps and passes: gaps lie between the steps of one request, and
// between the passes of one thread whatever their kind.
func TestUnits(t *testing.T) {
	s := written(t, `
		range t=0 d=1000 track=host/1 "diffusion_forward"
		range t=2000 d=1000 track=host/1 "diffusion_forward"
		frame t=2100 d=100 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
		frame t=2300 d=100 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
		frame t=100 d=100 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
		frame t=300 d=100 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
		`+calls("a@110", "b@310", "c@2110", "d@2310"), `
		range t=0 d=100 track=host/1 "execute_context_1(8)_generation_0(0)"
		range t=130 d=50 track=host/1 "execute_context_0(0)_generation_2(2)"
		range t=200 d=60 track=host/1 "execute_context_0(0)_generation_2(2)"
		`+calls("p@10", "q@140", "r@210"))
	tab := table(s, Units)
	for key, want := range map[string][]int64{
		// count, wall median, gap median, busy, period, tokens
		"stage=0/unit=step":    {4, 100, 0, 20, 600, -1},
		"stage=1/unit=prefill": {1, 100, 30, 5, 130, 8},
		"stage=1/unit=decode":  {2, 50, 20, 10, 130, 4},
	} {
		i := rowOf(t, &tab, key)
		var got []int64
		for _, column := range []string{"count", "wall_median_ns", "gap_median_ns", "busy_ns", "period_ns", "tokens"} {
			got = append(got, cell(t, &tab, i, column))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", key, got, want)
		}
	}
}

// Stages with different numbers of threads do not get into each other's way.
func TestUnitsOfManyThreads(t *testing.T) {
	pass := func(thread int) string {
		return fmt.Sprintf("range t=0 d=100 track=host/%d \"execute_context_0(0)_generation_1(1)\"\n", thread)
	}
	s := written(t, pass(1)+calls("a@10"), pass(1)+pass(2)+pass(3)+pass(4)+calls("b@10/4"), pass(1)+calls("c@10"))
	tab := table(s, Units)
	if len(tab.Rows) != 3 || cell(t, &tab, 1, "count") != 4 {
		t.Error(dump(tab))
	}
}

// Start-up work flags every step that it touches; these are left out of the
// spread, which keeps first, computed and cached steps apart.
func TestSpreadAndStartup(t *testing.T) {
	var b strings.Builder
	b.WriteString("range t=0 d=2000 track=host/1 \"diffusion_forward\"\nframe t=100 d=700 track=host/1 \"p.py(1): diffuse\"\n")
	for i := range 7 {
		if i != 5 {
			fmt.Fprintf(&b, "frame t=%d d=50 track=host/1 \"c.py(1): predict_noise_maybe_with_cfg\"\n", 100+100*i)
		}
		fmt.Fprintf(&b, "frame t=%d d=9 track=host/1 \"c.py(1): scheduler_step_maybe_with_cfg\"\n", 160+100*i)
		fmt.Fprintf(&b, "launch t=%d d=1 track=host/1 corr=%d \"cudaLaunchKernel\"\n", 165+100*i, i)
		fmt.Fprintf(&b, "kernel t=%d d=%d track=gpu0/7 corr=%d \"k\"\n", 1000+100*i, 10+i, i)
	}
	b.WriteString(`overhead t=390 d=20 track=host/9 "Lazy Function Loading"` + "\n")
	b.WriteString(`launch t=50 d=5 track=host/1 "cudaMalloc"` + "\n")
	s := written(t, b.String())
	spread, startup := table(s, Spread), table(s, Startup)
	for key, want := range map[string][]int64{
		// steps, left out, least, median, most busy, all busy
		"stage=0/kind=first":    {1, 0, 10, 10, 10, 10},
		"stage=0/kind=computed": {3, 2, 11, 14, 16, 41},
		"stage=0/kind=cached":   {1, 0, 15, 15, 15, 15},
	} {
		i := rowOf(t, &spread, key)
		var got []int64
		for _, column := range []string{"steps", "left_out", "busy_min_ns", "busy_median_ns", "busy_max_ns", "busy_ns"} {
			got = append(got, cell(t, &spread, i, column))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", key, got, want)
		}
	}
	for key, steps := range map[string]int64{
		"stage=0/kind=module_load/name=Lazy Function Loading": 2, "stage=0/kind=allocation/name=cudaMalloc": 0,
	} {
		if got := cell(t, &startup, rowOf(t, &startup, key), "steps"); got != steps {
			t.Errorf("%s touches %d steps, want %d", key, got, steps)
		}
	}
}

// What a selection leaves nothing of is in no table.
func TestSelectionHidesTheRest(t *testing.T) {
	pass := `range t=0 d=100 track=host/1 "execute_context_1(8)_generation_0(0)"
		launch t=1 d=1 track=host/1 "cudaMalloc"
		` + calls("p@10")
	s := written(t, pass, pass)
	if err := s.Select(Selection{Stages: []int{1}}); err != nil {
		t.Fatal(err)
	}
	for _, tab := range s.Summarize(All()).Tables {
		for _, r := range tab.Rows {
			if strings.HasPrefix(r.Key, "stage=0") {
				t.Errorf("%s: %s", tab.Name, r.Key)
			}
		}
	}
	if err := s.Select(Selection{Stages: []int{2}}); err == nil {
		t.Error("a stage that the run does not have gives no error")
	}
}
