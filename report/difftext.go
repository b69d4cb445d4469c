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

	"omnitrace/analyze/diff"
	"omnitrace/internal/unit"
)

// diffTops are the tables that text and Markdown show unless told otherwise,
// and how many of their rows.
var diffTops = []struct {
	name string
	top  int
}{{"phases", 12}, {"parts", 8}, {"kernels", 12}, {"idle", 6}}

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
	if err := p.waterfall(r); err != nil {
		return err
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
		i := slices.IndexFunc(diffTops, func(d struct {
			name string
			top  int
		}) bool {
			return d.name == t.Name
		})
		switch {
		case o.Top != 0:
			shown = append(shown, shownTable{t, o.Top})
		case len(o.Tables) > 0:
			shown = append(shown, shownTable{t, 24})
		case i >= 0:
			shown = append(shown, shownTable{t, diffTops[i].top})
		}
	}
	if o.Top != 0 && len(o.Tables) == 0 {
		shown = slices.DeleteFunc(shown, func(t shownTable) bool {
			return !slices.ContainsFunc(diffTops, func(d struct {
				name string
				top  int
			}) bool {
				return d.name == t.Name
			})
		})
	}
	return shown, nil
}

// differences writes what work is not common, and how the workloads differ.
func (p *page) differences(r *diff.Result) {
	units := 0
	for _, w := range r.Work.Common {
		units += w.Units
	}
	text := fmt.Sprintf("common work: %s %s of units, %s of base's GPU time and %s of new's", unit.Count(int64(units)), plural(int64(units), "pair", "pairs"),
		shareOf(r.Work.BaseCommonNS, r.Base.BusyNS), shareOf(r.Work.NewCommonNS, r.New.BusyNS))
	p.line("", text, 2)
	for _, d := range r.Work.Differences() {
		p.line(p.style.dim, "  "+visible(d.What)+": "+visible(d.Base)+" → "+visible(d.New), 4)
	}
}

// noise says what the runs show against themselves.
func (p *page) noise(r *diff.Result) {
	for i, n := range r.Noise {
		if i == 0 {
			fmt.Fprintln(p.out)
		}
		text := fmt.Sprintf("noise of stage %d: all kernels alike %s; within a run up to %s", n.Stage, percent(n.Drift), percent(n.Within))
		if n.Repeats > 1 {
			text += "; between repeats up to " + percent(n.Between)
		}
		p.line(p.style.dim, text, 2)
	}
}

// A diffGrid is what people see of a table of differences.
type diffGrid struct {
	name, doc string
	fields    []field
	signs     [][]int // of each cell of each field: the direction, 0 for none
	rest      string  // about rows that are not shown
}

// newDiffGrid chooses rows and columns. Rows that did not change at all are
// only counted.
func newDiffGrid(t diff.Table, o Options, top int) *diffGrid {
	rows := slices.DeleteFunc(slices.Clone(t.Rows), func(r diff.Row) bool { return r.DeltaNS == 0 && r.State == diff.Same })
	still := len(t.Rows) - len(rows)
	more := 0
	if top > 0 && len(rows) > top {
		more, rows = len(rows)-top, rows[:top]
	}
	g := &diffGrid{name: t.Name, doc: t.Doc, rest: restWords(more, still)}
	var columns []diffColumn
	for _, c := range columnsOf(&t) {
		if c.head != "" && (o.Wide || !c.wide && worthShowing(c, rows)) {
			columns = append(columns, c)
		}
	}
	scales := diffScales(columns, rows)
	for i, c := range columns {
		f, signs := diffField(c, rows, scales[i])
		g.fields, g.signs = append(g.fields, f), append(g.signs, signs)
	}
	return g
}

func restWords(more, still int) string {
	var said []string
	if more > 0 {
		said = append(said, restLabel(more))
	}
	if still > 0 {
		said = append(said, unit.Count(int64(still))+plural(int64(still), " row", " rows")+" did not change")
	}
	return strings.Join(said, "; ")
}

// worthShowing leaves out columns that say nothing: unknown or zero all the
// way down, or the same name in every row.
func worthShowing(c diffColumn, rows []diff.Row) bool {
	var first figure
	different, any := false, false
	for i := range rows {
		f := c.of(&rows[i])
		different = different || i > 0 && f != first
		any = any || !f.unknown() && (f.real || f.Value != integerOf(0).Value)
		if i == 0 {
			first = f
		}
	}
	switch c.measure {
	case idMeasure:
		return different
	case wordMeasure:
		return any && (different || len(rows) == 1 || c.head == "what")
	case changeOfNS, changeOfCount:
		return any || c.name == "delta_ns"
	}
	return any
}

func diffScales(columns []diffColumn, rows []diff.Row) []unit.Scale {
	scales := make([]unit.Scale, len(columns))
	var index []int
	var values [][]int64
	for i, c := range columns {
		if c.measure != nsMeasure && c.measure != changeOfNS {
			continue
		}
		var column []int64
		for k := range rows {
			if f := c.of(&rows[k]); !f.unknown() {
				column = append(column, f.integer())
			}
		}
		index, values = append(index, i), append(values, column)
	}
	for k, s := range unit.Time.Columns(values) {
		scales[index[k]] = s
	}
	return scales
}

// diffField prints a column.
func diffField(c diffColumn, rows []diff.Row, scale unit.Scale) (field, []int) {
	f := field{heading: c.head, symbol: scale.Symbol, name: c.measure == wordMeasure}
	f.needed = c.name == "delta_ns" || c.name == "unit_ratio" || c.head == "what"
	var signs []int
	for i := range rows {
		text, sign := diffCell(c, &rows[i], scale)
		f.cells, signs = append(f.cells, text), append(signs, sign)
	}
	return f, signs
}

// diffCell prints one figure and tells its direction.
func diffCell(c diffColumn, r *diff.Row, scale unit.Scale) (string, int) {
	f := c.of(r)
	if c.name == "unit_ratio" && r.Evidence != nil && !r.Evidence.Significant {
		return "~", 0
	}
	if f.unknown() {
		return unknown, 0
	}
	n := f.integer()
	switch c.measure {
	case nsMeasure:
		return scale.Format(n), 0
	case changeOfNS:
		return signed(scale.Format(n), n), direction(r, float64(n))
	case countMeasure:
		return unit.Count(n), 0
	case changeOfCount:
		return signed(unit.Count(n), n), direction(r, float64(n))
	case percentMeasure:
		return percent(f.float), direction(r, f.float)
	case pMeasure:
		return pWords(f.float), 0
	}
	if s, ok := f.Text(); ok {
		return s, 0
	}
	return f.exactly(c.measure), 0
}

func signed(s string, n int64) string {
	if n > 0 {
		return plus(s)
	}
	return s
}

// direction returns the sign of a change that is more than noise.
func direction(r *diff.Row, x float64) int {
	if r.Evidence != nil && !r.Evidence.Significant {
		return 0
	}
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// waterfall writes the few pieces that explain most of the change.
func (p *page) waterfall(r *diff.Result) error {
	if len(r.Waterfall) == 0 {
		return nil
	}
	return p.diffTable(waterfallGrid(r))
}

func waterfallGrid(r *diff.Result) *diffGrid {
	g := &diffGrid{name: "waterfall", doc: "what the total change is made of · ~ may be noise"}
	what, delta, share, mark := field{heading: "what", name: true, needed: true}, field{heading: "delta", needed: true}, field{heading: "of total"}, field{heading: ""}
	var values []int64
	for _, piece := range r.Waterfall {
		values = append(values, piece.DeltaNS)
	}
	values = append(values, r.Totals.DeltaNS)
	scale := unit.Time.Column(values)
	delta.symbol = scale.Symbol
	var signs []int
	add := func(name string, ns int64, known bool) {
		what.cells = append(what.cells, name)
		delta.cells = append(delta.cells, signed(scale.Format(ns), ns))
		part := ""
		if r.Totals.DeltaNS != 0 {
			part = unit.Percent(ns, r.Totals.DeltaNS) + " %"
		}
		share.cells = append(share.cells, part)
		m, sign := "~", 0
		if known {
			m = ""
			if ns > 0 {
				sign = 1
			} else if ns < 0 {
				sign = -1
			}
		}
		mark.cells, signs = append(mark.cells, m), append(signs, sign)
	}
	for i := range r.Waterfall {
		piece := &r.Waterfall[i]
		add(pieceWords(piece), piece.DeltaNS, piece.Known)
	}
	add("total", r.Totals.DeltaNS, true)
	g.fields = []field{what, delta, share, mark}
	none := make([]int, len(signs))
	g.signs = [][]int{none, signs, none, none}
	return g
}

// pieceWords says what a piece of the waterfall is.
func pieceWords(p *diff.Piece) string {
	where := placeWords(p.Place, p.StageName)
	switch p.Effect {
	case "durations":
		return where + ": longer or shorter"
	case "launches":
		return where + ": more or fewer launches"
	case "cache":
		return fmt.Sprintf("%s: %+d cached %s", where, p.Units, plural(abs64(int64(p.Units)), "step", "steps"))
	case "work":
		return unitsWords(p)
	}
	return fmt.Sprintf("%d smaller %s", p.Rows, plural(int64(p.Rows), "piece", "pieces"))
}

// diffTable writes a table with its title.
func (p *page) diffTable(g *diffGrid) error {
	if len(g.fields) == 0 || len(g.fields[0].cells) == 0 {
		return nil
	}
	l := fit(g.fields, p.o.Width, p.o.Wide)
	fmt.Fprintf(p.out, "\n%s%s\n", p.style.paint(p.style.bold, g.name), p.style.paint(p.style.dim, " · "+g.doc))
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
