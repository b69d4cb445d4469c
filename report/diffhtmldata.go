package report

import (
	"slices"
	"strconv"
	"strings"

	"omnitrace/analyze/diff"
	"omnitrace/internal/unit"
)

// diffUnits are the units of a page's columns by measure, see [pageColumn].
var diffUnits = map[measure]string{
	wordMeasure: "text", idMeasure: "number", countMeasure: "count", nsMeasure: "ns",
	changeOfNS: "change", percentMeasure: "ratio", pMeasure: "p", flagMeasure: "flag",
}

// pageDiffColumns are columns that a page has room for and a terminal has not.
var pageDiffColumns = []string{"low_ns", "high_ns", "p_value"}

// sharedColumns are parts of a whole: what a filter leaves over, and what a page
// has no room for, is added up.
var sharedColumns = append([]string{"base_ns", "new_ns", "delta_ns"}, partColumns...)

var partColumns = []string{"duration_delta_ns", "launches_delta_ns", "work_delta_ns"}

// pageTop is how many rows of a table are shown at first.
const pageTop = 40

func newDiffData(r *diff.Result, tables []diff.Table, o Options, rows int) *pageData {
	d := &pageData{Tables: []pageTable{}}
	for _, s := range diffSheets(r) {
		if len(s.Rows) > 0 {
			d.Tables = append(d.Tables, s.pageTable)
		}
	}
	for i := range tables {
		if len(tables[i].Rows) > 0 {
			d.Tables = append(d.Tables, newDiffTable(&tables[i], o, rows))
		}
	}
	if len(r.Waterfall) > 0 {
		d.Waterfall = newPageWaterfall(r)
	}
	return d
}

func newDiffTable(t *diff.Table, o Options, limit int) pageTable {
	p := pageTable{Name: t.Name, Top: pageTop, Total: len(t.Rows), Rows: []pageRow{}}
	rows := t.Rows[:min(limit, len(t.Rows))]
	columns, shown := pageColumnsOf(t, o)
	scales := pageScales(columns, shown, rows)
	short := make([]map[string]string, len(columns))
	for i, c := range columns {
		column := pageColumn{Name: columnName(c), Head: headOf(c), Doc: c.doc, Unit: diffUnits[c.measure], Hidden: !shown[i], Share: slices.Contains(sharedColumns, c.name)}
		if s, ok := scales[i]; ok {
			column.Scale = &pageScale{s.Symbol, s.Exp, s.Digits}
		}
		p.Columns = append(p.Columns, column)
		short[i] = shortFigures(c, rows)
	}
	for i := range rows {
		p.Rows = append(p.Rows, newDiffRow(t.Name, columns, &rows[i], short))
	}
	if rest := t.Rows[len(rows):]; len(rest) > 0 {
		p.Rest = diffRest(columns, rest)
	}
	return p
}

// columnName names the column of names that people see, which programs have in
// two.
func columnName(c diffColumn) string {
	if c.name == "" {
		return c.head
	}
	return c.name
}

func headOf(c diffColumn) string {
	if c.head != "" {
		return c.head
	}
	return strings.ReplaceAll(strings.TrimSuffix(c.name, "_ns"), "_", " ")
}

// pageColumnsOf returns the columns in which anything is known, and which of
// them are shown at first.
func pageColumnsOf(t *diff.Table, o Options) ([]diffColumn, []bool) {
	var columns []diffColumn
	var shown []bool
	for _, c := range evidenceFirst(columnsOf(t)) {
		if any, _ := survey(c, t.Rows); !any && c.name != "delta_ns" || c.name == "name" || c.name == "new_name" {
			continue
		}
		columns = append(columns, c)
		listed := slices.Contains(pageDiffColumns, c.name)
		shown = append(shown, o.Wide || listed || c.head != "" && !c.wide && worthShowing(c, t.Rows, t.Rows))
	}
	return columns, shown
}

// evidenceFirst moves the parts of a change behind what tells whether it is more
// than noise.
func evidenceFirst(columns []diffColumn) []diffColumn {
	columns = slices.Clone(columns)
	slices.SortStableFunc(columns, func(a, b diffColumn) int {
		return compareBool(slices.Contains(partColumns, a.name), slices.Contains(partColumns, b.name))
	})
	return columns
}

// pageScales are those of the columns of times. Columns that are hidden at first
// have no say in the units of the others.
func pageScales(columns []diffColumn, shown []bool, rows []diff.Row) map[int]unit.Scale {
	all := map[int]unit.Scale{}
	for _, visible := range []bool{true, false} {
		var index []int
		var chosen []diffColumn
		for i, c := range columns {
			if shown[i] == visible && (c.measure == nsMeasure || c.measure == changeOfNS) {
				index, chosen = append(index, i), append(chosen, c)
			}
		}
		for k, s := range diffScales(chosen, rows) {
			all[index[k]] = s
		}
	}
	return all
}

func shortFigures(c diffColumn, rows []diff.Row) map[string]string {
	var names []string
	for i := range rows {
		if text, ok := c.of(&rows[i]).Text(); ok {
			names = append(names, text)
		}
	}
	return shorten(names, shortName)
}

func newDiffRow(table string, columns []diffColumn, r *diff.Row, short []map[string]string) pageRow {
	row := pageRow{ID: rowID(table, r.Key), Loose: strings.Contains(r.Key, unattributedName)}
	row.Sure = r.Evidence != nil && r.Evidence.Significant
	row.Noise = !row.Sure && 2*abs64(r.LaunchesNS+r.WorkNS) < abs64(r.DeltaNS)
	for i, c := range columns {
		f := c.of(r)
		switch {
		case f.real:
			row.Cells = append(row.Cells, f.float)
		case c.name == "phase" && f.unknown() && strings.Contains(r.Key, "phase="+unattributedName):
			row.Cells = append(row.Cells, unattributedName)
		default:
			row.Cells = append(row.Cells, pageCell(f.Value, short[i]))
		}
	}
	return row
}

// diffRest adds up what the page has no room for.
func diffRest(columns []diffColumn, rest []diff.Row) *pageRow {
	sum := &pageRow{}
	for _, c := range columns {
		if !slices.Contains(sharedColumns, c.name) {
			sum.Cells = append(sum.Cells, nil)
			continue
		}
		total := int64(0)
		for i := range rest {
			total += c.of(&rest[i]).integer()
		}
		sum.Cells = append(sum.Cells, total)
	}
	return sum
}

// A sheet is a table that only the page has: JSON has its rows under a name of
// their own.
type sheet struct {
	pageTable
	doc string
}

// diffSheets are the lists of a comparison beside its tables of rows. Their rows
// stay in the order of JSON, which ranks them.
func diffSheets(r *diff.Result) []sheet {
	return []sheet{changesSheet(r), waterfallSheet(r), workSheet(r)}
}

func newSheet(name, doc string, columns ...pageColumn) sheet {
	return sheet{pageTable{Name: name, Top: pageTop, Columns: columns, Rows: []pageRow{}}, doc}
}

// add appends a row; cells are texts, integers, floats or nil.
func (s *sheet) add(key string, noise bool, cells ...any) {
	for i, c := range cells {
		if f, ok := c.(figure); ok {
			cells[i] = nil
			if f.real {
				cells[i] = f.float
			} else if n, ok := f.Int(); ok {
				cells[i] = n
			}
		}
		if text, ok := c.(string); ok {
			cells[i] = pageCell(known(text), map[string]string{text: visible(text)})
		}
	}
	s.Rows = append(s.Rows, pageRow{ID: rowID(s.Name, key), Noise: noise, Sure: !noise, Cells: cells})
	s.Total++
}

// scale gives the columns of times their units.
func (s sheet) scale() sheet {
	var index []int
	var values [][]int64
	for i, c := range s.Columns {
		if c.Unit != "ns" && c.Unit != "change" {
			continue
		}
		var column []int64
		for _, r := range s.Rows {
			if n, ok := r.Cells[i].(int64); ok {
				column = append(column, n)
			}
		}
		index, values = append(index, i), append(values, column)
	}
	for k, scale := range unit.Time.Columns(values) {
		s.Columns[index[k]].Scale = &pageScale{scale.Symbol, scale.Exp, scale.Digits}
	}
	return s
}

func changesSheet(r *diff.Result) sheet {
	s := newSheet("changes", "what changed by more than noise, the largest first",
		pageColumn{Name: "what", Head: "what", Unit: "text", Doc: "stage, phase and sort of work"},
		pageColumn{Name: "unit", Head: "a", Unit: "text", Doc: "what base and new are times of"},
		pageColumn{Name: "base_unit_ns", Head: "base", Unit: "ns", Doc: "time of a unit of base, by medians"},
		pageColumn{Name: "new_unit_ns", Head: "new", Unit: "ns", Doc: "the same of new"},
		pageColumn{Name: "ratio", Head: "change", Unit: "ratio", Doc: "change of a unit"},
		pageColumn{Name: "phase_ratio", Head: "of its phase", Unit: "ratio", Doc: "change as a part of the time of its phase"},
		pageColumn{Name: "delta_ns", Head: "delta", Unit: "change", Share: true, Doc: "change over all of the common work"},
		pageColumn{Name: "p_value", Head: "p", Unit: "p", Doc: "probability of such a difference by chance, adjusted for all rows"})
	for i := range r.Changes {
		c := &r.Changes[i]
		what, computed := placeWords(c.Place, c.StageName), c.Cached == 0
		if !computed {
			what += ": " + cacheWords(c.Cached)
		}
		s.add(changeKey(c), false, what, c.Unit, when(computed, wholeNS(c.BaseUnitNS)), when(computed, wholeNS(c.NewUnitNS)),
			when(c.BaseUnitNS > 0, number(c.Ratio)), number(c.PhaseRatio), wholeNS(c.DeltaNS), when(computed, number(c.P)))
	}
	return s.scale()
}

func changeKey(c *diff.Change) string {
	key := placeKey(c.Place) + "/unit=" + c.Unit
	if c.Cached != 0 {
		key += "/cached"
	}
	return key
}

// placeKey is like the keys of rows.
func placeKey(p diff.Place) string {
	key := "run"
	if p.Stage >= 0 {
		key = "stage=" + strconv.Itoa(p.Stage)
	}
	for _, part := range [][2]string{{"phase", p.Phase}, {"category", p.Category}, {"name", p.Name}} {
		if part[1] != "" {
			key += "/" + part[0] + "=" + part[1]
		}
	}
	return key
}

func waterfallSheet(r *diff.Result) sheet {
	s := newSheet("waterfall", "what the total change is made of · ~ may be noise",
		pageColumn{Name: "what", Head: "what", Unit: "text", Doc: "part of the work, and what became of it"},
		pageColumn{Name: "effect", Head: "by", Unit: "text", Doc: "durations, launches: of common work; work, cache: what only one side did"},
		pageColumn{Name: "delta_ns", Head: "delta", Unit: "change", Share: true, Doc: "exclusive_ns of new less that of base"},
		pageColumn{Name: "of_total", Head: "of total", Unit: "part", Doc: "part of the total change"})
	for i := range r.Waterfall {
		p := &r.Waterfall[i]
		of := nothing()
		if r.Totals.DeltaNS != 0 {
			of = number(float64(p.DeltaNS) / float64(r.Totals.DeltaNS))
		}
		s.add(pieceKey(p), !p.Known, pieceWords(p), p.Effect, integerOf(p.DeltaNS), of)
	}
	return s.scale()
}

func pieceKey(p *diff.Piece) string {
	key := placeKey(p.Place) + "/" + p.Effect
	if p.Kind != "" {
		key += "=" + p.Kind
	}
	return key
}

func workSheet(r *diff.Result) sheet {
	s := newSheet("work", "units of work that both sides did, and those that only one did",
		pageColumn{Name: "link", Head: "done by", Unit: "text", Doc: "both; switched: cached on one side and computed on the other; only base; only new"},
		pageColumn{Name: "stage_name", Head: "stage", Unit: "text", Doc: "name of the stage"},
		pageColumn{Name: "phase", Head: "phase", Unit: "text", Doc: "phase of the request, or kind of the pass"},
		pageColumn{Name: "kind", Head: "kind", Unit: "text", Doc: "sort of unit"},
		pageColumn{Name: "units", Head: "units", Unit: "count", Doc: "pairs, or units of the one side"},
		pageColumn{Name: "base_ns", Head: "base", Unit: "ns", Share: true, Doc: "exclusive_ns of base"},
		pageColumn{Name: "new_ns", Head: "new", Unit: "ns", Share: true, Doc: "exclusive_ns of new"},
		pageColumn{Name: "delta_ns", Head: "delta", Unit: "change", Share: true, Doc: "new_ns - base_ns"})
	for _, group := range []struct {
		link string
		rows []diff.WorkRow
	}{{"both", r.Work.Common}, {"switched", r.Work.Switched}, {"only base", r.Work.OnlyBase}, {"only new", r.Work.OnlyNew}} {
		for _, w := range group.rows {
			s.add(group.link+"/"+placeKey(w.Place)+"/kind="+w.Kind, group.link == "both", group.link, w.StageName, w.Phase, w.Kind,
				integerOf(int64(w.Units)), integerOf(w.BaseNS), integerOf(w.NewNS), integerOf(w.NewNS-w.BaseNS))
		}
	}
	return s.scale()
}

// A pageWaterfall leads from base to new.
type pageWaterfall struct {
	Base   int64       `json:"base"`
	New    int64       `json:"new"`
	Pieces []pagePiece `json:"pieces"`
}

type pagePiece struct {
	Name  string `json:"name"`
	Row   string `json:"row"`
	Delta int64  `json:"delta"`
	Known bool   `json:"known"`
}

func newPageWaterfall(r *diff.Result) *pageWaterfall {
	w := &pageWaterfall{Base: r.Totals.BaseNS, New: r.Totals.NewNS}
	for i := range r.Waterfall {
		p := &r.Waterfall[i]
		w.Pieces = append(w.Pieces, pagePiece{pieceWords(p), rowID("waterfall", pieceKey(p)), p.DeltaNS, p.Known})
	}
	return w
}
