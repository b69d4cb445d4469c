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
	if o.Wide || !slices.ContainsFunc(shown, func(i int) bool { return tellsApart(t, i) }) {
		return shown
	}
	return slices.DeleteFunc(shown, func(i int) bool { return constant(t, i) && i != o.sortColumn(t) })
}

func nothingKnown(t *analyze.Table, column int) bool {
	return len(t.Rows) > 0 && distinct(t, column) == 0
}

// constant reports whether a column names the same thing in every row: a number
// (stage 0, rank 0), or, if there is more than one row, a text. A number that
// only rows of what could not be assigned lack tells those rows apart.
func constant(t *analyze.Table, column int) bool {
	switch u := t.Columns[column].Unit; {
	case distinct(t, column) > 1:
		return false
	case u == analyze.Text:
		return len(t.Rows) > 1
	}
	return t.Columns[column].Unit == analyze.ID && !looseLack(t, column)
}

// looseLack reports whether some rows of what could not be assigned lack the
// value of a column, and others have it.
func looseLack(t *analyze.Table, column int) bool {
	lack, have := false, false
	for _, r := range t.Rows {
		if unattributed(r) {
			null := cell(r, column).IsNull()
			lack, have = lack || null, have || !null
		}
	}
	return lack && have
}

// constants returns the texts of the columns that were left out because they
// are the same in every row: they are said once. The numbers are not worth it.
func constants(t *analyze.Table, shown []int) []string {
	var said []string
	for i, c := range t.Columns {
		if c.Unit != analyze.Text || c.Wide || slices.Contains(shown, i) {
			continue
		}
		for _, r := range t.Rows {
			if text, ok := cell(r, i).Text(); ok {
				said = append(said, heading(c)+" "+visible(text))
				break
			}
		}
	}
	return said
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
	case analyze.BytesPerSecond:
		name = strings.TrimSuffix(name, "bytes_per_s") + "rate"
	}
	return strings.ReplaceAll(name, "_", " ")
}
