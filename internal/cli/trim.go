package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"omnitrace/analyze"
	"omnitrace/internal/unit"
	"omnitrace/trim"
)

type trimOptions struct {
	inputOptions
	selectOptions
	output      string
	kernel      string
	context     string
	clip        bool
	drop        []string
	minDuration string
	maxSize     string

	kernels *regexp.Regexp
	around  time.Duration
	limit   int64 // bytes
	trim.Options
	said string // the flags that choose, for the note
}

func newTrim(std streams) *cobra.Command {
	o := &trimOptions{}
	cmd := &cobra.Command{
		Use:   "trim PATH… -o OUT",
		Short: "A smaller trace that viewers open: by step, stage, range, time, size",
		Long: `trim copies a part of a run: the GPU work that the flags choose, the calls that
launched it, what the host did meanwhile, whatever encloses it, and the names of
the processes and threads. Rows are copied byte for byte; only what no viewer
takes is repaired.

Rows that mark requests, steps and passes are kept from the whole trace, so that
step 3 of the copy is still step 3; where steps were found from kernels, the copy
notes them. --clip leaves the marks outside the part out and cuts what encloses
it: steps keep their numbers, passes count from 0 again.

A part of an nsys capture (.sqlite, .nsys-rep) is written as a Chrome trace.

OUT ends in .json, .json.gz, .json.zst or .pftrace, Perfetto's own format, which
is smaller and fills its tables about GPUs; its arrows need a Perfetto of 2026.
Work in several files needs a folder (an existing one, or a name that ends in /):
each file keeps the name of its folder and its own.

--max-size drops detail until the copy fits, in this order:
` + shedHelp(),
		Example: `  omnitrace trim profiles/ --stage 1 --iteration 3 -o step.json.gz
  omnitrace trim profiles/ --time 10ms..20ms -o part/
  omnitrace trim trace_rank0.json.gz --kernel nvjet --context 1ms --drop python -o gemm.json
  omnitrace trim trace_rank0.json.gz --max-size 1MB -o small.json.gz`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(args); err != nil {
				return err
			}
			o.said = saidFlags(cmd)
			return o.run(cmd.Context(), std)
		},
	}
	o.inputOptions.flags(cmd)
	o.selectOptions.flags(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "", "`file` or folder to write")
	f.StringVar(&o.kernel, "kernel", "", "only kernels whose name matches this regular `expression`")
	f.StringVar(&o.context, "context", "", "also what ran within this `time` of the chosen work: 5ms")
	f.BoolVar(&o.clip, "clip", false, "cut what encloses the part instead of keeping it whole")
	f.StringSliceVar(&o.drop, "drop", nil, "leave out: "+strings.Join(trim.ContentNames(), ", "))
	f.StringVar(&o.minDuration, "min-dur", "", "leave out host rows shorter than this `time`: 5us")
	f.StringVar(&o.maxSize, "max-size", "", "drop detail until each file is at most this `size`: 50MB")
	return cmd
}

func shedHelp() string {
	var b strings.Builder
	for i, what := range trim.Order() {
		fmt.Fprintf(&b, "  %2d. %s\n", i+1, what)
	}
	b.WriteString("Kernels of the part, their launches, and marks are never dropped.")
	return b.String()
}

func (o *trimOptions) validate(args []string) error {
	if err := o.inputOptions.validate(args); err != nil {
		return err
	}
	if _, err := o.selection(); err != nil {
		return err
	}
	if o.output == "" {
		return usagef("no output: name a file or folder with -o")
	}
	if err := o.parse(); err != nil {
		return err
	}
	if slices.Contains(args, stdin) {
		return usagef("standard input can't be read twice, which trimming needs: save it to a file")
	}
	return nil
}

func (o *trimOptions) parse() (err error) {
	if o.kernels, err = regexp.Compile(o.kernel); err != nil {
		return usagef("--kernel: %w", err)
	}
	if o.Drop, err = trim.ParseContent(o.drop); err != nil {
		return usagef("--drop: %w", err)
	}
	if o.context != "" {
		if o.around, err = unit.ParseDuration(o.context); err != nil || o.around < 0 {
			return usagef("--context: %q is no time like 5ms", o.context)
		}
	}
	if o.minDuration != "" {
		if o.MinDuration, err = unit.ParseDuration(o.minDuration); err != nil {
			return usagef("--min-dur: %w", err)
		}
	}
	if o.limit = math.MaxInt64; o.maxSize != "" {
		if o.limit, err = unit.ParseSize(o.maxSize); err != nil || o.limit <= 0 {
			return usagef("--max-size: %q is no size like 50MB", o.maxSize)
		}
	}
	o.Clip = o.clip
	return nil
}

func (o *trimOptions) run(ctx context.Context, std streams) error {
	sel, err := o.selection()
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		// What an analysis leaves behind would be larger than the part.
		debug.SetGCPercent(50)
	}
	var jobs []trimJob
	var dirs []string
	err = o.sessions(ctx, std, analyze.Needs, func(s *analyze.Session) error {
		all := len(s.Sources)
		if err := s.Select(sel); err != nil {
			return usageError{err}
		}
		if o.kernel != "" {
			s.SelectKernels(o.kernels)
		}
		warn(std, s.Warnings)
		for _, src := range s.Sources[:all] {
			dirs = append(dirs, filepath.Dir(src.Path))
		}
		found, err := o.plan(s)
		jobs = append(jobs, found...)
		return err
	})
	if err != nil {
		return err
	}
	if len(jobs) == 0 {
		return errors.New("nothing is left: no GPU work matches the flags (summarize with the same flags shows what there is)")
	}
	if err := o.name(jobs, dirs); err != nil {
		return err
	}
	for i := range jobs {
		job := &jobs[i]
		if err := o.events(ctx, job, std); err != nil {
			return fmt.Errorf("trimming %w", err)
		}
		if err := o.copy(ctx, job, std); err != nil {
			return err
		}
	}
	return nil
}
