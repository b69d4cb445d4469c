package report

import (
	"slices"

	"omnitrace/analyze"
)

// withLoose returns t as people want to see it: analyses name the rows of what
// could not be assigned in a column of its own, next to the dimension that is
// null there. Here the word stands in that dimension's place, and the column,
// which says nothing about all other rows, is left out.
func withLoose(t *analyze.Table) *analyze.Table {
	name := looseColumn(t)
	if name < 0 {
		return t
	}
	shown := *t
	shown.Columns = slices.Delete(slices.Clone(t.Columns), name, name+1)
	shown.Rows = make([]analyze.Row, len(t.Rows))
	for i, r := range t.Rows {
		loose := unattributed(r)
		r.Cells = slices.Delete(slices.Clone(r.Cells), name, name+1)
		if at := lastNull(r.Cells[:name]); loose && at >= 0 {
			r.Cells[at] = analyze.Str(unattributedName)
		}
		shown.Rows[i] = r
	}
	return &shown
}

// lastNull returns the index of the last null among the cells of dimensions.
func lastNull(cells []analyze.Value) int {
	for i := len(cells) - 1; i >= 0; i-- {
		if cells[i].IsNull() {
			return i
		}
	}
	return -1
}

// looseColumn returns the index of a column that holds nothing but the word for
// what could not be assigned, or -1.
func looseColumn(t *analyze.Table) int {
	return slices.IndexFunc(t.Columns, func(c analyze.Column) bool { return c.Name == "name" && onlyLoose(t, c.Name) })
}

func onlyLoose(t *analyze.Table, column string) bool {
	i := t.Column(column)
	any := false
	for _, r := range t.Rows {
		v := cell(r, i)
		text, _ := v.Text()
		if !v.IsNull() && text != unattributedName {
			return false
		}
		any = any || !v.IsNull()
	}
	return any
}
