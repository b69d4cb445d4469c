package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

const (
	omniSession  = "own/omni_session/20261123-22431"
	omniStages01 = "own/omni_stages01/20261123-22513"
	qwen25a      = "vllm-omni/qwen25omni_online/20261124-040011_stage%d_rank0_1795492811/trace_rank0.json.gz"
	qwen25b      = "vllm-omni/qwen25omni_online/20261124-040118_stage%d_rank0_1795492878/trace_rank0.json.gz"
	qwen25c      = "vllm-omni/qwen25omni_stages02/20261124-043724_stage%d_rank0_1795495044/trace_rank0.json.gz"
	xditFlux     = "torch/tracelens_xdit_flux_aiter__profile_trace_rank_0_5b6fe1.json.gz"
	xditSD3      = "torch/tracelens_xdit_sd_3.5__profile_trace_rank_0.json.gz"
)

// fileIn returns the only trace of a run in the corpus.
func fileIn(tb testing.TB, run string) string {
	tb.Helper()
	if strings.HasSuffix(run, ".gz") {
		return run
	}
	dir := corpusTracesOfAnySize(tb, run)
	if len(dir) != 1 {
		tb.Fatalf("%s has %d traces", run, len(dir))
	}
	return dir[0]
}

// A loopTruth is what is known of a diffusion trace from how it was made: see
// the corpus's README.
type loopTruth struct {
	run      string
	steps    []int // of each request
	forwards int   // calls of the denoiser in a computed step
	cached   []int // steps that reuse the noise, by their number in any request
	experts  []int // of each step, nil for the only one
	kernels  int   // of the trace, 0 where nobody says

	// What the python frames are called that the second reading goes by: where
	// a turn begins, and the frame that ends the last one.
	begin, loop string
	// The frames of a turn that the README counts kernels in, and the counts.
	counted []string
	counts  []int
}

var (
	predict = ": predict_noise_maybe_with_cfg"
	update  = ": scheduler_step_maybe_with_cfg"
	wan     = loopTruth{begin: ": record_denoise_step", loop: ": diffuse", counted: []string{predict, update}}
)

func (l loopTruth) of(run string, steps []int, forwards, kernels int) loopTruth {
	l.run, l.steps, l.forwards, l.kernels = run, steps, forwards, kernels
	return l
}

func (l loopTruth) with(experts, counts []int) loopTruth {
	l.experts, l.counts = experts, counts
	return l
}

var (
	mixin = loopTruth{begin: predict, loop: ": diffuse", counted: []string{predict, update}}

	loopTruths = []loopTruth{
		wan.of("vllm-omni/wan_s2_a", []int{2}, 2, 4359).with([]int{0, 1}, []int{427, 453}),
		wan.of("vllm-omni/wan_s8_a", []int{8}, 2, 7335).with([]int{0, 0, 0, 0, 1, 1, 1, 1}, []int{427, 467, 494, 494, 494, 494, 494, 480}),
		wan.of("vllm-omni/wan_s4_nocfg", []int{4}, 1, 4238).with([]int{0, 0, 1, 1}, []int{229, 269, 296, 282}),
		mixin.of("vllm-omni/qwenimage_online_s4", []int{4}, 2, 3326).with(nil, []int{591, 591, 591, 591}),
		{run: "vllm-omni/qwenimage_stepmode_s4", steps: []int{4}, forwards: 2, kernels: 3339,
			counted: []string{predict, ": step_scheduler"}, counts: []int{591, 591, 591, 591}},
		mixin.of("own/diffusion_flash_1", []int{8, 8}, 2, 0),
		mixin.of("own/diffusion_flash_2", []int{8, 8}, 2, 0),
		mixin.of("own/diffusion_flash_3", []int{8, 8}, 2, 0),
		{run: "own/diffusion_cacheskip", steps: []int{12}, forwards: 2, cached: []int{2, 5, 8, 11}},
		{run: "own/diffusion_nostack", steps: []int{8}, forwards: 2},
		{run: xditFlux, steps: []int{4}, forwards: 1},
		{run: xditSD3, steps: []int{4}, forwards: 1},
		{run: fmt.Sprintf(qwen25b, 2), steps: []int{9}, forwards: 4, begin: ": _compute_step", loop: ": integrate"},
		{run: fmt.Sprintf(qwen25c, 2), steps: []int{9}, forwards: 4, begin: ": _compute_step", loop: ": integrate"},
		{run: omniSession + "4_stage2_rank0_1795473794/trace_rank0.json.gz", steps: []int{9}, forwards: 4, begin: ": _compute_step", loop: ": integrate"},
	}
)

// Requests, steps, forwards, cached steps and experts are those that the runs
// were made with.
func TestLoops(t *testing.T) {
	for _, want := range loopTruths {
		t.Run(want.run, func(t *testing.T) {
			t.Parallel()
			path := affordable(t, want.run)
			s := run(t, Options{}, nil, path)
			stepsAre(t, s, want)
			for _, w := range s.Warnings {
				if w.Code == "steps_disagree" {
					t.Errorf("%s: %s", w.Code, w.Message)
				}
			}
			if n := s.Sources[0].Kernels; want.kernels != 0 && n != int64(want.kernels) {
				t.Errorf("%d kernels, want %d", n, want.kernels)
			}
		})
	}
}

// affordable returns the path of a trace, and skips the large ones under -short.
func affordable(t *testing.T, run string) string {
	t.Helper()
	path := fileIn(t, run)
	if testing.Short() && !slices.Contains(corpusTraces(t, "torch", "own", "vllm-omni"), path) {
		t.Skip("a large trace takes seconds")
	}
	return path
}

func stepsAre(t *testing.T, s *Session, want loopTruth) {
	t.Helper()
	perRequest := map[int32]int{}
	for i := range s.steps {
		st := &s.steps[i]
		if st.index != int32(perRequest[st.request]) {
			t.Errorf("request %d: step %d stands at place %d", st.request, st.index, perRequest[st.request])
		}
		perRequest[st.request]++
		cached := slices.Contains(want.cached, int(st.index))
		forwards := want.forwards
		if cached {
			forwards = 0
		}
		if st.forwards != forwards || st.cached != cached {
			t.Errorf("request %d step %d (%s): %d forwards, cached %v; want %d, %v", st.request, st.index, st.method, st.forwards, st.cached, forwards, cached)
		}
		expert := -1
		if want.experts != nil {
			expert = want.experts[st.index]
		}
		if st.expert != expert {
			t.Errorf("request %d step %d: expert %d, want %d", st.request, st.index, st.expert, expert)
		}
	}
	var got []int
	for _, r := range slices.Sorted(maps.Keys(perRequest)) {
		got = append(got, perRequest[r])
	}
	if !slices.Equal(got, want.steps) {
		t.Errorf("steps of the requests: %v, want %v", got, want.steps)
	}
}

// The kernels of each step are those that a second reading finds between the
// python frames of its turns, to the kernel; inside the frames that the corpus's
// README counts in, they are as many as it says.
func TestStepKernels(t *testing.T) {
	for _, want := range loopTruths {
		if want.begin == "" {
			continue
		}
		t.Run(want.run, func(t *testing.T) {
			t.Parallel()
			path := affordable(t, want.run)
			second := readSecond(t, path)
			kernels := second.launchedKernels()
			s := run(t, Options{}, nil, path)
			tab := table(s, Steps)
			loops := second.named(want.loop)
			if len(loops) != len(want.steps) {
				t.Fatalf("%d loops, want %d", len(loops), len(want.steps))
			}
			for request, loop := range loops {
				turns := turnsIn(second, loop, want.begin)
				if len(turns) != want.steps[request] {
					t.Fatalf("request %d: %d turns, want %d", request, len(turns), want.steps[request])
				}
				for i, turn := range turns {
					key := fmt.Sprintf("stage=%d/request=%d/step=%d", s.Sources[0].Stage, request, i)
					got := cell(t, &tab, rowOf(t, &tab, key), "kernels")
					if n := countIn(kernels, turn); got != int64(n) {
						t.Errorf("%s: %d kernels, want %d", key, got, n)
					}
				}
			}
		})
	}
}

// turnsIn returns the turns of a loop: from where each begins to where the next
// one does or the loop ends.
func turnsIn(r *secondReading, loop hostRow, begin string) []hostRow {
	var turns []hostRow
	for _, b := range r.named(begin) {
		if loop.tid != b.tid || b.start < loop.start || loop.end < b.end {
			continue
		}
		if n := len(turns); n > 0 {
			turns[n-1].end = b.start
		}
		b.end = loop.end
		turns = append(turns, b)
	}
	return turns
}

// Our steps hold the kernels that the README counts in the frames of each
// turn, and the few that a turn launches outside of them.
func TestStepKernelsOfREADME(t *testing.T) {
	for _, want := range loopTruths {
		if want.counts == nil {
			continue
		}
		t.Run(want.run, func(t *testing.T) {
			t.Parallel()
			path := affordable(t, want.run)
			second := readSecond(t, path)
			kernels := second.launchedKernels()
			tab := table(run(t, Options{}, nil, path), Steps)
			frames := second.named(want.counted...)
			if len(frames) != 2*len(want.counts) {
				t.Fatalf("%d frames of %q, want two for each of %d steps", len(frames), want.counted, len(want.counts))
			}
			for i, n := range want.counts {
				if got := countIn(kernels, frames[2*i], frames[2*i+1]); got != n {
					t.Errorf("step %d: the frames hold %d kernels, the README says %d", i, got, n)
				}
				got := cell(t, &tab, rowOf(t, &tab, fmt.Sprintf("stage=0/request=0/step=%d", i)), "kernels")
				if got < int64(n) || got > int64(n)+2 {
					t.Errorf("step %d: %d kernels, want %d and at most 2 beside the frames", i, got, n)
				}
			}
		})
	}
}

// The turns of xDiT's loops have no frame around them: from a call of the
// transformer to the next, and from the last to behind the progress bar.
func TestStepKernelsOfXDiT(t *testing.T) {
	for path, denoiser := range map[string]string{
		xditFlux: "nn.Module: xFuserFlux1Transformer2DWrapper_0", xditSD3: "nn.Module: SD3Transformer2DModel_0",
	} {
		t.Run(denoiser, func(t *testing.T) {
			t.Parallel()
			affordable(t, path)
			second := readSecond(t, path)
			calls := second.named(denoiser)
			if len(calls) != 4 {
				t.Fatalf("%d calls of %s, want 4", len(calls), denoiser)
			}
			end := int64(0)
			for _, f := range second.frames {
				if strings.HasPrefix(f.name, "tqdm/std.py(") || strings.Contains(f.name, "/tqdm/std.py(") || strings.Contains(f.name, "schedulers/scheduling_") {
					if f.start > calls[0].start && strings.HasSuffix(f.name, ": update") || strings.HasSuffix(f.name, ": step") {
						end = max(end, f.end)
					}
				}
			}
			tab := table(run(t, Options{}, nil, path), Steps)
			kernels := second.launchedKernels()
			for i, turn := range calls {
				turn.end = end
				if i+1 < len(calls) {
					turn.end = calls[i+1].start
				}
				got := cell(t, &tab, rowOf(t, &tab, fmt.Sprintf("stage=0/request=0/step=%d", i)), "kernels")
				if n := countIn(kernels, turn); got != int64(n) {
					t.Errorf("step %d: %d kernels, want %d", i, got, n)
				}
			}
		})
	}
}

// Of step execution, a step is a tick without what the first encodes and the
// last decodes.
func TestStepKernelsOfStepExecution(t *testing.T) {
	path := affordable(t, "vllm-omni/qwenimage_stepmode_s4")
	second := readSecond(t, path)
	kernels := second.launchedKernels()
	ticks := outermostRows(second.ranges, func(name string) bool { return name == "diffusion_step" })
	begins, decodes := second.named(": denoise_step"), second.named(": _decode_latents")
	if len(ticks) != 4 || len(begins) != 4 || len(decodes) != 1 {
		t.Fatalf("%d ticks, %d turns, %d decodes", len(ticks), len(begins), len(decodes))
	}
	tab := table(run(t, Options{}, nil, path), Steps)
	for i, tick := range ticks {
		tick.start = begins[i].start
		if i == len(ticks)-1 {
			tick.end = decodes[0].start
		}
		got := cell(t, &tab, rowOf(t, &tab, fmt.Sprintf("stage=0/request=0/step=%d", i)), "kernels")
		if n := countIn(kernels, tick); got != int64(n) {
			t.Errorf("step %d: %d kernels, want %d", i, got, n)
		}
	}
}

// A passes is how many scheduler passes of a sort a trace holds, each with the
// tokens of its prompts and of its generation.
type passes struct {
	phase           string
	count           int
	context, tokens int64
}

var passTruths = []struct {
	run string
	of  []passes
}{
	{omniSession + "2_stage0_rank0_1795473792/trace_rank0.json.gz", []passes{{"prefill", 1, 256, 0}, {"decode", 7, 0, 1}}},
	{omniSession + "2_stage1_rank0_1795473792/trace_rank0.json.gz", []passes{{"decode", 32, 0, 1}}},
	{omniStages01 + "7_stage0_rank0_1795474297/trace_rank0.json.gz", []passes{{"prefill", 3, 256, 0}, {"decode", 21, 0, 1}}},
	{omniStages01 + "8_stage1_rank0_1795474298/trace_rank0.json.gz", []passes{{"decode", 96, 0, 1}}},
	{fmt.Sprintf(qwen25a, 0), []passes{{"prefill", 1, 53, 0}, {"decode", 7, 0, 1}}},
	{fmt.Sprintf(qwen25a, 1), nil},
	{fmt.Sprintf(qwen25a, 2), nil},
	{fmt.Sprintf(qwen25b, 0), []passes{{"prefill", 1, 53, 0}, {"decode", 7, 0, 1}}},
	{fmt.Sprintf(qwen25b, 1), []passes{{"prefill", 1, 55, 0}, {"decode", 23, 0, 1}}},
	{fmt.Sprintf(qwen25c, 0), []passes{{"prefill", 1, 53, 0}, {"decode", 7, 0, 1}}},
	{"torch/tracelens_vllm_decode_full__graph_execution.json.gz", []passes{{"decode", 1, 0, 32}}},
	{"torch/tracelens_b200__eager_trace.json.gz", []passes{{"prefill", 1, 888, 0}}},
	{"torch/tracelens_sglang_prefilldecode__sglang_Qwen3-8B_prefilldecode.json.gz", []passes{{"prefill", 1, 15360, 0}}},
}

// Iterations are those that the runs were made with; dummies are kept apart.
func TestIterations(t *testing.T) {
	for _, want := range passTruths {
		t.Run(want.run, func(t *testing.T) {
			t.Parallel()
			s := run(t, Options{}, nil, affordable(t, want.run))
			found := map[passes]int{}
			for _, it := range s.iterations {
				if p := phaseNames[it.phase]; p != "dummy" {
					found[passes{p, 0, it.ContextTokens, it.GenerationTokens}]++
				}
			}
			var got []passes
			for p, n := range found {
				p.count = n
				got = append(got, p)
			}
			slices.SortFunc(got, func(a, b passes) int { return cmp.Compare(b.phase, a.phase) })
			if !slices.Equal(got, want.of) {
				t.Errorf("got %v, want %v", got, want.of)
			}
			if len(s.steps) > 0 {
				t.Errorf("%d steps in an autoregressive stage", len(s.steps))
			}
		})
	}
}

// Every kernel of an iteration is one that a second reading finds launched
// inside its range, those of graph replays included.
func TestIterationKernels(t *testing.T) {
	for _, want := range passTruths {
		if len(want.of) == 0 {
			continue
		}
		t.Run(want.run, func(t *testing.T) {
			t.Parallel()
			path := affordable(t, want.run)
			second := readSecond(t, path)
			kernels := second.launchedKernels()
			ranges := outermostRows(second.ranges, func(name string) bool { return strings.HasPrefix(name, "execute_") })
			tab := table(run(t, Options{}, nil, path), Iterations)
			covered := int64(0)
			for i, r := range ranges {
				n := int64(countIn(kernels, r))
				row := slices.IndexFunc(tab.Rows, func(r Row) bool { return strings.HasSuffix(r.Key, fmt.Sprintf("/iteration=%d", i)) })
				got := int64(0)
				if row >= 0 {
					got = cell(t, &tab, row, "kernels")
				}
				covered += got
				if got != n {
					t.Errorf("iteration %d: %d kernels, want %d", i, got, n)
				}
			}
			if strings.Contains(path, "own/") && strings.Contains(path, "stage1") && covered != int64(len(kernels)) {
				t.Errorf("%d of %d kernels lie in an iteration: all are replays of its graphs", covered, len(kernels))
			}
		})
	}
}

// A session with no request has no steps, and says nothing that is not so.
func TestNoRequest(t *testing.T) {
	s := run(t, Options{}, nil, fileIn(t, "vllm-omni/qwenimage_online_empty"))
	if len(s.steps) > 0 || s.Sources[0].Kernels != 1 {
		t.Errorf("%d steps, %d kernels", len(s.steps), s.Sources[0].Kernels)
	}
}
