package rules

import (
	"slices"
	"testing"
)

func TestStages(t *testing.T) {
	tests := []struct {
		model string
		want  []Stage
	}{
		{"qwen3_omni_moe", []Stage{{"thinker", AR}, {"talker", AR}, {"code2wav", Generation}}},
		{"qwen2_5_omni", []Stage{{"thinker", AR}, {"talker", AR}, {"code2wav", Generation}}},
		{"bagel", []Stage{{"thinker", AR}, {"dit", Diffusion}}},
		{"hunyuan_image3_dit", []Stage{{"dit", Diffusion}}},
		{"aura_omni", []Stage{{"asr", AR}, {"aura", AR}, {"qwen3_tts", AR}, {"code2wav", Generation}}},
	}
	for _, test := range tests {
		got, ok := Default().Stages(test.model)
		if !ok || !slices.Equal(got, test.want) {
			t.Errorf("Stages(%q) = %v, %v", test.model, got, ok)
		}
	}
	if _, ok := Default().Stages("gpt2"); ok {
		t.Error("an unknown model has stages")
	}
	for _, model := range Default().ModelTypes() {
		stages, _ := Default().Stages(model)
		for i, s := range stages {
			if s.Name == "" {
				t.Errorf("stage %d of %s has no name", i, model)
			}
		}
	}
	if n := len(Default().ModelTypes()); n < 40 {
		t.Errorf("only %d models are known", n)
	}
}

func TestConventionalNames(t *testing.T) {
	got, ok := Default().ConventionalNames([]Execution{AR, AR, Generation})
	if !ok || !slices.Equal(got, []string{"thinker", "talker", "code2wav"}) {
		t.Errorf("three stages are called %v, %v", got, ok)
	}
	for _, e := range [][]Execution{nil, {AR}, {AR, Generation}, {Diffusion}, {AR, AR, Generation, Generation}} {
		if names, ok := Default().ConventionalNames(e); ok {
			t.Errorf("%v is called %v", e, names)
		}
	}
}

func TestStageName(t *testing.T) {
	for frame, want := range map[string]string{
		"nn.Module: Qwen3OmniMoeThinkerForConditionalGeneration_0":                         "thinker",
		"nn.Module: Qwen3OmniMoeTalkerForConditionalGeneration_0":                          "talker",
		"nn.Module: Qwen3OmniMoeCode2Wav_0":                                                "code2wav",
		"nn.Module: Qwen2_5OmniThinkerTextModel_0":                                         "thinker",
		"nn.Module: Qwen2_5OmniTalkerModel_0":                                              "talker",
		"nn.Module: Qwen2_5OmniToken2WavDiTModel_0":                                        "code2wav",
		"nn.Module: Qwen3TTSTalkerForConditionalGeneration_0":                              "talker",
		"nn.Module: Qwen3TTSCode2Wav_0":                                                    "code2wav",
		"vllm_omni/model_executor/models/qwen2_5_omni/qwen2_5_omni_talker.py(83): forward": "talker",
		// the whole model's class, which all of its stages have
		"nn.Module: Qwen2_5OmniForConditionalGeneration_0":                                                  "",
		"vllm_omni/model_executor/models/qwen2_5_omni/qwen2_5_omni.py(226): forward":                        "",
		"vllm_omni/model_executor/stage_input_processors/qwen2_5_omni.py(95): talker2code2wav_full_payload": "",
		"nn.Module: Linear_0": "",
	} {
		got, ok := Default().StageName(frame)
		if got != want || ok != (want != "") {
			t.Errorf("StageName(%q) = %q, %v, want %q", frame, got, ok, want)
		}
	}
}

func TestParseProcess(t *testing.T) {
	none := Process{Stage: -1, Replica: -1, Rank: -1, DP: -1, PP: -1, EP: -1}
	with := func(change func(*Process)) Process { p := none; change(&p); return p }
	for name, want := range map[string]Process{
		"VLLM::StageEngineCoreProc_stage1_replica0_DP0": with(func(p *Process) { p.Stage, p.Replica, p.DP = 1, 0, 0 }),
		"VLLM::StageEngineCoreProc_DP3":                 with(func(p *Process) { p.DP = 3 }),
		"vLLM-Omni::DiffusionWorker-2":                  with(func(p *Process) { p.Execution, p.Rank = Diffusion, 2 }),
		"vLLM-Omni::StageDiffusionProc-0":               with(func(p *Process) { p.Execution, p.Rank = Diffusion, 0 }),
		"VLLM::EngineCore":                              none,
		"VLLM::EngineCore_DP1":                          with(func(p *Process) { p.DP = 1 }),
		"VLLM::Worker_DP1_PP2_TP3_EP4":                  with(func(p *Process) { p.DP, p.PP, p.Rank, p.EP = 1, 2, 3, 4 }),
		"VLLM::Worker_TP0":                              with(func(p *Process) { p.Rank = 0 }),
		"VLLM::Worker":                                  none,
		"vLLM-Omni::Diff":                               with(func(p *Process) { p.Execution = Diffusion }), // 15 characters of it, in nsys
		"VLLM::StageEngi":                               none,
	} {
		got, ok := Default().ParseProcess(name)
		if !ok || got != want {
			t.Errorf("ParseProcess(%q) = %+v, %v, want %+v", name, got, ok, want)
		}
	}
	for _, name := range []string{"", "python3", "VLLM", "vLLM-Omni::", "my VLLM::Worker_TP0"} {
		if p, ok := Default().ParseProcess(name); ok {
			t.Errorf("ParseProcess(%q) = %+v", name, p)
		}
	}
}
