package capture

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// An Engine is what was found out about the installation that a command uses.
// [Probe] fills it; a plan depends on nothing else of the machine.
type Engine struct {
	// Versions by package: vllm, vllm_omni, torch, diffusers, transformers,
	// nsys, driver, cuda. What was not found is absent.
	Versions map[string]string
	// Flags are the long options in the command's own --help; nil when it was
	// not asked or did not answer.
	Flags []string
	Nsys  string // path of nsys; "" when there is none
	// Traces is the torch_profiler_dir in the deployment file that the command
	// names, "" without one.
	Traces string
	Model  string // what a running server calls its model
	// Deploys is the profiler that this deployment file sets: torch, cuda or "".
	Deploys string
	// Mentions is the profiler that the text of an offline script names first.
	Mentions string
	// Secrets are the names of environment variables that look like secrets.
	Secrets []string
	// Notes are what could not be found out, for people.
	Notes []string
}

// version returns the engine's minor version (the 26 of 0.26.0; vLLM-Omni
// follows vLLM's numbers), and false where none is known.
func (e Engine) version() (int, bool) {
	for _, name := range []string{"vllm_omni", "vllm"} {
		if minor, ok := minorVersion(e.Versions[name]); ok {
			return minor, true
		}
	}
	return 0, false
}

var versionForm = regexp.MustCompile(`^(\d+)\.(\d+)`)

func minorVersion(v string) (int, bool) {
	m := versionForm.FindStringSubmatch(v)
	if m == nil {
		return 0, false
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return major*1000 + minor, true
}

// An era is a span of engine versions that are configured alike. Sources: vLLM
// #29912 (0.13) and #33536 (0.16), vLLM-Omni #2099 (0.18) and #2383 (0.20).
type era struct {
	since int // minor version
	vias  []Via
	note  string
}

var eras = []era{
	{0, []Via{ViaEnv}, "before 0.13 only VLLM_TORCH_PROFILER_DIR is read"},
	{13, []Via{ViaFlag, ViaEnv}, "0.13 to 0.17: some stages read --profiler-config, others the environment"},
	{18, []Via{ViaFlag}, "from 0.18 the environment is ignored without a word"},
	{20, []Via{ViaFlag, ViaStages}, "from 0.20 a stage can have a profiler of its own"},
}

func eraOf(minor int) era {
	found := eras[0]
	for _, e := range eras {
		if e.since <= minor {
			found = e
		}
	}
	return found
}

// fieldSince lists the profiler_config fields that older versions reject.
var fieldSince = map[string]int{
	"capture_torch_profiler": 26, "detailed_trace_annotation": 26,
	"warmup_iterations": 14, "active_iterations": 14, "wait_iterations": 14,
}

// A defect is a known fault of engine versions, in the half-open range
// [since, until); until 0 is open.
type defect struct {
	since, until int
	text         string
}

func (d defect) in(minor int) bool { return minor >= d.since && (d.until == 0 || minor < d.until) }

var (
	// vLLM-Omni #4288.
	hangDefect = defect{20, 23, "this version's /start_profile and /stop_profile may never answer although profiling works: the files decide"}
	// vllm_omni/worker/base.py overrides profile() and never makes the lazily built wrapper.
	rangeDefect = defect{16, 0, "autoregressive stages of this version do not call cudaProfilerStart"}
)

// versionScript prints the versions of installed packages as JSON. It imports
// none of them: importing torch takes seconds.
const versionScript = `import importlib.metadata as m, json
v = {}
for p in ("vllm", "vllm-omni", "torch", "diffusers", "transformers"):
    try: v[p.replace("-", "_")] = m.version(p)
    except Exception: pass
print(json.dumps(v))`

// Probe finds out what the command's installation is and understands. What it
// cannot find out is a note, not an error: the plan then takes the newest form.
func Probe(ctx context.Context, o Options, h Host) Engine {
	h = h.withDefaults()
	e := Engine{Versions: map[string]string{}, Secrets: secretNames(slices.Concat(h.Environ, o.Env))}
	if o.Tool == Nsys {
		e.Nsys = findNsys(o.NsysPath, h)
		e.addNsysVersion(ctx, o, h)
	}
	if o.Attach != "" {
		e.Model = servedModel(ctx, o, h)
	}
	if len(o.Command) == 0 {
		return e
	}
	env := slices.Concat(h.Environ, o.Env)
	e.addVersions(ctx, o, h, env)
	_, known := e.version()
	if o.Offline || !known {
		e.addFlags(ctx, o, h, env)
	}
	e.addDeployment(o.Command)
	if o.Offline {
		e.addScript(o.Command)
	}
	return e
}

// servedModel asks a running server for the name of its model, "" where it
// does not tell: the field is optional in every request.
func servedModel(ctx context.Context, o Options, h Host) string {
	reply, err := newClient(lookup(h.Environ, o.APIKeyEnv)).get(ctx, visitLimit, strings.TrimRight(o.Attach, "/")+"/v1/models")
	var models struct{ Data []struct{ ID string } }
	if err != nil || json.Unmarshal(reply.body, &models) != nil || len(models.Data) == 0 {
		return ""
	}
	return models.Data[0].ID
}

func (e *Engine) addNsysVersion(ctx context.Context, o Options, h Host) {
	if e.Nsys == "" {
		return
	}
	out, err := h.output(ctx, o.Timeouts.Tool, h.Environ, e.Nsys, "--version")
	if m := regexp.MustCompile(`version (\d[\w.-]*)`).FindStringSubmatch(out); m != nil {
		e.Versions["nsys"] = m[1]
	} else if err != nil {
		e.note("%s --version: %v", e.Nsys, err)
	}
}

func (e *Engine) addVersions(ctx context.Context, o Options, h Host, env []string) {
	python := interpreter(o.Command, h)
	if python == "" {
		e.note("no Python was found behind %q: the engine's version is not known", o.Command[0])
		return
	}
	out, err := h.output(ctx, o.Timeouts.Tool, env, python, "-c", versionScript)
	if err == nil {
		err = json.Unmarshal([]byte(out), &e.Versions)
	}
	if err != nil {
		e.note("asking %s for package versions: %v", python, err)
	}
	if _, cuda, ok := strings.Cut(e.Versions["torch"], "+cu"); ok && len(cuda) >= 3 { // 2.11.0+cu130
		e.Versions["cuda"] = cuda[:len(cuda)-1] + "." + cuda[len(cuda)-1:]
	}
}

// interpreter returns the Python that runs a command: its first word, or the
// one that the first line of the installed program names.
func interpreter(command []string, h Host) string {
	if strings.HasPrefix(filepath.Base(command[0]), "python") {
		return command[0]
	}
	path, err := h.LookPath(command[0])
	if err != nil {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 256)
	n, _ := f.Read(head)
	line, isScript := strings.CutPrefix(string(head[:n]), "#!")
	line, _, _ = strings.Cut(line, "\n")
	words := strings.Fields(line)
	if isScript && len(words) > 1 && filepath.Base(words[0]) == "env" {
		words = words[1:]
	}
	if !isScript || len(words) == 0 || !strings.HasPrefix(filepath.Base(words[0]), "python") {
		return ""
	}
	return words[0]
}

var longFlag = regexp.MustCompile(`--[a-zA-Z][\w.-]*\w`)

func (e *Engine) addFlags(ctx context.Context, o Options, h Host, env []string) {
	argv := helpCommand(o.Command)
	out, err := h.output(ctx, o.Timeouts.Tool, env, argv...)
	e.Flags = slices.Compact(slices.Sorted(slices.Values(longFlag.FindAllString(out, -1))))
	if len(e.Flags) == 0 {
		e.note("%s named no option (%v)", strings.Join(argv, " "), err)
	}
}

// helpCommand keeps of a command line what names the program and adds --help.
func helpCommand(command []string) []string {
	keep := 1
	switch {
	case !strings.HasPrefix(filepath.Base(command[0]), "python"):
		if len(command) > 1 && command[1] == "serve" {
			keep = 2
		}
	case len(command) > 2 && command[1] == "-m":
		keep = 3
		if len(command) > 3 && command[3] == "serve" {
			keep = 4
		}
	default:
		script := slices.IndexFunc(command[1:], func(a string) bool { return !strings.HasPrefix(a, "-") })
		keep = max(1, script+2)
	}
	return append(slices.Clone(command[:min(keep, len(command))]), "--help")
}

var (
	deployProfiler = regexp.MustCompile(`(?m)\bprofiler["']?:\s*["']?(torch|cuda)\b`)
	deployTraces   = regexp.MustCompile(`(?m)\btorch_profiler_dir["']?:\s*["']?([^"'\s,}#]+)`)
)

// addDeployment looks for a profiler in the deployment file that the command
// names. Two scalars are wanted of the YAML, so two patterns do.
func (e *Engine) addDeployment(command []string) {
	path, ok := flagValue(command, "--deploy-config", "--stage-configs-path")
	if !ok {
		return
	}
	data, err := os.ReadFile(path)
	if err != nil {
		e.note("reading the deployment: %v", err)
		return
	}
	e.Deploys = profilerIn(data)
	if m := deployTraces.FindSubmatch(data); m != nil {
		e.Traces = string(m[1])
	}
}

func profilerIn(text []byte) string {
	if m := deployProfiler.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}

// addScript looks for a profiler in the script itself.
func (e *Engine) addScript(command []string) {
	for _, word := range command {
		if strings.HasSuffix(word, ".py") {
			if data, err := os.ReadFile(word); err == nil {
				e.Mentions = profilerIn(data)
			}
			return
		}
	}
}

func (e *Engine) note(format string, args ...any) {
	e.Notes = append(e.Notes, when(true, format, args...))
}

// nsysPlaces are where installers put nsys when it is not on the PATH, newest
// kind first. Nsight Compute carries one that needs libdw to write reports.
var nsysPlaces = []string{
	"/opt/nvidia/nsight-systems/*/bin/nsys",
	"/opt/nvidia/nsight-systems/*/target-linux-*/nsys",
	"/usr/local/cuda*/bin/nsys",
	"/opt/nsys/target-linux-*/nsys",
	"/opt/nvidia/nsight-compute/*/host/target-linux-*/nsys",
}

func findNsys(given string, h Host) string {
	if given != "" {
		return given
	}
	if path, err := h.LookPath("nsys"); err == nil {
		return path
	}
	for _, pattern := range nsysPlaces {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	return ""
}

func isNsys(argv0 string) bool { return filepath.Base(argv0) == "nsys" }
