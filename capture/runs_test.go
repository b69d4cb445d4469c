package capture

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// The descriptions of real runs keep the form that readers of run.json rely
// on: captures on an H100, of a stand-in and of vLLM-Omni 0.26.0.
func TestRealRuns(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "*.run.json"))
	if err != nil || len(names) == 0 {
		t.Fatal("no descriptions in testdata", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var r Record
		if err := json.Unmarshal(text, &r); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r.Schema != "omnitrace.run/v1" || r.Error != nil || len(r.GPUs) == 0 || r.GPUs[0].UUID == "" {
			t.Errorf("%s: schema %q, error %v, %d GPUs", name, r.Schema, r.Error, len(r.GPUs))
		}
		for _, f := range r.Files {
			if f.Partial || len(f.SHA256) != 64 {
				t.Errorf("%s: %s: partial %v, hash %q", name, f.Path, f.Partial, f.SHA256)
			}
		}
		for _, req := range r.Requests {
			if req.Status != 200 || req.LatencyNS <= 0 {
				t.Errorf("%s: request %d: status %d, latency %d ns", name, req.Index, req.Status, req.LatencyNS)
			}
		}
	}
}
