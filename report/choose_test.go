package report

import (
	"errors"
	"strings"
	"testing"

	"omnitrace/analyze"
)

// order returns the first column's numbers after sorting.
func order(t *testing.T, rows []analyze.Row, sort string) string {
	t.Helper()
	tables := []analyze.Table{{Columns: []analyze.Column{
		column("step", analyze.ID, ""), column("name", analyze.Text, ""), column("busy_ns", analyze.Nanoseconds, ""),
	}, Rows: rows}}
	if err := (Options{Sort: sort}).sort(tables); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range tables[0].Rows {
		b.WriteString(plain(r.Cells[0], analyze.ID))
	}
	return b.String()
}

// Figures come largest first, names and ids ascending, unknowns last; a minus
// turns it round; equal rows stay in their order.
func TestSort(t *testing.T) {
	rows := []analyze.Row{row("", 0, 0, "b", 5), row("", 0, 2, "a", 7), row("", 0, 1, "c", 5), row("", 0, 3, "b", -1)}
	for sort, want := range map[string]string{
		"": "0213", "busy_ns": "2013", "busy": "2013", "-busy_ns": "0123", "step": "0123", "-step": "3210", "name": "2031", "-name": "1032",
	} {
		if got := order(t, rows, sort); got != want {
			t.Errorf("sort %q: %s, want %s", sort, got, want)
		}
	}
	if got := order(t, rows, ""); got != "0213" {
		t.Error("sorting changed the summary's rows")
	}
}

// A wrong name is an error that says what there is.
func TestOptionErrors(t *testing.T) {
	tests := []struct {
		format Format
		o      Options
		want   string
	}{
		{Text, Options{Tables: []string{"kernel"}}, `unknown table "kernel": want one of sources, stages, devices, iterations, categories, kernels, memory, steps`},
		{JSON, Options{Tables: []string{"kernel"}}, `unknown table "kernel": want one of sources, stages,`},
		{Text, Options{Sort: "-size", Tables: []string{"memory"}}, `no table has a column "size" to sort by: want one of stage, name, count, gpu_ns, exclusive_ns, bytes, bytes_per_s`},
		{CSV, Options{Tables: []string{"stages", "memory"}}, `csv holds one table, not stages, memory: want one of sources, stages,`},
		{Markdown, Options{Sort: "nope"}, `no table has a column "nope"`},
	}
	for _, test := range tests {
		var b strings.Builder
		err := test.format.Write(&b, run(), test.o)
		var option *OptionError
		if !errors.As(err, &option) || !strings.HasPrefix(err.Error(), test.want) || b.Len() > 0 {
			t.Errorf("%s: %v\nwant %s", test.format.Name, err, test.want)
		}
	}
	if _, err := Named("xml"); err == nil || err.Error() != `unknown format "xml": want one of csv, html, json, markdown, text` {
		t.Error(err)
	}
	if err := (Options{Sort: "count", Tables: []string{"kernels", "stages", "sources"}}).Check(run()); err != nil {
		t.Error(err)
	}
}

// Text keeps to the tables that were asked for, in the summary's order.
func TestTables(t *testing.T) {
	text := written(t, Text, run(), Options{Tables: []string{"memory", "stages", "steps"}})
	stages, memory, steps := strings.Index(text, "\nstages"), strings.Index(text, "\nmemory"), strings.Index(text, "\nsteps: no rows")
	if stages < 0 || memory < stages || steps < memory || strings.Contains(text, "\nkernels") {
		t.Error(text)
	}
	if strings.Contains(written(t, Text, run(), Options{}), "\nsteps") {
		t.Error("an empty table was not asked for and is shown")
	}
}
