package report

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"omnitrace/analyze"
)

// twoRuns are runs of which the second lacks a table and has a name that needs
// care.
func twoRuns() []*analyze.Summary {
	a, b := run(), run()
	b.Run.Label, b.Run.Complete = "second, \"quoted\"", true
	b.Tables = b.Tables[:5]
	b.Warnings = nil
	b.Tables[4].Rows[0].Cells[1] = analyze.Str("odd \x00 \"name\"\n")
	return []*analyze.Summary{a, b}
}

func tablesOf(t testing.TB, o Options) []analyze.Table {
	t.Helper()
	tables, err := Runs(twoRuns(), o)
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// Tables of several runs have the rows of all, each with its run, and the totals
// have a table of their own.
func TestRuns(t *testing.T) {
	tables := tablesOf(t, Options{})
	if got := strings.Join(tableNames(tables), " "); got != "runs sources stages devices iterations categories kernels memory steps warnings" {
		t.Errorf("tables %s", got)
	}
	one := run()
	for _, table := range one.Tables {
		i := slices.IndexFunc(tables, func(x analyze.Table) bool { return x.Name == table.Name })
		both := tables[i]
		want := 2
		if table.Name == "memory" || table.Name == "steps" {
			want = 1
		}
		if len(both.Rows) != want*len(table.Rows) {
			t.Errorf("%s: %d rows, want %d times %d", table.Name, len(both.Rows), want, len(table.Rows))
		}
		for _, c := range table.Columns {
			if both.Sum(c.Name) != int64(want)*table.Sum(c.Name) {
				t.Errorf("%s: %s adds up to %d, want %d times %d", table.Name, c.Name, both.Sum(c.Name), want, table.Sum(c.Name))
			}
		}
		for k, r := range both.Rows {
			if run, _ := r.Cells[0].Text(); (run == "omni_session") != (k < len(table.Rows)) || len(r.Cells) != len(both.Columns) {
				t.Errorf("%s: row %d is of run %q with %d cells", table.Name, k, run, len(r.Cells))
			}
		}
	}
	if runs := tables[0]; len(runs.Rows) != 2 || runs.Sum("busy_ns") != 2*3_301_220_117 || runs.Sum("complete") != 1 {
		t.Errorf("runs: %+v", runs.Rows)
	}
}

func TestRunsChoice(t *testing.T) {
	tables := tablesOf(t, Options{Tables: []string{"kernels", "runs"}})
	if got := strings.Join(tableNames(tables), " "); got != "runs kernels" {
		t.Errorf("tables %s", got)
	}
	var wrong *OptionError
	if _, err := Runs(twoRuns(), Options{Tables: []string{"nonsense"}}); !errors.As(err, &wrong) {
		t.Errorf("error %v", err)
	}
}

// Each line of JSON Lines is the row as JSON has it.
func TestJSONLines(t *testing.T) {
	tables := tablesOf(t, Options{})
	var b bytes.Buffer
	if err := WriteJSONLines(&b, tables); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	at := 0
	for _, table := range tables {
		rows := []map[string]any{}
		for range table.Rows {
			d := json.NewDecoder(strings.NewReader(lines[at]))
			d.UseNumber()
			row := map[string]any{}
			if err := d.Decode(&row); err != nil {
				t.Fatalf("%s: %v", lines[at], err)
			}
			if row["table"] != table.Name {
				t.Errorf("line %d is of table %v, want %s", at+1, row["table"], table.Name)
			}
			delete(row, "table")
			rows = append(rows, row)
			at++
		}
		sameRows(t, table, rows)
	}
	if at != len(lines) {
		t.Errorf("%d lines, want %d", len(lines), at)
	}
}

// CSV of a table reads back as what was written.
func TestWriteCSV(t *testing.T) {
	for _, table := range tablesOf(t, Options{}) {
		var b bytes.Buffer
		if err := WriteCSV(&b, &table); err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(records) != len(table.Rows)+1 {
			t.Fatalf("%s: %d records (%v)", table.Name, len(records), err)
		}
		for i, r := range table.Rows {
			for k, c := range table.Columns {
				want := strings.ReplaceAll(plain(cell(r, k), c.Unit), "\r\n", "\n")
				if records[i+1][k+1] != want {
					t.Errorf("%s row %d %s: %q, want %q", table.Name, i, c.Name, records[i+1][k+1], want)
				}
			}
		}
	}
}

// A Parquet file has the table's columns in their order with their types, and
// every value.
func TestParquet(t *testing.T) {
	for _, table := range tablesOf(t, Options{}) {
		var b bytes.Buffer
		if err := WriteParquet(&b, &table); err != nil {
			t.Fatal(err)
		}
		f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, c := range f.Schema().Columns() {
			names = append(names, strings.Join(c, "."))
		}
		want := []string{"key"}
		for _, c := range table.Columns {
			want = append(want, c.Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: columns %q, want %q", table.Name, names, want)
		}
		rows := parquetRows(t, f)
		if len(rows) != len(table.Rows) {
			t.Fatalf("%s: %d rows, want %d", table.Name, len(rows), len(table.Rows))
		}
		for i, r := range table.Rows {
			for k := range table.Columns {
				if got, want := parquetWord(rows[i][k+1]), valueWord(cell(r, k), table.Columns[k].Unit); got != want {
					t.Errorf("%s row %d %s: %s, want %s", table.Name, i, table.Columns[k].Name, got, want)
				}
			}
		}
	}
}

// Texts in Parquet are UTF-8 whatever the trace had.
func TestParquetText(t *testing.T) {
	if got := parquetWord(parquetText("odd \xff name")); got != "\"odd \ufffd name\"" {
		t.Error(got)
	}
}

func parquetRows(t *testing.T, f *parquet.File) []parquet.Row {
	t.Helper()
	var rows []parquet.Row
	r := parquet.NewReader(f)
	defer r.Close()
	buffer := make([]parquet.Row, 10)
	for {
		n, err := r.ReadRows(buffer)
		for _, row := range buffer[:n] {
			rows = append(rows, row.Clone())
		}
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func parquetWord(v parquet.Value) string {
	switch {
	case v.IsNull():
		return "null"
	case v.Kind() == parquet.ByteArray:
		return fmt.Sprintf("%q", v.ByteArray())
	case v.Kind() == parquet.Boolean:
		return fmt.Sprint(v.Boolean())
	}
	return fmt.Sprint(v.Int64())
}

func valueWord(v analyze.Value, u analyze.Unit) string {
	if text, ok := v.Text(); ok {
		return fmt.Sprintf("%q", text)
	}
	n, ok := v.Int()
	switch {
	case !ok:
		return "null"
	case u == analyze.Flag:
		return fmt.Sprint(n != 0)
	}
	return fmt.Sprint(n)
}

// independentReader prints a table's number of rows and, for each column, its
// name, type and sum. It reads Parquet without any of our code.
const independentReader = `
import json, sys
def rows(path):
    try:
        import duckdb
        r = duckdb.sql(f"select * from '{path}'")
        return r.columns, [str(x) for x in r.types], r.fetchall()
    except ImportError:
        import pyarrow.parquet as pq
        t = pq.read_table(path)
        return t.column_names, [str(x) for x in t.schema.types], list(zip(*[c.to_pylist() for c in t.columns]))
for path in sys.argv[1:]:
    names, types, values = rows(path)
    sums = [sum(v[i] for v in values if isinstance(v[i], int) and not isinstance(v[i], bool)) for i in range(len(names))]
    print(json.dumps({"rows": len(values), "names": list(names), "types": types, "sums": sums}))
`

// pythonWith returns a Python that can run the imports; PYTHON names another one
// than that on the path.
func pythonWith(t *testing.T, imports string) string {
	t.Helper()
	python := cmp.Or(os.Getenv("PYTHON"), "python3")
	if err := exec.Command(python, "-c", imports).Run(); err != nil {
		t.Skipf("%s has nothing to read Parquet with (pip install duckdb; PYTHON names another)", python)
	}
	return python
}

// readmeQuery runs the README's query in a folder and prints its rows.
const readmeQuery = `
import duckdb, json, os, re, sys
query, = re.findall(r"\x60{3}sql\n(.*?)\x60{3}", open(sys.argv[1]).read(), re.S)
os.chdir(sys.argv[2])
print(json.dumps(duckdb.sql(query).fetchall(), default=float))
`

// The README's query over a hundred runs finds the median and the slowest of
// runs that were made one slower than the other.
func TestParquetReadmeQuery(t *testing.T) {
	python := pythonWith(t, "import duckdb")
	readme, err := filepath.Abs("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i := range 100 {
		table := analyze.Table{Name: "categories", Columns: []analyze.Column{
			{Name: "run", Unit: analyze.Text}, {Name: "stage", Unit: analyze.ID}, {Name: "category", Unit: analyze.Text}, {Name: "exclusive_ns", Unit: analyze.Nanoseconds},
		}}
		label := fmt.Sprintf("run%03d", (i*37)%100) // in no order
		for k, category := range []string{"gemm", "norm"} {
			ns := int64(1_000_000*(i+1)) / int64(k+1)
			table.Rows = append(table.Rows, row("stage=0/category="+category, 0, label, 0, category, int(ns)))
		}
		path := filepath.Join(dir, "runs", label, "categories.parquet")
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := errors.Join(WriteParquet(&out, &table), os.WriteFile(path, out.Bytes(), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(python, "-c", readmeQuery, readme, dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	// Of 1 to 100 ms the median is 50.5 ms; run 99 is number (99*37)%100.
	want := `[[0, "gemm", 100, 50.5, 100.0, "run063"], [0, "norm", 100, 25.25, 50.0, "run063"]]`
	if got := strings.TrimSpace(string(out)); got != want {
		t.Errorf("the query gives %s, want %s", got, want)
	}
}

// A reader that shares nothing with the writer finds the same columns, types,
// rows and sums. Python with DuckDB or pyarrow is that reader; PYTHON names it.
func TestParquetIndependently(t *testing.T) {
	python := pythonWith(t, "try:\n import duckdb\nexcept ImportError:\n import pyarrow.parquet")
	dir := t.TempDir()
	tables := tablesOf(t, Options{})
	args := []string{"-c", independentReader}
	for i := range tables {
		path := filepath.Join(dir, tables[i].Name+".parquet")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(WriteParquet(f, &tables[i]), f.Close()); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	out, err := exec.Command(python, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{"VARCHAR": "text", "string": "text", "BIGINT": "int", "int64": "int", "BOOLEAN": "flag", "bool": "flag"}
	d := json.NewDecoder(bytes.NewReader(out))
	for _, table := range tables {
		var got struct {
			Rows         int
			Names, Types []string
			Sums         []int64
		}
		if err := d.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.Rows != len(table.Rows) {
			t.Errorf("%s: %d rows, want %d", table.Name, got.Rows, len(table.Rows))
		}
		for i, c := range table.Columns {
			want := map[analyze.Unit]string{analyze.Text: "text", analyze.Flag: "flag"}[c.Unit]
			if want == "" {
				want = "int"
			}
			if got.Names[i+1] != c.Name || types[got.Types[i+1]] != want {
				t.Errorf("%s: column %s of type %s, want %s, %s", table.Name, got.Names[i+1], got.Types[i+1], c.Name, want)
			}
			if want == "int" && got.Sums[i+1] != table.Sum(c.Name) {
				t.Errorf("%s: %s adds up to %d, want %d", table.Name, c.Name, got.Sums[i+1], table.Sum(c.Name))
			}
		}
	}
}
