package cli

import (
	"bufio"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"omnitrace/analyze"
	"omnitrace/report"
)

type summarizeOptions struct {
	inputOptions
	outputOptions
	selectOptions
	saveOptions
	by          []string
	expectSteps int
}

func newSummarize(std streams) *cobra.Command {
	o := &summarizeOptions{}
	cmd := &cobra.Command{
		Use:   "summarize PATH…",
		Short: "Tables of GPU time by stage, device, category and kernel",
		Long: `summarize reads all traces of a run and prints where the GPU time went.

PATH is a trace of the PyTorch profiler (.json, .json.gz, .json.zst), a report of
Nsight Systems (.nsys-rep, .sqlite, or what nsys stats prints), a directory with
any of them, or - for standard input; label=PATH names the run. The newest of
several sessions is taken unless --session or --all says otherwise.

Times are exact to the nanosecond in JSON and CSV. Sums of durations count
concurrent streams twice; busy time does not; exclusive time deals the busy time
out so that the rows of a table add up to it.

Some tables need little: with --table kernels, memory or gpus only GPU work is
read, and with stages, devices or categories its launches too.`,
		Example: `  omnitrace summarize profiles/
  omnitrace summarize profiles/ --by stage,category --format csv
  omnitrace summarize trace_rank0.json.gz --table kernels --top 50 --sort count`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(args); err != nil {
				return err
			}
			return o.run(cmd, std)
		},
	}
	o.inputOptions.flags(cmd)
	o.outputOptions.flags(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&o.by, "by", nil, "one table instead, split by these `dimensions`: "+strings.Join(analyze.Dimensions(), ","))
	f.IntVar(&o.expectSteps, "expect-steps", 0, "the number of denoise steps of each request; a trace that disagrees is reported")
	o.selectOptions.flags(cmd)
	o.saveOptions.flags(cmd)
	return cmd
}

func (o *summarizeOptions) validate(args []string) error {
	o.known.ExpectSteps = o.expectSteps
	if err := o.inputOptions.validate(args); err != nil {
		return err
	}
	if _, err := o.selection(); err != nil {
		return err
	}
	if o.expectSteps < 0 {
		return usagef("--expect-steps: %d is negative", o.expectSteps)
	}
	analyses, err := o.analyses()
	if err != nil {
		return err
	}
	if err := o.outputOptions.validate(analyses); err != nil {
		return err
	}
	if o.chosen.Single {
		o.single = o.chosen.Name
	}
	return nil
}

func (o *summarizeOptions) analyses() ([]analyze.Analysis, error) {
	if len(o.by) == 0 {
		return analyze.All(), nil
	}
	a, err := analyze.By(o.by)
	if err != nil {
		return nil, usagef("--by: %w", err)
	}
	if o.format == report.CSV.Name && len(o.tables) == 0 {
		o.tables = []string{a.Name}
	}
	return []analyze.Analysis{a}, nil
}

// wanted returns those of the analyses whose tables are shown, and how far they
// and what else was asked for look into the run.
func (o *summarizeOptions) wanted(all []analyze.Analysis, sel analyze.Selection) ([]analyze.Analysis, analyze.Depth) {
	chosen := slices.DeleteFunc(slices.Clone(all), func(a analyze.Analysis) bool {
		return len(o.tables) > 0 && !slices.Contains(o.tables, a.Name)
	})
	switch {
	case len(chosen) < len(o.tables): // others than analyses make
		return all, analyze.Attribution
	case o.save != "" || o.expectSteps > 0 || o.chosen.Draws:
		return chosen, analyze.Attribution
	}
	return chosen, min(analyze.DepthOf(chosen), sel.Depth())
}

func (o *summarizeOptions) run(cmd *cobra.Command, std streams) error {
	all, err := o.analyses()
	if err != nil {
		return err
	}
	sel, err := o.selection()
	if err != nil {
		return err
	}
	analyses, depth := o.wanted(all, sel)
	o.known.Depth = depth
	err = o.write(std, func(w io.Writer) error {
		return o.sessions(cmd.Context(), std, depth.Needs, func(s *analyze.Session) error {
			if err := s.Select(sel); err != nil {
				return usageError{err}
			}
			s.Release()
			o.keep(s)
			sum := s.Summarize(analyses)
			sum.Tables = append(sum.Tables, s.ReportedTables()...)
			if o.chosen.Draws {
				sum.Timeline = s.Timeline()
			}
			return o.report(w, sum)
		})
	})
	if err != nil {
		return err
	}
	return o.writeSaved()
}

// outputOptions say how tables are written, and where to.
type outputOptions struct {
	format string
	output string
	color  string
	report.Options
	tables []string
	chosen report.Format
}

func (o *outputOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	var names []string
	for _, r := range report.Formats() {
		names = append(names, r.Name)
	}
	f.StringVar(&o.format, "format", report.Text.Name, "how to print: "+strings.Join(names, ", "))
	f.StringVarP(&o.output, "output", "o", "", "write to `file` instead of standard output")
	f.StringSliceVar(&o.tables, "table", nil, "only these `tables`")
	f.IntVar(&o.Top, "top", 0, "rows of a table that text and Markdown show; negative for all")
	f.StringVar(&o.Sort, "sort", "", "sort by this `column`; the other way round with - in front")
	f.BoolVar(&o.Wide, "wide", false, "all columns")
	f.IntVar(&o.Width, "width", 0, "columns that text may use (default: the terminal's)")
	f.StringVar(&o.color, "color", "auto", "colour: auto, always or never")
}

func (o *outputOptions) validate(analyses []analyze.Analysis) error {
	format, err := report.Named(o.format)
	if err != nil {
		return usageError{err}
	}
	o.chosen = format
	if o.color != "auto" && o.color != "always" && o.color != "never" {
		return usagef("--color: %q is not auto, always or never", o.color)
	}
	o.Options.Tables = o.tables
	empty, err := analyze.NewSession(nil, analyze.Options{})
	if err != nil {
		return err
	}
	check := o.Options
	check.Tables = slices.DeleteFunc(slices.Clone(o.tables), isSummaryReport) // which there are, the files say
	if err := check.Check(empty.Summarize(analyses)); err != nil {
		return usageError{err}
	}
	return nil
}

// write gives f the output: standard output, or a file that gets its name only
// once it is whole.
func (o *outputOptions) write(std streams, f func(io.Writer) error) error {
	if o.output == "" {
		o.Color = o.color == "always" || o.color == "auto" && isTerminal(std.out) && os.Getenv("NO_COLOR") == ""
		if o.Width == 0 {
			o.Width = terminalWidth(std.out)
		}
		return buffered(std.out, f)
	}
	o.Color = o.color == "always"
	return writeFile(o.output, f)
}

func (o *outputOptions) report(w io.Writer, s *analyze.Summary) error {
	err := o.chosen.Write(w, s, o.Options)
	if wrong := new(report.OptionError); errors.As(err, &wrong) {
		return usageError{err}
	}
	return err
}

func buffered(w io.Writer, f func(io.Writer) error) error {
	b := bufio.NewWriterSize(w, 1<<16)
	if err := f(b); err != nil {
		return err
	}
	return b.Flush()
}

// writeFile writes to path.tmp and renames it, so that path is never half a file.
func writeFile(path string, f func(io.Writer) error) (err error) {
	tmp := path + ".tmp"
	file, err := os.Create(tmp)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(tmp)
		}
	}()
	if err := buffered(file, f); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
