package analyze

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"omnitrace/trace"
)

// places lists what each kernel of a session was launched in, by its name:
// "request/step/phase/iteration", with a dash for none and a star behind what
// was inherited.
func places(s *Session) string {
	var lines []string
	for i := range s.work {
		w := &s.work[i]
		step, iteration, phase := int32(-1), int32(-1), "-"
		if w.step >= 0 {
			step = s.steps[w.step].index
		}
		if w.iteration >= 0 {
			iteration = s.iterations[w.iteration].index
		}
		if w.phase >= 0 {
			phase = phaseNames[w.phase]
		}
		star := ""
		if w.inherited {
			star = "*"
		}
		lines = append(lines, fmt.Sprintf("%s %s/%s/%s/%s%s", s.names.Text(trace.NameID(w.name)), dash(w.request), dash(step), phase, dash(iteration), star))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func dash(n int32) string {
	if n < 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func same(t *testing.T, got, want string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if want = strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// calls writes a launch call and its kernel for each "NAME@TIME": on thread
// 1 unless NAME@TIME/THREAD says another. The GPU runs far behind the host.
func calls(names ...string) string {
	var b strings.Builder
	for i, name := range names {
		name, at, _ := strings.Cut(name, "@")
		at, thread, ok := strings.Cut(at, "/")
		if !ok {
			thread = "1"
		}
		fmt.Fprintf(&b, "launch t=%s d=1 track=host/%s corr=%d \"cudaLaunchKernel\"\n", at, thread, i+1)
		fmt.Fprintf(&b, "kernel t=%d d=5 track=gpu0/7 corr=%d %q\n", 10000+10*i, i+1, name)
	}
	return b.String()
}

// Each rule of attribution on a trace that shows nothing else. What is open at
// the launch decides, however late the kernel runs.
func TestAttribution(t *testing.T) {
	for _, c := range []struct{ rule, trace, want string }{{
		"phases and steps by frames: a turn begins with its first mark and lasts until the next one or the loop's end", `
			range t=0 d=1000 track=host/1 "diffusion_forward"
			range t=1 d=998 track=host/1 "pipeline_forward"
			frame t=10 d=90 track=host/1 "p.py(1): encode_prompt"
			frame t=200 d=300 track=host/1 "p.py(1): diffuse"
			frame t=210 d=20 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
			frame t=240 d=10 track=host/1 "c.py(1): scheduler_step_maybe_with_cfg"
			frame t=300 d=20 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
			frame t=340 d=10 track=host/1 "c.py(1): scheduler_step_maybe_with_cfg"
			frame t=600 d=100 track=host/1 "p.py(1): _decode_latents"
			` + calls("before@0", "encode@20", "between@150", "early@205", "first@215", "tail@260", "second@300", "last@499", "after@500", "decode@650", "outside@1000"),
		`after 0/-/other/-
		before 0/-/other/-
		between 0/-/other/-
		decode 0/-/vae_decode/-
		early 0/-/denoise/-
		encode 0/-/text_encode/-
		first 0/0/denoise/-
		last 0/1/denoise/-
		outside -/-/-/-
		second 0/1/denoise/-
		tail 0/0/denoise/-`,
	}, {
		"BAGEL in a batch: one forward a step, in a loop of its own", `
			range t=0 d=1000 track=host/1 "pipeline_forward"
			frame t=10 d=20 track=host/1 "bagel/bagel_transformer.py(1): forward"
			frame t=100 d=300 track=host/1 "bagel/bagel_transformer.py(1): generate_image"
			frame t=110 d=50 track=host/1 "bagel/bagel_transformer.py(2): forward"
			frame t=112 d=40 track=host/1 "bagel/bagel_transformer.py(1): forward"
			frame t=210 d=50 track=host/1 "bagel/bagel_transformer.py(2): forward"
			frame t=500 d=50 track=host/1 "bagel/pipeline_bagel.py(1): _decode_image_from_latent"
			` + calls("prompt@15", "early@105", "one@120", "two@220", "decode@510"),
		`decode 0/-/vae_decode/-
		early 0/-/denoise/-
		one 0/0/denoise/-
		prompt 0/-/other/-
		two 0/1/denoise/-`,
	}, {
		"BAGEL branch by branch: forwards inside branches are no steps", `
			range t=0 d=1000 track=host/1 "pipeline_forward"
			frame t=100 d=300 track=host/1 "bagel/bagel_transformer.py(1): generate_image"
			frame t=110 d=50 track=host/1 "bagel/bagel_transformer.py(1): forward_single_branch"
			frame t=112 d=40 track=host/1 "bagel/bagel_transformer.py(1): forward"
			frame t=210 d=50 track=host/1 "bagel/bagel_transformer.py(1): forward_single_branch"
			frame t=212 d=40 track=host/1 "bagel/bagel_transformer.py(1): forward"
			` + calls("text@120", "image@220"),
		`image 0/-/denoise/-
		text 0/-/denoise/-`,
	}, {
		"ranges of one request with the very same span are one request", `
			range t=0 d=1000 track=host/1 "diffusion_forward"
			range t=0 d=1000 track=host/1 "pipeline_forward"
			range t=2000 d=100 track=host/1 "diffusion_forward"
			` + calls("one@10", "two@2010"),
		`one 0/-/other/-
		two 1/-/other/-`,
	}, {
		"a memory profile at start-up is no request, whichever of the two ranges holds the other", `
			range t=0 d=1000 track=host/1 "pipeline_memory_profile"
			range t=10 d=900 track=host/1 "pipeline_forward"
			range t=2000 d=1000 track=host/1 "diffusion_forward"
			range t=2010 d=900 track=host/1 "pipeline_memory_profile"
			range t=4000 d=1000 track=host/1 "diffusion_forward"
			` + calls("profile@20", "dummy@2020", "real@4020"),
		`dummy -/-/-/-
		profile -/-/-/-
		real 0/-/other/-`,
	}, {
		"requests of two threads are numbered by time", `
			range t=100 d=100 track=host/1 "diffusion_forward"
			range t=50 d=300 track=host/2 "diffusion_forward"
			range t=400 d=100 track=host/1 "diffusion_forward"
			` + calls("b@110", "a@110/2", "c@410", "none@10/2"),
		`a 0/-/other/-
		b 1/-/other/-
		c 2/-/other/-
		none -/-/-/-`,
	}, {
		"step execution: a tick is a step without what it encodes and decodes; a request begins with an encoding tick", `
			range t=0 d=100 track=host/1 "diffusion_step"
			frame t=5 d=20 track=host/1 "p.py(1): encode_prompt"
			frame t=30 d=40 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
			range t=200 d=100 track=host/1 "diffusion_step"
			frame t=210 d=40 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
			frame t=260 d=30 track=host/1 "p.py(1): _decode_latents"
			range t=400 d=100 track=host/1 "diffusion_step"
			frame t=405 d=20 track=host/1 "p.py(1): encode_prompt"
			frame t=430 d=40 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
			range t=600 d=100 track=host/1 "diffusion_step"
			frame t=605 d=40 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
			` + calls("encode@10", "s0@40", "t0@90", "wait@150", "s1@220", "decode@270", "encode2@410", "s2@440", "s3@610"),
		`decode 0/-/vae_decode/-
		encode 0/-/text_encode/-
		encode2 1/-/text_encode/-
		s0 0/0/denoise/-
		s1 0/1/denoise/-
		s2 1/0/denoise/-
		s3 1/1/denoise/-
		t0 0/0/denoise/-
		wait 0/-/denoise/-`,
	}, {
		"what a tick encodes is no part of a step, though nothing else tells where its turn begins", `
			range t=0 d=100 track=host/1 "diffusion_step"
			frame t=5 d=20 track=host/1 "p.py(1): encode_prompt"
			range t=200 d=100 track=host/1 "diffusion_step"
			` + calls("encode@10", "s0@40", "s1@220"),
		`encode 0/-/text_encode/-
		s0 0/0/denoise/-
		s1 0/1/denoise/-`,
	}, {
		"a turn in which a cache spared the prediction begins with the scheduler's update", `
			range t=0 d=1000 track=host/1 "diffusion_forward"
			frame t=100 d=500 track=host/1 "p.py(1): diffuse"
			frame t=110 d=20 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
			frame t=140 d=10 track=host/1 "c.py(1): scheduler_step_maybe_with_cfg"
			frame t=240 d=10 track=host/1 "c.py(1): scheduler_step_maybe_with_cfg"
			frame t=310 d=20 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
			frame t=340 d=10 track=host/1 "c.py(1): scheduler_step_maybe_with_cfg"
			` + calls("a@115", "b@245", "c@315"),
		`a 0/0/denoise/-
		b 0/1/denoise/-
		c 0/2/denoise/-`,
	}, {
		"passes of a scheduler; what is sampled between them is in none", `
			range t=0 d=100 track=host/1 "execute_context_1(8)_generation_0(0)"
			range t=200 d=100 track=host/1 "execute_context_0(0)_generation_1(1)"
			range t=400 d=100 track=host/1 "execute_context_0(0)_generation_0(0)"
			range t=600 d=100 track=host/1 "execute_context_1(8)_generation_1(1)"
			` + calls("prefill@10", "sample@150", "decode@250", "dummy@450", "mixed@650"),
		`decode -/-/decode/1
		dummy -/-/dummy/2
		mixed -/-/mixed/3
		prefill -/-/prefill/0
		sample -/-/-/-`,
	}, {
		"a lone ProfilerStep spans everything and means nothing", `
			range t=0 d=1000 track=host/1 "ProfilerStep#7"
			` + calls("a@10"),
		`a -/-/-/-`,
	}, {
		"several are passes", `
			range t=0 d=100 track=host/1 "ProfilerStep#7"
			range t=100 d=100 track=host/1 "ProfilerStep#8"
			` + calls("a@10", "b@110"),
		`a -/-/profiler_step/0
		b -/-/profiler_step/1`,
	}, {
		"beside other passes they mean nothing, on whatever thread they stand", `
			range t=0 d=100 track=host/2 "ProfilerStep#7"
			range t=100 d=100 track=host/2 "ProfilerStep#8"
			range t=10 d=50 track=host/1 "execute_context_0(0)_generation_1(1)"
			range t=110 d=50 track=host/1 "execute_context_0(0)_generation_1(1)"
			range t=110 d=50 track=host/1 "gpu_model_runner: forward"
			` + calls("a@20", "b@120", "c@20/2"),
		`a -/-/decode/0
		b -/-/decode/1
		c -/-/-/-`,
	}, {
		"a pass inside ProfilerSteps on one thread", `
			range t=0 d=100 track=host/1 "ProfilerStep#7"
			range t=10 d=50 track=host/1 "execute_context_0(0)_generation_1(1)"
			range t=100 d=100 track=host/1 "ProfilerStep#8"
			range t=110 d=50 track=host/1 "execute_context_0(0)_generation_1(1)"
			` + calls("a@20", "b@120", "c@90"),
		`a -/-/decode/0
		b -/-/decode/1
		c -/-/-/-`,
	}, {
		"what an autograd thread launches belongs to the thread that waits for it, if there is only one", `
			range t=0 d=100 track=host/1 "diffusion_forward"
			range t=200 d=100 track=host/1 "diffusion_forward"
			range t=200 d=100 track=host/3 "diffusion_forward"
			op t=0 d=90 track=host/2 "autograd::engine::evaluate_function: MmBackward0"
			op t=200 d=90 track=host/2 "autograd::engine::evaluate_function: MmBackward0"
			op t=95 d=3 track=host/2 "aten::mm"
			` + calls("worker@20/2", "doubt@220/2", "other@96/2", "outside@150/2"),
		`doubt -/-/-/-
		other -/-/-/-
		outside -/-/-/-
		worker 0/-/other/-*`,
	}, {
		"a copy that waits is launched in the operator around it, too", `
			range t=0 d=100 track=host/1 "diffusion_forward"
			op t=0 d=90 track=host/2 "autograd::engine::evaluate_function: CopyBackwards"
			launch t=10 d=5 track=host/2 corr=1 "cudaMemcpy"
			memcpy t=12 d=1 track=gpu0/7 corr=1 "Memcpy DtoH (Device -> Pageable)"`,
		`memcpy DtoH 0/-/other/-*`,
	}, {
		"flow matching inside a pass of a generation stage: steps and vocoder", `
			range t=0 d=1000 track=host/1 "execute_context_1(24)_generation_0(0)"
			frame t=100 d=300 track=host/1 "x/qwen2_5_omni_token2wav.py(1): integrate"
			frame t=110 d=50 track=host/1 "x/qwen2_5_omni_token2wav.py(1): _compute_step"
			frame t=115 d=5 track=host/1 "x/qwen2_5_omni_token2wav.py(1): ode_function"
			frame t=125 d=5 track=host/1 "x/qwen2_5_omni_token2wav.py(1): ode_function"
			frame t=210 d=50 track=host/1 "x/qwen2_5_omni_token2wav.py(1): _compute_step"
			frame t=500 d=100 track=host/1 "nn.Module: Token2WavBigVGANModel_0"
			` + calls("early@10", "s0@120", "s1@220", "vocode@550", "late@990"),
		`early 0/-/generate/0
		late 0/-/generate/0
		s0 0/0/denoise/0
		s1 0/1/denoise/0
		vocode 0/-/vocode/0`,
	}, {
		"frames of a pipeline that nothing else marks are one request", `
			frame t=10 d=20 track=host/1 "p.py(1): encode_prompt"
			frame t=110 d=20 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
			frame t=210 d=20 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
			frame t=310 d=20 track=host/1 "p.py(1): _decode_latents"
			` + calls("encode@15", "a@115", "b@215", "decode@315", "later@500"),
		`a 0/0/denoise/-
		b 0/1/denoise/-
		decode 0/-/vae_decode/-
		encode 0/-/text_encode/-
		later -/-/-/-`,
	}, {
		"a loop that is all there is of a request is its denoise phase", `
			frame t=100 d=300 track=host/1 "p.py(1): diffuse"
			frame t=110 d=20 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
			frame t=210 d=20 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
			` + calls("a@115", "b@399"),
		`a 0/0/denoise/-
		b 0/1/denoise/-`,
	}, {
		"work without a launch call is in what surrounds it on its stream, if both sides agree", `
			range t=0 d=100 track=host/1 "diffusion_forward"
			frame t=10 d=20 track=host/1 "p.py(1): encode_prompt"
			range t=200 d=100 track=host/1 "diffusion_forward"
			launch t=12 d=1 track=host/1 corr=1 "cudaLaunchKernel"
			launch t=14 d=1 track=host/1 corr=2 "cudaLaunchKernel"
			launch t=50 d=1 track=host/1 corr=3 "cudaLaunchKernel"
			launch t=210 d=1 track=host/1 corr=4 "cudaLaunchKernel"
			kernel t=1000 d=5 track=gpu0/7 corr=99 "first"
			kernel t=1010 d=5 track=gpu0/7 corr=1 "a"
			kernel t=1020 d=5 track=gpu0/7 "between a and b"
			kernel t=1022 d=1 track=gpu0/8 "alone on its stream"
			kernel t=1030 d=5 track=gpu0/7 corr=2 "b"
			kernel t=1040 d=5 track=gpu0/7 "between phases"
			kernel t=1050 d=5 track=gpu0/7 corr=3 "c"
			kernel t=1060 d=5 track=gpu0/7 "between requests"
			kernel t=1070 d=5 track=gpu0/7 corr=4 "d"
			kernel t=1080 d=5 track=gpu0/7 "last"`,
		`a 0/-/text_encode/-
		alone on its stream -/-/-/-
		b 0/-/text_encode/-
		between a and b 0/-/text_encode/-*
		between phases 0/-/-/-*
		between requests -/-/-/-
		c 0/-/other/-
		d 1/-/other/-
		first -/-/-/-
		last -/-/-/-`,
	}, {
		"a graph's kernels are where it was launched", `
			range t=0 d=100 track=host/1 "execute_context_0(0)_generation_1(1)"
			range t=200 d=100 track=host/1 "execute_context_0(0)_generation_1(1)"
			launch t=50 d=1 track=host/1 corr=7 "cudaGraphLaunch"
			kernel t=220 d=5 track=gpu0/7 corr=7 "a"
			kernel t=230 d=5 track=gpu0/8 corr=7 "b"`,
		`a -/-/decode/0
		b -/-/decode/0`,
	}, {
		"GPU work alone is in nothing", `
			kernel t=1000 d=5 track=gpu0/7 corr=99 "a"
			kernel t=1010 d=5 track=gpu0/7 "b"`,
		`a -/-/-/-
		b -/-/-/-`,
	}} {
		t.Run(c.rule, func(t *testing.T) { same(t, places(written(t, c.trace)), c.want) })
	}
}

// Where a loop uses two denoisers one after the other, its steps are told
// apart by them; where every step uses both, or there is only one, they are not.
func TestExperts(t *testing.T) {
	const request = `
		range t=0 d=1000 track=host/1 "diffusion_forward"
		frame t=100 d=50 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
		frame t=200 d=50 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
		frame t=300 d=50 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
		`
	call := func(at int, module string) string {
		return fmt.Sprintf("frame t=%d d=5 track=host/1 \"nn.Module: %s\"\n", at, module)
	}
	for _, c := range []struct {
		rule, frames   string
		want, forwards []int
	}{
		{"one", call(110, "WanTransformer3DModel_0") + call(210, "WanTransformer3DModel_0") + call(310, "WanTransformer3DModel_0"), []int{-1, -1, -1}, []int{1, 1, 1}},
		{"two in turn", call(110, "WanTransformer3DModel_0") + call(120, "WanTransformer3DModel_0") + call(210, "WanTransformer3DModel_1") + call(310, "WanTransformer3DModel_1"), []int{0, 1, 1}, []int{2, 1, 1}},
		{"both in each", call(110, "WanTransformer3DModel_0") + call(120, "ControlTransformer2DModel_0") + call(210, "WanTransformer3DModel_0") + call(220, "ControlTransformer2DModel_0"), []int{-1, -1, -1}, []int{2, 2, 0}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := written(t, request+c.frames)
			var experts, forwards []int
			for _, st := range s.steps {
				experts, forwards = append(experts, st.expert), append(forwards, st.forwards)
				if st.cached != (st.forwards == 0) {
					t.Errorf("step %d: cached %v with %d forwards", st.index, st.cached, st.forwards)
				}
			}
			if !slices.Equal(experts, c.want) || !slices.Equal(forwards, c.forwards) {
				t.Errorf("experts %v, forwards %v; want %v, %v", experts, forwards, c.want, c.forwards)
			}
		})
	}
}

// Replays of one graph are steps; the last one ends where it launches no more
// behind its replay than the others do.
func TestStepsByGraph(t *testing.T) {
	var b strings.Builder
	b.WriteString("range t=0 d=100000 track=host/1 \"diffusion_forward\"\n")
	corr := 0
	launch := func(at int, kernels ...string) {
		corr++
		fmt.Fprintf(&b, "launch t=%d d=1 track=host/1 corr=%d \"cudaGraphLaunch\"\n", at, corr)
		for i, k := range kernels {
			fmt.Fprintf(&b, "kernel t=%d d=1 track=gpu0/7 corr=%d %q\n", 200000+at+2*i, corr, k)
		}
	}
	launch(100, "encode")
	for i := range 3 {
		launch(1000+100*i, "norm", "gemm", "add")
		launch(1050+100*i, "update")
	}
	for i := range 4 {
		launch(5000+i, fmt.Sprint("decode", i))
	}
	s := written(t, b.String())
	same(t, places(s), `
		add 0/0/denoise/-
		add 0/1/denoise/-
		add 0/2/denoise/-
		decode0 0/-/vae_decode/-
		decode1 0/-/vae_decode/-
		decode2 0/-/vae_decode/-
		decode3 0/-/vae_decode/-
		encode 0/-/text_encode/-
		gemm 0/0/denoise/-
		gemm 0/1/denoise/-
		gemm 0/2/denoise/-
		norm 0/0/denoise/-
		norm 0/1/denoise/-
		norm 0/2/denoise/-
		update 0/0/denoise/-
		update 0/1/denoise/-
		update 0/2/denoise/-`)
	if s.steps[0].method != byGraph {
		t.Errorf("found by %s", s.steps[0].method)
	}
}
