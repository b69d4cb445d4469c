package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"omnitrace/analyze"
)

// Describe lists tables with their columns, units and what each is, in text of
// at most the given width (0 means 120): for help texts and the documentation
// of the JSON schema.
func Describe(w io.Writer, tables []analyze.Table, limit int) error {
	if limit == 0 {
		limit = defaultWidth
	}
	limit = max(limit, leastWidth)
	out := bufio.NewWriter(w)
	for i, t := range tables {
		if i > 0 {
			fmt.Fprintln(out)
		}
		caption := t.Name + ": " + t.Doc
		if t.ShareOf != "" {
			caption += "; shares are " + t.ShareOf
		}
		for _, l := range wrap(caption, limit, 2) {
			fmt.Fprintln(out, l)
		}
		describeColumns(out, t.Columns, limit)
	}
	return out.Flush()
}

// unitNames are the units as JSON and CSV have them.
var unitNames = map[analyze.Unit]string{
	analyze.Text: "text", analyze.ID: "number", analyze.Count: "count",
	analyze.Nanoseconds: "ns", analyze.Bytes: "bytes", analyze.BytesPerSecond: "bytes/s", analyze.Flag: "flag",
}

func describeColumns(out io.Writer, columns []analyze.Column, limit int) {
	longest := 0
	for _, c := range columns {
		longest = max(longest, width(c.Name))
	}
	for _, c := range columns {
		head := fmt.Sprintf("  %-*s  %-7s  ", longest, c.Name, unitNames[c.Unit])
		doc := c.Doc
		if c.Share {
			doc += " (with its share)"
		}
		if c.Wide {
			doc += " (wide)"
		}
		room := max(limit-len(head), legible/2)
		for i, l := range wrap(doc, room, 0) {
			if i > 0 {
				head = strings.Repeat(" ", len(head))
			}
			fmt.Fprintln(out, strings.TrimRight(head+l, " "))
		}
	}
}
