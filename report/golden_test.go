package report

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omnitrace/analyze"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// What people look at is fixed to the letter. After a change, look at the
// files: they are the design.
func TestGolden(t *testing.T) {
	for name, o := range map[string]Options{
		"text-80":      {Width: 80},
		"text-120":     {},
		"text-200":     {Width: 200},
		"text-80-wide": {Width: 80, Wide: true, Tables: []string{"stages", "kernels", "steps"}},
		"text-color":   {Color: true, Width: 100, Tables: []string{"stages", "iterations"}},
		"text-sorted":  {Width: 100, Sort: "-count", Top: 3, Tables: []string{"kernels", "memory"}},
		"markdown":     {},
		"json":         {},
		"csv":          {},
	} {
		format, _, _ := bytes.Cut([]byte(name), []byte("-"))
		f, err := Named(string(format))
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := f.Write(&got, run(), o); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		golden(t, name, got.Bytes())
	}
}

// TABLES.md is what the program's tables are.
func TestTablesAreDescribed(t *testing.T) {
	empty, err := analyze.NewSession(nil, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tables, err := Runs([]*analyze.Summary{empty.Summarize(analyze.All())}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	got.WriteString(tablesHead)
	if err := Describe(&got, tables); err != nil {
		t.Fatal(err)
	}
	goldenFile(t, "TABLES.md", got.Bytes())
	if n := strings.Count(got.String(), "|  |"); n > 0 {
		t.Errorf("%d columns have no description", n)
	}
}

const tablesHead = `# Tables

What ` + "`omnitrace export`" + ` writes to Parquet, CSV and JSON Lines, and ` + "`summarize --format json`" + ` without the column
` + "`run`" + `. Times are integer nanoseconds, sizes integer bytes, what is not known is null; Parquet files carry the
descriptions below as metadata, ` + "`column.NAME`" + `. Columns are added and never renamed. This page is made from the program:
` + "`go test ./report -update`" + `.
`

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	goldenFile(t, filepath.Join("testdata", name+".golden"), got)
}

func goldenFile(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range min(len(g), len(w)) {
		if !bytes.Equal(g[i], w[i]) {
			t.Errorf("%s:%d:\n got %s\nwant %s", path, i+1, g[i], w[i])
			return
		}
	}
	t.Errorf("%s: %s", path, fmt.Sprintf("%d lines, want %d", len(g), len(w)))
}
