package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"omnitrace/analyze"
	"omnitrace/analyze/diff"
)

// named returns a run like [aRun] in which everything has the given name.
func named(label string, gemm int64, name string) *analyze.Samples {
	s := aRun(label, gemm)
	s.Label += name
	s.GPUs, s.Tools = []string{name}, []string{name}
	s.Stages[0].Name = name
	for i := range s.Kernels {
		s.Kernels[i].Name += name
		s.Kernels[i].Category += name
	}
	for i := range s.Units {
		s.Units[i].IdleNS = map[string]int64{name: 1000 + gemm/1000}
	}
	return s
}

// The data of a comparison's page holds every row of every table, and its
// waterfall leads from the one total to the other.
func TestDiffHTMLHoldsEverything(t *testing.T) {
	r := compared(aRun("a", 1_000_000), aRun("b", 1_100_000, 1, 1), "3%")
	p := parsePage(t, rendered(t, "html", r, Options{}))
	for _, table := range r.Tables {
		if len(table.Rows) == 0 {
			continue
		}
		got := p.table(t, table.Name)
		if len(got.Rows) != len(table.Rows) || got.Rest != nil || got.Total != len(table.Rows) {
			t.Errorf("%s: %d rows, want %d", table.Name, len(got.Rows), len(table.Rows))
		}
		sums := map[string]int64{}
		for _, row := range table.Rows {
			sums["base_ns"] += row.BaseNS
			sums["new_ns"] += row.NewNS
			sums["delta_ns"] += row.NewNS - row.BaseNS
			if !p.has(rowID(table.Name, row.Key)) {
				t.Errorf("%s: no row %s", table.Name, row.Key)
			}
		}
		for column, want := range sums {
			if sum := got.sum(t, column); sum != want {
				t.Errorf("%s: %s adds up to %d, want %d", table.Name, column, sum, want)
			}
		}
	}
	w := p.data.Waterfall
	at := w.Base
	for _, piece := range w.Pieces {
		at += piece.Delta
		if !p.has(piece.Row) {
			t.Errorf("%s leads to row %q, which no table has", piece.Name, piece.Row)
		}
	}
	if at != w.New || w.Base != r.Totals.BaseNS || w.New != r.Totals.NewNS || len(w.Pieces) != len(r.Waterfall) {
		t.Errorf("the waterfall ends at %d: %+v", at, w)
	}
	for _, text := range []string{"mixed", "regressed", "2 steps taken from a cache instead of computed", "3%", "common work: ", `title="`, "H100"} {
		if !strings.Contains(p.text, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
}

// What has no room on a page is a sum: the parts of a table still add up.
func TestDiffHTMLSize(t *testing.T) {
	table := diff.Table{Name: "kernels"}
	want := int64(0)
	for i := range 20_000 {
		name := fmt.Sprintf("kernel<%d, %s>", i, strings.Repeat("int, ", 60))
		table.Rows = append(table.Rows, diff.Row{Key: "stage=0/kernel=" + name, Place: diff.Place{Name: name}, State: diff.Slower, BaseNS: 1, NewNS: int64(i), DeltaNS: int64(i - 1)})
		want += int64(i - 1)
	}
	r := compared(aRun("a", 1_000_000), aRun("b", 1_100_000))
	r.Tables = []diff.Table{table}
	text := rendered(t, "html", r, Options{})
	if len(text) > 3<<20 {
		t.Errorf("%d bytes", len(text))
	}
	got := parsePage(t, text).table(t, "kernels")
	if got.Total != 20_000 || len(got.Rows) < 300 || got.Rest == nil {
		t.Fatalf("%d rows of %d", len(got.Rows), got.Total)
	}
	if sum := got.sum(t, "delta_ns"); sum != want {
		t.Errorf("rows and rest add up to %d, want %d", sum, want)
	}
}

// Whatever things are called, the page has its own scripts and elements and no
// other, and Markdown has no markup and no line that a name made.
func TestDiffInjection(t *testing.T) {
	pair := func(name string) *diff.Result {
		r := compared(named("a", 1_000_000, name), named("b", 1_100_000, name), "3%")
		r.Gates[0].Expression = name + ":3%"
		r.Warnings = []analyze.Warning{{Code: name, Source: name, Message: name}}
		return r
	}
	clean := parsePage(t, rendered(t, "html", pair("plain"), Options{}))
	lines := strings.Count(rendered(t, "markdown", pair("plain"), Options{}), "\n")
	for _, name := range hostile {
		p := parsePage(t, rendered(t, "html", pair(name), Options{}))
		if !slices.Equal(p.scripts, clean.scripts) {
			t.Errorf("%.40q changes the scripts", name)
		}
		if strings.ContainsAny(p.json, "<>") {
			t.Errorf("%.40q: the data holds < or >", name)
		}
		if got, want := elementsOf(p.text), elementsOf(clean.text); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%.40q: elements %v, want %v", name, got, want)
		}
		text := rendered(t, "markdown", pair(name), Options{})
		if n := strings.Count(text, "\n"); n != lines {
			t.Errorf("%.40q: %d lines of Markdown, want %d", name, n, lines)
		}
		if markup := openMarkup(text); markup != "" {
			t.Errorf("%.40q: Markdown holds %q", name, markup)
		}
		if strings.ContainsAny(text, "\x00\x07\x1b\r\u2028\u2029\u202e") {
			t.Errorf("%.40q: Markdown holds control characters", name)
		}
	}
}

// openMarkup returns what starts an element in Markdown: a < that is neither
// escaped nor in code.
func openMarkup(text string) string {
	for line := range strings.Lines(text) {
		for i, part := range strings.Split(line, "`") {
			if i%2 == 1 { // in code
				continue
			}
			part = strings.ReplaceAll(part, `\\`, "")
			for _, allowed := range []string{`\<`, "<code>", "</code>", "<0.", "<+0."} {
				part = strings.ReplaceAll(part, allowed, "")
			}
			if at := strings.IndexByte(part, '<'); at >= 0 {
				return part[at:]
			}
		}
	}
	return ""
}
