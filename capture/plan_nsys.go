package capture

import (
	"fmt"
	"hash/fnv"
	"path/filepath"
	"slices"
	"strings"
)

// nsysTrace are the flags of every capture: the profiling guide's, and the
// kinds of events that the tables need.
var nsysTrace = []string{"--trace=cuda,nvtx,osrt", "--trace-fork-before-exec=true", "--cuda-graph-trace=node"}

// underNsys puts the command under nsys profile, or nsys launch for a capture
// that is started and stopped from outside.
func (p *Plan) underNsys(command []string) []string {
	o := p.Options
	flags := slices.Clone(nsysTrace)
	sub := "profile"
	switch p.Range {
	case RangeAPI:
		flags = append(flags, "--capture-range=cudaProfilerApi", "--capture-range-end=repeat", "--output="+filepath.Join(o.Out, reportBase))
	case RangeSession:
		sub = "launch"
		flags = append(flags, "--session-new="+sessionName(o.Out), "--wait=all")
	case RangeDelay:
		flags = append(flags, fmt.Sprintf("--delay=%d", int(o.Delay.Seconds())), fmt.Sprintf("--duration=%d", int(o.Duration.Seconds())),
			"--kill=none", "--output="+p.report(1))
	default:
		flags = append(flags, "--output="+p.report(1))
	}
	return slices.Concat([]string{p.Engine.Nsys, sub}, overrideFlags(flags, o.NsysFlags), command)
}

// overrideFlags appends more to flags, without those of flags that more sets.
func overrideFlags(flags, more []string) []string {
	flags = slices.DeleteFunc(flags, func(f string) bool {
		name, _, _ := strings.Cut(f, "=")
		return hasFlag(more, name)
	})
	return append(flags, more...)
}

// sessionName is different for every output directory, because nsys sessions
// are visible to the whole machine.
func sessionName(out string) string {
	h := fnv.New32a()
	h.Write([]byte(out))
	return fmt.Sprintf("omnitrace-%08x", h.Sum32())
}

func (p *Plan) report(n int) string {
	return filepath.Join(p.Options.Out, fmt.Sprintf("%s.%d", reportBase, n))
}

func (p *Plan) nsysTool(args ...string) execAction {
	return execAction{Argv: append([]string{p.Engine.Nsys}, args...), Log: filepath.Join(p.Options.Out, logName)}
}

// chooseRange decides what opens and closes the reports.
func (p *Plan) chooseRange(profiler Profiler) {
	o := p.Options
	if o.Tool != Nsys {
		return
	}
	p.Range = o.Range
	if o.Range != RangeAuto {
		return
	}
	minor, known := p.Engine.version()
	itself := slices.Equal(profiler.Vias, []Via{ViaNone})
	switch {
	case o.Offline && itself && p.Engine.Deploys != "cuda":
		p.Range = RangeWhole
		p.note("the script has no option to open a capture range: nsys records it from start to end")
	case !p.diffusion() && known && rangeDefect.in(minor):
		p.Range = RangeSession
		if o.Offline {
			p.Range = RangeWhole
		}
		p.note("%s: %s (--range api tries it all the same)", rangeDefect.text, rangeWords[p.Range])
	default:
		p.Range = RangeAPI
	}
}

var rangeWords = map[Range]string{
	RangeSession: "nsys start and nsys stop open and close the capture from outside",
	RangeWhole:   "nsys records the script from start to end",
}

// diffusion reports whether all work goes to diffusion stages, as far as the
// requests or the script's options tell.
func (p *Plan) diffusion() bool {
	if p.Options.Offline {
		return firstIn([]string{"--enable-profiler", "--profiler-stages"}, p.Engine.Flags) == ""
	}
	return !slices.ContainsFunc(p.Requests, func(r Request) bool {
		return !strings.HasPrefix(r.Path, "/v1/images") && !strings.HasPrefix(r.Path, "/v1/videos") && r.steps() == 0
	})
}

// torchUnderNsys is the error of a command that would run both profilers. The
// flags were looked at before; this is about files.
func (p *Plan) torchUnderNsys(profiler Profiler) error {
	itself := slices.Equal(profiler.Vias, []Via{ViaNone})
	what := ""
	switch string(Torch) {
	case p.Engine.Deploys:
		what = "the deployment file"
	case p.Engine.Mentions:
		what = "the script"
	}
	if p.Options.Tool != Nsys || !itself || what == "" {
		return nil
	}
	return failure(Usage, "use capture torch, or a configuration with profiler cuda",
		"%s turns on the torch profiler, which takes CUPTI from nsys: both would record no kernels", what)
}

// reports waits for what nsys writes at the end, and makes tables of it.
func (p *Plan) reports() {
	if p.Options.Tool != Nsys {
		return
	}
	o, n := p.Options, p.Options.Repeat
	p.add("wait for the nsys reports", o.Timeouts.Report, reportsAction{Dir: o.Out, Count: n, Range: p.Range})
	for i := range n {
		base := p.report(i + 1)
		export := p.nsysTool("export", "--type=sqlite", "--output="+base+".sqlite", base+".nsys-rep")
		export.Makes = base + ".sqlite"
		p.add(fmt.Sprintf("export report %d", i+1), o.Timeouts.Tool, export)
		if o.Stats {
			stats := p.nsysTool("stats", "--format=csv", "--output="+base, base+".sqlite")
			stats.Optional = true
			p.add(fmt.Sprintf("tables of report %d", i+1), o.Timeouts.Tool, stats)
		}
	}
}
