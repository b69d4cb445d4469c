package analyze

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"omnitrace/internal/tracetest"
	"omnitrace/trace"
)

// Whatever a run's work is split by, the parts add up to the whole in integer
// nanoseconds, and the causes of idle time to the idle time of each stage.
func TestPartitions(t *testing.T) {
	for _, path := range corpusTraces(t, "torch", "own", "vllm-omni") {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			depth := 1
			if strings.Contains(path, "wan_s2_a") || strings.Contains(path, "dlrm_8rank/worker0") || strings.Contains(path, "omni_session") && !strings.Contains(path, "stage2") {
				depth = 3
			}
			s := run(t, Options{}, nil, path)
			checkPartitions(t, s, depth)
			checkStages(t, s)
			checkIdle(t, s)
		})
	}
}

// combinations returns all choices of at most depth dimensions, in order.
func combinations(depth int) [][]string {
	all, last := [][]string{}, [][]string{nil}
	for range depth {
		var next [][]string
		for _, c := range last {
			for _, d := range Dimensions() {
				if len(c) == 0 || slices.Index(Dimensions(), d) > slices.Index(Dimensions(), c[len(c)-1]) {
					next = append(next, append(slices.Clone(c), d))
				}
			}
		}
		all, last = append(all, next...), next
	}
	return all
}

type failer interface {
	Helper()
	Errorf(string, ...any)
	Fatal(...any)
}

// checkPartitions compares the sums of every table of work, and of tables by
// every combination of dimensions, with the work itself.
func checkPartitions(t failer, s *Session, depth int) {
	t.Helper()
	var kernels, kernelNS, exclusive, memory int64
	spans := make([][]trace.Event, len(s.devices))
	for i := range s.work {
		w := &s.work[i]
		if w.kind == trace.Kernel {
			kernels++
			kernelNS += int64(w.Len())
		} else {
			memory += w.Exclusive
		}
		exclusive += w.Exclusive
		spans[w.device] = append(spans[w.device], trace.Event{Span: w.Span})
	}
	busy := int64(0)
	for _, events := range spans {
		busy += unionLength(events)
	}
	if exclusive != busy {
		t.Errorf("exclusive shares are %d, and the devices are busy for %d", exclusive, busy)
	}
	analyses := []Analysis{Stages, Devices, Categories}
	for _, c := range combinations(depth) {
		a, err := By(c)
		if err != nil {
			t.Fatal(err)
		}
		analyses = append(analyses, a)
	}
	sum := s.Summarize(analyses)
	for i := range sum.Tables {
		tab := &sum.Tables[i]
		for column, want := range map[string]int64{"kernels": kernels, "kernel_ns": kernelNS, "exclusive_ns": busy} {
			if got := tab.Sum(column); got != want {
				t.Errorf("%s: the rows' %s add up to %d, want %d", tab.Name, column, got, want)
			}
		}
		keys := map[string]bool{}
		for _, r := range tab.Rows {
			if keys[r.Key] {
				t.Errorf("%s: two rows %s", tab.Name, r.Key)
			}
			keys[r.Key] = true
		}
	}
	both := s.Summarize([]Analysis{Kernels, Memory})
	if k, m := both.Tables[0].Sum("exclusive_ns"), both.Tables[1].Sum("exclusive_ns"); k+m != busy || m != memory {
		t.Errorf("exclusive time: kernels %d and memory %d, want %d and %d", k, m, busy-memory, memory)
	}
}

// checkStages compares the rows of phases, steps and passes with the stages that
// have any: each of these tables holds all work of a stage, or none.
func checkStages(t failer, s *Session) {
	t.Helper()
	sum := s.Summarize([]Analysis{Stages, Phases, Steps, Iterations})
	byStage := func(tab *Table, column string) map[int64]int64 {
		sums := map[int64]int64{}
		for _, r := range tab.Rows {
			stage, _ := r.Cells[0].Int()
			n, _ := r.Cells[tab.Column(column)].Int()
			sums[stage] += n
		}
		return sums
	}
	for i := range sum.Tables[1:] {
		for _, column := range []string{"exclusive_ns", "kernels", "kernel_ns"} {
			want := byStage(&sum.Tables[0], column)
			for stage, got := range byStage(&sum.Tables[1+i], column) {
				if got != want[stage] {
					t.Errorf("%s: %s of stage %d add up to %d, want %d", sum.Tables[1+i].Name, column, stage, got, want[stage])
				}
			}
		}
	}
}

// unionLength is the measure of the union, from the sorted edges.
func unionLength(events []trace.Event) int64 {
	type edge struct {
		at   trace.Time
		step int
	}
	var edges []edge
	for _, e := range events {
		edges = append(edges, edge{e.Start, 1}, edge{e.End, -1})
	}
	slices.SortFunc(edges, func(a, b edge) int { return int(a.at - b.at) })
	sum, open := int64(0), 0
	for i, e := range edges {
		if open > 0 {
			sum += int64(e.at - edges[i-1].at)
		}
		open += e.step
	}
	return sum
}

// checkIdle compares the causes of idle time with the stages' idle_ns.
func checkIdle(t failer, s *Session) {
	t.Helper()
	sum := s.Summarize([]Analysis{Stages, Idle, IdleCalls})
	for _, tab := range sum.Tables[1:] {
		for _, r := range sum.Tables[0].Rows {
			stage, _ := r.Cells[0].Int()
			want, _ := r.Cells[sum.Tables[0].Column("idle_ns")].Int()
			got := int64(0)
			for _, x := range tab.Rows {
				if n, _ := x.Cells[0].Int(); n == stage {
					ns, _ := x.Cells[tab.Column("idle_ns")].Int()
					got += ns
				}
			}
			if got != want {
				t.Errorf("%s: causes of stage %d add up to %d, want %d", tab.Name, stage, got, want)
			}
		}
	}
}

// Tables add up for any run: several stages and devices, streams that overlap,
// ties, launches missing, ranges across each other.
func TestPartitionsOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var inputs []Input
		for i := range rapid.IntRange(1, 3).Draw(t, "files") {
			text := strings.Join(drawLines(t), "\n")
			tr, err := tracetest.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			inputs = append(inputs, input(fmt.Sprintf("20261123-224312_stage%d_rank0_1/trace_rank%d.json.gz", i/2, i), tr))
		}
		s, err := NewSession(inputs, Options{})
		if err != nil {
			t.Fatal(err)
		}
		checkPartitions(t, s, rapid.IntRange(1, 2).Draw(t, "depth"))
		checkStages(t, s)
		checkIdle(t, s)
		s.Summarize(All())
	})
}

// drawLines draws the events of a small run on a grid of time that makes ties
// likely.
func drawLines(t *rapid.T) []string {
	time := rapid.IntRange(0, 60)
	line := rapid.Custom(func(t *rapid.T) string {
		start, length := time.Draw(t, "start"), rapid.IntRange(0, 12).Draw(t, "length")
		thread := rapid.IntRange(1, 2).Draw(t, "thread")
		corr := rapid.IntRange(0, 12).Draw(t, "corr")
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0, 1, 2, 3:
			kind := rapid.SampledFrom([]string{"kernel", "kernel", "kernel", "memcpy", "memset"}).Draw(t, "gpu kind")
			return fmt.Sprintf("%s t=%d d=%d track=gpu%d/%d corr=%d bytes=%d %q", kind, start, length,
				rapid.IntRange(0, 1).Draw(t, "device"), rapid.IntRange(6, 7).Draw(t, "stream"), corr, corr,
				rapid.SampledFrom([]string{"gemm", "softmax", "Memcpy HtoD (Pinned -> Device)"}).Draw(t, "name"))
		case 4, 5:
			return fmt.Sprintf("launch t=%d d=%d track=host/%d corr=%d %q", start, length, thread, corr,
				rapid.SampledFrom([]string{"cudaLaunchKernel", "cudaMalloc", "cudaGraphLaunch", "cudaMemcpy"}).Draw(t, "call"))
		case 6:
			return fmt.Sprintf("op t=%d d=%d track=host/%d %q", start, length, thread,
				rapid.SampledFrom([]string{"aten::mm", "autograd::engine::evaluate_function: MmBackward0"}).Draw(t, "op"))
		case 7:
			return fmt.Sprintf("range t=%d d=%d track=host/%d %q", start, 3*length, thread, rapid.SampledFrom([]string{
				"diffusion_forward", "pipeline_forward", "diffusion_step", "pipeline_memory_profile",
				"execute_context_1(8)_generation_0(0)", "execute_context_0(0)_generation_1(1)", "ProfilerStep#3"}).Draw(t, "range"))
		case 8:
			return fmt.Sprintf("overhead t=%d d=%d track=host/9 %q", start, length, "Activity Buffer Request")
		}
		return fmt.Sprintf("frame t=%d d=%d track=host/%d %q", start, 2*length, thread, rapid.SampledFrom([]string{
			"a.py(1): diffuse", "a.py(1): encode_prompt", "a.py(1): predict_noise_maybe_with_cfg", "a.py(1): _decode_latents",
			"diffusion/forward_context.py(1): record_denoise_step", "a.py(1): scheduler_step_maybe_with_cfg",
			"nn.Module: WanTransformer3DModel_0", "tqdm/std.py(1): update", "triton/compiler/compiler.py(1): compile"}).Draw(t, "frame"))
	})
	return rapid.SliceOfN(line, 0, 40).Draw(t, "lines")
}
