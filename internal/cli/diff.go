package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"omnitrace/analyze"
	"omnitrace/analyze/diff"
	"omnitrace/internal/unit"
	"omnitrace/report"
)

type diffOptions struct {
	inputOptions
	selectOptions
	outputOptions
	base, new []string
	baseline  string
	gates     []string
	minEffect string
	same      bool
	settings  diff.Options
	chosen    report.DiffFormat
	warnings  []analyze.Warning // about the traces
	summaries bool              // a side has nothing but nsys's summaries
}

func newDiff(std streams) *cobra.Command {
	o := &diffOptions{}
	cmd := &cobra.Command{
		Use:   "diff BASE NEW",
		Short: "What changed between two runs, where, and whether it is more than noise",
		Long: `diff compares equal work with equal work: denoise steps with steps of the same
kind, scheduler passes with passes over as many tokens. It says which work both
sides did, what only one did, and where the time of the common work changed.
Deltas are new less base and add up to the total, to the nanosecond.

A change is real where repeated units show it: ~ stands for what may be noise.
Repeated runs of a side (--base a/,b/ --new c/,d/) show the noise between runs.

A gate fails on what got significantly slower per unit of work, by more than it
allows: --gate 3%, --gate 0.5ms, --gate 'stage=talker:2%',
--gate 'phase=denoise,category=gemm:1%'. Exit codes: 0 all gates hold, 3 one
found a regression, 4 none could be decided.`,
		Example: `  omnitrace diff profiles/ profiles/
  omnitrace diff --base profiles/ --new profiles/ --gate 3% --format markdown`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(args); err != nil {
				return err
			}
			return o.run(cmd.Context(), std)
		},
	}
	o.inputOptions.flags(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&o.base, "base", nil, "runs of the base, with a comma between them")
	f.StringSliceVar(&o.new, "new", nil, "runs of the new side")
	f.StringVar(&o.baseline, "baseline", "", "compare with this `file`, which summarize --save wrote, instead of traces")
	f.StringArrayVar(&o.gates, "gate", nil, "fail if anything got slower by more than this: `[NAME=VALUE,…:]3%|0.5ms`; may be repeated")
	f.StringVar(&o.minEffect, "min-effect", "1%", "smallest change that the verdict speaks of, as a part of the phase's time")
	f.BoolVar(&o.same, "aa", false, "the sides are known to be the same: show the noise between them")
	o.outputOptions.flags(cmd)
	hide(cmd, "sort")
	o.selectOptions.flags(cmd)
	return cmd
}

func hide(cmd *cobra.Command, flag string) { cmd.Flags().Lookup(flag).Hidden = true }

func (o *diffOptions) validate(args []string) error {
	if err := o.sides(args); err != nil {
		return err
	}
	for _, paths := range [][]string{o.base, o.new} {
		for _, path := range paths {
			one := o.inputOptions
			if err := one.validate([]string{path}); err != nil {
				return err
			}
		}
	}
	if _, err := o.selection(); err != nil {
		return err
	}
	if err := o.parseSettings(); err != nil {
		return err
	}
	return o.parseOutput()
}

// sides takes the two sides from the arguments or from flags, not from both.
func (o *diffOptions) sides(args []string) error {
	flags := len(o.base) + len(o.new)
	switch {
	case o.baseline != "" && len(o.base) > 0:
		return usagef("--baseline and --base are both the base: give one")
	case flags > 0 && len(args) > 0:
		return usagef("give the sides as BASE NEW or with --base and --new, not both")
	case o.baseline != "" && len(args) == 1:
		o.new = args
	case o.baseline == "" && len(args) == 2:
		o.base, o.new = args[:1], args[1:]
	}
	switch {
	case len(o.new) == 0, len(o.base) == 0 && o.baseline == "":
		return usagef("diff needs two sides: BASE NEW, --base a/,b/ --new c/,d/, or --baseline FILE NEW")
	}
	return nil
}

func (o *diffOptions) parseSettings() error {
	o.settings.Same = o.same
	number, ok := strings.CutSuffix(o.minEffect, "%")
	percent, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(percent > 0 && percent <= 100) {
		return usagef("--min-effect: %q is not a percentage above 0, like 1%%", o.minEffect)
	}
	o.settings.MinEffect = percent / 100
	for _, text := range o.gates {
		g, err := diff.ParseGate(text, unit.ParseDuration)
		if err != nil {
			return usageError{err}
		}
		o.settings.Gates = append(o.settings.Gates, g)
	}
	return nil
}

func (o *diffOptions) parseOutput() error {
	var err error
	if o.chosen, err = report.DiffNamed(o.format); err != nil {
		return usageError{err}
	}
	if o.color != "auto" && o.color != "always" && o.color != "never" {
		return usagef("--color: %q is not auto, always or never", o.color)
	}
	o.outputOptions.Tables = o.tables
	if err := report.CheckDiff(o.outputOptions.Options); err != nil {
		return usageError{err}
	}
	return nil
}

// A gateError is a gate that does not hold, or none that could be decided.
type gateError struct {
	code   int
	reason string
}

func (e gateError) Error() string { return e.reason }

func (o *diffOptions) run(ctx context.Context, std streams) error {
	base, err := o.baseSide(ctx, std)
	if err != nil {
		return err
	}
	new, err := o.side(ctx, std, "new", o.new)
	if err != nil {
		return err
	}
	if o.summaries {
		if err := o.flatten(base, new); err != nil {
			return err
		}
	}
	result := diff.Compare(base, new, o.settings)
	result.Warnings = append(result.Warnings, o.warnings...)
	if err := o.write(std, func(w io.Writer) error { return o.report(w, result) }); err != nil {
		return err
	}
	return verdictOf(result)
}

func (o *diffOptions) report(w io.Writer, r *diff.Result) error {
	err := o.chosen.Write(w, r, o.outputOptions.Options)
	if wrong := new(report.OptionError); errors.As(err, &wrong) {
		return usageError{err}
	}
	return err
}

func (o *diffOptions) baseSide(ctx context.Context, std streams) ([]*analyze.Samples, error) {
	if o.baseline != "" {
		return readBaseline(o.baseline)
	}
	return o.side(ctx, std, "base", o.base)
}

// side reads the runs of a side, one after the other: only the samples of each
// stay in memory.
func (o *diffOptions) side(ctx context.Context, std streams, name string, paths []string) ([]*analyze.Samples, error) {
	sel, err := o.selection()
	if err != nil {
		return nil, err
	}
	var runs []*analyze.Samples
	for _, path := range paths {
		one := o.inputOptions
		if err := one.validate([]string{path}); err != nil {
			return nil, err
		}
		err := one.sessions(ctx, std, analyze.TableNeeds, func(s *analyze.Session) error {
			if err := s.Select(sel); err != nil {
				return usageError{err}
			}
			if s.SummariesOnly() {
				o.summaries = true
				runs = append(runs, s.ReportedSamples())
			} else {
				runs = append(runs, s.Samples())
			}
			for _, w := range s.Warnings {
				w.Source = strings.TrimSpace(name + " " + w.Source)
				o.warnings = append(o.warnings, w)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// verdictOf turns what the gates found into the command's error: the first
// regression, else that nothing could be decided.
func verdictOf(r *diff.Result) error {
	decided := len(r.Gates) == 0
	for i := range r.Gates {
		g := &r.Gates[i]
		if g.Outcome == diff.Fails {
			return gateError{exitRegressed, fmt.Sprintf("gate %s: %s", g.Expression, report.GateReason(g))}
		}
		decided = decided || g.Outcome != diff.Undecided
	}
	if decided {
		return nil
	}
	g := &r.Gates[0]
	return gateError{exitAbstained, fmt.Sprintf("gate %s abstains: %s", g.Expression, report.GateReason(g))}
}
