package cli

import (
	"fmt"
	"strconv"
	"strings"

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
	f.StringVar(&o.time, "time", "", "only what began in this time from the first GPU event: `1.2s..1.5s`")
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
	a, err := unit.ParseDuration(from)
	if err != nil {
		return nil, err
	}
	b, err := unit.ParseDuration(to)
	if err != nil {
		return nil, err
	}
	if b <= a {
		return nil, fmt.Errorf("%q is empty", text)
	}
	return &analyze.Window{From: a, To: b}, nil
}
