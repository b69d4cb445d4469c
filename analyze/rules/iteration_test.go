package rules

import "testing"

// Every form that was ever written, with what it says.
func TestParseIteration(t *testing.T) {
	const u = Unknown
	tests := []struct {
		name string
		want Iteration
	}{
		// vLLM 0.14 and later
		{"execute_context_1(256)_generation_0(0)", Iteration{Prefill, 1, 256, 0, 0, u}},
		{"execute_context_0(0)_generation_32(32)", Iteration{Decode, 0, 0, 32, 32, u}},
		{"execute_context_2(700)_generation_30(30)", Iteration{Mixed, 2, 700, 30, 30, u}},
		{"execute_context_0(0)_generation_4(12)", Iteration{Decode, 0, 0, 4, 12, u}}, // speculation
		{"execute_context_0(0)_generation_0(0)", Iteration{Dummy, 0, 0, 0, 0, u}},
		{"execute_context_1(888_788544)_generation_0(0)", Iteration{Prefill, 1, 888, 0, 0, u}},
		// with detailed_trace_annotation
		{"execute_32_context_0(sq0sk0sqsq0sqsk0)_generation_32(sq32sk55086sqsq32sqsk55086)", Iteration{Decode, 0, 0, 32, 32, u}},
		{"execute_15360_context_15(sq15360sk15360sqsq15728640sqsk15728640)_generation_0(sq0sk0sqsq0sqsk0)", Iteration{Prefill, 15, 15360, 0, 0, u}},
		{"execute_0_context_0(sq0sk0sqsq0sqsk0)_generation_0(sq0sk0sqsq0sqsk0)", Iteration{Dummy, 0, 0, 0, 0, u}},
		// vLLM 0.11.1 to 0.13
		{"execute_new_1_cached_0", Iteration{Prefill, 1, u, 0, 0, u}},
		{"execute_new_0_cached_7", Iteration{Decode, 0, 0, 7, u, u}},
		{"execute_new_2_cached_7", Iteration{Mixed, 2, u, 7, u, u}},
		{"execute_new_0_cached_0", Iteration{Dummy, 0, 0, 0, 0, u}},
		// SGLang
		{"step[EXTEND bs=15 toks=15360]", Iteration{Prefill, 15, 15360, 0, 0, u}},
		{"step[EXTEND bs=2 toks=12 c_sq=12 c_sqsq=80 c_sqsk=120 c_sk=20]", Iteration{Prefill, 2, 12, 0, 0, u}},
		{"step[prefill bs=1 toks=4]", Iteration{Prefill, 1, 4, 0, 0, u}},
		{"step[DECODE bs=64]", Iteration{Decode, 0, 0, 64, u, u}},
		{"step[decode bs=64]", Iteration{Decode, 0, 0, 64, u, u}},
		{"step[DECODE bs=2 g_sq=2 g_sqsq=2 g_sqsk=30 g_sk=30]", Iteration{Decode, 0, 0, 2, 2, u}},
		{"step[DECODE bs=64 g_sqsq=64 g_sqsk=100032 g_sk=100032]", Iteration{Decode, 0, 0, 64, u, u}},
		{"step[TARGET_VERIFY bs=3]", Iteration{Decode, 0, 0, 3, u, u}},
		{"step[MIXED bs=66 c=2 g=64 c_sq=2048 c_sk=2048 c_sqsq=2097152 c_sqsk=2097152 g_sq=64 g_sk=65600 g_sqsq=64 g_sqsk=65600]", Iteration{Mixed, 2, 2048, 64, 64, u}},
		{"step[MIXED bs=2 c=1 g=1]", Iteration{Mixed, 1, u, 1, u, u}},
		{"step[mixed bs=5 ext=2 dec=3]", Iteration{Mixed, 2, u, 3, u, u}},
		{"step[MIXED bs=5]", Iteration{Mixed, u, u, u, u, u}},
		{"step[IDLE]", Iteration{Dummy, 0, 0, 0, 0, u}},
		{"step[idle]", Iteration{Dummy, 0, 0, 0, 0, u}},
		// ATOM
		{"prefill[bs=2 tok=16384]", Iteration{Prefill, 2, 16384, 0, 0, u}},
		{"decode[bs=64 tok=64 d=64 sqsq=64 sqsk=65600 sk=65600]", Iteration{Decode, 0, 0, 64, 64, u}},
		// torch.profiler
		{"ProfilerStep#0", Iteration{ProfilerStep, u, u, u, u, 0}},
		{"ProfilerStep#551", Iteration{ProfilerStep, u, u, u, u, 551}},
		// additions at the end, and more inside the parentheses
		{"execute_context_1(5)_generation_0(0)_spec_3", Iteration{Prefill, 1, 5, 0, 0, u}},
		{"execute_context_1(5_25_7)_generation_2(2_4_9)", Iteration{Mixed, 1, 5, 2, 2, u}},
		// a number that no int64 holds is not known
		{"execute_context_1(99999999999999999999)_generation_0(0)", Iteration{Prefill, 1, u, 0, 0, u}},
	}
	for _, test := range tests {
		got, ok := Default().ParseIteration(test.name)
		if !ok || got != test.want {
			t.Errorf("ParseIteration(%q) = %+v, %v, want %+v", test.name, got, ok, test.want)
		}
	}
}

func TestParseIterationOfOthers(t *testing.T) {
	for _, name := range []string{
		"", "execute", "execute_context_", "execute_context_1_generation_0", "execute_diffusion_1_256x256", "execute_new_1",
		"my execute_context_1(1)_generation_0(0)", "step", "step[", "step[UNHEARD_OF bs=1]", "step[extending bs=1]", "ProfilerStep#", "ProfilerStep", "prefill", "decode[]",
		"diffusion_step", "pipeline_forward", "Optimizer.step#SGD.step",
	} {
		if it, ok := Default().ParseIteration(name); ok {
			t.Errorf("ParseIteration(%q) = %+v", name, it)
		}
	}
}
