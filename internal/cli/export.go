package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"omnitrace/analyze"
	"omnitrace/report"
)

type exportOptions struct {
	inputOptions
	selectOptions
	format string
	output string
	tables []string
	chosen exportFormat
}

// An exportFormat is one way to hand a run to another program: as a profile, as
// one file with all tables, as a folder with a file for each, or as a trace.
type exportFormat struct {
	name, doc string
	profile   func(w io.Writer, samples []analyze.StackSample, runs []*analyze.Summary) error
	whole     func(w io.Writer, tables []analyze.Table) error
	events    bool // the events themselves, as a trace
	each      func(w io.Writer, table *analyze.Table) error
}

// exportFormats are those of --format, sorted by name.
var exportFormats = []exportFormat{
	{name: "chrome", doc: "a Chrome trace of an nsys capture, for Perfetto and chrome://tracing", events: true},
	{name: "csv", doc: "a folder with a CSV file for each table", each: report.WriteCSV},
	{name: "jsonl", doc: "JSON Lines: a row of a table on each line", whole: report.WriteJSONLines},
	{name: "parquet", doc: "a folder with a Parquet file for each table", each: report.WriteParquet},
	{name: "pprof", doc: "a profile for go tool pprof and flame graphs", profile: report.WritePprof},
}

func newExport(std streams) *cobra.Command {
	o := &exportOptions{}
	cmd := &cobra.Command{
		Use:   "export PATH…",
		Short: "The same numbers for other programs: pprof, Parquet, CSV, JSON Lines, Chrome traces",
		Long:  exportHelp(),
		Example: `  omnitrace export profiles/ --format pprof -o gpu.pb.gz
  omnitrace export new=profiles/ --format parquet -o tables
  omnitrace export profiles/ --format jsonl --table kernels,steps
  omnitrace export report1.sqlite --format chrome -o report1.json.gz`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(args); err != nil {
				return err
			}
			return o.run(cmd, std)
		},
	}
	o.inputOptions.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "", "what to write: "+strings.Join(exportNames(), ", "))
	f.StringVarP(&o.output, "output", "o", "", "`file` or folder to write; a file may be left out for standard output")
	f.StringSliceVar(&o.tables, "table", nil, "only these `tables`")
	o.selectOptions.flags(cmd)
	return cmd
}

func exportHelp() string {
	var b strings.Builder
	b.WriteString("export writes what summarize computes in forms that other programs read:\n\n")
	for _, f := range exportFormats {
		fmt.Fprintf(&b, "  %-8s %s\n", f.name, f.doc)
	}
	b.WriteString(`
Tables have the names and columns of the JSON of summarize, with the run's label
in a column "run" and a table "runs" with the totals: label=PATH names the run,
--all takes every session. In a profile, "exclusive" adds up to the busy time of
the GPUs; stacks are stage, request, phase, step or iteration, ranges and python
frames of models and engines open at the launch, operator, kernel.

A Chrome trace has all kernels, copies, API calls, ranges, arrows, and the names
of processes and threads; omnitrace reads the same numbers from it. -o ends in
.json, .json.gz, .json.zst or .pftrace, which is Perfetto's own format. Several
captures or capture ranges need a folder; merge puts them on one timeline.`)
	return b.String()
}

func exportNames() []string {
	var names []string
	for _, f := range exportFormats {
		names = append(names, f.name)
	}
	return names
}

func (o *exportOptions) validate(args []string) error {
	if err := o.inputOptions.validate(args); err != nil {
		return err
	}
	if _, err := o.selection(); err != nil {
		return err
	}
	for _, f := range exportFormats {
		if f.name == o.format {
			o.chosen = f
		}
	}
	switch {
	case o.format == "":
		return usagef("--format: say what to write: %s", strings.Join(exportNames(), ", "))
	case o.chosen.name == "":
		return usagef("--format: unknown format %q: want one of %s", o.format, strings.Join(exportNames(), ", "))
	case o.chosen.events:
		return o.validateEvents()
	case o.chosen.each != nil && o.output == "":
		return usagef("%s is a file for each table: name the folder with -o", o.format)
	case o.chosen.profile != nil && len(o.tables) > 0:
		return usagef("--table: a profile has no tables")
	}
	empty, err := analyze.NewSession(nil, analyze.Options{})
	if err != nil {
		return err
	}
	check := o.choice()
	check.Tables = slices.DeleteFunc(slices.Clone(o.tables), isSummaryReport) // which there are, the files say
	if _, err := report.Runs([]*analyze.Summary{empty.Summarize(analyze.All())}, check); err != nil {
		return usageError{err}
	}
	return nil
}

func (o *exportOptions) choice() report.Options { return report.Options{Tables: o.tables} }

func (o *exportOptions) run(cmd *cobra.Command, std streams) error {
	if o.chosen.events {
		return o.exportEvents(cmd.Context(), std)
	}
	sel, err := o.selection()
	if err != nil {
		return err
	}
	var samples []analyze.StackSample
	var runs []*analyze.Summary
	needs := analyze.Needs
	if o.chosen.profile != nil {
		needs = analyze.ProfileNeeds
	}
	err = o.sessions(cmd.Context(), std, needs, func(s *analyze.Session) error {
		if err := s.Select(sel); err != nil {
			return usageError{err}
		}
		warn(std, s.Warnings)
		if o.chosen.profile != nil {
			samples = append(samples, s.Profile()...)
			runs = append(runs, s.Summarize(nil))
			return nil
		}
		sum := s.Summarize(analyze.All())
		sum.Tables = append(sum.Tables, s.ReportedTables()...)
		runs = append(runs, sum)
		return nil
	})
	if err != nil {
		return err
	}
	if o.chosen.profile != nil {
		return o.file(std, func(w io.Writer) error { return o.chosen.profile(w, samples, runs) })
	}
	tables, err := report.Runs(runs, o.choice())
	if err != nil {
		return err
	}
	if o.chosen.whole != nil {
		return o.file(std, func(w io.Writer) error { return o.chosen.whole(w, tables) })
	}
	return o.folder(tables)
}

// file writes to the output file, or to standard output.
func (o *exportOptions) file(std streams, f func(io.Writer) error) error {
	switch {
	case o.output != "" && o.output != stdin:
		return writeFile(o.output, f)
	case o.chosen.profile != nil && isTerminal(std.out):
		return usagef("a profile is binary: name a file with -o")
	}
	return buffered(std.out, f)
}

// folder writes a file for each table.
func (o *exportOptions) folder(tables []analyze.Table) error {
	if err := os.MkdirAll(o.output, 0o777); err != nil {
		return err
	}
	for i := range tables {
		path := filepath.Join(o.output, tables[i].Name+"."+o.format)
		err := writeFile(path, func(w io.Writer) error { return o.chosen.each(w, &tables[i]) })
		if err != nil {
			return err
		}
	}
	return nil
}

// warn prints to stderr what the output has no place for.
func warn(std streams, warnings []analyze.Warning) {
	for _, w := range warnings {
		fmt.Fprintf(std.err, "omnitrace: %s\n", w.Message)
	}
}
