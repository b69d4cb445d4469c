package report

import (
	"slices"
	"strconv"
	"strings"

	"omnitrace/analyze"
)

// Runs puts the tables of several runs together for other programs: each table
// has a first column "run" with the run's label, and the rows of all runs in the
// order given. There are three tables more: "runs" with a row for each run and
// its totals, "sources", and "warnings". Tables that only some runs have are
// kept. Of the options only Tables and Sort count.
func Runs(runs []*analyze.Summary, o Options) ([]analyze.Table, error) {
	all := []analyze.Table{runsTable(runs)}
	for _, s := range runs {
		for _, t := range append(withSources(s), warningsTable(s)) {
			i := slices.IndexFunc(all, func(a analyze.Table) bool { return a.Name == t.Name })
			if i < 0 {
				i = len(all)
				all = append(all, withRun(t))
			}
			for _, r := range t.Rows {
				r.Cells = slices.Insert(slices.Clone(r.Cells), 0, analyze.Str(s.Run.Label))
				all[i].Rows = append(all[i].Rows, r)
			}
		}
	}
	return o.choose(all)
}

var runColumn = analyze.Column{Name: "run", Unit: analyze.Text, Doc: "label of the run"}

func runsTable(runs []*analyze.Summary) analyze.Table {
	t := analyze.Table{
		Name: "runs", Doc: "what was run, and the totals over all stages",
		Columns: append([]analyze.Column{
			runColumn,
			{Name: "model", Unit: analyze.Text, Doc: "model type, where it was given"},
			{Name: "gpus", Unit: analyze.Text, Doc: "names of the devices that worked, with a comma between them"},
			{Name: "complete", Unit: analyze.Flag, Doc: "nothing is known to be missing"},
		}, analyze.TotalColumns()...),
	}
	for _, s := range runs {
		cells := []analyze.Value{
			analyze.Str(s.Run.Label), known(s.Run.Model), known(strings.Join(s.Run.GPUs, ", ")), boolValue(s.Run.Complete),
		}
		t.Rows = append(t.Rows, analyze.Row{Key: "run=" + s.Run.Label, Cells: append(cells, s.Totals.Cells...)})
	}
	return t
}

// withRun returns t without its rows and with a column for the run.
func withRun(t analyze.Table) analyze.Table {
	t.Columns = slices.Insert(slices.Clone(t.Columns), 0, runColumn)
	t.Rows = nil
	return t
}

func warningsTable(s *analyze.Summary) analyze.Table {
	t := analyze.Table{
		Name: "warnings", Doc: "what must be known to read the numbers rightly",
		Columns: []analyze.Column{
			{Name: "code", Unit: analyze.Text, Doc: "sort of warning"},
			{Name: "source", Unit: analyze.Text, Doc: "the file, null for the whole run"},
			{Name: "message", Unit: analyze.Text, Doc: "what, where, and what it means for the numbers"},
		},
	}
	for i, w := range s.Warnings {
		t.Rows = append(t.Rows, analyze.Row{Key: "warning=" + strconv.Itoa(i), Cells: []analyze.Value{
			analyze.Str(w.Code), known(w.Source), analyze.Str(w.Message),
		}})
	}
	return t
}
