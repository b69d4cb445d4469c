package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// gpuWork is what an independent count finds in a Chrome trace, by kind of row.
type gpuWork struct {
	count map[string]int
	ns    map[string]int64
}

// countRows counts the rows of a Chrome trace with nothing but a JSON parser. A
// time of whole nanoseconds is exact in a double of microseconds.
func countRows(t *testing.T, path string) (sum gpuWork, processes map[string]bool) {
	t.Helper()
	text, err := readGzip(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		TraceEvents []struct {
			Ph, Cat, Name string
			Dur           float64
			Args          struct{ Name string }
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	sum, processes = gpuWork{map[string]int{}, map[string]int64{}}, map[string]bool{}
	for _, e := range doc.TraceEvents {
		switch {
		case e.Ph == "M" && e.Name == "process_name":
			processes[e.Args.Name] = true
		case e.Cat != "omnitrace" && (e.Ph == "X" || e.Ph == "b"):
			sum.count[e.Cat]++
			sum.ns[e.Cat] += int64(e.Dur*1000 + 0.5)
		}
	}
	return sum, processes
}

// Rule: what is named together is on one timeline: a trace of torch and an nsys
// capture merged have all the rows of both, of every kind, and their stages of
// one number keep apart.
func TestMergeTorchAndNsys(t *testing.T) {
	torch := filepath.Join(repository, "testdata", "omni_session")
	corpus := filepath.Join(corpusFolder(), "vllm-omni")
	pairs := [][2]string{{torch, captures(t)[2]}}
	if _, err := os.Stat(corpus); err == nil && !testing.Short() {
		pairs = append(pairs, [2]string{filepath.Join(corpus, "qwenimage_online_s4"), filepath.Join(corpus, "nsys", "qwenimage_img.1.sqlite")})
	}
	for _, pair := range pairs {
		t.Run(filepath.Base(pair[0]), func(t *testing.T) {
			dir := t.TempDir()
			both, native, exported := filepath.Join(dir, "both.json.gz"), filepath.Join(dir, "both.pftrace"), filepath.Join(dir, "nsys.json.gz")
			runCommand(t, "merge", pair[0], pair[1], "-o", both, "-q")
			runCommand(t, "merge", pair[0], pair[1], "-o", native, "-q")
			runCommand(t, "export", pair[1], "--format", "chrome", "-o", exported, "-q")
			want, _ := countRows(t, exported)
			traces, err := filepath.Glob(filepath.Join(pair[0], "*", "*.json.gz"))
			if err != nil || len(traces) == 0 {
				t.Fatal("no traces of torch", err)
			}
			for _, path := range traces {
				one, _ := countRows(t, path)
				for kind, n := range one.count {
					want.count[kind] += n
					want.ns[kind] += one.ns[kind]
				}
			}
			got, processes := countRows(t, both)
			for kind, n := range want.count {
				if got.count[kind] != n || got.ns[kind] != want.ns[kind] {
					t.Errorf("%s: %d rows of %d ns, want %d of %d", kind, got.count[kind], got.ns[kind], n, want.ns[kind])
				}
			}
			for _, tool := range []string{"torch", "nsys"} {
				gpus := 0
				for name := range processes {
					if strings.HasPrefix(name, tool+" · stage 0") && strings.HasSuffix(name, " · rank 0 · GPU 0") {
						gpus++
					}
				}
				if gpus != 1 {
					t.Errorf("%d GPUs of stage 0 of %s: %v", gpus, tool, processes)
				}
			}
			a, b, sum := wholeJSON(t, pair[0]), wholeJSON(t, pair[1]), wholeJSON(t, both)
			if x, y, z := a.total(t, "kernels"), b.total(t, "kernels"), sum.total(t, "kernels"); x+y != z {
				t.Errorf("summarize: %d kernels, want %d and %d", z, x, y)
			}
		})
	}
}
