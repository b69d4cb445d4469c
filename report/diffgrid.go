package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"omnitrace/analyze/diff"
	"omnitrace/internal/unit"
)

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
		if c.head != "" && (o.Wide || !c.wide && worthShowing(c, rows, t.Rows)) {
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
// way down, or the same name in every row of the table, shown or not.
func worthShowing(c diffColumn, rows, all []diff.Row) bool {
	any, _ := survey(c, rows)
	switch c.measure {
	case idMeasure, wordMeasure:
		_, different := survey(c, all)
		return any && (different || len(all) == 1 || c.head == "what")
	case changeOfNS:
		return c.name == "delta_ns" || any && !(c.name == "duration_delta_ns" && onlyDurations(rows))
	}
	return any
}

// survey reports whether a column has any figure but zero, and whether its
// figures differ.
func survey(c diffColumn, rows []diff.Row) (any, different bool) {
	for i := range rows {
		f := c.of(&rows[i])
		different = different || f != c.of(&rows[0])
		any = any || !f.unknown() && (f.real || f.Value != integerOf(0).Value)
	}
	return any, different
}

// onlyDurations reports whether no row changed by anything else: then a column
// for it would repeat the deltas.
func onlyDurations(rows []diff.Row) bool {
	return !slices.ContainsFunc(rows, func(r diff.Row) bool { return r.DurationNS != r.DeltaNS })
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
		if c.name == "phase" && strings.Contains(r.Key, "phase="+unattributedName) {
			return unattributedName, 0
		}
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
	return signOf(x)
}

// shownChanges is how many changes people see.
const shownChanges = 8

// changesGrid lists the significant changes.
func changesGrid(r *diff.Result, o Options) *diffGrid {
	g := &diffGrid{name: "changes", doc: "what changed by more than noise, the largest first"}
	changes := r.Changes
	if top := max(o.Top, shownChanges); len(changes) > top && o.Top >= 0 {
		g.rest = restLabel(len(changes) - top)
		changes = changes[:top]
	}
	if len(changes) == 0 {
		return g
	}
	var values [2][]int64
	for _, c := range changes {
		values[0] = append(values[0], int64(math.Round(c.BaseUnitNS)))
		values[1] = append(values[1], int64(math.Round(c.NewUnitNS)))
	}
	scales := unit.Time.Columns(values[:])
	fields := []field{
		{heading: "what", name: true, needed: true}, {heading: "a", name: true},
		{heading: "base", symbol: scales[0].Symbol}, {heading: "new", symbol: scales[1].Symbol},
		{heading: "change", needed: true}, {heading: "of its phase", needed: true}, {heading: "p"},
	}
	var signs []int
	for i := range changes {
		c := &changes[i]
		cells := []string{placeWords(c.Place, c.StageName), c.Unit, scales[0].Format(values[0][i]), scales[1].Format(values[1][i]), unknown, percent(c.PhaseRatio), pWords(c.P)}
		if c.BaseUnitNS > 0 {
			cells[4] = percent(c.Ratio)
		}
		if c.Cached != 0 {
			cells[0] += ": " + cacheWords(c.Cached)
			cells[2], cells[3], cells[4], cells[6] = unknown, unknown, unknown, unknown
		}
		for k := range fields {
			fields[k].cells = append(fields[k].cells, cells[k])
		}
		signs = append(signs, signOf(c.DeltaNS))
	}
	none := make([]int, len(signs))
	g.fields, g.signs = fields, [][]int{none, none, none, none, signs, signs, none}
	return g
}

func signOf(x float64) int {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// waterfallGrid lists the few pieces that explain most of the change.
func waterfallGrid(r *diff.Result) *diffGrid {
	if len(r.Waterfall) == 0 {
		return &diffGrid{}
	}
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
			m, sign = "", signOf(float64(ns))
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
		return where + ": durations"
	case "launches":
		return where + ": numbers of launches"
	case "cache":
		return where + ": " + cacheWords(p.Units)
	case "work":
		return unitsWords(p)
	}
	return fmt.Sprintf("%d smaller %s", p.Rows, plural(int64(p.Rows), "piece", "pieces"))
}
