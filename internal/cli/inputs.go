package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"omnitrace/analyze"
	"omnitrace/analyze/rules"
	"omnitrace/trace"
	"omnitrace/trace/session"
)

// inputOptions say which traces to read and what is known about them. Every
// command that reads traces has these flags.
type inputOptions struct {
	paths     []string
	labels    []string // of each path, "" for none
	label     string
	session   string
	all       bool
	stageMap  []string
	modelType string
	rulesFile string
	nsys      string
	gpuMap    []string
	quiet     bool
	known     analyze.Options // what the command's own flags say
	single    string          // the format of which one output holds one session only, "" for others
}

func (o *inputOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.session, "session", "", "the start…stop session to take, by its `ID` or the beginning of it (default: the newest)")
	f.BoolVar(&o.all, "all", false, "take all sessions, one after the other")
	f.StringSliceVar(&o.stageMap, "stage-map", nil, "names of stages: `0=thinker,1=talker`; of processes: pid:1804=thinker, or their stage: pid:1804=0")
	f.StringVar(&o.modelType, "model-type", "", "name the stages as this `model` does: qwen3_omni_moe, …")
	f.StringVar(&o.rulesFile, "rules", "", "YAML `file` with more rules (kernel categories, stages, frames); they come first")
	f.StringSliceVar(&o.gpuMap, "gpu-map", nil, "physical GPUs of stages, by UUID or any name: `0=GPU-1,1=GPU-1`")
	f.StringVar(&o.nsys, "nsys", "", "`path` of nsys, for .nsys-rep files (default: searched)")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no progress bar")
}

// validate checks what can be checked without opening an input.
func (o *inputOptions) validate(args []string) error {
	if len(args) == 0 {
		return usagef("no input: give the directory that the profiler wrote to, a trace file, or - for standard input")
	}
	if o.all && o.session != "" {
		return usagef("--all and --session exclude each other")
	}
	for _, arg := range args {
		label, path := splitLabel(arg)
		if label != "" {
			o.label = label
		}
		o.paths, o.labels = append(o.paths, path), append(o.labels, label)
	}
	if _, err := parseStages("--gpu-map", o.gpuMap); err != nil {
		return err
	}
	_, _, err := parseStageMap(o.stageMap)
	return err
}

// pidPrefix begins what --stage-map says of a process.
const pidPrefix = "pid:"

// parseStageMap reads --stage-map: names of stages, and stages of processes by
// name or number.
func parseStageMap(pairs []string) (map[int]string, []analyze.ProcessStage, error) {
	var names []string
	var processes []analyze.ProcessStage
	for _, pair := range pairs {
		rest, ok := strings.CutPrefix(strings.TrimSpace(pair), pidPrefix)
		if !ok {
			names = append(names, pair)
			continue
		}
		pid, stage, ok := strings.Cut(rest, "=")
		n, err := strconv.Atoi(stage)
		switch _, badPID := strconv.ParseUint(pid, 10, 32); {
		case !ok || badPID != nil || stage == "" || err == nil && n < 0:
			return nil, nil, usagef("--stage-map: %q is not of the form pid:1804=NAME or pid:1804=0", pair)
		case err != nil:
			processes = append(processes, analyze.ProcessStage{PID: pid, Stage: -1, Name: stage})
		default:
			processes = append(processes, analyze.ProcessStage{PID: pid, Stage: n})
		}
	}
	stages, err := parseStages("--stage-map", names)
	return stages, processes, err
}

// parseStages reads the values of a flag that says something of stages.
func parseStages(flag string, pairs []string) (map[int]string, error) {
	names := map[int]string{}
	for _, pair := range pairs {
		id, name, ok := strings.Cut(pair, "=")
		n, err := strconv.Atoi(strings.TrimSpace(id))
		if !ok || err != nil || n < 0 || name == "" {
			return nil, usagef("%s: %q is not of the form 0=NAME", flag, pair)
		}
		names[n] = name
	}
	return names, nil
}

func (o *inputOptions) options() (analyze.Options, error) {
	opts := o.known
	opts.ModelType, opts.Rules = o.modelType, rules.Default()
	opts.StageMap, opts.Processes, _ = parseStageMap(o.stageMap) // validated
	if o.modelType != "" {
		if _, ok := opts.Rules.Stages(o.modelType); !ok && o.rulesFile == "" {
			return opts, usagef("--model-type: unknown model type %q: want one of %s", o.modelType, strings.Join(opts.Rules.ModelTypes(), ", "))
		}
	}
	if o.rulesFile == "" {
		return opts, nil
	}
	f, err := os.Open(o.rulesFile)
	if err != nil {
		return opts, err
	}
	defer f.Close()
	if opts.Rules, err = rules.Load(opts.Rules, f); err != nil {
		return opts, fmt.Errorf("%s: %w", o.rulesFile, err)
	}
	return opts, nil
}

// choose returns the sessions to read, the oldest first.
func (o *inputOptions) choose(found session.Found) ([]session.Session, error) {
	switch {
	case o.all && o.single != "" && len(found.Sessions) > 1:
		return nil, usagef("%s shows one session, and %d were found: choose one with --session (%s), or take export --all --format csv or parquet",
			o.single, len(found.Sessions), strings.Join(sessionIDs(found.Sessions), ", "))
	case o.all:
		return found.Sessions, nil
	case o.session != "":
		s, err := found.Select(o.session)
		if err != nil {
			return nil, usageError{err}
		}
		return []session.Session{s}, nil
	}
	s, ok := found.Newest()
	if !ok {
		return nil, fmt.Errorf("%w in %s", session.ErrNone, strings.Join(o.paths, ", "))
	}
	return []session.Session{s}, nil
}

// sessions finds, reads and analyses the chosen sessions, and hands each to
// use. Only one is in memory at a time.
func (o *inputOptions) sessions(ctx context.Context, std streams, needs func(*rules.Rules) trace.Want, use func(*analyze.Session) error) error {
	opts, err := o.options()
	if err != nil {
		return err
	}
	found, err := find(o.paths)
	if err != nil {
		return err
	}
	chosen, err := o.choose(found)
	if err != nil {
		return err
	}
	for _, s := range chosen {
		run := opts
		run.Label = o.label
		run.GPUMap, _ = parseStages("--gpu-map", o.gpuMap) // validated
		if err := describe(s, &run); err != nil {
			return err
		}
		if run.Label == "" {
			run.Label = nameOf(s)
		}
		a, err := o.read(ctx, s, std, needs(run.Rules), run)
		if err != nil {
			return err
		}
		a.Warnings = append(findWarnings(found, chosen), a.Warnings...)
		if err := use(a); err != nil {
			return err
		}
	}
	return nil
}

func (o *inputOptions) read(ctx context.Context, s session.Session, std streams, want trace.Want, opts analyze.Options) (*analyze.Session, error) {
	total := int64(0)
	for _, f := range s.Traces() {
		total += f.Size
	}
	bar := newProgress(std.err, total, !o.quiet)
	defer bar.done()
	l := &loader{std: std, want: want, bar: bar, nsys: o.nsys, quiet: o.quiet}
	inputs, err := l.loadFiles(ctx, s)
	if err != nil {
		return nil, err
	}
	return analyze.NewSession(inputs, opts)
}

// nameOf returns what a session is called in headings.
func nameOf(s session.Session) string {
	if s.Label == "" || strings.HasPrefix(s.ID, s.Label) {
		return s.ID
	}
	return s.Label + " " + s.ID
}

func sessionIDs(all []session.Session) []string {
	var ids []string
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	return ids
}

// findWarnings says what was found and not read.
func findWarnings(found session.Found, chosen []session.Session) []analyze.Warning {
	var warnings []analyze.Warning
	if n := len(found.Sessions); n > len(chosen) {
		ids := slices.DeleteFunc(sessionIDs(found.Sessions), func(id string) bool { return id == chosen[0].ID })
		warnings = append(warnings, analyze.Warning{Code: "other_sessions", Message: fmt.Sprintf(
			"%d sessions were found and one is shown; the others are %s (choose with --session, or --all)", n, strings.Join(ids, ", "))})
	}
	for _, p := range found.Problems {
		warnings = append(warnings, analyze.Warning{Code: "unusable", Message: p.Path + ": " + p.Reason})
	}
	return warnings
}
