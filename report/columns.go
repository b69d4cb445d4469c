package report

import (
	"slices"
	"strings"

	"omnitrace/analyze"
)

// visibleColumns returns the indexes of the columns worth showing to people.
// It looks at all rows, so that showing more of them never changes the columns.
func visibleColumns(t *analyze.Table, o Options) []int {
	var shown []int
	for i, c := range t.Columns {
		if o.Wide || i == o.sortColumn(t) || !c.Wide && !nothingKnown(t, i) {
			shown = append(shown, i)
		}
	}
	if o.Wide {
		return shown
	}
	return dropConstantIDs(t, shown, o)
}

func nothingKnown(t *analyze.Table, column int) bool {
	return len(t.Rows) > 0 && distinct(t, column) == 0
}

// dropConstantIDs leaves out numbers that are names (stage 0, rank 0) and the
// same in every row, if what is left still tells the rows apart by name.
func dropConstantIDs(t *analyze.Table, shown []int, o Options) []int {
	if !slices.ContainsFunc(shown, func(i int) bool { return tellsApart(t, i) }) {
		return shown
	}
	return slices.DeleteFunc(shown, func(i int) bool {
		return t.Columns[i].Unit == analyze.ID && distinct(t, i) < 2 && i != o.sortColumn(t)
	})
}

// tellsApart reports whether the rows differ in a column of names; for a
// single row a text is enough.
func tellsApart(t *analyze.Table, column int) bool {
	u, n := t.Columns[column].Unit, distinct(t, column)
	return u == analyze.Text && n >= min(2, len(t.Rows)) || u == analyze.ID && n >= 2
}

// distinct counts the different values that are known in a column, up to 2.
func distinct(t *analyze.Table, column int) int {
	var first analyze.Value
	for _, r := range t.Rows {
		v := cell(r, column)
		switch {
		case v.IsNull():
		case first.IsNull():
			first = v
		case v != first:
			return 2
		}
	}
	if first.IsNull() {
		return 0
	}
	return 1
}

// heading returns a column's name for people: its unit is printed separately.
func heading(c analyze.Column) string {
	name := c.Name
	switch c.Unit {
	case analyze.Nanoseconds:
		name = strings.TrimSuffix(name, "_ns")
	case analyze.Bytes:
		name = strings.TrimSuffix(name, "_bytes")
	}
	return strings.ReplaceAll(name, "_", " ")
}
