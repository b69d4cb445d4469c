package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"omnitrace/analyze"
	"omnitrace/internal/unit"
	"omnitrace/merge"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/open"
	"omnitrace/trace/perfetto"
)

type mergeOptions struct {
	inputOptions
	output  string
	offsets []string
	shifts  merge.Moves
}

func newMerge(std streams) *cobra.Command {
	o := &mergeOptions{}
	cmd := &cobra.Command{
		Use:   "merge PATH… -o OUT",
		Short: "All stages and ranks of a run on one timeline, as one trace",
		Long: `merge puts all traces of a run into one that viewers open: processes are called
by stage and rank and stand in the order of the pipeline, IDs are made unique,
times are put on one clock. Each stage gets an overview of its phases, steps and
passes as the GPU saw them, of how busy the GPU was and of how much work was
queued for it; GPUs that are known by UUID (--gpu-map) get one of how many stages
worked on them at a time.

Of each PATH the newest session is taken (or the one of --session), and traces of
torch.profiler and nsys captures may be mixed: where there are several captures,
their stages are told apart by tool, by LABEL=PATH, or by session.

A trace without a known clock begins where the run begins; --offset moves the
traces of a stage, or of a capture, by hand. OUT ends in .json, .json.gz,
.json.zst or .pftrace.`,
		Example: `  omnitrace merge profiles/ -o run.json.gz
  omnitrace merge profiles/ report1.sqlite -o both.json.gz
  omnitrace merge omni=profiles/ gpu=report1.sqlite --offset gpu=-2.5s -o run.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(args); err != nil {
				return err
			}
			return o.run(cmd.Context(), std)
		},
	}
	o.inputOptions.flags(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "", "`file` to write")
	f.StringSliceVar(&o.offsets, "offset", nil, "move the traces of a stage or a capture: `1=2.5ms`, nsys=-3us")
	f.Lookup("all").Hidden = true
	return cmd
}

func (o *mergeOptions) validate(args []string) error {
	if err := o.inputOptions.validate(args); err != nil {
		return err
	}
	if o.all {
		return usagef("--all: sessions follow each other and belong on no common timeline; choose one with --session")
	}
	if slices.Contains(args, stdin) {
		return usagef("standard input can't be read twice, which merging needs: save it to a file")
	}
	if _, ok := traceSuffix(o.output); !ok {
		return usagef("-o %s: name a file that ends in %s", o.output, strings.Join(traceSuffixes, ", "))
	}
	return o.parseOffsets()
}

func (o *mergeOptions) parseOffsets() error {
	o.shifts = merge.Moves{}
	for _, text := range o.offsets {
		what, shift, ok := strings.Cut(text, "=")
		d, err := unit.ParseDuration(strings.TrimPrefix(shift, "-"))
		if !ok || err != nil || what == "" {
			return usagef("--offset: %q is not of the form 1=2.5ms or nsys=2.5ms", text)
		}
		if strings.HasPrefix(shift, "-") {
			d = -d
		}
		o.shifts[what] = d
	}
	return nil
}

func (o *mergeOptions) run(ctx context.Context, std streams) error {
	if os.Getenv("GOGC") == "" {
		// What an analysis leaves behind would be larger than all that is copied.
		defer debug.SetGCPercent(debug.SetGCPercent(50))
	}
	parts, err := o.parts(ctx, std)
	if err != nil {
		return err
	}
	if err := o.checkOffsets(parts); err != nil {
		return err
	}
	plan := merge.NewPlan(parts, o.shifts)
	for _, w := range plan.Warnings {
		fmt.Fprintln(std.err, "omnitrace:", w)
	}
	var done merge.Result
	err = writeFile(o.output, func(w io.Writer) error {
		done, err = writeMerged(w, o.output, plan)
		return err
	})
	if err == nil && !o.quiet {
		fmt.Fprintf(std.err, "omnitrace: %s: %d rows of %d traces", o.output, done.Rows, len(plan.Sources))
		if done.Repaired+done.Unsound > 0 {
			fmt.Fprintf(std.err, "; %d repaired, %d beyond repair left out", done.Repaired, done.Unsound)
		}
		fmt.Fprintln(std.err)
	}
	return err
}

// checkOffsets reports an --offset of something that is not there.
func (o *mergeOptions) checkOffsets(parts []merge.Part) error {
	known := map[string]bool{}
	for i := range parts {
		known[strconv.Itoa(parts[i].Stage)] = true
		if parts[i].Capture != "" {
			known[parts[i].Capture] = true
		}
	}
	for what := range o.shifts {
		if !known[what] {
			return usagef("--offset %s=…: there is no such stage or capture; there are %s", what, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	return nil
}

// writeMerged writes in the format that the name says.
func writeMerged(w io.Writer, name string, plan *merge.Plan) (merge.Result, error) {
	if strings.HasSuffix(name, perfetto.Suffix) {
		return plan.WriteNative(w)
	}
	packed, err := open.Writer(w, name)
	if err != nil {
		return merge.Result{}, err
	}
	done, err := plan.Write(packed)
	if err != nil {
		return done, err
	}
	return done, packed.Close()
}

func (o *mergeOptions) opener(ctx context.Context, std streams, path string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		bar := newProgress(std.err, sizeOf(file), !o.quiet)
		plain, err := open.Reader(bar.reading(ctx, file))
		if err != nil {
			file.Close()
			return nil, err
		}
		return &opened{plain, func() error {
			bar.done()
			return cmp.Or(plain.Close(), file.Close())
		}}, nil
	}
}

func sizeOf(f *os.File) int64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

type opened struct {
	io.Reader
	close func() error
}

func (o *opened) Close() error { return o.close() }

// lanesOf returns which lane overlaps put a row on.
func lanesOf(o *analyze.Overlaps) func(*chrome.Row) int {
	return func(r *chrome.Row) int {
		switch k := r.Kind(); {
		case k.GPU():
			_, stream := r.Stream()
			return o.Work(stream, r.Span().Start)
		case k == trace.Flow:
			if tid, err := strconv.ParseInt(r.TID(), 10, 64); err == nil {
				return o.Work(tid, r.Span().Start)
			}
		case k == trace.Frame && o.Frame(r.PID(), r.TID(), r.Span(), r.Name):
			return 1
		}
		return 0
	}
}
