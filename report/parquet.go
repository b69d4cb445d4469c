package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"omnitrace/analyze"
)

// WriteParquet writes a table as an Apache Parquet file: the row's key first,
// then all columns in their order. Texts are strings, flags are booleans, all
// other figures are signed 64-bit integers of the base unit, as their names
// say. Every column but the key is optional: null is what is not known.
//
// The columns' descriptions are in the file's metadata, as "column.NAME".
func WriteParquet(w io.Writer, t *analyze.Table) error {
	schema := parquet.NewSchema(t.Name, parquetNode(t))
	options := []parquet.WriterOption{schema, parquet.Compression(&parquet.Snappy), parquet.KeyValueMetadata("table", t.Doc)}
	for _, c := range t.Columns {
		options = append(options, parquet.KeyValueMetadata("column."+c.Name, c.Doc))
	}
	out := parquet.NewGenericWriter[any](w, options...)
	rows := make([]parquet.Row, 0, len(t.Rows))
	for _, r := range t.Rows {
		rows = append(rows, parquetRow(t, r))
	}
	if _, err := out.WriteRows(rows); err != nil {
		return fmt.Errorf("writing table %s as Parquet: %w", t.Name, err)
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("writing table %s as Parquet: %w", t.Name, err)
	}
	return nil
}

func parquetRow(t *analyze.Table, r analyze.Row) parquet.Row {
	row := make(parquet.Row, 0, len(t.Columns)+1)
	row = append(row, parquetText(r.Key).Level(0, 0, 0))
	for i, c := range t.Columns {
		row = append(row, parquetValue(cell(r, i), c.Unit, i+1))
	}
	return row
}

// parquetValue returns a value for the given column of an optional leaf.
func parquetValue(v analyze.Value, u analyze.Unit, column int) parquet.Value {
	if text, ok := v.Text(); ok {
		return parquetText(text).Level(0, 1, column)
	}
	n, ok := v.Int()
	switch {
	case !ok:
		return parquet.NullValue().Level(0, 0, column)
	case u == analyze.Flag:
		return parquet.BooleanValue(n != 0).Level(0, 1, column)
	}
	return parquet.Int64Value(n).Level(0, 1, column)
}

// parquetText returns a text as Parquet has it, which is UTF-8.
func parquetText(s string) parquet.Value {
	return parquet.ByteArrayValue([]byte(strings.ToValidUTF8(s, "\ufffd")))
}

// A parquetGroup is a group whose columns keep their order; parquet.Group
// sorts them by name.
type parquetGroup struct {
	parquet.Group
	fields []parquet.Field
}

func (g parquetGroup) Fields() []parquet.Field { return g.fields }

func parquetNode(t *analyze.Table) parquet.Node {
	g := parquetGroup{Group: parquet.Group{"key": parquet.String()}}
	names := []string{"key"}
	for _, c := range t.Columns {
		g.Group[c.Name] = parquet.Optional(parquetLeaf(c.Unit))
		names = append(names, c.Name)
	}
	g.fields = g.Group.Fields()
	slices.SortFunc(g.fields, func(a, b parquet.Field) int {
		return slices.Index(names, a.Name()) - slices.Index(names, b.Name())
	})
	return g
}

func parquetLeaf(u analyze.Unit) parquet.Node {
	switch u {
	case analyze.Text:
		return parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	case analyze.Flag:
		return parquet.Leaf(parquet.BooleanType)
	}
	return parquet.Int(64)
}
