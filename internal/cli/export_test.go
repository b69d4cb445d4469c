package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// exported are the runs that every form of export is compared on.
var exported = []string{"qwen25omni", "omni_session", "diffusion_nostack"}

// runCommand runs a command that must succeed and returns its stdout.
func runCommand(t *testing.T, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), args, streams{strings.NewReader(""), &stdout, &stderr}); code != exitOK {
		t.Fatalf("%q: exit code %d: %s", args, code, stderr.String())
	}
	return stdout.Bytes()
}

// A wholeSummary is the JSON of summarize.
type wholeSummary struct {
	Sources []map[string]any
	Totals  map[string]any
	Tables  map[string][]map[string]any
}

func wholeJSON(t *testing.T, path string) wholeSummary {
	t.Helper()
	var s wholeSummary
	d := json.NewDecoder(bytes.NewReader(runCommand(t, "summarize", path, "--format", "json")))
	d.UseNumber()
	if err := d.Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s wholeSummary) total(t *testing.T, name string) int64 {
	t.Helper()
	return integer(t, s.Totals[name])
}

func integer(t *testing.T, v any) int64 {
	t.Helper()
	n, ok := v.(json.Number)
	if !ok {
		t.Fatalf("%v is no number", v)
	}
	i, err := n.Int64()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// The values of a profile add up to the totals of the run, and its labels to the
// rows of the tables.
func TestExportedProfile(t *testing.T) {
	for _, name := range exported {
		t.Run(name, func(t *testing.T) {
			input := filepath.Join(repository, "testdata", name)
			path := filepath.Join(t.TempDir(), "gpu.pb.gz")
			runCommand(t, "export", input, "--format", "pprof", "-o", path)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			p, err := profile.ParseData(b)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.CheckValid(); err != nil {
				t.Error(err)
			}
			want := wholeJSON(t, input)
			for i, total := range []string{"busy_ns", "kernel_ns", "launches"} {
				sum := int64(0)
				for _, s := range p.Sample {
					sum += s.Value[i]
				}
				if sum != want.total(t, total) {
					t.Errorf("%s adds up to %d, %s is %d", p.SampleType[i].Type, sum, total, want.total(t, total))
				}
			}
			checkLabels(t, p, want)
		})
	}
}

func checkLabels(t *testing.T, p *profile.Profile, want wholeSummary) {
	t.Helper()
	byCategory, bySteps := map[string]int64{}, int64(0)
	for _, s := range p.Sample {
		byCategory[s.Label["category"][0]] += s.Value[0]
		if _, ok := s.NumLabel["step"]; ok {
			bySteps += s.Value[0]
		}
	}
	for _, r := range want.Tables["categories"] {
		byCategory[r["category"].(string)] -= integer(t, r["exclusive_ns"])
	}
	for category, rest := range byCategory {
		if rest != 0 {
			t.Errorf("category %s differs from its rows by %d ns", category, rest)
		}
	}
	for _, r := range want.Tables["steps"] {
		if r["step"] != nil {
			bySteps -= integer(t, r["exclusive_ns"])
		}
	}
	if bySteps != 0 {
		t.Errorf("steps differ from their rows by %d ns", bySteps)
	}
}

// JSON Lines hold the rows of JSON, in its order, each with its run.
func TestExportedLines(t *testing.T) {
	for _, name := range exported {
		input := filepath.Join(repository, "testdata", name)
		want := wholeJSON(t, input)
		got := map[string][]map[string]any{}
		d := json.NewDecoder(bytes.NewReader(runCommand(t, "export", "label="+input, "--format", "jsonl")))
		d.UseNumber()
		for d.More() {
			row := map[string]any{}
			if err := d.Decode(&row); err != nil {
				t.Fatal(err)
			}
			table := row["table"].(string)
			if row["run"] != "label" {
				t.Fatalf("%s: a row of run %v", table, row["run"])
			}
			delete(row, "table")
			delete(row, "run")
			got[table] = append(got[table], row)
		}
		for table, rows := range want.Tables {
			a, _ := json.Marshal(rows)
			b, _ := json.Marshal(got[table])
			if len(rows) > 0 && !bytes.Equal(a, b) {
				t.Errorf("%s: table %s differs from JSON", name, table)
			}
		}
	}
}

// sumsOf prints, for each table of a folder, the sums of its integer columns.
const sumsOf = `
import json, pathlib, sys
def table(path):
    try:
        import duckdb
        r = duckdb.sql(f"select * from '{path}'")
        return r.columns, r.fetchall()
    except ImportError:
        import pyarrow.parquet as pq
        t = pq.read_table(path)
        return t.column_names, list(zip(*[c.to_pylist() for c in t.columns]))
out = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.parquet")):
    names, rows = table(path)
    out[path.stem] = {n: str(sum(r[i] for r in rows if isinstance(r[i], int) and not isinstance(r[i], bool))) for i, n in enumerate(names)}
    out[path.stem]["rows"] = str(len(rows))
print(json.dumps(out))
`

// Parquet files, read by a program that shares nothing with this one, add up to
// what JSON says. PYTHON names a Python that has DuckDB or pyarrow.
func TestExportedParquet(t *testing.T) {
	python := os.Getenv("PYTHON")
	if python == "" {
		python = "python3"
	}
	if err := exec.Command(python, "-c", "try:\n import duckdb\nexcept ImportError:\n import pyarrow.parquet").Run(); err != nil {
		t.Skipf("%s has neither duckdb nor pyarrow to read Parquet with (pip install duckdb; PYTHON names another)", python)
	}
	for _, name := range exported {
		input, dir := filepath.Join(repository, "testdata", name), t.TempDir()
		runCommand(t, "export", input, "--format", "parquet", "-o", dir)
		out, err := exec.Command(python, "-c", sumsOf, dir).Output()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]map[string]string{}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		for table, rows := range wholeJSON(t, input).Tables {
			checkSums(t, name+" "+table, rows, got[table])
		}
	}
}

func checkSums(t *testing.T, what string, rows []map[string]any, got map[string]string) {
	t.Helper()
	if got["rows"] != strconv.Itoa(len(rows)) {
		t.Errorf("%s: %s rows, want %d", what, got["rows"], len(rows))
	}
	sums := map[string]int64{}
	for _, r := range rows {
		for column, v := range r {
			if _, ok := v.(json.Number); ok {
				sums[column] += integer(t, v)
			}
		}
	}
	for column, sum := range sums {
		if got[column] != strconv.FormatInt(sum, 10) {
			t.Errorf("%s: %s adds up to %s, want %d", what, column, got[column], sum)
		}
	}
}
