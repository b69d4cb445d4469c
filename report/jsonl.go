package report

import (
	"bufio"
	"io"

	"omnitrace/analyze"
)

// WriteJSONLines writes every row of the tables as a JSON object on a line of
// its own, for jq, log pipelines and databases: the field "table", then those of
// the row as in [JSON], its key included. Units are the base units, null is what
// is not known.
func WriteJSONLines(w io.Writer, tables []analyze.Table) error {
	out := bufio.NewWriter(w)
	for i := range tables {
		t := &tables[i]
		table := append(object{}.field("table").text(t.Name), ", "...)
		for _, r := range t.Rows {
			out.Write(table)
			out.Write(rowObject(t.Columns, r).end()[1:])
			out.WriteByte('\n')
		}
	}
	return out.Flush()
}
