package report

import (
	"slices"
	"strconv"

	"omnitrace/analyze"
	"omnitrace/internal/unit"
)

// A grid is what text and Markdown show of a table: some of its rows and
// columns, as text.
type grid struct {
	table  *analyze.Table
	lines  []line
	fields []field
	rest   int      // rows that were cut off
	said   []string // what holds for every row, and what the shares are of
}

// A line is a row of the table, or the sum of the rows that were cut off.
type line struct {
	analyze.Row
	sum bool
}

// A field is one column of a grid.
type field struct {
	heading string
	symbol  string   // unit of all its figures, "" where it has none
	cells   []string // one for each line
	name    bool     // texts, left-aligned, which may be shortened to limit
	limit   int      // the room it takes; only names may get less than they need
	label   int      // for names: the room that the line for the rest needs
	share   bool     // the share that the field before it is of its whole
	empty   bool     // nothing but zero and unknown
	needed  bool     // left out last where there is no room
}

// unknown is what prints for null.
const unknown = "–"

// newGrid chooses rows and columns; top as in [Options], with 0 for the table's
// own.
func newGrid(t *analyze.Table, o Options, top int) *grid {
	t = withLoose(t)
	g := &grid{table: t}
	g.lines, g.rest = cut(t, top)
	visible := visibleColumns(t, o)
	scales := g.scales(visible)
	for _, i := range visible {
		f := g.field(i, scales)
		if f.name && !g.hasName() {
			f.needed = true
			g.label(&f)
		}
		f.needed = f.needed || i == o.sortColumn(t)
		g.fields = append(g.fields, f)
		if t.Columns[i].Share {
			g.addShare(i)
		}
	}
	g.said = constants(t, visible)
	if g.hasShares() && t.ShareOf != "" {
		g.said = append(g.said, "share "+t.ShareOf)
	}
	return g
}

func (g *grid) hasShares() bool {
	return slices.ContainsFunc(g.fields, func(f field) bool { return f.share })
}

func (g *grid) hasName() bool {
	return slices.ContainsFunc(g.fields, func(f field) bool { return f.name })
}

// ladders are the units of the columns that are scaled.
var ladders = map[analyze.Unit]unit.Ladder{
	analyze.Nanoseconds:    unit.Time,
	analyze.Bytes:          unit.Size,
	analyze.BytesPerSecond: unit.Speed,
}

// scales chooses the scales of those of the columns that have one. The sum of
// what was cut off has no say: it would take digits from the rows.
func (g *grid) scales(columns []int) map[int]unit.Scale {
	scales := map[int]unit.Scale{}
	for u, ladder := range ladders {
		var scaled []int
		var values [][]int64
		for _, i := range columns {
			if g.table.Columns[i].Unit == u {
				scaled = append(scaled, i)
				values = append(values, g.integers(i))
			}
		}
		for i, scale := range ladder.Columns(values) {
			scales[scaled[i]] = scale
		}
	}
	return scales
}

// integers returns the known figures of a column.
func (g *grid) integers(column int) []int64 {
	values := []int64{}
	for _, l := range g.lines {
		if n, ok := cell(l.Row, column).Int(); ok && !l.sum {
			values = append(values, n)
		}
	}
	return values
}

// cut returns the first rows, the sum of those that were cut off and the
// unattributed rows. top is the number of rows, negative for all.
func cut(t *analyze.Table, top int) (lines []line, rest int) {
	if top == 0 {
		top = t.Top
	}
	var kept, loose []analyze.Row
	for _, r := range t.Rows {
		if unattributed(r) {
			loose = append(loose, r)
		} else {
			kept = append(kept, r)
		}
	}
	n := len(kept)
	if top > 0 {
		n = min(n, top)
	}
	for _, r := range kept[:n] {
		lines = append(lines, line{Row: r})
	}
	if rest = len(kept) - n; rest > 0 {
		lines = append(lines, line{sumRow(t, kept[n:]), true})
	}
	for _, r := range loose {
		lines = append(lines, line{Row: r})
	}
	return lines, rest
}

// sumRow adds up the Share columns of rows: they are parts of a whole, others
// (medians, spans, distinct launches) may not be added. It has a whole where all
// rows have the same.
func sumRow(t *analyze.Table, rows []analyze.Row) analyze.Row {
	sum := analyze.Row{Cells: make([]analyze.Value, len(t.Columns)), Whole: rows[0].Whole}
	for _, r := range rows {
		if r.Whole != sum.Whole {
			sum.Whole = 0
		}
	}
	for i, c := range t.Columns {
		if !c.Share {
			continue
		}
		total, any := int64(0), false
		for _, r := range rows {
			n, ok := cell(r, i).Int()
			total, any = total+n, any || ok
		}
		if any {
			sum.Cells[i] = analyze.Int(total)
		}
	}
	return sum
}

// restLabel names the line for what was cut off.
func restLabel(n int) string {
	if n == 1 {
		return "… 1 more row"
	}
	return "… " + unit.Count(int64(n)) + " more rows"
}

// label writes the name of the line for what was cut off into its cell.
func (g *grid) label(f *field) {
	for i, l := range g.lines {
		if l.sum {
			f.cells[i] = restLabel(g.rest)
			f.label = width(f.cells[i])
		}
	}
}

// labelled reports whether a column of names says how many rows were cut off.
func (g *grid) labelled() bool {
	return slices.ContainsFunc(g.fields, func(f field) bool { return f.label > 0 })
}

// field prints the cells of a column.
func (g *grid) field(column int, scales map[int]unit.Scale) field {
	c := g.table.Columns[column]
	f := field{heading: heading(c), name: c.Unit == analyze.Text, empty: true}
	f.needed = c.Unit == analyze.ID || c.Share
	scale, scaled := scales[column]
	f.symbol = scale.Symbol
	for _, l := range g.lines {
		v := cell(l.Row, column)
		n, ok := v.Int()
		text, isText := v.Text()
		f.empty = f.empty && n == 0 && text == ""
		switch {
		case v.IsNull() && l.sum:
			f.cells = append(f.cells, "")
		case isText:
			f.cells = append(f.cells, text)
		case !ok:
			f.cells = append(f.cells, unknown)
		case scaled:
			f.cells = append(f.cells, scale.Format(n))
		default:
			f.cells = append(f.cells, integer(n, c.Unit))
		}
	}
	return f
}

func integer(n int64, u analyze.Unit) string {
	switch u {
	case analyze.Count:
		return unit.Count(n)
	case analyze.Flag:
		if n == 0 {
			return "no"
		}
		return "yes"
	}
	return strconv.FormatInt(n, 10)
}

// addShare adds the shares of a column's figures, unless no row has a whole.
func (g *grid) addShare(column int) {
	f := field{heading: "share", share: true, needed: true}
	any := false
	for _, l := range g.lines {
		text := ""
		if n, ok := cell(l.Row, column).Int(); ok && l.Whole != 0 {
			text = unit.Percent(n, l.Whole) + " %"
			any = true
		}
		f.cells = append(f.cells, text)
	}
	if any {
		g.fields = append(g.fields, f)
	}
}
