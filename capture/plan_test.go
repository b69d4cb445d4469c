package capture

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestContradictions has one line for each rule of Options.Validate: what is
// wrong, and words of the message.
func TestContradictions(t *testing.T) {
	t.Parallel()
	good := DefaultOptions()
	good.Out, good.Command = "out", []string{"vllm", "serve", "tiny"}
	if err := good.Validate(); err != nil {
		t.Fatalf("the defaults contradict themselves: %v", err)
	}
	for words, change := range map[string]func(*Options){
		"unknown profiler":        func(o *Options) { o.Tool = "perf" },
		"--out DIR":               func(o *Options) { o.Out = "" },
		"nothing to run":          func(o *Options) { o.Command = nil },
		"leave out the command":   func(o *Options) { o.Attach, o.Traces = "http://127.0.0.1:1", "t" },
		"exclude each other":      func(o *Options) { o.Attach, o.Traces, o.Command, o.Offline = "http://127.0.0.1:1", "t", nil, true },
		"nsys cannot attach":      func(o *Options) { o.Attach, o.Traces, o.Command, o.Tool = "http://127.0.0.1:1", "t", nil, Nsys },
		"--attach needs --traces": func(o *Options) { o.Attach, o.Command = "http://127.0.0.1:1", nil },
		"--allow-remote":          func(o *Options) { o.Attach, o.Traces, o.Command = "http://10.0.0.7:8091", "t", nil },
		"not a server's URL":      func(o *Options) { o.Attach, o.Traces, o.Command = "localhost:8091", "t", nil },
		"takes CUPTI from nsys": func(o *Options) {
			o.Tool = Nsys
			o.Command = append(o.Command, "--profiler-config", `{"profiler":"torch"}`)
		},
		"VLLM_TORCH_PROFILER_DIR turns on": func(o *Options) { o.Tool, o.Env = Nsys, []string{"VLLM_TORCH_PROFILER_DIR=/p"} },
		"must not start nsys":              func(o *Options) { o.Command = []string{"/usr/bin/nsys", "profile", "x"} },
		"ranks and repeat":                 func(o *Options) { o.Repeat = 0 },
		"numbered from 0":                  func(o *Options) { o.Stages = []int{0, -1} },
		"unknown request kind":             func(o *Options) { o.Kind = "smell" },
		"unknown way":                      func(o *Options) { o.Via = "pigeon" },
		"--via stages needs --stages":      func(o *Options) { o.Via = ViaStages },
		"unknown range":                    func(o *Options) { o.Range = "long" },
		"needs --duration":                 func(o *Options) { o.Range = RangeDelay },
		"a range that can be opened again": func(o *Options) { o.Range, o.Repeat = RangeWhole, 2 },
		"must not be negative":             func(o *Options) { o.MaxDisk = -1 },
		"timeout ready must be positive":   func(o *Options) { o.Timeouts.Ready = 0 },
		`"A" is not NAME=value`:            func(o *Options) { o.Env = []string{"A"} },
		"request 1: path":                  func(o *Options) { o.Requests = []Request{{Path: "v1/x"}} },
		"body and form exclude each other": func(o *Options) {
			o.Requests = []Request{{Path: "/v1", Body: []byte("{}"), Form: map[string]string{"a": "b"}}}
		},
	} {
		o := good
		o.Command = slices.Clone(good.Command)
		change(&o)
		wantError(t, firstLine(o.Validate()), Usage, words)
	}
}

// firstLine keeps the message of one problem: several are joined by newlines.
func firstLine(err error) error {
	if e, ok := err.(*Error); ok {
		text, _, _ := strings.Cut(e.Err.Error(), "\n")
		return failure(e.Kind, "", "%s", text)
	}
	return err
}

// TestProfilerByVersion pins how each era of vLLM-Omni is told to profile, from
// its documentation and sources.
func TestProfilerByVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version string
		stages  []int
		tool    Tool
		want    []string // in the command or the environment
		not     string
	}{
		{"0.12.0", nil, Torch, []string{"VLLM_TORCH_PROFILER_DIR=/out"}, "--profiler-config"},
		{"0.14.0", nil, Torch, []string{"VLLM_TORCH_PROFILER_DIR=/out", `--profiler-config {"profiler":"torch","torch_profiler_dir":"/out"}`}, "overrides"},
		{"0.17.0rc1", nil, Nsys, []string{"VLLM_TORCH_CUDA_PROFILE=1", `--profiler-config {"profiler":"cuda"}`}, "torch_profiler_dir"},
		{"0.18.0", []int{0, 2}, Torch, []string{"--profiler-config"}, "VLLM_TORCH_PROFILER_DIR"},
		{"0.20.0", []int{0, 2}, Torch, []string{`--stage-overrides {"0":{"profiler_config":{"profiler":"torch","torch_profiler_dir":"/out"}},"2":{"profiler_config"`}, "--profiler-config"},
		{"0.26.1.dev55+g81b48e83e", nil, Torch, []string{"--profiler-config"}, "--stage-overrides"},
		{"", nil, Torch, []string{"--profiler-config"}, "VLLM_TORCH_PROFILER_DIR"},
	} {
		o := DefaultOptions()
		o.Tool, o.Out, o.Stages, o.Kind, o.Command = c.tool, "/out", c.stages, "images", []string{"vllm", "serve", "tiny"}
		p, err := NewPlan(o, Engine{Versions: map[string]string{"vllm_omni": c.version}, Nsys: "/bin/nsys"})
		if err != nil {
			t.Fatalf("%s: %v", c.version, err)
		}
		a := p.Steps[0].Action.(startAction)
		all := strings.Join(slices.Concat(a.Env, a.Argv), " ")
		for _, w := range c.want {
			if !strings.Contains(all, w) {
				t.Errorf("%s: %q is not in %q", c.version, w, all)
			}
		}
		if strings.Contains(all, c.not) {
			t.Errorf("%s: %q is in %q", c.version, c.not, all)
		}
	}
}

func TestOwnConfigurationStays(t *testing.T) {
	t.Parallel()
	deploy := filepath.Join(t.TempDir(), "omni.yaml")
	write(t, deploy, "stages:\n- stage_id: 0\n  profiler_config:\n    profiler: torch\n    torch_profiler_dir: /prof/omni\n")
	for _, c := range []struct{ flag, value, traces string }{
		{"--profiler-config", `{"profiler":"torch","torch_profiler_dir":"/prof/a"}`, "/prof/a"},
		{"--stage-overrides", `{"1":{"profiler_config":{"profiler":"torch","torch_profiler_dir":"/prof/b"}}}`, "/prof/b"},
		{"--deploy-config", deploy, "/prof/omni"},
	} {
		o := DefaultOptions()
		o.Out, o.Command = "/out", []string{"vllm", "serve", "tiny", c.flag, c.value}
		e := Engine{Versions: map[string]string{"vllm_omni": "0.26.0"}}
		e.addDeployment(o.Command)
		p, err := NewPlan(o, e)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Steps[0].Action.(startAction).Argv; !slices.Equal(got, o.Command) {
			t.Errorf("%s: the command became %q", c.flag, got)
		}
		if p.Profiler.Traces != c.traces {
			t.Errorf("%s: traces in %q, want %q", c.flag, p.Profiler.Traces, c.traces)
		}
	}
	o := DefaultOptions()
	o.Out, o.Via, o.Command = "/out", ViaNone, []string{"vllm", "serve", "tiny"}
	_, err := NewPlan(o, Engine{})
	wantError(t, err, Usage, "--traces DIR")
}

func TestOverridesAreMerged(t *testing.T) {
	t.Parallel()
	command := []string{"vllm", "serve", "m", "--stage-overrides", `{"0":{"devices":"1"}}`, "--omni"}
	got, err := overrideStages(command, []int{0}, map[string]any{"profiler": "torch"})
	want := []string{"vllm", "serve", "m", "--omni", "--stage-overrides", `{"0":{"devices":"1","profiler_config":{"profiler":"torch"}}}`}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	_, err = overrideStages([]string{"vllm", "--stage-overrides=nonsense"}, []int{0}, nil)
	wantError(t, err, Usage, "--stage-overrides")
}

func TestNewFieldOnOldVersion(t *testing.T) {
	t.Parallel()
	o := DefaultOptions()
	o.Out, o.Command, o.Config = "/out", []string{"vllm", "serve", "m"}, map[string]any{"detailed_trace_annotation": true}
	_, err := NewPlan(o, Engine{Versions: map[string]string{"vllm": "0.20.1"}})
	wantError(t, err, Usage, "detailed_trace_annotation", "0.26", "0.20")
}

func TestNsysIsMissing(t *testing.T) {
	t.Parallel()
	o := DefaultOptions()
	o.Tool, o.Out, o.Command = Nsys, "/out", []string{"vllm", "serve", "m"}
	_, err := NewPlan(o, Engine{})
	wantError(t, err, Failed, "nsys is not on the PATH", "omnitrace doctor")
}

func TestNeverTorchUnderNsys(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "wan.py")
	write(t, script, `omni = Omni(model, profiler_config={"profiler": "torch", "torch_profiler_dir": traces})`)
	deploy := filepath.Join(t.TempDir(), "omni.yaml")
	write(t, deploy, "profiler_config:\n  profiler: torch\n  torch_profiler_dir: /prof\n")
	for _, o := range []Options{
		{Offline: true, Command: []string{"python3", script}},
		{Command: []string{"vllm", "serve", "m", "--deploy-config", deploy}},
	} {
		full := DefaultOptions()
		full.Tool, full.Out, full.Offline, full.Command = Nsys, "/out", o.Offline, o.Command
		e := Engine{Nsys: "nsys"}
		e.addDeployment(full.Command)
		e.addScript(full.Command)
		_, err := NewPlan(full, e)
		wantError(t, err, Usage, "takes CUPTI from nsys")
	}
}

// TestPlanIsPure: the same options give the same plan, and the plan does not
// share what it changes with them.
func TestPlanIsPure(t *testing.T) {
	t.Parallel()
	o := DefaultOptions()
	o.Out, o.Command = "/out", append(make([]string, 0, 20), "vllm", "serve", "m")
	e := Engine{Versions: map[string]string{"vllm_omni": "0.26.0"}}
	first, err := NewPlan(o, e)
	if err != nil {
		t.Fatal(err)
	}
	second, _ := NewPlan(o, e)
	if first.Script() != second.Script() {
		t.Error("two plans of the same options differ")
	}
	if got := o.Command[:cap(o.Command)][3]; got != "" {
		t.Errorf("the plan wrote %q behind the caller's command", got)
	}
}

func TestNsysFlagsReplaceDefaults(t *testing.T) {
	t.Parallel()
	got := overrideFlags([]string{"--trace=cuda,nvtx", "--wait=all"}, []string{"--trace=cuda", "--sample=none"})
	if want := []string{"--wait=all", "--trace=cuda", "--sample=none"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTimeoutsSet(t *testing.T) {
	t.Parallel()
	d := DefaultTimeouts()
	if err := d.Set("45m"); err != nil || d.Total != 45*time.Minute {
		t.Errorf("%v, %v", d.Total, err)
	}
	if err := d.Set("ready=40m,stop=1h"); err != nil || d.Ready != 40*time.Minute || d.Stop != time.Hour {
		t.Errorf("%+v, %v", d, err)
	}
	for _, bad := range []string{"", "soon", "ready", "ready=", "ready=-1s", "lunch=1h", "stop=0"} {
		wantError(t, d.Set(bad), Usage)
	}
}

func TestParseVariant(t *testing.T) {
	t.Parallel()
	v, err := ParseVariant(`sdpa=DIFFUSION_ATTENTION_BACKEND=TORCH_SDPA --name "a \"b\"" 'c d' --x=1`)
	if err != nil || v.Label != "sdpa" || !slices.Equal(v.Env, []string{"DIFFUSION_ATTENTION_BACKEND=TORCH_SDPA"}) ||
		!slices.Equal(v.Args, []string{"--name", `a "b"`, "c d", "--x=1"}) {
		t.Errorf("%+v %v", v, err)
	}
	if v, err := ParseVariant("base="); err != nil || len(v.Args) != 0 {
		t.Errorf("a variant without change: %+v %v", v, err)
	}
	for _, bad := range []string{"", "flash", "=--x", "../up=--x", `a="b`, `a=b\`} {
		_, err := ParseVariant(bad)
		wantError(t, err, Usage)
	}
}
