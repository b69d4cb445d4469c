package rules

import (
	"strings"
	"testing"
)

func load(t *testing.T, base *Rules, text string) *Rules {
	t.Helper()
	r, err := Load(base, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A user's file is asked first, and what it does not know is as before.
func TestLoadGoesInFront(t *testing.T) {
	r := load(t, Default(), `
category_names:
  - {name: vocoder, about: "our vocoder"}
categories:
  - {category: vocoder, match: [prefix:nvjet_sm90, "regexp:^my_conv\\d+$"]}
frames:
  - {role: step_begin, file: my_pipeline.py, func: one_turn}
  - {role: none, func: encode_prompt}
ranges:
  - {role: request, match: exact:serve_one}
iterations:
  - {form: '^tick\((?P<generation_requests>\d+)\)'}
models:
  my_model: [reader ar, painter diffusion]
  qwen3_tts: [only ar]
`)
	if got := r.Category("nvjet_sm90_tst_8x64"); got != "vocoder" {
		t.Errorf("the user's rule was not asked first: %s", got)
	}
	if got := r.Category("my_conv12"); got != "vocoder" {
		t.Errorf("the user's regular expression does not match: %s", got)
	}
	if got := r.Category("ampere_sgemm_128x64_nn"); got != "gemm" {
		t.Errorf("the built-in rules are gone: %s", got)
	}
	if role, _ := r.Frame("/srv/my_pipeline.py(7): one_turn"); role != StepBegin {
		t.Errorf("the user's frame has role %s", role)
	}
	if role, ok := r.Frame("a.py(7): encode_prompt"); ok {
		t.Errorf("a frame that was taken out has role %s", role)
	}
	if role, _ := r.Range("serve_one"); role != Request {
		t.Errorf("the user's range has role %s", role)
	}
	if it, ok := r.ParseIteration("tick(3)"); !ok || it.GenerationRequests != 3 {
		t.Errorf("the user's iteration is %+v, %v", it, ok)
	}
	if stages, _ := r.Stages("my_model"); len(stages) != 2 || stages[1] != (Stage{"painter", Diffusion}) {
		t.Errorf("the user's model has stages %v", stages)
	}
	if stages, _ := r.Stages("qwen3_tts"); len(stages) != 1 {
		t.Errorf("the user's stages did not replace the built-in ones: %v", stages)
	}
}

func TestLoadLeavesTheBaseAlone(t *testing.T) {
	base := Default()
	before, _ := base.Stages("qwen3_tts")
	load(t, base, "categories: [{category: gemm, match: my_kernel}]\nmodels: {qwen3_tts: [x ar]}\n")
	if got := base.Category("my_kernel"); got != OtherCategory {
		t.Errorf("the base now says %s", got)
	}
	if after, _ := base.Stages("qwen3_tts"); len(after) != len(before) {
		t.Errorf("the base now has stages %v", after)
	}
}

func TestLoadOfNothing(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "categories: []\n"} {
		r := load(t, Default(), text)
		if got := r.Category("ampere_sgemm_128x64_nn"); got != "gemm" {
			t.Errorf("after loading %q the category is %s", text, got)
		}
	}
	if got := load(t, nil, "").Category("ampere_sgemm_128x64_nn"); got != OtherCategory {
		t.Errorf("without any rules the category is %s", got)
	}
}

// What a user gets wrong is named together with its line.
func TestLoadErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"unknown key", "categories:\n  - {category: gemm, match: x}\n  - {category: gemm, mtach: x}\n", "line 3"},
		{"unknown table", "catgories: []\n", "line 1"},
		{"unknown category", "categories:\n  - {category: gem, match: x}\n", `line 2: unknown category "gem"`},
		{"unknown nested category", "categories:\n  - category: gemm\n    match: x\n    rules:\n      - {category: gem, match: y}\n", "line 5"},
		{"no match", "categories:\n  - {category: gemm}\n", "line 2"},
		{"no category", "categories:\n  - {match: foo}\n", "neither a category nor rules"},
		{"bad regexp", "categories:\n  - category: gemm\n    match: [a, 'regexp:(']\n", "line 3"},
		{"empty text", "categories:\n  - {category: gemm, match: ['prefix:']}\n", "line 2"},
		{"unknown role", "frames:\n  - {role: stepbegin, func: f}\n", `line 2: unknown role "stepbegin"`},
		{"no role", "frames:\n  - {func: f}\n", "without a role"},
		{"frame of nothing", "frames:\n  - {role: wait}\n", "line 2"},
		{"module and func", "frames:\n  - {role: wait, func: f, module: M}\n", "line 2"},
		{"bad wild cards", "frames:\n  - {role: wait, file: 'a[.py'}\n", "line 2"},
		{"form without anchor", "iterations:\n  - {form: 'x(?P<number>\\d+)'}\n", "line 2"},
		{"unknown figure", "iterations:\n  - {form: '^x(?P<tokens>\\d+)'}\n", `line 2: unknown figure "tokens"`},
		{"unknown phase", "iterations:\n  - {form: '^x', phase: warm}\n", `line 2: unknown phase "warm"`},
		{"unknown execution", "models:\n  m: [a ar, b gpu]\n", `line 2: unknown execution "gpu"`},
		{"unknown class", "calls:\n  - {class: slow, match: x}\n", `line 2: unknown class "slow"`},
		{"two documents", "models: {}\n---\nmodels: {}\n", "more than one"},
		{"a trace", `{"traceEvents": []}`, "line 1"},
		{"not YAML", "\tx", "yaml"},
	}
	for _, test := range tests {
		r, err := Load(Default(), strings.NewReader(test.text))
		if err == nil || r != nil {
			t.Errorf("%s: no error", test.name)
		} else if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %q does not say %q", test.name, err, test.want)
		}
	}
}

func TestLoadRefusesHugeFiles(t *testing.T) {
	_, err := Load(nil, strings.NewReader(strings.Repeat("# trace\n", maxRulesFile/8+1)))
	if err == nil || !strings.Contains(err.Error(), "is this a rules file") {
		t.Errorf("a huge file gave %v", err)
	}
}

// FuzzLoad: no text makes the loader panic, and what it accepts can be asked.
func FuzzLoad(f *testing.F) {
	f.Add("categories:\n  - {category: gemm, match: [a, 'prefix:b'], unless: c, rules: [{category: norm, match: d}]}\n")
	f.Add("frames: [{role: wait, file: a/, func: [x]}, {role: none, module: '*M'}]\n")
	f.Add("iterations: [{form: '^x(?P<number>\\d+)', phase: dummy}]\n")
	f.Add("models: {m: [a ar]}\nstage_names: [{stage: a, module: '*'}]\nprocesses: [{name: '^p(?P<rank>\\d+)'}]\n")
	f.Add("calls: [{class: sync, match: x}, {class: sync, file: a.py, func: b}]\nconventions: [{executions: [ar], names: [a]}]\n")
	f.Add("categories: &a [*a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Load(Default(), strings.NewReader(text))
		if (r == nil) == (err == nil) {
			t.Fatalf("rules %v and error %v", r, err)
		}
		if err == nil {
			askEverything(t, r, "a/b.py(1): f")
		}
	})
}

// FuzzNames: no name makes a question panic, and answers stay in vocabulary.
func FuzzNames(f *testing.F) {
	for _, name := range []string{
		"void at::native::vectorized_elementwise_kernel<4>", "nn.Module: WanTransformer3DModel_0", "nn.Module: _", "nn.Module: ",
		"vllm_omni/diffusion/distributed/cfg_parallel.py(76): predict_noise_maybe_with_cfg", "(1): f", "a.py(): ", "): ", "/", "<built-in method x>",
		"execute_context_1(256)_generation_0(0)", "execute_context_99999999999999999999(1)_generation_0(0)", "step[MIXED bs=2 c=1 g=1 c_sq=5 g_sq=1]",
		"ProfilerStep#", "VLLM::StageEngineCoreProc_stage1_replica0_DP0", "vLLM-Omni::DiffusionWorker-99999999999999999999", "cudaMalloc",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) { askEverything(t, Default(), name) })
}

func askEverything(t *testing.T, r *Rules, name string) {
	t.Helper()
	if c := r.Category(name); !r.hasCategory(c) && c != OtherCategory {
		t.Fatalf("category %q has no name", c)
	}
	if role, ok := r.Frame(name); !roles[role] || ok != (role != NoRole) {
		t.Fatalf("frame role %q, %v", role, ok)
	}
	if role, ok := r.Range(name); !roles[role] || ok != (role != NoRole) {
		t.Fatalf("range role %q, %v", role, ok)
	}
	if it, ok := r.ParseIteration(name); ok {
		lowest := min(it.ContextRequests, it.ContextTokens, it.GenerationRequests, it.GenerationTokens, it.Number)
		if !phases[it.Phase] || lowest < Unknown {
			t.Fatalf("iteration %+v", it)
		}
	}
	if p, ok := r.ParseProcess(name); ok && min(p.Stage, p.Replica, p.Rank, p.DP, p.PP, p.EP) < -1 {
		t.Fatalf("process %+v", p)
	}
	if class := r.Call(name); class != OrdinaryCall && !callClasses[class] {
		t.Fatalf("call class %q", class)
	}
	r.StageName(name)
	r.QuietDomain(name)
}
