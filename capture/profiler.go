package capture

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Profiler is how the engine of a plan is told to profile.
type Profiler struct {
	Vias   []Via          `json:"via"`
	Config map[string]any `json:"config,omitempty"` // profiler_config
	Env    []string       `json:"env,omitempty"`
	Traces string         `json:"-"` // directory that the engine writes traces to; "" for nsys
}

// configure returns the command with its profiler configuration, and says in
// notes what the installed version does differently from what was asked.
func configure(o Options, e Engine) (command []string, p Profiler, notes []string, err error) {
	minor, known := e.version()
	p.Vias, err = chooseVias(o, e)
	if err != nil {
		return nil, p, nil, err
	}
	p.Traces, err = tracesDir(o, e, p.Vias)
	if err != nil {
		return nil, p, nil, err
	}
	p.Config = profilerConfig(o, p.Traces)
	if err := checkFields(p.Config, minor, known); err != nil {
		return nil, p, nil, err
	}
	command = slices.Clone(o.Command)
	for _, via := range p.Vias {
		if command, err = apply[via](o, &p, command); err != nil {
			return nil, p, nil, err
		}
	}
	if slices.Equal(p.Vias, []Via{ViaNone}) {
		p.Config = nil
	}
	return command, p, configureNotes(o, e, p), nil
}

// chooseVias picks the ways that the installed version understands, unless one
// was asked for or the command has its own configuration.
func chooseVias(o Options, e Engine) ([]Via, error) {
	if o.Via != ViaAuto {
		return []Via{o.Via}, nil
	}
	if configuresItself(o.Command) || e.Deploys != "" {
		return []Via{ViaNone}, nil
	}
	minor, known := e.version()
	if !known {
		if e.Flags != nil && !slices.Contains(e.Flags, "--profiler-config") {
			return nil, failure(Usage, "say how with --via flag, env or none, and where it writes with --traces",
				"how %q is told to profile is not known: no vllm is installed for it, and its --help has no --profiler-config", o.Command[0])
		}
		return []Via{ViaFlag}, nil
	}
	found := eraOf(minor)
	if len(o.Stages) > 0 && slices.Contains(found.vias, ViaStages) {
		return []Via{ViaStages}, nil
	}
	return slices.DeleteFunc(slices.Clone(found.vias), func(v Via) bool { return v == ViaStages }), nil
}

// configuresItself reports whether a command line has a profiler configuration.
func configuresItself(command []string) bool {
	overrides, _ := flagValue(command, "--stage-overrides")
	return slices.ContainsFunc(command, func(a string) bool {
		return a == "--profiler-config" || strings.HasPrefix(a, "--profiler-config=") || strings.HasPrefix(a, "--profiler-config.")
	}) || strings.Contains(overrides, "profiler_config")
}

// tracesDir returns where torch traces will appear.
func tracesDir(o Options, e Engine, vias []Via) (string, error) {
	if o.Tool == Nsys {
		return "", nil
	}
	if !slices.Contains(vias, ViaNone) {
		return filepath.Abs(o.Out)
	}
	for _, dir := range []string{o.Traces, commandTraces(o.Command), e.Traces} {
		if dir != "" {
			return filepath.Abs(dir)
		}
	}
	return "", failure(Usage, "name it with --traces DIR (the torch_profiler_dir of the configuration)",
		"the command configures its own profiler, and where it writes traces is not to be seen")
}

// commandTraces returns the torch_profiler_dir in a command line.
func commandTraces(command []string) string {
	if dir, ok := flagValue(command, "--profiler-config.torch_profiler_dir", "--profiler-dir"); ok {
		return dir
	}
	for _, flag := range []string{"--profiler-config", "--stage-overrides"} {
		value, _ := flagValue(command, flag)
		if m := deployTraces.FindStringSubmatch(value); m != nil {
			return m[1]
		}
	}
	return ""
}

// profilerConfig has only the fields that differ from every version's default,
// because a version rejects those that it does not know.
func profilerConfig(o Options, traces string) map[string]any {
	config := map[string]any{"profiler": "cuda"}
	if o.Tool == Torch {
		config = map[string]any{"profiler": "torch", "torch_profiler_dir": traces}
	}
	maps.Copy(config, o.Config)
	return config
}

func checkFields(config map[string]any, minor int, known bool) error {
	for _, field := range sortedKeys(config) {
		if since := fieldSince[field]; known && since > minor {
			return failure(Usage, "leave the field out", "profiler_config field %q exists since vllm 0.%d, and 0.%d is installed", field, since, minor)
		}
	}
	return nil
}

// apply changes the command line, or the environment in p, for each way.
var apply = map[Via]func(Options, *Profiler, []string) ([]string, error){
	ViaFlag: func(_ Options, p *Profiler, command []string) ([]string, error) {
		return append(command, "--profiler-config", compact(p.Config)), nil
	},
	ViaStages: func(o Options, p *Profiler, command []string) ([]string, error) {
		return overrideStages(command, o.Stages, p.Config)
	},
	ViaEnv: func(o Options, p *Profiler, command []string) ([]string, error) {
		p.Env = append(p.Env, profilerEnv(o, p.Traces)...)
		return command, nil
	},
	ViaNone: func(_ Options, _ *Profiler, command []string) ([]string, error) { return command, nil },
}

// envField names the variable of each profiler_config field in the versions
// that read the environment.
var envField = map[string]string{
	"torch_profiler_record_shapes":        "VLLM_TORCH_PROFILER_RECORD_SHAPES",
	"torch_profiler_with_memory":          "VLLM_TORCH_PROFILER_WITH_PROFILE_MEMORY",
	"torch_profiler_with_stack":           "VLLM_TORCH_PROFILER_WITH_STACK",
	"torch_profiler_with_flops":           "VLLM_TORCH_PROFILER_WITH_FLOPS",
	"torch_profiler_use_gzip":             "VLLM_TORCH_PROFILER_USE_GZIP",
	"torch_profiler_dump_cuda_time_total": "VLLM_TORCH_PROFILER_DUMP_CUDA_TIME_TOTAL",
	"delay_iterations":                    "VLLM_PROFILER_DELAY_ITERS",
	"max_iterations":                      "VLLM_PROFILER_MAX_ITERS",
}

func profilerEnv(o Options, traces string) []string {
	if o.Tool == Nsys {
		return []string{"VLLM_TORCH_CUDA_PROFILE=1"}
	}
	env := []string{"VLLM_TORCH_PROFILER_DIR=" + traces}
	if _, given := o.Config["max_iterations"]; o.Offline && !given {
		// The guide's advice for scripts of these versions; newer ones count
		// requests or scheduler passes here, depending on the stage.
		env = append(env, "VLLM_PROFILER_MAX_ITERS=1")
	}
	for _, field := range sortedKeys(o.Config) {
		if name := envField[field]; name != "" {
			env = append(env, name+"="+envValue(o.Config[field]))
		}
	}
	return env
}

func envValue(v any) string {
	if b, ok := v.(bool); ok {
		return strconv.Itoa(map[bool]int{true: 1}[b])
	}
	return fmt.Sprint(v)
}

// overrideStages gives each stage a profiler_config of its own, on top of the
// overrides that the command has.
func overrideStages(command []string, stages []int, config map[string]any) ([]string, error) {
	overrides := map[string]map[string]any{}
	given, has := flagValue(command, "--stage-overrides")
	if has {
		if err := json.Unmarshal([]byte(given), &overrides); err != nil {
			return nil, failure(Usage, `its form is {"0": {"field": …}}`, "reading the command's --stage-overrides: %w", err)
		}
	}
	for _, s := range stages {
		key := strconv.Itoa(s)
		if overrides[key] == nil {
			overrides[key] = map[string]any{}
		}
		overrides[key]["profiler_config"] = config
	}
	return append(withoutFlag(command, "--stage-overrides"), "--stage-overrides", compact(overrides)), nil
}

// withoutFlag removes --name VALUE and --name=VALUE.
func withoutFlag(command []string, name string) []string {
	var kept []string
	for i := 0; i < len(command); i++ {
		switch {
		case command[i] == name:
			i++
		case !strings.HasPrefix(command[i], name+"="):
			kept = append(kept, command[i])
		}
	}
	return kept
}

// compact encodes maps of scalars, which cannot fail; keys are sorted.
func compact(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}

// configureNotes says what the installed version does that a user would not
// expect of this configuration.
func configureNotes(o Options, e Engine, p Profiler) []string {
	var notes []string
	minor, known := e.version()
	if found := eraOf(minor); known && slices.Contains(p.Vias, ViaEnv) {
		notes = append(notes, found.note)
	}
	if known && hangDefect.in(minor) && !o.Offline {
		notes = append(notes, hangDefect.text)
	}
	if len(o.Stages) > 0 && !o.Offline && slices.Contains(p.Vias, ViaFlag) {
		notes = append(notes, "with --profiler-config on the command line vLLM's own route answers /start_profile and ignores the stages: expect more than were asked for")
	}
	if o.Tool == Nsys && o.KeepSecrets {
		notes = append(notes, "nsys writes the environment into its reports, secrets included")
	}
	return notes
}
