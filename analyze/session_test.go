package analyze

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"omnitrace/analyze/rules"
	"omnitrace/internal/tracetest"
	"omnitrace/trace"
	"omnitrace/trace/session"
)

// Rows are in the order of the run, and what could not be assigned comes last.
func TestRowOrder(t *testing.T) {
	s := written(t, `
		range t=0 d=1000 track=host/1 "diffusion_forward"
		frame t=10 d=20 track=host/1 "p.py(1): encode_prompt"
		frame t=110 d=20 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
		frame t=210 d=20 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
		frame t=310 d=20 track=host/1 "p.py(1): _decode_latents"
		`+calls("none@2000", "a@115", "encode@15", "decode@315", "b@215"))
	for analysis, want := range map[*Analysis]string{
		&Steps:  "request=0/step=0 request=0/step=1 request=0/step=(unattributed) request=(unattributed)/step=(unattributed)",
		&Phases: "phase=text_encode phase=denoise phase=vae_decode phase=(unattributed)",
	} {
		tab := table(s, *analysis)
		var keys []string
		for _, r := range tab.Rows {
			keys = append(keys, strings.TrimPrefix(r.Key, "stage=0/"))
		}
		if got := strings.Join(keys, " "); got != want {
			t.Errorf("%s: %s, want %s", tab.Name, got, want)
		}
	}
}

// Ranks of a stage count as one: their steps of the same number share a row,
// and --by splits them.
func TestRanks(t *testing.T) {
	rank := tracetest.Must(t, `
		range t=0 d=1000 track=host/1 "diffusion_forward"
		frame t=110 d=20 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
		frame t=210 d=20 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
		`+calls("a@115", "b@215"))
	s := newSession(t, Options{},
		input("20261123-224646_stage_0_rep_0_diffusion_1/trace_rank0.json.gz", rank),
		input("20261123-224646_stage_0_rep_0_diffusion_1/trace_rank1.json.gz", rank))
	steps := table(s, Steps)
	if len(steps.Rows) != 2 || cell(t, &steps, 1, "kernels") != 2 || cell(t, &steps, 0, "busy_ns") != 10 {
		t.Error(dump(steps))
	}
	a, err := By([]string{"rank", "step"})
	if err != nil {
		t.Fatal(err)
	}
	if split := table(s, a); len(split.Rows) != 4 {
		t.Error(dump(split))
	}
}

// Where nothing tells the stages of files, those of one rank each are ranks of
// one stage, and others are stages of their own.
func TestUnknownStages(t *testing.T) {
	tr := tracetest.Must(t, calls("a@1"))
	for _, c := range []struct {
		ranks  []int
		stages []int
		code   string
	}{
		{[]int{-1}, []int{0}, ""},
		{[]int{0, 1, 2}, []int{0, 0, 0}, ""},
		{[]int{-1, -1}, []int{0, 1}, "stage_unknown"},
		{[]int{0, 0, 1}, []int{0, 1, 2}, "stage_unknown"},
	} {
		var inputs []Input
		for i, rank := range c.ranks {
			in := input(fmt.Sprintf("x%d.json", i), tr)
			in.File.Identity = session.Identity{Stage: -1, Replica: -1, Rank: rank}
			inputs = append(inputs, in)
		}
		s := newSession(t, Options{}, inputs...)
		var stages []int
		for _, src := range s.Sources {
			stages = append(stages, src.Stage)
		}
		warned := slices.ContainsFunc(s.Warnings, func(w Warning) bool { return w.Code == c.code })
		if !slices.Equal(stages, c.stages) || warned != (c.code != "") {
			t.Errorf("ranks %v: stages %v, warnings %v; want %v and %q", c.ranks, stages, s.Warnings, c.stages, c.code)
		}
	}
}

// Two files that claim the same place are replicas, with a warning.
func TestTwins(t *testing.T) {
	tr := tracetest.Must(t, calls("a@1"))
	in := input("20261123-224646_stage_0_rep_0_diffusion_1/trace_rank0.json.gz", tr)
	s := newSession(t, Options{}, in, in, in)
	for i, src := range s.Sources {
		if src.Replica != i {
			t.Errorf("source %d is replica %d", i, src.Replica)
		}
	}
	if len(s.Warnings) == 0 || s.Warnings[0].Code != "same_rank" {
		t.Errorf("warnings %v", s.Warnings)
	}
}

// The user's names come first, then those of the model type, of modules, of
// the usual order of executions, and numbers.
func TestStageNames(t *testing.T) {
	ar := `range t=0 d=9 track=host/1 "execute_context_0(0)_generation_1(1)"` + "\n"
	generation := `range t=0 d=9 track=host/1 "execute_context_1(4)_generation_0(0)"` + "\n"
	module := func(class string) string { return `frame t=0 d=9 track=host/1 "nn.Module: ` + class + `_0"` + "\n" }
	named := func(o Options, texts ...string) string {
		var inputs []Input
		for i, text := range texts {
			inputs = append(inputs, input(fmt.Sprintf("20261123-224312_stage%d_rank0_1/trace_rank0.json.gz", i), tracetest.Must(t, text+calls("a@1"))))
		}
		s, err := NewSession(inputs, o)
		if err != nil {
			return err.Error()
		}
		var names []string
		for _, src := range s.Sources {
			names = append(names, src.StageName+" by "+src.NamedBy)
		}
		return strings.Join(names, ", ")
	}
	talker := module("Qwen3OmniMoeTalkerForConditionalGeneration")
	if name, ok := rules.Default().StageName("nn.Module: Qwen3OmniMoeTalkerForConditionalGeneration_0"); !ok || name != "talker" {
		t.Fatalf("the rules say %q, %v of the talker's class", name, ok)
	}
	for _, c := range []struct {
		o     Options
		texts []string
		want  string
	}{
		{Options{}, []string{""}, "stage0 by number"},
		{Options{}, []string{ar, ar, generation}, "thinker by convention, talker by convention, code2wav by convention"},
		{Options{}, []string{ar, ar, ""}, "stage0 by number, stage1 by number, stage2 by number"},
		{Options{}, []string{ar + talker, ar, generation}, "talker by module, talker by convention, code2wav by convention"},
		{Options{ModelType: "qwen3_omni_moe"}, []string{talker, "", ""}, "thinker by --model-type, talker by --model-type, code2wav by --model-type"},
		{Options{ModelType: "qwen3_omni_moe", StageMap: map[int]string{1: "mouth"}}, []string{talker, talker}, "thinker by --model-type, mouth by --stage-map"},
		{Options{StageMap: map[int]string{7: "none"}}, []string{talker}, "talker by module"},
		{Options{}, []string{talker + module("Qwen3OmniMoeCode2Wav")}, "stage0 by number"},
	} {
		if got := named(c.o, c.texts...); got != c.want {
			t.Errorf("%+v: %s, want %s", c.o, got, c.want)
		}
	}
	if got := named(Options{ModelType: "nobody"}, ar); !strings.HasPrefix(got, `unknown model type "nobody"`) {
		t.Errorf("%s", got)
	}
}

// A run without events, without files, or with files that count nothing has
// tables without rows and totals of 0.
func TestNothing(t *testing.T) {
	empty := &trace.Trace{Header: trace.NewHeader("text")}
	shown := Input{File: session.File{Path: "f.json", Role: session.Frontend, State: session.Whole}}
	for name, inputs := range map[string][]Input{"no file": nil, "no event": {input("a.json", empty)}, "nothing counted": {shown}} {
		t.Run(name, func(t *testing.T) {
			sum := newSession(t, Options{}, inputs...).Summarize(All())
			for _, tab := range sum.Tables {
				if len(tab.Rows) > 0 && tab.Name != "sources" {
					t.Error(dump(tab))
				}
			}
			for i, v := range sum.Totals.Cells {
				if n, ok := v.Int(); n != 0 || !ok {
					t.Errorf("%s is %s", TotalColumns()[i].Name, dumpValue(v))
				}
			}
		})
	}
}

// Numbers of devices are as the file has them, however large: an Ascend trace
// has its process number there.
func TestDeviceNumbers(t *testing.T) {
	s := written(t, `
		kernel t=0 d=5 track=gpu3089232288/7 "a"
		kernel t=0 d=5 track=gpu2/7 "b"
		kernel t=0 d=5 track=gpu11/7 "c"`)
	devices := table(s, Devices)
	for i, want := range []int64{2, 11, 3089232288} {
		if got := cell(t, &devices, i, "device"); got != want {
			t.Errorf("row %d is device %d, want %d", i, got, want)
		}
		if key := fmt.Sprintf("stage=0/replica=0/rank=0/device=%d", want); devices.Rows[i].Key != key {
			t.Errorf("row %d is %s", i, devices.Rows[i].Key)
		}
	}
	if err := s.Select(Selection{Devices: []int{11}}); err != nil || len(s.work) != 1 {
		t.Errorf("%d pieces of work selected, %v", len(s.work), err)
	}
}

// A user who expects a number of steps is told when a request has another, and
// when no step was found at all.
func TestExpectedSteps(t *testing.T) {
	const frames = `
		range t=0 d=1000 track=host/1 "diffusion_forward"
		frame t=110 d=20 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
		frame t=210 d=20 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
		`
	for _, c := range []struct {
		text  string
		steps int
		warns int
	}{{frames, 2, 0}, {frames, 0, 0}, {frames, 3, 1}, {`range t=0 d=1000 track=host/1 "diffusion_forward"` + "\n", 3, 1}, {"", 3, 1}} {
		s := newSession(t, Options{ExpectSteps: c.steps}, input("a.json", tracetest.Must(t, c.text+calls("a@115", "b@215"))))
		n := 0
		for _, w := range s.Warnings {
			if w.Code == "unexpected_steps" {
				n++
			}
		}
		if n != c.warns {
			t.Errorf("%d expected: %d warnings, want %d: %v", c.steps, n, c.warns, s.Warnings)
		}
	}
}

// By refuses dimensions that it does not know, too many, and one twice.
func TestBy(t *testing.T) {
	for _, keys := range [][]string{{"stag"}, {"stage", "stage"}, Dimensions()} {
		if _, err := By(keys); err == nil {
			t.Errorf("By(%q) gives no error", keys)
		}
	}
}
