package report

import (
	"bufio"
	"fmt"
	"io"

	"omnitrace/analyze"
)

// unitNames are the units as JSON and CSV have them.
var unitNames = map[analyze.Unit]string{
	analyze.Text: "text", analyze.ID: "number", analyze.Count: "count",
	analyze.Nanoseconds: "ns", analyze.Bytes: "bytes", analyze.BytesPerSecond: "bytes/s", analyze.Flag: "flag",
}

// parquetTypes are the types of columns as Parquet has them; all others are
// signed 64-bit integers.
var parquetTypes = map[analyze.Unit]string{analyze.Text: "string", analyze.Flag: "boolean"}

// Describe writes the schema of tables as Markdown: a heading for each, and a
// row for each of its columns.
func Describe(w io.Writer, tables []analyze.Table) error {
	out := bufio.NewWriter(w)
	for _, t := range tables {
		fmt.Fprintf(out, "\n## %s\n\n%s", t.Name, escape(t.Doc))
		if t.ShareOf != "" {
			fmt.Fprintf(out, "; shares are %s", escape(t.ShareOf))
		}
		fmt.Fprint(out, ".\n\n| column | type | unit | what |\n|---|---|---|---|\n| `key` | string | text | the row, the same from run to run |\n")
		for _, c := range t.Columns {
			kind, ok := parquetTypes[c.Unit]
			if !ok {
				kind = "int64"
			}
			fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", c.Name, kind, unitNames[c.Unit], escape(c.Doc))
		}
	}
	return out.Flush()
}
