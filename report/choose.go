package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"omnitrace/analyze"
)

// choose returns the tables that the options name, sorted as they ask. The
// given tables stay as they are.
func (o Options) choose(tables []analyze.Table) ([]analyze.Table, error) {
	for _, name := range o.Tables {
		if !slices.ContainsFunc(tables, func(t analyze.Table) bool { return t.Name == name }) {
			return nil, &OptionError{Option: "table", Value: name, Known: tableNames(tables)}
		}
	}
	chosen := []analyze.Table{}
	for _, t := range tables {
		if len(o.Tables) == 0 || slices.Contains(o.Tables, t.Name) {
			chosen = append(chosen, t)
		}
	}
	return chosen, o.sort(chosen)
}

func tableNames(tables []analyze.Table) []string {
	names := []string{}
	for _, t := range tables {
		names = append(names, t.Name)
	}
	return names
}

// sort sorts those of the tables that have the column; it is an error if none
// has it.
func (o Options) sort(tables []analyze.Table) error {
	if o.Sort == "" {
		return nil
	}
	found, known := false, []string{}
	for i := range tables {
		t := &tables[i]
		column := o.sortColumn(t)
		if column >= 0 {
			found = true
			t.Rows = sorted(t, column, strings.HasPrefix(o.Sort, "-"))
		}
		for _, c := range t.Columns {
			if !slices.Contains(known, c.Name) {
				known = append(known, c.Name)
			}
		}
	}
	if !found {
		return &OptionError{Option: "sort", Value: o.Sort, Problem: fmt.Sprintf("no table has a column %q to sort by", strings.TrimPrefix(o.Sort, "-")), Known: known}
	}
	return nil
}

// sortColumn returns the index of the column that t is sorted by, or -1. A name
// with its unit goes before one without.
func (o Options) sortColumn(t *analyze.Table) int {
	name := strings.TrimPrefix(o.Sort, "-")
	if name == "" {
		return -1
	}
	if i := t.Column(name); i >= 0 {
		return i
	}
	return slices.IndexFunc(t.Columns, func(c analyze.Column) bool {
		return strings.ReplaceAll(heading(c), " ", "_") == name
	})
}

// sorted returns t's rows in the order of a column: equal ones stay in their
// order, unattributed ones stay last.
func sorted(t *analyze.Table, column int, reverse bool) []analyze.Row {
	switch t.Columns[column].Unit {
	case analyze.Text, analyze.ID, analyze.Flag:
	default:
		reverse = !reverse
	}
	rows := slices.Clone(t.Rows)
	slices.SortStableFunc(rows, func(a, b analyze.Row) int {
		x, y := cell(a, column), cell(b, column)
		last := cmp.Or(
			compareBool(unattributed(a), unattributed(b)),
			compareBool(x.IsNull(), y.IsNull()))
		if last != 0 {
			return last
		}
		if reverse {
			x, y = y, x
		}
		return compare(x, y)
	})
	return rows
}

func compare(a, b analyze.Value) int {
	x, _ := a.Int()
	y, _ := b.Int()
	s, _ := a.Text()
	t, _ := b.Text()
	return cmp.Or(cmp.Compare(x, y), cmp.Compare(s, t))
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// cell returns the row's i-th cell; a row that is too short is read as unknown.
func cell(r analyze.Row, i int) analyze.Value {
	if i < 0 || i >= len(r.Cells) {
		return analyze.Null
	}
	return r.Cells[i]
}

// unattributedName is what analyses call what could not be assigned.
const unattributedName = "(unattributed)"

func unattributed(r analyze.Row) bool {
	return slices.ContainsFunc(r.Cells, func(v analyze.Value) bool {
		text, _ := v.Text()
		return text == unattributedName
	})
}
