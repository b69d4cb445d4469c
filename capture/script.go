package capture

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A scriptFlag is an option that offline example scripts are known to have,
// under one of several names, and the value that a profiling run wants.
type scriptFlag struct {
	names []string
	value func(Options, Profiler) []string // nil: leave the option out
}

// profilingFlags turn the profiler on: --profiler-config since 0.20,
// --profiler-dir in 0.18, --enable-profiler in the end2end scripts of
// autoregressive models.
var profilingFlags = []scriptFlag{
	{[]string{"--profiler-config"}, func(_ Options, p Profiler) []string { return []string{compact(p.Config)} }},
	{[]string{"--profiler-dir"}, func(o Options, p Profiler) []string { return onlyIf(o.Tool == Torch, p.Traces) }},
	{[]string{"--enable-profiler"}, func(Options, Profiler) []string { return []string{} }},
	{[]string{"--profiler-stages"}, func(o Options, _ Profiler) []string { return numbers(o.Stages) }},
}

// minimisers are the profiling guide's advice to keep traces small, by the
// names of the script's own options.
var minimisers = []scriptFlag{
	{[]string{"--num-inference-steps", "--num_inference_steps", "--steps"}, func(o Options, _ Profiler) []string { return onlyIf(o.Body.Steps > 0, strconv.Itoa(o.Body.Steps)) }},
	{[]string{"--num-frames", "--num_frames", "--frames"}, func(o Options, _ Profiler) []string { return onlyIf(o.Body.Frames > 0, strconv.Itoa(o.Body.Frames)) }},
	{[]string{"--height"}, func(o Options, _ Profiler) []string { return []string{strconv.Itoa(or(o.Body.Height, 48))} }},
	{[]string{"--width"}, func(o Options, _ Profiler) []string { return []string{strconv.Itoa(or(o.Body.Width, 64))} }},
	{[]string{"--num-prompts", "--num_prompts"}, func(Options, Profiler) []string { return []string{"1"} }},
}

func onlyIf(ok bool, value string) []string {
	if !ok {
		return nil
	}
	return []string{value}
}

func numbers(list []int) []string {
	var words []string
	for _, n := range list {
		words = append(words, strconv.Itoa(n))
	}
	return words
}

// addFlags appends the options that the script has and was not given, and
// returns those that it added.
func addFlags(command []string, known []string, table []scriptFlag, o Options, p Profiler) (extended, added []string) {
	for _, f := range table {
		name := firstIn(f.names, known)
		if name == "" || hasFlag(command, f.names...) {
			continue
		}
		if value := f.value(o, p); value != nil {
			added = append(append(added, name), value...)
		}
	}
	return append(slices.Clone(command), added...), added
}

func firstIn(names, known []string) string {
	i := slices.IndexFunc(names, func(n string) bool { return slices.Contains(known, n) })
	if i < 0 {
		return ""
	}
	return names[i]
}

// configureScript is configure for an offline script, which is told by its own
// options where it has them, and by the environment in the versions that read
// it.
func configureScript(o Options, e Engine) (command []string, p Profiler, notes []string, err error) {
	minor, known := e.version()
	byEnv := known && slices.Contains(eraOf(minor).vias, ViaEnv)
	hasFlags := slices.ContainsFunc(profilingFlags, func(f scriptFlag) bool { return firstIn(f.names, e.Flags) != "" })
	switch {
	case o.Via == ViaEnv, o.Via == ViaAuto && byEnv:
		p.Vias = []Via{ViaEnv}
	case o.Via == ViaNone, o.Via == ViaAuto && (configuresItself(o.Command) || !hasFlags):
		p.Vias = []Via{ViaNone}
	default:
		p.Vias = []Via{ViaFlag}
	}
	if p.Traces, err = scriptTraces(o, e, p.Vias[0]); err != nil {
		return nil, p, nil, err
	}
	p.Config = profilerConfig(o, p.Traces)
	if err := checkFields(p.Config, minor, known); err != nil {
		return nil, p, nil, err
	}
	command = o.Command
	if p.Vias[0] == ViaEnv {
		p.Env = profilerEnv(o, p.Traces)
	}
	if p.Vias[0] != ViaNone {
		command, _ = addFlags(command, e.Flags, profilingFlags, o, p)
	} else {
		p.Config = nil
	}
	if o.Minimise {
		var added []string
		if command, added = addFlags(command, e.Flags, minimisers, o, p); len(added) > 0 {
			notes = append(notes, "made small, as the profiling guide advises: "+strings.Join(added, " ")+" (give them, or --no-minimise, for other sizes)")
		}
	}
	return command, p, notes, nil
}

func scriptTraces(o Options, e Engine, via Via) (string, error) {
	if via != ViaNone || o.Tool == Nsys {
		if o.Tool == Nsys {
			return "", nil
		}
		return filepath.Abs(o.Out)
	}
	for _, dir := range []string{o.Traces, commandTraces(o.Command), e.Traces} {
		if dir != "" {
			return filepath.Abs(dir)
		}
	}
	return "", failure(Usage, "name the directory that it writes to with --traces DIR, or say --via env",
		"the script has no option to turn its profiler on, so it must do that itself")
}
