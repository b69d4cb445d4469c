package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// A dimension is a property by which work is grouped.
type dimension struct {
	key string // its word in a row's key: "kernel"
	Column
	// id returns a work's value as a number, which sorts as the rows should;
	// -1 stands for what could not be assigned.
	id func(*Session, *Work) int32
	// text returns the text that an id stands for, number the number; nil where
	// the id is the value.
	text   func(*Session, int32) string
	number func(*Session, int32) int64
	// ordered dimensions sort by id, not by text.
	ordered bool
	// attributed dimensions are made of what [Attribution] finds.
	attributed bool
}

func (d *dimension) value(s *Session, id int32) Value {
	switch {
	case id < 0:
		return Null
	case d.text == nil:
		return Int(d.numberOf(s, id))
	}
	return Str(d.text(s, id))
}

// unattributed names the rows of what could not be assigned.
const unattributed = "(unattributed)"

func (d *dimension) word(s *Session, id int32) string {
	switch {
	case id < 0:
		return unattributed
	case d.text == nil:
		return fmt.Sprint(d.numberOf(s, id))
	}
	return d.text(s, id)
}

func (d *dimension) numberOf(s *Session, id int32) int64 {
	if id < 0 || d.number == nil {
		return int64(id)
	}
	return d.number(s, id)
}

// A label is a column whose value all work of a row shares.
type label struct {
	Column
	of func(*Session, *Work) Value
}

// A grouping is a table of work: a row for each combination of the values of
// its dimensions, which are a partition of the work that keep lets pass.
type grouping struct {
	name, doc string
	dims      []dimension
	labels    []label
	keep      func(*Work) bool     // nil keeps all
	stages    func(*Session) []int // the stages that have rows; nil for all
	figures   []figure
	known     func(*Session) []Work // have rows even without work, by an example of what would be in them; nil for none
	bySize    bool                  // largest first within the first dimension; else in the order of the dimensions
	overall   bool                  // largest first in the whole table
	top       int
	brief     bool
}

// maxDimensions is how many dimensions one grouping may have.
const maxDimensions = 8

type groupKey [maxDimensions]int32

type group struct {
	key    groupKey
	sample *Work
	tally
}

// table groups the session's work.
func (g *grouping) table(s *Session) Table {
	groups := g.groups(s)
	t := Table{Name: g.name, Doc: g.doc, Columns: g.columns(), Top: g.top, Brief: g.brief, ShareOf: "of the run's busy time"}
	byStage := len(g.dims) > 1 && g.dims[0].key == stageDimension.key
	if byStage {
		t.ShareOf = "of its stage's busy time"
	}
	for _, gr := range groups {
		row := g.row(s, gr)
		row.Whole = s.sums.all.exclusiveNS
		if byStage {
			row.Whole = s.sums.stages[gr.key[0]]
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (g *grouping) groups(s *Session) []*group {
	found := map[groupKey]*group{}
	durations := slices.ContainsFunc(g.figures, func(f figure) bool { return f.Name == medianNS.Name })
	left := g.leftOut(s)
	var last *group // neighbours often share a row
	for i := range s.work {
		w := &s.work[i]
		if left[s.source(w)] || g.keep != nil && !g.keep(w) {
			continue
		}
		key := g.key(s, w)
		if last == nil || last.key != key {
			if last = found[key]; last == nil {
				last = &group{key: key, sample: w, tally: tally{wantDurations: durations}}
				found[key] = last
			}
		}
		last.add(s, w)
	}
	g.addKnown(s, found)
	return slices.SortedFunc(maps.Values(found), func(a, b *group) int { return g.compare(s, a, b) })
}

func (g *grouping) key(s *Session, w *Work) (key groupKey) {
	for k := range g.dims {
		key[k] = g.dims[k].id(s, w)
	}
	return key
}

// addKnown adds the rows without work: a step that a cache spared launches
// nothing, and is a step.
func (g *grouping) addKnown(s *Session, found map[groupKey]*group) {
	if g.known == nil {
		return
	}
	for _, w := range g.known(s) {
		if key := g.key(s, &w); found[key] == nil {
			found[key] = &group{key: key, sample: &w}
		}
	}
}

// leftOut tells which sources belong to stages that have no rows.
func (g *grouping) leftOut(s *Session) []bool {
	left := make([]bool, len(s.Sources))
	if g.stages == nil {
		return left
	}
	stages := g.stages(s)
	for i, src := range s.Sources {
		left[i] = !slices.Contains(stages, src.Stage)
	}
	return left
}

// compare orders rows: what was not assigned comes last.
func (g *grouping) compare(s *Session, a, b *group) int {
	if g.overall {
		return cmp.Or(cmp.Compare(b.exclusiveNS, a.exclusiveNS), g.compareKeys(s, a, b))
	}
	if g.bySize && a.key[0] == b.key[0] {
		return cmp.Or(cmp.Compare(b.exclusiveNS, a.exclusiveNS), g.compareKeys(s, a, b))
	}
	return g.compareKeys(s, a, b)
}

func (g *grouping) compareKeys(s *Session, a, b *group) int {
	for k := range g.dims {
		x, y := a.key[k], b.key[k]
		switch d := &g.dims[k]; {
		case x == y:
		case x < 0 || y < 0:
			return cmp.Compare(y, x) // -1 is the lower one
		case d.text == nil || d.ordered:
			return cmp.Compare(x, y)
		default:
			return cmp.Compare(d.text(s, x), d.text(s, y))
		}
	}
	return 0
}

func (g *grouping) columns() []Column {
	var columns []Column
	for _, d := range g.dims {
		columns = append(columns, d.Column)
	}
	for _, l := range g.labels {
		columns = append(columns, l.Column)
	}
	for _, f := range g.figures {
		columns = append(columns, f.Column)
	}
	return columns
}

func (g *grouping) row(s *Session, gr *group) Row {
	var parts []string
	var cells []Value
	for k := range g.dims {
		d := &g.dims[k]
		parts = append(parts, d.key+"="+d.word(s, gr.key[k]))
		cells = append(cells, d.value(s, gr.key[k]))
	}
	for _, l := range g.labels {
		cells = append(cells, l.of(s, gr.sample))
	}
	for _, f := range g.figures {
		cells = append(cells, f.of(&gr.tally))
	}
	return Row{Key: strings.Join(parts, "/"), Cells: cells}
}

// sums are what tables take shares of.
type sums struct {
	all    tally
	stages map[int32]int64 // exclusive ns of each stage
}

func (s *Session) addUp() {
	s.sums = sums{stages: map[int32]int64{}}
	s.idleOnce = sync.Once{} // the work may have been selected since
	for i := range s.work {
		w := &s.work[i]
		s.sums.all.add(s, w)
		s.sums.stages[stageDimension.id(s, w)] += w.Exclusive
	}
}
