package capture

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Verdict is how a check came out.
type Verdict string

// The verdicts.
const (
	Good    Verdict = "ok"
	Notice  Verdict = "notice"  // works, with a restriction
	Problem Verdict = "problem" // a capture will fail, or record nothing
	Skipped Verdict = "skipped" // does not apply here
)

// A Check is one finding of [Doctor]. Remedy is empty for a good one.
type Check struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail"`
	Remedy  string  `json:"remedy,omitempty"`
}

// A checkup is one thing that a doctor looks at.
type checkup struct {
	name string
	look func(context.Context, Options, Host) Check
}

var checkups = []checkup{
	{"nsys", checkNsys},
	{"gpu", checkGPU},
	{"engine", checkEngine},
	{"gzip", checkGzip},
	{"other profilers", checkProfilers},
	{"injection", checkInjection},
	{"perf events", checkPerf},
	{"gpu counters", checkCounters},
	{"capabilities", checkCapabilities},
	{"disk", checkDisk},
	{"temporary disk", checkTemp},
	{"memory", checkMemory},
	{"server", checkServer},
	{"profiling routes", checkRoutes},
}

// Doctor looks at what a capture with these options needs. It changes nothing
// and starts no profiler. Out, Command, Attach and NsysPath may be empty.
func Doctor(ctx context.Context, o Options, h Host) []Check {
	h = h.withDefaults()
	checks := make([]Check, len(checkups))
	for i, c := range checkups {
		checks[i] = c.look(ctx, o, h)
		checks[i].Name = c.name
	}
	return checks
}

func found(v Verdict, remedy, format string, args ...any) Check {
	return Check{Verdict: v, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

// oldestNsys is the first version with --cuda-graph-trace and repeated ranges.
const oldestNsys = 2022*1000 + 1

func checkNsys(ctx context.Context, o Options, h Host) Check {
	path := findNsys(o.NsysPath, h)
	if path == "" {
		return found(Problem, "install Nsight Systems, or give its path with --nsys", "not on the PATH nor where installers put it")
	}
	e := Engine{Nsys: path, Versions: map[string]string{}}
	e.addNsysVersion(ctx, o, h)
	version := e.Versions["nsys"]
	minor, known := minorVersion(version)
	switch {
	case !known:
		return found(Problem, "reinstall Nsight Systems", "%s does not tell its version: %s", path, strings.Join(e.Notes, "; "))
	case minor < oldestNsys:
		return found(Problem, "use 2022.1 or newer, for --cuda-graph-trace and repeated ranges", "%s is version %s", path, version)
	case strings.Contains(path, "nsight-compute"):
		return found(Notice, "if it leaves .qdstrm files only, install libdw1, which its importer needs", "%s is version %s, the copy inside Nsight Compute", path, version)
	}
	return found(Good, "", "%s, version %s", path, version)
}

func checkGPU(ctx context.Context, _ Options, h Host) Check {
	if _, err := h.LookPath(h.NvidiaSMI); err != nil {
		return found(Problem, "run this where the GPUs are; in a container, start it with --gpus all", "no nvidia-smi here")
	}
	gpus, driver, err := queryGPUs(ctx, h)
	if err != nil || len(gpus) == 0 {
		return found(Problem, "see what nvidia-smi says", "nvidia-smi lists no GPU: %v", err)
	}
	names := make([]string, len(gpus))
	for i, g := range gpus {
		names[i] = g.Name
	}
	return found(Good, "", "%s, driver %s", strings.Join(names, ", "), driver)
}

func checkEngine(ctx context.Context, o Options, h Host) Check {
	if len(o.Command) == 0 {
		o.Command = []string{"vllm"}
	}
	e := Engine{Versions: map[string]string{}}
	e.addVersions(ctx, o, h, slices.Concat(h.Environ, o.Env))
	minor, known := e.version()
	if !known {
		return found(Notice, "say how the profiler is configured with --via", "no vllm is installed for %q", o.Command[0])
	}
	return found(Good, "", "vllm %s, vllm-omni %s, torch %s: %s", orAbsent(e.Versions["vllm"]), orAbsent(e.Versions["vllm_omni"]), orAbsent(e.Versions["torch"]), eraOf(minor).note)
}

func orAbsent(s string) string {
	if s == "" {
		return "absent"
	}
	return s
}

func checkGzip(_ context.Context, _ Options, h Host) Check {
	if path, err := h.LookPath("gzip"); err == nil {
		return found(Good, "", "%s", path)
	}
	return found(Problem, "install gzip, or set torch_profiler_use_gzip to false", "not on the PATH: vLLM-Omni compresses its traces with it")
}

// profilerNames are programs that hold CUPTI, of which a process has one
// subscriber, or sample the whole machine.
var profilerNames = regexp.MustCompile(`^(nsys|ncu|nv-nsight-cu|nvprof|cuda-gdb|dcgmproftester\d*|rocprof)`)

func checkProfilers(context.Context, Options, Host) Check {
	var others []process
	for _, p := range processes() {
		if profilerNames.MatchString(p.name) && p.pid != os.Getpid() {
			others = append(others, p)
		}
	}
	if len(others) > 0 {
		return found(Problem, "stop them: two profilers on one process leave traces without kernels", "running: %s", describe(others))
	}
	return found(Good, "", "none runs")
}

// injections are variables that load a tool into every CUDA process.
var injections = []string{"CUDA_INJECTION64_PATH", "NVTX_INJECTION64_PATH", "CUPTI_INJECTION_PATH", "LD_PRELOAD"}

func checkInjection(_ context.Context, o Options, h Host) Check {
	var set []string
	for _, name := range injections {
		if v := lookup(slices.Concat(h.Environ, o.Env), name); v != "" {
			set = append(set, name+"="+v)
		}
	}
	if len(set) > 0 {
		return found(Notice, "unset it if it loads a profiler: CUPTI has one subscriber a process", "%s", strings.Join(set, ", "))
	}
	return found(Good, "", "no tool is loaded into CUDA processes")
}

func checkPerf(_ context.Context, _ Options, h Host) Check {
	data, err := h.ReadFile("/proc/sys/kernel/perf_event_paranoid")
	level, convErr := strconv.Atoi(string(bytes.TrimSpace(data)))
	switch {
	case err != nil || convErr != nil:
		return found(Notice, "kernel times need none", "this kernel has no perf events: nsys records no CPU samples")
	case level > 2 && os.Geteuid() != 0:
		return found(Notice, "sysctl kernel.perf_event_paranoid=2; kernel times do not need it", "perf_event_paranoid is %d: nsys records no CPU samples", level)
	}
	return found(Good, "", "perf_event_paranoid is %d", level)
}

func checkCounters(_ context.Context, _ Options, h Host) Check {
	data, err := h.ReadFile("/proc/driver/nvidia/params")
	if err != nil {
		return found(Skipped, "", "no NVIDIA kernel driver is to be seen")
	}
	if regexp.MustCompile(`(?m)^RmProfilingAdminOnly: 1`).Match(data) && os.Geteuid() != 0 {
		return found(Notice, "load nvidia with NVreg_RestrictProfilingToAdminUsers=0, or run as root; kernel times do not need it", "GPU counters are for administrators only")
	}
	return found(Good, "", "GPU counters may be read")
}

const capSysAdmin, capPerfmon = 21, 38

func checkCapabilities(_ context.Context, _ Options, h Host) Check {
	data, err := h.ReadFile("/proc/self/status")
	m := regexp.MustCompile(`(?m)^CapEff:\s*([0-9a-f]+)`).FindSubmatch(data)
	if err != nil || m == nil {
		return found(Skipped, "", "capabilities are not to be seen")
	}
	bits, _ := strconv.ParseUint(string(m[1]), 16, 64)
	if bits&(1<<capSysAdmin|1<<capPerfmon) == 0 {
		return found(Notice, "in a container: --cap-add SYS_ADMIN (or PERFMON), for CPU samples and GPU counters; kernel times need neither", "neither CAP_SYS_ADMIN nor CAP_PERFMON")
	}
	return found(Good, "", "CAP_SYS_ADMIN or CAP_PERFMON is there")
}

func checkDisk(_ context.Context, o Options, h Host) Check {
	dir := o.Out
	for dir != "" && dir != "/" && dir != "." {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		dir = parentOf(dir)
	}
	if dir == "" {
		dir = "."
	}
	return roomIn(dir, o, h, "choose another disk with --out")
}

func parentOf(dir string) string {
	i := strings.LastIndexByte(strings.TrimRight(dir, "/"), '/')
	switch {
	case i < 0:
		return "."
	case i == 0:
		return "/"
	}
	return dir[:i]
}

// checkTemp looks where nsys collects and where torch's own handler writes the
// raw JSON, which is 10 to 20 times the compressed trace.
func checkTemp(_ context.Context, o Options, h Host) Check {
	dir := lookup(slices.Concat(h.Environ, o.Env), "TMPDIR")
	if dir == "" {
		dir = os.TempDir()
	}
	return roomIn(dir, o, h, "set TMPDIR to another disk")
}

// roomyDisk is what a profile of a few diffusion steps with python stacks takes
// at its largest moment.
const roomyDisk = 5 << 30

func roomIn(dir string, o Options, h Host, remedy string) Check {
	free, err := h.FreeDisk(dir)
	switch {
	case err != nil:
		return found(Problem, remedy, "%s: %v", dir, err)
	case free < o.MinFree:
		return found(Problem, remedy, "%s are free in %s, less than %s", bytesText(free), dir, bytesText(o.MinFree))
	case free < roomyDisk:
		return found(Notice, remedy, "%s are free in %s: enough for a short profile", bytesText(free), dir)
	}
	return found(Good, "", "%s are free in %s", bytesText(free), dir)
}

func checkMemory(_ context.Context, o Options, h Host) Check {
	free, err := h.Memory()
	switch {
	case err != nil:
		return found(Skipped, "", "%v", err)
	case free < o.MinMemory:
		return found(Problem, "stop other programs: python stacks of a long profile take tens of GiB", "%s of host memory are available", bytesText(free))
	}
	return found(Good, "", "%s of host memory are available", bytesText(free))
}

// serverURL is the server that a doctor visits: the one to attach to, else the
// one that the command would start.
func serverURL(o Options) string {
	if o.Attach != "" {
		return strings.TrimRight(o.Attach, "/")
	}
	n, err := port(o.Command)
	if err != nil || len(o.Command) == 0 || o.Offline {
		return ""
	}
	return "http://127.0.0.1:" + strconv.Itoa(n)
}

const visitLimit = 5 * time.Second

func checkServer(ctx context.Context, o Options, h Host) Check {
	url := serverURL(o)
	if url == "" {
		return found(Skipped, "", "no server was named")
	}
	reply, err := newClient(lookup(h.Environ, o.APIKeyEnv)).get(ctx, visitLimit, url+"/health")
	switch {
	case err != nil && o.Attach == "":
		return found(Good, "", "the port of %s is free", url)
	case err != nil:
		return found(Problem, "is it running, and is this its port?", "%s: %v", url, err)
	case o.Attach == "":
		return found(Problem, "stop it, use it with --attach, or give the command another --port", "something answers at %s already", url)
	case reply.status != 200:
		return found(Problem, "wait until it is ready", "%s/health: status %d%s", url, reply.status, reply.words())
	}
	return found(Good, "", "%s is healthy", url)
}

// checkRoutes asks with GET, which starts nothing: a route that exists for POST
// only answers 405, one that does not exist 404.
func checkRoutes(ctx context.Context, o Options, h Host) Check {
	if o.Attach == "" {
		return found(Skipped, "", "no running server was named")
	}
	reply, err := newClient(lookup(h.Environ, o.APIKeyEnv)).get(ctx, visitLimit, serverURL(o)+"/start_profile")
	switch {
	case err != nil:
		return found(Problem, "is it running, and is this its port?", "%v", err)
	case reply.status == 404:
		return found(Problem, refusals[404], "/start_profile is not there")
	case reply.status != 405 && !reply.ok():
		return found(Notice, refusals[reply.status], "/start_profile: status %d%s", reply.status, reply.words())
	}
	return found(Good, "", "/start_profile is there")
}
