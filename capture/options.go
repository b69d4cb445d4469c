package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Tool is the profiler that records.
type Tool string

// The tools.
const (
	Torch Tool = "torch"
	Nsys  Tool = "nsys"
)

// A Via says how the engine is told to profile. What an installed version
// understands is in the table of [Engine].
type Via string

// The ways.
const (
	ViaAuto   Via = "auto"
	ViaFlag   Via = "flag"   // --profiler-config JSON, all stages
	ViaStages Via = "stages" // --stage-overrides JSON, the chosen stages
	ViaEnv    Via = "env"    // VLLM_TORCH_PROFILER_DIR
	ViaNone   Via = "none"   // the command or the running server has its own
)

// A Range says what opens and closes an nsys report.
type Range string

// The ranges.
const (
	RangeAuto    Range = "auto"
	RangeAPI     Range = "api"     // cudaProfilerStart/Stop in the engine's workers
	RangeSession Range = "session" // nsys launch, then nsys start/stop from outside
	RangeDelay   Range = "delay"   // --delay/--duration
	RangeWhole   Range = "whole"   // everything from start to exit
)

// Options say what to capture. [DefaultOptions] fills in everything but the
// tool, the command and the output directory.
type Options struct {
	Tool    Tool
	Out     string   // session directory; made, and must not hold a session yet
	Label   string   // the run's name in diffs; "" for none
	Command []string // the server or script, without nsys
	Env     []string // NAME=value, added to the command's environment
	Offline bool     // Command is a script that ends by itself
	Attach  string   // URL of a running server, instead of Command

	Stages []int  // stages to profile; nil for all
	Ranks  int    // traces that each stage must leave
	Traces string // where the engine writes traces, when its own configuration says so
	Via    Via
	Config map[string]any // more profiler_config fields, such as torch_profiler_record_shapes

	Range     Range
	Delay     time.Duration // RangeDelay: from start to the begin of the capture
	Duration  time.Duration // RangeDelay: length of the capture
	NsysPath  string        // "" to search
	NsysFlags []string      // more flags for nsys profile or nsys launch
	Stats     bool          // run nsys stats on each report

	Kind     string    // built-in request: one of [Kinds]
	Body     Body      // its sizes
	Requests []Request // sent instead of the built-in one
	Warmup   int       // times that all requests are sent before the first start
	Repeat   int       // start/stop rounds
	Minimise bool      // Offline: add small sizes that the script understands and was not given

	AllowRemote bool   // permit a server that is not on this machine
	APIKeyEnv   string // environment variable with the server's key; "" for none
	KeepSecrets bool   // leave secret-looking variables in the environment that nsys records

	MaxDisk   int64 // bytes that the session may take; 0 for no limit
	MinFree   int64 // bytes that must stay free on the disk
	MinMemory int64 // bytes of host memory that must stay available

	Timeouts Timeouts
}

// DefaultOptions are the values that a command line starts from.
func DefaultOptions() Options {
	return Options{
		Tool: Torch, Ranks: 1, Via: ViaAuto, Range: RangeAuto, Stats: true, Kind: "chat", Body: DefaultBody(),
		Warmup: 1, Repeat: 1, Minimise: true, APIKeyEnv: "VLLM_API_KEY",
		MinFree: 1 << 30, MinMemory: 2 << 30, Timeouts: DefaultTimeouts(),
	}
}

// Validate reports every contradiction in o. It looks at nothing outside o.
func (o Options) Validate() error {
	var problems []error
	for _, rule := range optionRules {
		if why := rule(o); why != "" {
			problems = append(problems, errors.New(why))
		}
	}
	if err := o.Timeouts.validate(); err != nil {
		problems = append(problems, err)
	}
	for i, r := range o.Requests {
		if err := r.validate(); err != nil {
			problems = append(problems, fmt.Errorf("request %d: %w", i+1, err))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &Error{Kind: Usage, Err: errors.Join(problems...)}
}

// optionRules are what must hold, each by itself; "" where it does.
var optionRules = []func(Options) string{
	func(o Options) string {
		return when(o.Tool != Torch && o.Tool != Nsys, "unknown profiler %q: torch or nsys", o.Tool)
	},
	func(o Options) string { return when(o.Out == "", "no output directory: give --out DIR") },
	func(o Options) string {
		return when(len(o.Command) == 0 && o.Attach == "", "nothing to run: give -- COMMAND, or --attach URL")
	},
	func(o Options) string {
		return when(len(o.Command) > 0 && o.Attach != "", "--attach uses a running server: leave out the command")
	},
	func(o Options) string {
		return when(o.Offline && o.Attach != "", "--offline and --attach exclude each other")
	},
	func(o Options) string {
		return when(o.Tool == Nsys && o.Attach != "",
			"nsys cannot attach to a running process: give the server's command after --, and it is started under nsys")
	},
	func(o Options) string {
		return when(o.Attach != "" && o.Traces == "",
			"--attach needs --traces DIR: the torch_profiler_dir that the running server was given")
	},
	func(o Options) string {
		return when(o.Tool == Nsys && mentionsTorchProfiler(o.Command),
			"the command turns on the torch profiler, which takes CUPTI from nsys (both traces would be empty of kernels): use capture torch, or drop its profiler configuration")
	},
	func(o Options) string {
		return when(o.Tool == Nsys && lookup(o.Env, "VLLM_TORCH_PROFILER_DIR") != "", "VLLM_TORCH_PROFILER_DIR turns on the torch profiler, which takes CUPTI from nsys")
	},
	func(o Options) string {
		return when(len(o.Command) > 0 && isNsys(o.Command[0]), "the command must not start nsys itself: capture nsys does")
	},
	func(o Options) string {
		return when(o.Ranks < 1 || o.Warmup < 0 || o.Repeat < 1, "ranks and repeat must be at least 1, warmup at least 0")
	},
	func(o Options) string {
		return when(slices.ContainsFunc(o.Stages, func(s int) bool { return s < 0 }), "stages are numbered from 0")
	},
	func(o Options) string {
		return when(len(o.Requests) == 0 && !o.Offline && builtins[o.Kind] == nil, "unknown request kind %q: %s", o.Kind, strings.Join(Kinds(), ", "))
	},
	func(o Options) string {
		return when(!slices.Contains([]Via{ViaAuto, ViaFlag, ViaStages, ViaEnv, ViaNone}, o.Via), "unknown way to configure the profiler %q: auto, flag, stages, env or none", o.Via)
	},
	func(o Options) string {
		return when(o.Via == ViaStages && len(o.Stages) == 0, "--via stages needs --stages: a deployment override names each stage")
	},
	func(o Options) string {
		return when(!slices.Contains([]Range{RangeAuto, RangeAPI, RangeSession, RangeDelay, RangeWhole}, o.Range), "unknown range %q: auto, api, session, delay or whole", o.Range)
	},
	func(o Options) string {
		return when(o.Range == RangeDelay && o.Duration <= 0, "--range delay needs --duration")
	},
	func(o Options) string {
		return when(o.Repeat > 1 && (o.Offline || o.Range == RangeDelay || o.Range == RangeWhole), "--repeat needs a server and a range that can be opened again (api or session)")
	},
	func(o Options) string {
		return when(o.MaxDisk < 0 || o.MinFree < 0 || o.MinMemory < 0, "limits of disk and memory must not be negative")
	},
	remoteRule,
	envRule,
}

func remoteRule(o Options) string {
	if o.Attach == "" {
		return ""
	}
	u, err := url.Parse(o.Attach)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Sprintf("%q is not a server's URL: http://HOST:PORT", o.Attach)
	}
	return when(!o.AllowRemote && !isLoopback(u.Hostname()),
		"%q is not this machine: profiling routes are for debugging and have no protection; say --allow-remote if it is meant", o.Attach)
}

func envRule(o Options) string {
	for _, e := range o.Env {
		if name, _, ok := strings.Cut(e, "="); !ok || name == "" {
			return fmt.Sprintf("environment entry %q is not NAME=value", e)
		}
	}
	return ""
}

func when(wrong bool, format string, args ...any) string {
	if !wrong {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// mentionsTorchProfiler reports whether a command line selects the torch
// profiler, in JSON or in dotted form.
func mentionsTorchProfiler(command []string) bool {
	if config, ok := flagValue(command, "--profiler-config"); ok {
		var c struct{ Profiler string }
		return json.Unmarshal([]byte(config), &c) == nil && c.Profiler == "torch"
	}
	v, _ := flagValue(command, "--profiler-config.profiler")
	return v == "torch"
}

// flagValue returns the value of the last --name VALUE or --name=VALUE.
func flagValue(command []string, names ...string) (value string, ok bool) {
	for i, arg := range command {
		name, v, joined := strings.Cut(arg, "=")
		if !slices.Contains(names, name) {
			continue
		}
		if !joined && i+1 < len(command) {
			v = command[i+1]
		}
		value, ok = v, true
	}
	return value, ok
}

// hasFlag reports whether any of the names is given, with or without a value.
func hasFlag(command []string, names ...string) bool {
	return slices.ContainsFunc(command, func(arg string) bool {
		name, _, _ := strings.Cut(arg, "=")
		return slices.Contains(names, name)
	})
}

// port returns the port that a server's command line asks for: vLLM's default
// is 8000.
func port(command []string) (int, error) {
	v, ok := flagValue(command, "--port")
	if !ok {
		return 8000, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 65535 {
		return 0, failure(Usage, "give the server a port of its own", "--port %q is not a port", v)
	}
	return n, nil
}
