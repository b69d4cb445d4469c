package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"omnitrace/analyze"
)

// Text is what people look at in a terminal.
var Text = Format{Name: "text", Doc: "tables for a terminal: one unit a column, shares, the first rows", Write: writeText}

func writeText(w io.Writer, s *analyze.Summary, o Options) error {
	tables, err := o.choose(withSources(s))
	if err != nil {
		return err
	}
	if o.Width == 0 {
		o.Width = defaultWidth
	}
	o.Width = max(o.Width, leastWidth)
	p := page{out: bufio.NewWriter(w), o: o}
	if o.Color {
		p.style = ansi
	}
	p.heading(s)
	for i := range tables {
		if err := p.table(&tables[i]); err != nil {
			return err
		}
	}
	p.notes(s.Warnings)
	return p.out.Flush()
}

// A page is a text in the making. Errors of out are kept until its Flush.
type page struct {
	out   *bufio.Writer
	o     Options
	style style
}

// A style holds the terminal's codes; without colour all are empty.
type style struct{ bold, dim, warn, reset string }

var ansi = style{bold: "\x1b[1m", dim: "\x1b[2m", warn: "\x1b[33m", reset: "\x1b[0m"}

func (s style) paint(code, text string) string {
	if code == "" || strings.TrimSpace(text) == "" {
		return text
	}
	return code + text + s.reset
}

// line writes text, broken into lines that fit.
func (p *page) line(code, text string, indent int) {
	for _, l := range wrap(text, p.o.Width, indent) {
		fmt.Fprintln(p.out, p.style.paint(code, l))
	}
}

// heading writes what was run, and how complete the picture of it is.
func (p *page) heading(s *analyze.Summary) {
	what, state, sound := headline(s)
	p.line(p.style.bold, what, 2)
	if sound {
		p.line(p.style.dim, state, 2)
	} else {
		p.line(p.style.warn, state, 2)
	}
}

// table writes a table with its title. One without rows is worth a line only if
// it was asked for.
func (p *page) table(t *analyze.Table) error {
	if len(t.Rows) == 0 {
		if len(p.o.Tables) > 0 {
			fmt.Fprintf(p.out, "\n%s: no rows\n", p.style.paint(p.style.bold, t.Name))
		}
		return nil
	}
	g := newGrid(t, p.o, p.o.Top)
	l := fit(g.fields, p.o.Width, p.o.Wide)
	fmt.Fprintln(p.out)
	p.title(g)
	if err := p.draw(g, l); err != nil {
		return err
	}
	if g.rest > 0 && !g.labelled() {
		p.line(p.style.dim, restLabel(g.rest), 2)
	}
	if len(l.hidden) > 0 {
		p.line(p.style.dim, "no room for "+strings.Join(l.hidden, ", ")+": see --wide", 2)
	}
	return nil
}

// title writes a table's name, what it holds, and what holds for all of it: in
// one line where that fits.
func (p *page) title(g *grid) {
	name, said := join(g.table.Name, g.table.Doc), join(g.said...)
	lines := []string{strings.TrimRight(join(name, said), " ")} // a name may be blank
	if width(lines[0]) > p.o.Width {
		lines = wrap(name, p.o.Width, 2)
		if said != "" {
			lines = append(lines, wrap(said, p.o.Width, 2)...)
		}
	}
	for i, l := range lines {
		if i == 0 {
			fmt.Fprint(p.out, p.style.paint(p.style.bold, g.table.Name))
			l = strings.TrimPrefix(l, g.table.Name)
		}
		fmt.Fprintln(p.out, p.style.paint(p.style.dim, l))
	}
}

// join joins the parts that are not empty.
func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · ")
}

// draw lets tablewriter align the cells. It pads every line to the full width,
// which is cut off again.
func (p *page) draw(g *grid, l layout) error {
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
	for i, line := range g.lines {
		var cells []string
		for j, column := range columns {
			cells = append(cells, p.style.paint(p.code(line, l.fields[j]), column[i]))
		}
		if err := t.Append(cells); err != nil {
			return fmt.Errorf("laying out table %s: %w", g.table.Name, err)
		}
	}
	if err := t.Render(); err != nil {
		return fmt.Errorf("laying out table %s: %w", g.table.Name, err)
	}
	for text := range strings.Lines(b.String()) {
		text = strings.TrimRight(text, " \n")
		if strings.HasPrefix(text, rule) {
			text = p.style.paint(p.style.dim, text)
		}
		fmt.Fprintln(p.out, text)
	}
	return nil
}

// code returns the style of a cell: what explains stands back behind what was
// measured.
func (p *page) code(l line, f field) string {
	if l.sum || f.share || unattributed(l.Row) {
		return p.style.dim
	}
	return ""
}

const rule = "─"

// light is a table without borders: two spaces between columns, one rule under
// the heading.
var light = tw.Rendition{
	Borders: tw.BorderNone,
	Symbols: tw.NewSymbolCustom("light").WithColumn("  ").WithRow(rule).WithCenter(rule + rule).WithHeaderMid(rule + rule),
	Settings: tw.Settings{
		Lines:      tw.Lines{ShowHeaderLine: tw.On},
		Separators: tw.Separators{BetweenColumns: tw.On},
	},
}

// alignment turns off all that tablewriter would do to cells but padding them:
// names to the left, figures to the right.
func alignment(fields []field) tablewriter.Config {
	cell := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Padding:    tw.CellPadding{Global: tw.PaddingNone},
	}
	for _, f := range fields {
		align := tw.AlignRight
		if f.name {
			align = tw.AlignLeft
		}
		cell.Alignment.PerColumn = append(cell.Alignment.PerColumn, align)
	}
	return tablewriter.Config{Header: cell, Row: cell, Behavior: tw.Behavior{TrimSpace: tw.Off, TrimLine: tw.Off}}
}

// notes writes the warnings as footnotes.
func (p *page) notes(warnings []analyze.Warning) {
	if len(warnings) > 0 {
		fmt.Fprintln(p.out)
	}
	for i, w := range warnings {
		label, text := noteText(i, w)
		lines := wrap(label+" "+text, p.o.Width, 2)
		lines[0] = p.style.paint(p.style.warn, label) + strings.TrimPrefix(lines[0], label)
		for _, l := range lines {
			fmt.Fprintln(p.out, l)
		}
	}
}

// noteText returns the label of a warning and its text.
func noteText(i int, w analyze.Warning) (label, text string) {
	label = fmt.Sprintf("note %d:", i+1)
	if w.Source != "" {
		label = fmt.Sprintf("note %d (%s):", i+1, visible(w.Source))
	}
	return label, visible(w.Message)
}
