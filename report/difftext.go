package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"omnitrace/analyze/diff"
	"omnitrace/internal/unit"
)

// diffTops are the tables that text and Markdown show unless told otherwise,
// and how many of their rows.
var diffTops = map[string]int{"phases": 12, "parts": 8, "kernels": 12, "idle": 6}

// chosenTop is how many rows people see of a table that they asked for.
const chosenTop = 24

func writeDiffText(w io.Writer, r *diff.Result, o Options) error {
	if o.Width == 0 {
		o.Width = defaultWidth
	}
	o.Width = max(o.Width, leastWidth)
	p := page{out: bufio.NewWriter(w), o: o}
	if o.Color {
		p.style = ansi
	}
	p.line(p.style.bold, diffTitle(r), 2)
	p.line(p.direction(verdictColor[r.Verdict.Word]), string(r.Verdict.Word)+": "+Reason(r), 2)
	for i := range r.Gates {
		g := &r.Gates[i]
		p.line(p.direction(outcomeColor[g.Outcome]), "gate "+g.Expression+" "+string(g.Outcome)+" · "+GateReason(g), 2)
	}
	p.differences(r)
	for _, g := range []*diffGrid{changesGrid(r, o), waterfallGrid(r)} {
		if err := p.diffTable(g); err != nil {
			return err
		}
	}
	tables, err := shownTables(r, o)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := p.diffTable(newDiffGrid(t.Table, o, t.top)); err != nil {
			return err
		}
	}
	p.noise(r)
	p.notes(r.Warnings)
	return p.out.Flush()
}

// Colours of directions; used on terminals only.
const (
	red   = "\x1b[31m"
	green = "\x1b[32m"
)

var verdictColor = map[diff.Word]string{diff.Regressed: red, diff.Improved: green, diff.Mixed: ansi.warn, diff.Abstained: ansi.warn}
var outcomeColor = map[diff.Outcome]string{diff.Fails: red, diff.Undecided: ansi.dim}

// direction returns a colour's code if there are colours.
func (p *page) direction(code string) string {
	if !p.o.Color {
		return ""
	}
	return code
}

// diffTitle: "base 20261123-224646 → new 20261123-224718 · GPU busy 63.26 ms → 63.31 ms (+0.1 %)".
func diffTitle(r *diff.Result) string {
	t := &r.Totals
	text := "base " + sideWords(&r.Base) + " → new " + sideWords(&r.New) +
		" · GPU busy " + unit.Time.Exact(t.BaseNS) + " → " + unit.Time.Exact(t.NewNS)
	if t.BaseNS > 0 {
		text += " (" + percent(float64(t.DeltaNS)/float64(t.BaseNS)) + ")"
	}
	return text
}

func sideWords(s *diff.Side) string {
	switch len(s.Labels) {
	case 0:
		return "(nothing)"
	case 1:
		return visible(s.Labels[0])
	}
	return fmt.Sprintf("%s and %d more", visible(s.Labels[0]), len(s.Labels)-1)
}

// A shownTable is a table with the number of its rows that people see.
type shownTable struct {
	diff.Table
	top int
}

func shownTables(r *diff.Result, o Options) ([]shownTable, error) {
	chosen, err := chooseDiff(r, o)
	if err != nil {
		return nil, err
	}
	var shown []shownTable
	for _, t := range chosen {
		top, usual := diffTops[t.Name]
		if len(o.Tables) > 0 {
			top = chosenTop
		} else if !usual {
			continue
		}
		if o.Top != 0 {
			top = o.Top
		}
		shown = append(shown, shownTable{t, top})
	}
	return shown, nil
}

// differences writes what work is not common, and how the workloads differ.
func (p *page) differences(r *diff.Result) {
	p.line("", commonWords(r), 2)
	for _, d := range r.Work.Differences() {
		p.line(p.style.dim, "· "+differenceWords(d), 2)
	}
	for i := range r.Work.Savings {
		p.line(p.style.dim, "· "+savingWords(&r.Work.Savings[i]), 2)
	}
}

// noise says what the runs show against themselves.
func (p *page) noise(r *diff.Result) {
	for i, text := range noiseWords(r) {
		if i == 0 {
			fmt.Fprintln(p.out)
		}
		p.line(p.style.dim, text, 2)
	}
}

// diffTable writes a table with its title.
func (p *page) diffTable(g *diffGrid) error {
	if len(g.fields) == 0 || len(g.fields[0].cells) == 0 {
		return nil
	}
	l := fit(g.fields, p.o.Width, p.o.Wide)
	fmt.Fprintln(p.out)
	for i, line := range wrap(g.name+" · "+g.doc, p.o.Width, 2) {
		if i == 0 {
			fmt.Fprint(p.out, p.style.paint(p.style.bold, g.name))
			line = strings.TrimPrefix(line, g.name)
		}
		fmt.Fprintln(p.out, p.style.paint(p.style.dim, line))
	}
	var b strings.Builder
	t := tablewriter.NewTable(&b,
		tablewriter.WithEastAsian(tw.Off), // see width
		tablewriter.WithRenderer(renderer.NewBlueprint(light)),
		tablewriter.WithConfig(alignment(l.fields)),
	)
	t.Header(l.header())
	columns := make([][]string, len(l.fields))
	for i := range l.fields {
		columns[i] = l.fields[i].texts()
	}
	for row := range columns[0] {
		var cells []string
		for i, column := range columns {
			cells = append(cells, p.style.paint(p.directionStyle(g, &l.fields[i], row), column[row]))
		}
		if err := t.Append(cells); err != nil {
			return fmt.Errorf("laying out table %s: %w", g.name, err)
		}
	}
	if err := t.Render(); err != nil {
		return fmt.Errorf("laying out table %s: %w", g.name, err)
	}
	for text := range strings.Lines(b.String()) {
		text = strings.TrimRight(text, " \n")
		if strings.HasPrefix(text, rule) {
			text = p.style.paint(p.style.dim, text)
		}
		fmt.Fprintln(p.out, text)
	}
	if g.rest != "" {
		p.line(p.style.dim, g.rest, 2)
	}
	if len(l.hidden) > 0 {
		p.line(p.style.dim, "no room for "+strings.Join(l.hidden, ", ")+": see --wide", 2)
	}
	return nil
}

// directionStyle returns the colour of a cell: red for slower, green for
// faster.
func (p *page) directionStyle(g *diffGrid, f *field, row int) string {
	for i := range g.fields {
		if g.fields[i].heading == f.heading {
			return p.direction(map[int]string{1: red, -1: green}[g.signs[i][row]])
		}
	}
	return ""
}
