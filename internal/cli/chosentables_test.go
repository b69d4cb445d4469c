package cli

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"omnitrace/trace"
)

// Rule: a table that is asked for alone is that of the whole summary, and so is
// the place of each source in the run, although less was read for it. What was
// not read is null and no defect.
func TestChosenTables(t *testing.T) {
	inputs := captures(t)
	for _, name := range exported {
		inputs = append(inputs, filepath.Join(repository, "testdata", name))
	}
	tables := []string{"kernels", "stages", "memory", "gpus", "devices", "categories", "phases"}
	if testing.Short() {
		tables = tables[:2] // one of each sort: with and without launches
	}
	for _, path := range inputs {
		t.Run(filepath.Base(path), func(t *testing.T) {
			whole := wholeJSON(t, path)
			for _, name := range tables {
				launches := name != "kernels" && name != "memory" && name != "gpus"
				checkChosen(t, path, name, whole, launches)
			}
		})
	}
}

func checkChosen(t *testing.T, path, name string, whole wholeSummary, launches bool) {
	t.Helper()
	text := runCommand(t, "summarize", path, "--format", "json", "--table", name)
	var got wholeSummary
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if len(got.Tables) != 1 || !reflect.DeepEqual(got.Tables[name], whole.Tables[name]) {
		t.Errorf("--table %s: %d tables, or other rows than in the whole summary", name, len(got.Tables))
	}
	for total, want := range whole.Totals {
		if !launches && (total == "launches" || total == "unlaunched") {
			want = nil
		}
		if got.Totals[total] != want {
			t.Errorf("--table %s: total %s is %v, want %v", name, total, got.Totals[total], want)
		}
	}
	if len(got.Sources) != len(whole.Sources) {
		t.Fatalf("--table %s: %d sources, want %d", name, len(got.Sources), len(whole.Sources))
	}
	for i, source := range got.Sources {
		for field, want := range whole.Sources[i] {
			if field != "health" && source[field] != want {
				t.Errorf("--table %s: %s of source %d is %v, want %v", name, field, i, source[field], want)
			}
		}
	}
	if !launches && strings.Contains(string(text), string(trace.UnlaunchedKernel)) {
		t.Errorf("--table %s speaks of kernels without a launch, and read no launches", name)
	}
}
