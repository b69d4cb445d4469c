package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// What nsys stats said of a capture, as events and as summaries, adds up to the
// nanosecond to what its export does. The pairs are those of the corpus's README.
func TestStatsAgainstExports(t *testing.T) {
	root := os.Getenv("OMNITRACE_CORPUS")
	if root == "" {
		root = filepath.Join(repository, "..", "shared", "corpus")
	}
	for _, pair := range []struct{ export, stats, events string }{
		{"nsys/pipit_perlmutter-cloverleaf-cuda.sqlite", "nsys/stats/gen-nsys2023.4_cloverleaf", "clover_cuda_gpu_trace.csv"},
		{"nsys/pipit_saxpy-mpi-cuda_nsys_perlmutter0.sqlite", "nsys/stats/gen-nsys2022.4_saxpy-mpi", "saxpy_gputrace.csv"},
		{"vllm-omni/nsys/qwenimage_img.1.sqlite", "vllm-omni/nsys/stats_img.1", ""},
	} {
		t.Run(filepath.Base(pair.stats), func(t *testing.T) {
			export, stats := filepath.Join(root, pair.export), filepath.Join(root, pair.stats)
			if _, err := os.Stat(stats); err != nil {
				t.Skipf("no corpus here (%v); set OMNITRACE_CORPUS to its folder", err)
			}
			want := wholeJSON(t, export)
			if pair.events != "" {
				got := wholeJSON(t, filepath.Join(stats, pair.events))
				for _, name := range []string{"kernels", "kernel_ns", "memcpy_ns", "memset_ns", "gpu_ns", "busy_ns", "span_ns"} {
					if got.total(t, name) != want.total(t, name) {
						t.Errorf("%s: %d of the events, %d of the export", name, got.total(t, name), want.total(t, name))
					}
				}
			}
			sums := t.TempDir()
			files, err := filepath.Glob(filepath.Join(stats, "*sum.csv"))
			if err != nil || len(files) == 0 {
				t.Fatal(files, err)
			}
			for _, file := range files {
				data, err := os.ReadFile(file)
				if err == nil {
					err = os.WriteFile(filepath.Join(sums, filepath.Base(file)), data, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			var diff struct {
				Verdict string
				Totals  struct {
					BaseNS int64 `json:"base_ns"`
					NewNS  int64 `json:"new_ns"`
				}
				Tables map[string][]struct {
					DeltaNS int64 `json:"delta_ns"`
					Name    string
				}
			}
			if err := json.Unmarshal(runCommand(t, "diff", sums, export, "--format", "json"), &diff); err != nil {
				t.Fatal(err)
			}
			gpu := want.total(t, "gpu_ns")
			if diff.Totals.BaseNS != gpu || diff.Totals.NewNS != gpu || diff.Verdict != "same" {
				t.Errorf("%s, totals %v, want %v", diff.Verdict, diff.Totals, gpu)
			}
			for _, row := range diff.Tables["kernels"] {
				if row.DeltaNS != 0 {
					t.Errorf("%s: %d ns apart", row.Name, row.DeltaNS)
				}
			}
		})
	}
}
