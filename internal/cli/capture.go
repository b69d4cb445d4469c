package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"

	"omnitrace/capture"
	"omnitrace/internal/unit"
)

type captureOptions struct {
	capture.Options
	via, nsysRange    string
	requests          string
	prompt            string
	timeouts          []string
	maxDisk           string
	ab                []string
	rounds            int
	noMinimise        bool
	noStats           bool
	dryRun, summarize bool
}

func newCapture(std streams) *cobra.Command {
	o := &captureOptions{Options: capture.DefaultOptions()}
	cmd := &cobra.Command{
		Use:   "capture torch|nsys --out DIR -- COMMAND…",
		Short: "Drive a profiling run of a server or a script",
		Long: `capture starts a server under the PyTorch profiler (torch) or Nsight Systems
(nsys), waits until it is ready, sends requests between start and stop of the
profiler, waits until every trace is whole, stops the server and leaves the
session with a run.json in DIR. --attach uses a server that already runs,
--offline runs a script that ends by itself.

Success is judged by the files, not by the server's replies. Whatever ends the
run, nothing keeps running and no half-written file keeps its name.`,
		Example: `  omnitrace capture torch --out run1 --summarize -- vllm serve MODEL --omni
  omnitrace capture nsys --out run2 --request images --repeat 2 -- vllm serve MODEL --omni
  omnitrace capture torch --offline --out run3 -- python image_to_video.py
  omnitrace capture torch --out ab --ab 'base=' --ab 'eager=--enforce-eager' --rounds 3 -- vllm serve MODEL --omni`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context(), std)
		},
	}
	o.flags(cmd)
	return cmd
}

func (o *captureOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.Out, "out", "", "session `directory` to make")
	f.StringVar(&o.Label, "label", "", "the run's name in comparisons")
	f.StringVar(&o.Attach, "attach", "", "`URL` of a running server, instead of a command")
	f.BoolVar(&o.Offline, "offline", false, "the command is a script that ends by itself")
	f.BoolVar(&o.noMinimise, "no-minimise", false, "add no small sizes to an offline script")
	f.IntSliceVar(&o.Stages, "stages", nil, "stages to profile (default: all)")
	f.IntVar(&o.Ranks, "ranks", o.Ranks, "traces that each stage must leave")
	f.StringVar(&o.Traces, "traces", "", "`directory` that the engine writes traces to, where its own configuration says so")
	f.StringVar(&o.via, "via", string(o.Via), "how the engine is told to profile: auto, flag, stages, env or none")
	f.StringVar(&o.Kind, "request", o.Kind, "built-in request: "+strings.Join(capture.Kinds(), ", "))
	f.StringVar(&o.requests, "requests", "", "`file` with requests instead, one JSON object a line: {\"path\": …, \"body\": …}")
	f.StringVar(&o.prompt, "prompt", "", "prompt of the built-in request")
	f.IntVar(&o.Body.Steps, "num-inference-steps", o.Body.Steps, "denoise steps of the built-in request")
	f.IntVar(&o.Body.Width, "width", o.Body.Width, "width of the built-in request, in pixels")
	f.IntVar(&o.Body.Height, "height", o.Body.Height, "height of the built-in request, in pixels")
	f.IntVar(&o.Body.Frames, "num-frames", o.Body.Frames, "frames of the built-in request")
	f.StringVar(&o.Body.Model, "model", o.Body.Model, "model name in the built-in request")
	f.IntVar(&o.Warmup, "warmup", o.Warmup, "times that the requests are sent before the profiler starts")
	f.IntVar(&o.Repeat, "repeat", o.Repeat, "start/stop rounds")
	f.StringVar(&o.nsysRange, "range", string(o.Range), "what opens an nsys report: auto, api, session, delay or whole")
	f.DurationVar(&o.Delay, "delay", o.Delay, "with --range delay: from start to the begin of the capture")
	f.DurationVar(&o.Duration, "duration", o.Duration, "with --range delay: length of the capture")
	f.StringVar(&o.NsysPath, "nsys", "", "`path` of nsys (default: searched)")
	f.StringArrayVar(&o.NsysFlags, "nsys-flag", nil, "one more `flag` for nsys")
	f.BoolVar(&o.noStats, "no-stats", false, "do not run nsys stats")
	f.StringArrayVar(&o.ab, "ab", nil, "a variant, `name=arguments`; give two or more to compare them")
	f.IntVar(&o.rounds, "rounds", 3, "with --ab: runs of each variant")
	f.StringSliceVar(&o.timeouts, "timeout", nil, "limits: `30m` for all, or ready=20m,stop=1h")
	f.StringVar(&o.maxDisk, "max-disk", "", "most that the session may take, such as `20GB`")
	f.BoolVar(&o.AllowRemote, "allow-remote", false, "permit a server that is not on this machine")
	f.StringVar(&o.APIKeyEnv, "api-key-env", "", "environment `variable` with the server's key")
	f.BoolVar(&o.KeepSecrets, "keep-secrets", false, "leave secret-looking variables in the environment that nsys records")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the commands, environment and HTTP calls, and do nothing")
	f.BoolVar(&o.summarize, "summarize", false, "end with the tables of the session")
}

// complete turns arguments and flags into the options of a run.
func (o *captureOptions) complete(cmd *cobra.Command, args []string) error {
	dash := cmd.ArgsLenAtDash()
	if dash < 0 {
		dash = len(args)
	}
	if dash != 1 || args[0] != string(capture.Torch) && args[0] != string(capture.Nsys) {
		return usagef("say which profiler and what to run: capture torch|nsys --out DIR -- COMMAND…")
	}
	o.Tool, o.Command = capture.Tool(args[0]), args[dash:]
	o.Via, o.Range = capture.Via(o.via), capture.Range(o.nsysRange)
	o.Minimise, o.Stats = !o.noMinimise, !o.noStats
	if o.prompt != "" {
		o.Body.Prompt = o.prompt
	}
	for _, spec := range o.timeouts {
		if err := o.Timeouts.Set(spec); err != nil {
			return usagef("--timeout: %w", err)
		}
	}
	if o.maxDisk != "" {
		n, err := unit.ParseSize(o.maxDisk)
		if err != nil {
			return usagef("--max-disk: %w", err)
		}
		o.MaxDisk = n
	}
	if err := o.readRequests(); err != nil {
		return err
	}
	if err := o.Validate(); err != nil {
		return usageError{err}
	}
	return nil
}

func (o *captureOptions) readRequests() error {
	if o.requests == "" {
		return nil
	}
	f, err := os.Open(o.requests)
	if err != nil {
		return err
	}
	defer f.Close()
	if o.Requests, err = capture.ReadRequests(f); err != nil {
		return fmt.Errorf("%s: %w", o.requests, err)
	}
	return nil
}

func (o *captureOptions) run(ctx context.Context, std streams) error {
	host := o.host(std)
	plans, err := o.plans(ctx, host)
	if err != nil {
		return err
	}
	if o.dryRun {
		for _, p := range plans {
			if _, err := io.WriteString(std.out, p.Script()); err != nil {
				return err
			}
		}
		return nil
	}
	if len(o.ab) > 0 {
		_, err = capture.RunAll(ctx, plans, host)
	} else {
		_, err = capture.Run(ctx, plans[0], host)
	}
	return captureError(err, std)
}

// plans returns the plan of the run, or those of all runs of an A/B capture.
func (o *captureOptions) plans(ctx context.Context, host capture.Host) ([]capture.Plan, error) {
	engine := capture.Probe(ctx, o.Options, host)
	for _, note := range engine.Notes {
		host.Log(note)
	}
	if len(o.ab) == 0 {
		p, err := capture.NewPlan(o.Options, engine)
		return []capture.Plan{p}, err
	}
	var variants []capture.Variant
	for _, spec := range o.ab {
		v, err := capture.ParseVariant(spec)
		if err != nil {
			return nil, usagef("--ab: %w", err)
		}
		variants = append(variants, v)
	}
	return capture.Interleave(o.Options, variants, o.rounds, engine)
}

// host connects a run with this process: its messages, its tables, and a
// second Ctrl-C, which ends everything at once.
func (o *captureOptions) host(std streams) capture.Host {
	h := capture.Host{Log: func(line string) { fmt.Fprintln(std.err, line) }}
	if o.summarize {
		h.Summarize = func(ctx context.Context, dir string) error { return follow(ctx, newSummarize(std), dir) }
	}
	h.Compare = func(ctx context.Context, base, changed capture.Sessions) error {
		return follow(ctx, newDiff(std), "--base", sides(base), "--new", sides(changed))
	}
	hurry := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt)
	go func() {
		<-signals
		<-signals
		close(hurry)
	}()
	h.Hurry = hurry
	return h
}

// follow runs another command of this program on what was just captured.
func follow(ctx context.Context, cmd *cobra.Command, args ...string) error {
	cmd.SetArgs(args)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	return cmd.ExecuteContext(ctx)
}

// sides returns the sessions of a variant as diff takes them.
func sides(s capture.Sessions) string {
	runs := make([]string, len(s.Dirs))
	for i, dir := range s.Dirs {
		runs[i] = s.Label + "=" + dir
	}
	return strings.Join(runs, ",")
}

// captureError prints the last lines of the server's log, which say more than
// any message, and turns the kind of the error into an exit code.
func captureError(err error, std streams) error {
	var e *capture.Error
	if !errors.As(err, &e) {
		return err
	}
	for _, line := range e.Log {
		fmt.Fprintln(std.err, "  |", line)
	}
	switch capture.ExitCode(err) {
	case exitUsage:
		return usageError{err}
	case exitInterrupted:
		return interruptedError{err}
	}
	return err
}

type doctorOptions struct{ capture.Options }

func newDoctor(std streams) *cobra.Command {
	o := &doctorOptions{capture.DefaultOptions()}
	cmd := &cobra.Command{
		Use:   "doctor [-- COMMAND…]",
		Short: "What a capture needs, and what is missing",
		Long: `doctor looks at nsys, the engine, the server, the GPU's permissions and the disk,
and says for each problem what to do. It changes nothing. It exits with 1 if a
capture would fail.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Command = args
			return o.run(cmd.Context(), std)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Out, "out", "", "`directory` that a session would be written to")
	f.StringVar(&o.Attach, "attach", "", "`URL` of a running server")
	f.StringVar(&o.NsysPath, "nsys", "", "`path` of nsys")
	f.BoolVar(&o.AllowRemote, "allow-remote", false, "permit a server that is not on this machine")
	return cmd
}

func (o *doctorOptions) run(ctx context.Context, std streams) error {
	wrong := false
	for _, c := range capture.Doctor(ctx, o.Options, capture.Host{}) {
		wrong = wrong || c.Verdict == capture.Problem
		fmt.Fprintf(std.out, "%-8s %s: %s\n", c.Verdict, c.Name, c.Detail)
		if c.Remedy != "" {
			fmt.Fprintf(std.out, "%-8s %s\n", "", c.Remedy)
		}
	}
	if wrong {
		return errSilent
	}
	return nil
}
