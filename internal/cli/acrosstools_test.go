package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The same work under torch's profiler and under nsys: a Qwen-Image server,
// 4 steps of 591 kernels in their frames and 2 before them, 3326 kernels in all
// (the corpus's README says so of both). What differs is what each tool sees.
func TestTorchAgainstNsys(t *testing.T) {
	root := corpusFolder()
	torch, nsys := filepath.Join(root, "vllm-omni", "qwenimage_online_s4"), filepath.Join(root, "vllm-omni", "nsys", "qwenimage_img.1.sqlite")
	for _, path := range []string{torch, nsys} {
		if _, err := os.Stat(path); err != nil {
			t.Skipf("no corpus here (%v); set OMNITRACE_CORPUS to its folder", err)
		}
		s := wholeJSON(t, path)
		if n := s.total(t, "kernels"); n != 3326 {
			t.Errorf("%s: %d kernels, want 3326", path, n)
		}
		steps := 0
		for _, row := range s.Tables["steps"] {
			if row["step"] != nil {
				steps++
				if n := integer(t, row["kernels"]); n != 591 && n != 593 {
					t.Errorf("%s: step %v has %d kernels, want 591 and perhaps the 2 of a turn", path, row["step"], n)
				}
			}
		}
		if steps != 4 {
			t.Errorf("%s: %d steps, want 4", path, steps)
		}
	}
	var diff struct {
		Tables map[string][]struct {
			State, Name, Category string
			BaseCount             int64 `json:"base_count"`
			NewCount              int64 `json:"new_count"`
		}
		Warnings []struct{ Code, Message string }
	}
	if err := json.Unmarshal(runCommand(t, "diff", torch, nsys, "--format", "json"), &diff); err != nil {
		t.Fatal(err)
	}
	// Both tools saw the same kernels as often, whatever they call them. Two lie
	// in another phase: only python frames tell what is "other".
	kernels := 0
	for _, row := range diff.Tables["kernels"] {
		if row.Category == "memcpy" || row.Category == "memset" {
			continue
		}
		if row.State == "moved" {
			continue // a row for each place
		}
		if kernels++; row.State != "same" && row.State != "more" || row.BaseCount != row.NewCount && row.State == "same" {
			t.Errorf("%s, %d and %d: %.100s", row.State, row.BaseCount, row.NewCount, row.Name)
		}
	}
	if kernels < 95 {
		t.Errorf("%d kernels", kernels)
	}
	for _, w := range diff.Warnings {
		if w.Code == "across_tools" && strings.Contains(w.Message, "with 3326 kernels each and 97 and 421 copies and fills") {
			return
		}
	}
	t.Errorf("nothing says what each tool has seen: %v", diff.Warnings)
}
