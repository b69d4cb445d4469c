package capture

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	logName    = "run.log"  // output of everything that the run starts
	recordName = "run.json" // see [Record]
	reportBase = "report"   // report.1.nsys-rep, report.2.nsys-rep, …
)

// A Plan is a run as data: what will be started, sent and waited for, in order.
// [NewPlan] makes one, [Plan.Script] prints it, [Run] executes it.
type Plan struct {
	Options  Options
	Engine   Engine
	Profiler Profiler
	Server   string // base URL of the server; "" for a script
	Port     int    // of a server that the plan starts, else 0
	Range    Range  // what opens and closes an nsys report; "" for torch
	Requests []Request
	Steps    []Step
	Notes    []string // what differs from what was asked, and why
}

// A Step is one thing to do.
type Step struct {
	Name   string        // "wait until the server is ready"
	Round  int           // start/stop round, from 1; 0 outside of rounds
	Limit  time.Duration // longest it may take (without progress, where it shows any)
	Action Action
}

// An Action is what a step does: start a process, send a request, wait for files, …
type Action interface {
	// script returns the action as shell commands.
	script(Plan) string
	run(context.Context, *run, Step) error
}

// NewPlan makes the plan of a run. It is a pure function.
func NewPlan(o Options, e Engine) (Plan, error) {
	if err := o.Validate(); err != nil {
		return Plan{}, err
	}
	out, err := filepath.Abs(o.Out)
	if err != nil {
		return Plan{}, err
	}
	o.Out = out
	p := Plan{Options: o, Engine: e, Notes: slices.Clone(e.Notes)}
	if o.Tool == Nsys && e.Nsys == "" {
		return Plan{}, failure(Failed, "install Nsight Systems, or say where it is with --nsys PATH; omnitrace doctor looks for it",
			"nsys is not on the PATH nor where installers put it")
	}
	p.Requests = requests(o, e)
	switch {
	case o.Attach != "":
		err = p.attach()
	case o.Offline:
		err = p.offline()
	default:
		err = p.online()
	}
	return p, err
}

func requests(o Options, e Engine) []Request {
	if o.Offline || len(o.Requests) > 0 {
		return o.Requests
	}
	body := o.Body
	if body.Model == "" {
		body.Model = model(o.Command, e)
	}
	request, _ := Builtin(o.Kind, body) // Validate knows the kind
	return []Request{request}
}

// model returns the name that the server answers to.
func model(command []string, e Engine) string {
	if m, ok := flagValue(command, "--served-model-name", "--model"); ok {
		return m
	}
	if i := slices.Index(command, "serve"); i >= 0 && i+1 < len(command) && !strings.HasPrefix(command[i+1], "-") {
		return command[i+1]
	}
	return e.Model
}

func (p *Plan) add(name string, limit time.Duration, a Action) {
	p.Steps = append(p.Steps, Step{Name: name, Limit: limit, Action: a})
}

func (p *Plan) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// online starts a server, under nsys where that records.
func (p *Plan) online() error {
	o := p.Options
	n, err := port(o.Command)
	if err != nil {
		return err
	}
	p.Port, p.Server = n, "http://127.0.0.1:"+strconv.Itoa(n)
	command, err := p.configured(configure)
	if err != nil {
		return err
	}
	p.add("start the server", o.Timeouts.Tool, p.start(command))
	p.add("wait until the server is ready", o.Timeouts.Ready, readyAction{URL: p.Server + "/health"})
	p.warmUp()
	for round := range o.Repeat {
		p.round(round + 1)
	}
	p.add("stop the server", o.Timeouts.Exit, interruptAction{Port: p.Port, UnderNsys: o.Tool == Nsys})
	p.reports()
	return nil
}

// attach drives a server that runs already, and leaves it running.
func (p *Plan) attach() error {
	o := p.Options
	p.Server = strings.TrimRight(o.Attach, "/")
	traces, err := filepath.Abs(o.Traces)
	if err != nil {
		return err
	}
	p.Profiler = Profiler{Vias: []Via{ViaNone}, Traces: traces}
	p.add("wait until the server is ready", o.Timeouts.Ready, readyAction{URL: p.Server + "/health"})
	p.warmUp()
	for round := range o.Repeat {
		p.round(round + 1)
	}
	return nil
}

// offline runs a script that profiles itself.
func (p *Plan) offline() error {
	command, err := p.configured(configureScript)
	if err != nil {
		return err
	}
	p.add("start the script", p.Options.Timeouts.Tool, p.start(command))
	p.add("wait for the script to end", p.Options.Timeouts.Script, exitAction{})
	if p.Options.Tool == Torch {
		p.Steps = append(p.Steps, p.flush(1))
	}
	p.reports()
	return nil
}

type configurer func(Options, Engine) ([]string, Profiler, []string, error)

// configured decides the range and returns the command with its profiler
// configuration, which a capture from outside needs none of.
func (p *Plan) configured(configure configurer) ([]string, error) {
	command, profiler, notes, err := configure(p.Options, p.Engine)
	if err != nil {
		return nil, err
	}
	if err := p.torchUnderNsys(profiler); err != nil {
		return nil, err
	}
	p.chooseRange(profiler)
	if p.Options.Tool == Nsys && p.Range != RangeAPI {
		command, profiler, notes = p.Options.Command, Profiler{Vias: []Via{ViaNone}}, nil
	}
	p.Profiler = profiler
	p.Notes = append(p.Notes, notes...)
	return command, nil
}

func (p *Plan) warmUp() {
	for range p.Options.Warmup {
		for i, r := range p.Requests {
			p.add(fmt.Sprintf("warm up with request %d of %d", i+1, len(p.Requests)), p.Options.Timeouts.Request,
				sendAction{Server: p.Server, Request: r, Index: i, Warmup: true})
		}
	}
}

// round adds one start…stop of the profiler with all requests between.
func (p *Plan) round(round int) {
	first := len(p.Steps)
	p.open(round)
	for i, r := range p.Requests {
		p.add(fmt.Sprintf("send request %d of %d", i+1, len(p.Requests)), p.Options.Timeouts.Request,
			sendAction{Server: p.Server, Request: r, Index: i})
	}
	p.close(round)
	for i := range p.Steps[first:] {
		p.Steps[first+i].Round = round
	}
}

func (p *Plan) open(round int) {
	o, t := p.Options, p.Options.Timeouts
	switch p.Range {
	case RangeSession:
		p.add("start the capture", t.Tool, nsysStart{execAction: p.nsysTool("start", "--session="+sessionName(o.Out), "--sample=none", "--cpuctxsw=none", "--output="+p.report(round))})
	case RangeDelay:
		p.add("wait for the capture to begin", o.Delay+t.Ready, untilAction{After: o.Delay})
	case RangeWhole:
	default:
		p.add("start the profiler", t.Start, startProfile{Server: p.Server, Stages: o.Stages})
	}
}

func (p *Plan) close(round int) {
	o, t := p.Options, p.Options.Timeouts
	switch p.Range {
	case RangeSession:
		p.add("stop the capture", t.Report, nsysStop{execAction: p.nsysTool("stop", "--session="+sessionName(o.Out))})
	case RangeDelay:
		p.add("wait for the capture to end", o.Delay+o.Duration+t.Ready, untilAction{After: o.Delay + o.Duration})
	case RangeWhole:
	default:
		p.add("stop the profiler", t.Stop, stopProfile{Server: p.Server, Stages: o.Stages, Flush: p.flush(round).Action.(flushAction)})
		if o.Tool == Torch {
			p.Steps = append(p.Steps, p.flush(round))
		}
	}
}

func (p *Plan) flush(round int) Step {
	return Step{
		Name: "wait until the traces are complete", Limit: p.Options.Timeouts.Flush, Round: round,
		Action: flushAction{Dir: p.Profiler.Traces, Out: p.Options.Out, Stages: p.Options.Stages, Ranks: p.Options.Ranks, Round: round},
	}
}

// start returns the action that starts the configured command.
func (p *Plan) start(command []string) startAction {
	o := p.Options
	// Unbuffered: the last lines of a Python program that dies are the ones that tell why.
	s := startAction{Argv: command, Env: slices.Concat([]string{"PYTHONUNBUFFERED=1"}, o.Env, p.Profiler.Env), Log: filepath.Join(o.Out, logName)}
	if o.Tool == Nsys {
		s.Argv = p.underNsys(command)
		s.Unset = []string{"VLLM_TORCH_PROFILER_DIR"} // two profilers leave traces without kernels
		if secrets := p.Engine.Secrets; len(secrets) > 0 && !o.KeepSecrets {
			s.Unset = append(s.Unset, secrets...)
			p.note("not passed on, because nsys writes the environment into its reports: %s (--keep-secrets passes them)", strings.Join(secrets, ", "))
		}
		s.Env = append([]string{"VLLM_WORKER_MULTIPROC_METHOD=spawn"}, s.Env...) // nsys loses a forked worker's CUDA calls
		if p.Range != RangeAPI {
			s.Env = append([]string{"VLLM_NVTX_SCOPES_FOR_PROFILING=1"}, s.Env...) // the only marks of a worker outside of a profile
		}
	}
	return s
}
