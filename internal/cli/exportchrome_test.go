package cli

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// captures returns the nsys exports of testdata, unpacked, and those of the
// public corpus where it is at hand.
func captures(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, name := range []string{"node", "graph", "qwenimage"} {
		data, err := readGzip(filepath.Join(repository, "nsys", "testdata", name+".sqlite.gz"))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name+".sqlite")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		all = append(all, path)
	}
	root := corpusFolder()
	for _, pattern := range []string{"nsys/*.sqlite", "vllm-omni/nsys/*.sqlite"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	if len(all) == 3 {
		t.Logf("no corpus at %s: only the captures of testdata are tested; set OMNITRACE_CORPUS", root)
	}
	return all
}

// Rule: the Chrome trace of a capture, and its stripped copy, have every table
// of the capture.
func TestCopiesHaveTheSameNumbers(t *testing.T) {
	for _, path := range captures(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			dir := t.TempDir()
			trace, stripped := filepath.Join(dir, "copy.json.gz"), filepath.Join(dir, "copy.sqlite")
			runCommand(t, "export", path, "--format", "chrome", "-o", trace, "-q")
			runCommand(t, "verify", path, "--strip", stripped, "-q")
			want := wholeJSON(t, path)
			if len(want.Tables) < 10 || len(want.Tables["kernels"]) == 0 {
				t.Fatalf("hardly anything in it: %d tables", len(want.Tables))
			}
			for _, copied := range []string{trace, stripped} {
				got := wholeJSON(t, copied)
				for name, table := range want.Tables {
					if !reflect.DeepEqual(got.Tables[name], table) {
						t.Errorf("%s: table %s differs:\n%.300v\n%.300v", filepath.Base(copied), name, got.Tables[name], table)
					}
				}
				if !reflect.DeepEqual(got.Totals, want.Totals) || len(got.Tables) != len(want.Tables) {
					t.Errorf("%s: totals %v, want %v", filepath.Base(copied), got.Totals, want.Totals)
				}
			}
		})
	}
}

// corpusFolder is where the public corpus is, if it is at hand.
func corpusFolder() string {
	if root := os.Getenv("OMNITRACE_CORPUS"); root != "" {
		return root
	}
	return filepath.Join(repository, "..", "shared", "corpus")
}
