package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"omnitrace/analyze"
	"omnitrace/internal/unit"
)

// selectOptions choose a part of a run; they are the same in every command.
type selectOptions struct {
	stages, replicas, ranks, devices, requests []int
	steps, iterations                          []string
	phases, ranges                             []string
	time                                       string
}

func (o *selectOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntSliceVar(&o.stages, "stage", nil, "only these stages")
	f.IntSliceVar(&o.replicas, "replica", nil, "only these replicas")
	f.IntSliceVar(&o.ranks, "rank", nil, "only these ranks")
	f.IntSliceVar(&o.devices, "device", nil, "only these devices")
	f.IntSliceVar(&o.requests, "request", nil, "only these requests, from 0")
	f.StringSliceVar(&o.steps, "step", nil, "only these denoise steps of each request: `N` or N..M")
	f.StringSliceVar(&o.iterations, "iteration", nil, "only these scheduler passes: `N` or N..M")
	f.StringSliceVar(&o.phases, "phase", nil, "only these phases: `denoise`, decode, …")
	f.StringSliceVar(&o.ranges, "range", nil, "only what was launched inside a host range of this `name`")
	f.StringVar(&o.time, "time", "", "only GPU work that began in this time: from the run's first GPU event (`1.2s..1.5s`), or absolute (2026-11-24T04:37:24Z..2026-11-24T04:37:25Z, 1795495044.2..1795495044.5)")
}

// parts reports whether the flags choose parts of files.
func (o *selectOptions) parts() bool {
	return len(o.devices)+len(o.requests)+len(o.steps)+len(o.iterations)+len(o.phases)+len(o.ranges) > 0 || o.time != ""
}

// any reports whether the flags choose anything.
func (o *selectOptions) any() bool {
	return o.parts() || len(o.stages)+len(o.replicas)+len(o.ranks) > 0
}

// selection returns what the flags say, or a usage error.
func (o *selectOptions) selection() (analyze.Selection, error) {
	sel := analyze.Selection{
		Stages: o.stages, Replicas: o.replicas, Ranks: o.ranks, Devices: o.devices,
		Requests: o.requests, Phases: o.phases, Ranges: o.ranges,
	}
	var err error
	if sel.Steps, err = parseNumbers(o.steps); err != nil {
		return sel, usagef("--step: %w", err)
	}
	if sel.Iterations, err = parseNumbers(o.iterations); err != nil {
		return sel, usagef("--iteration: %w", err)
	}
	if sel.Time, err = parseWindow(o.time); err != nil {
		return sel, usagef("--time: %w", err)
	}
	return sel, nil
}

func parseNumbers(texts []string) ([]analyze.Numbers, error) {
	var all []analyze.Numbers
	for _, text := range texts {
		from, to, ok := strings.Cut(text, "..")
		if !ok {
			to = from
		}
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || a < 0 || b < a {
			return nil, fmt.Errorf("%q is not of the form N or N..M", text)
		}
		all = append(all, analyze.Numbers{From: a, To: b})
	}
	return all, nil
}

func parseWindow(text string) (*analyze.Window, error) {
	if text == "" {
		return nil, nil
	}
	from, to, ok := strings.Cut(text, "..")
	if !ok {
		return nil, fmt.Errorf("%q is not of the form FROM..TO", text)
	}
	a, absolute, err := parseMoment(from)
	if err != nil {
		return nil, err
	}
	b, alike, err := parseMoment(to)
	switch {
	case err != nil:
		return nil, err
	case absolute != alike:
		return nil, fmt.Errorf("%q mixes a time from the start and an absolute one", text)
	case b <= a:
		return nil, fmt.Errorf("%q is empty", text)
	}
	return &analyze.Window{From: a, To: b, Unix: absolute}, nil
}

// parseMoment reads a time from the run's start, or an absolute one.
func parseMoment(text string) (at time.Duration, absolute bool, err error) {
	at, err = unit.ParseDuration(text)
	if err == nil {
		return at, false, nil
	}
	if n, unixErr := unit.ParseUnix(text); unixErr == nil {
		return time.Duration(n), true, nil
	} else if len(text) > 9 && strings.Trim(text, "0123456789.TZ:+-") == "" {
		return 0, false, unixErr
	}
	return 0, false, err
}
