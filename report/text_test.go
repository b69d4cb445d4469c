package report

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"omnitrace/analyze"
)

// No line is wider than the terminal, whatever is in the tables.
func TestLinesFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := run()
		s.Tables = []analyze.Table{anyTable(t)}
		s.Run.Label = rapid.String().Draw(t, "label")
		s.Warnings[0].Message = rapid.String().Draw(t, "message")
		o := Options{
			Width: rapid.IntRange(leastWidth, 200).Draw(t, "width"),
			Top:   rapid.IntRange(-1, 4).Draw(t, "top"),
		}
		for line := range strings.Lines(written(t, Text, s, o)) {
			if w := width(strings.TrimSuffix(line, "\n")); w > o.Width {
				t.Fatalf("%d columns, want at most %d: %q", w, o.Width, line)
			}
			if strings.TrimRight(line, " \n")+"\n" != line {
				t.Fatalf("spaces at the end: %q", line)
			}
		}
	})
}

// Colour changes nothing but colour.
func TestColorOnlyAddsCodes(t *testing.T) {
	plain := written(t, Text, run(), Options{})
	colored := written(t, Text, run(), Options{Color: true})
	for _, code := range []string{ansi.bold, ansi.dim, ansi.warn, ansi.reset} {
		if !strings.Contains(colored, code) {
			t.Errorf("no %q", code)
		}
		colored = strings.ReplaceAll(colored, code, "")
	}
	if colored != plain {
		t.Errorf("without codes:\n%s\nwant:\n%s", colored, plain)
	}
	if strings.Contains(plain, "\x1b") {
		t.Error("codes without Options.Color")
	}
}

// A name can't send commands to the terminal.
func TestControlCharactersAreVisible(t *testing.T) {
	s := run()
	s.Run.Label = "a\x1b[31mb"
	s.Tables[4].Rows[0].Cells[1] = analyze.Str("evil\x1b]0;title\x07\u202e\xff\n")
	s.Warnings[0].Message = "\x1b[2J"
	for _, f := range []Format{Text, Markdown} {
		text := written(t, f, s, Options{Width: 200})
		if strings.ContainsAny(text, "\x1b\x07\u202e") || strings.Contains(text, "\xff") {
			t.Errorf("%s: %q", f.Name, text)
		}
	}
}

// What is shown and what is cut off add up to the table, to the nanosecond.
func TestCutAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := anyTable(t)
		top := rapid.IntRange(-1, 6).Draw(t, "n")
		lines, rest := cut(&table, top)
		kept := 0
		for _, l := range lines {
			if !l.sum {
				kept++
			}
		}
		if kept+rest != len(table.Rows) {
			t.Fatalf("%d shown and %d cut of %d", kept, rest, len(table.Rows))
		}
		for i, c := range table.Columns {
			total := int64(0)
			for _, l := range lines {
				n, _ := cell(l.Row, i).Int()
				total += n
			}
			if want := table.Sum(c.Name); c.Share && total != want {
				t.Fatalf("%s: %d, want %d", c.Name, total, want)
			}
		}
	})
}

// The line for the rest has sums of Share columns only, and a share only where
// all rows that it stands for have the same whole.
func TestSumRow(t *testing.T) {
	table := memory()
	lines, rest := cut(&table, 1)
	sum := lines[1]
	if rest != 2 || !sum.sum || sum.Whole != 3_108_120_300 {
		t.Errorf("rest %d, %+v", rest, sum)
	}
	if n, _ := sum.Cells[4].Int(); n != 7_000_120+398_112 {
		t.Errorf("exclusive_ns = %d", n)
	}
	if !sum.Cells[3].IsNull() || !sum.Cells[2].IsNull() {
		t.Errorf("columns that are no shares were added up: %+v", sum.Cells)
	}
	table.Rows[1].Whole++
	if lines, _ = cut(&table, 1); lines[1].Whole != 0 {
		t.Errorf("a share of two wholes: %d", lines[1].Whole)
	}
}

// Unattributed rows are last and never cut, however the table is sorted.
func TestUnattributedLast(t *testing.T) {
	table := iterations()
	rows := append([]analyze.Row{table.Rows[48]}, table.Rows[:48]...)
	table.Rows = rows
	for _, sort := range []string{"", "kernel_ns", "-kernel_ns", "phase", "-phase"} {
		tables := []analyze.Table{table}
		if err := (Options{Sort: sort}).sort(tables); err != nil {
			t.Fatal(err)
		}
		lines, rest := cut(&tables[0], 3)
		if len(lines) != 5 || rest != 45 || !unattributed(lines[4].Row) || !lines[3].sum {
			t.Errorf("sort %q: %d lines, rest %d", sort, len(lines), rest)
		}
	}
}

func headings(t analyze.Table, o Options) string {
	var names []string
	for _, i := range visibleColumns(&t, o) {
		names = append(names, t.Columns[i].Name)
	}
	return strings.Join(names, " ")
}

// Columns that would say nothing are left out; what names the rows stays.
func TestVisibleColumns(t *testing.T) {
	text, id, count := column("name", analyze.Text, ""), column("stage", analyze.ID, ""), column("n", analyze.Count, "")
	rank, extra := column("rank", analyze.ID, ""), wide(column("extra", analyze.Count, ""))
	columns := []analyze.Column{id, rank, text, count, extra}
	tests := []struct {
		name string
		rows []analyze.Row
		o    Options
		want string
	}{
		{"constant ids go", []analyze.Row{row("", 0, 0, 0, "a", 1, 1), row("", 0, 0, 0, "b", 1, 1)}, Options{}, "name n"},
		{"ids that differ stay", []analyze.Row{row("", 0, 0, 0, "a", 1, 1), row("", 0, 0, 1, "a", 1, 1)}, Options{}, "rank n"},
		{"null is no other value", []analyze.Row{row("", 0, 0, -1, "a", 1, 1), row("", 0, 0, 1, "b", 1, 1)}, Options{}, "name n"},
		{"a name that differs in no row is none", []analyze.Row{row("", 0, 0, 0, "a", 1, 1), row("", 0, 0, 0, "a", 2, 1)}, Options{}, "stage rank name n"},
		{"so do constant texts", []analyze.Row{row("", 0, 0, 1, "a", 1, 1), row("", 0, 1, 1, "a", 1, 1)}, Options{}, "stage n"},
		{"one row", []analyze.Row{row("", 0, 0, 0, "a", 1, 1)}, Options{}, "name n"},
		{"one row without a name", []analyze.Row{row("", 0, 0, 0, analyze.Null, 1, 1)}, Options{}, "stage rank n"},
		{"nothing known", []analyze.Row{row("", 0, 0, -1, "a", -1, 1), row("", 0, 1, -1, "b", -1, 1)}, Options{}, "stage name"},
		{"zero is known", []analyze.Row{row("", 0, 0, -1, "a", 0, 1), row("", 0, 1, -1, "b", 0, 1)}, Options{}, "stage name n"},
		{"wide shows all", []analyze.Row{row("", 0, 0, -1, "a", 1, 1)}, Options{Wide: true}, "stage rank name n extra"},
		{"what is sorted by is shown", []analyze.Row{row("", 0, 0, 0, "a", 1, 1)}, Options{Sort: "-extra"}, "name n extra"},
	}
	for _, test := range tests {
		if got := headings(analyze.Table{Columns: columns, Rows: test.rows}, test.o); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// The header speaks of damage, and only where there is some.
func TestHeadline(t *testing.T) {
	s := run()
	_, state, sound := headline(s)
	if sound || !strings.HasPrefix(state, "incomplete: 1 of 3 sources cut short · ") {
		t.Error(state)
	}
	s.Sources[2].Complete, s.Run.Complete = true, true
	if _, state, sound = headline(s); !sound || state != "complete · 3 sources · 51,031 kernels · GPU busy 3.301 s" {
		t.Error(state)
	}
	s.Run, s.Sources, s.Totals = analyze.Run{Label: "x", Complete: true}, s.Sources[:1], analyze.Row{}
	if what, state, _ := headline(s); what != "x · GPU model not recorded" || state != "complete · 1 source" {
		t.Error(what, state)
	}
}

// A summary of nothing prints a header and does not stumble.
func TestEmptySummary(t *testing.T) {
	for _, f := range Formats() {
		var b strings.Builder
		err := f.Write(&b, &analyze.Summary{}, Options{})
		if (err != nil) != (f.Name == "csv") { // which has no table of kernels to write
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}
