package session

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

// corpus returns the public traces, which are not part of the project.
func corpus(t *testing.T) fs.FS {
	t.Helper()
	dir := os.Getenv("OMNITRACE_CORPUS")
	if dir == "" {
		dir = "../../../shared/corpus"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the corpus of public traces is not here; set OMNITRACE_CORPUS to its directory")
	}
	return os.DirFS(dir)
}

// How each run was made is told by the corpus's README: its sessions, and the
// stages of each.
func TestCorpusRuns(t *testing.T) {
	fsys := corpus(t)
	for _, c := range []struct{ dir, want string }{
		{"own/omni_session", "20261123-224312: 0/0 1/0 2/0"},
		{"own/omni_stages01", "20261123-225137: 0/0 1/0"},
		{"own/diffusion_flash_1", "20261123-224646: 0/0"},
		{"vllm-omni/qwen25omni_online", "20261124-040011: 0/0 1/0 2/0; 20261124-040118: 0/0 1/0 2/0"},
		{"vllm-omni/qwen25omni_stages02", "20261124-043724: 0/0 2/0"},
		{"vllm-omni/wan_s8_a", "20261124-033410: 0/0"},
		{"vllm-omni/nsys", "qwenimage_img: -/-; stats_img.1/img: -/-"},
		{"torch/dlrm_8rank", "20230907-231001: -/0 -/1 -/2 -/3 -/4 -/5 -/6 -/7"},
		{"nsys/stats/gen-nsys2023.4_cloverleaf", "clover: -/-"},
	} {
		found, err := Find(fsys, []string{c.dir})
		if err != nil {
			t.Error(err)
			continue
		}
		var parts []string
		for _, s := range found.Sessions {
			line := strings.TrimPrefix(s.ID, "nsys/") + ":"
			for _, f := range s.Traces() {
				line += " " + dash(f.Stage) + "/" + dash(f.Rank)
			}
			parts = append(parts, line)
		}
		if got := strings.Join(parts, "; "); got != c.want || len(found.Problems) > 0 {
			t.Errorf("%s: got %q, want %q; %v", c.dir, got, c.want, found.Problems)
		}
	}
}

// Every real trace is recognised by content, and none is called half-written.
func TestCorpusFormats(t *testing.T) {
	fsys := corpus(t)
	formats := map[string]Format{".gz": Chrome, ".sqlite": NsysSQLite}
	seen := 0
	fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		want, ok := formats[path.Ext(name)]
		if err != nil || d.IsDir() || !ok {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s, err := sniff(fsys, name, info.Size())
		if err != nil || s.format != want || !s.sure || s.state != Whole {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
		seen++
		return nil
	})
	if seen < 40 {
		t.Errorf("only %d traces seen", seen)
	}
}

// Real files are complete, and are not when their last bytes are missing.
func TestCorpusComplete(t *testing.T) {
	fsys := corpus(t)
	for _, name := range []string{
		"own/omni_session/20261123-224312_stage1_rank0_1795473792/trace_rank0.json.gz",
		"torch/ascend_level0_rank0_trace_view.json.gz",
		"torch/tracelens_torch_compile_triton__trace.json.gz",
		"vllm-omni/nsys/qwenimage_img.1.sqlite",
	} {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		if state, reason := complete(t, "x", data); state != Whole || reason != "" {
			t.Errorf("%s: %s, %q", name, state, reason)
		}
		if state, _ := complete(t, "x", data[:len(data)-9]); state != HalfWritten {
			t.Errorf("%s without its last 9 bytes: %s", name, state)
		}
	}
}
