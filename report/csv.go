package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"omnitrace/analyze"
)

// CSV writes one table in base units, all columns and rows, with a header. Two
// tables have different columns and would need a separator that no reader of
// CSV knows, so more than one is refused.
var CSV = Format{Name: "csv", Doc: "one table in base units, for spreadsheets (default: kernels)", Write: writeCSV, Single: true}

const csvTable = "kernels"

func writeCSV(w io.Writer, s *analyze.Summary, o Options) error {
	all := withSources(s)
	if len(o.Tables) == 0 {
		o.Tables = []string{csvTable}
	}
	if len(o.Tables) > 1 {
		given := strings.Join(o.Tables, ", ")
		return &OptionError{"table", given, "csv holds one table, not " + given, tableNames(all)}
	}
	tables, err := o.choose(all)
	if err != nil {
		return err
	}
	return WriteCSV(w, &tables[0])
}

// WriteCSV writes a table with a header, the rows' keys first, in base units;
// what is not known is empty.
func WriteCSV(w io.Writer, t *analyze.Table) error {
	out := csv.NewWriter(w)
	header := []string{"key"}
	for _, c := range t.Columns {
		header = append(header, c.Name)
	}
	records := [][]string{header}
	for _, r := range t.Rows {
		record := []string{r.Key}
		for i, c := range t.Columns {
			record = append(record, plain(cell(r, i), c.Unit))
		}
		records = append(records, record)
	}
	return out.WriteAll(records)
}

// plain returns a value as it is: unscaled, and empty where it is not known.
func plain(v analyze.Value, u analyze.Unit) string {
	if text, ok := v.Text(); ok {
		return text
	}
	n, ok := v.Int()
	switch {
	case !ok:
		return ""
	case u == analyze.Flag:
		return strconv.FormatBool(n != 0)
	}
	return strconv.FormatInt(n, 10)
}
