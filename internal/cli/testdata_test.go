package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What testdata/README.md says of each trace is true of the JSON text, by
// counting bytes, and the program counts the same.
func TestTestdata(t *testing.T) {
	skipLarge(t)
	for _, c := range claims(t) {
		t.Run(c.run+"/"+c.stage, func(t *testing.T) {
			dir := filepath.Join(repository, "testdata", c.run)
			found, err := filepath.Glob(filepath.Join(dir, "*_stage*"+c.stage+"_r*", "trace_rank0.json.gz"))
			if err != nil || len(found) != 1 {
				t.Fatalf("want one trace, found %q", found)
			}
			text, err := readGzip(found[0])
			if err != nil {
				t.Fatal(err)
			}
			for mark, want := range c.counts {
				if got := bytes.Count(text, []byte(mark)); got != want {
					t.Errorf("%s: the file has %d, testdata/README.md says %d", mark, got, want)
				}
			}
			got := summarizeJSON(t, found[0])
			if got.Sources[0].Events != c.counts[rowMark] || got.Totals.Kernels != c.counts[kernelMark] {
				t.Errorf("the program counts %+v", got)
			}
			if got.ops("memcpy") != c.counts[memcpyMark] || got.ops("memset") != c.counts[memsetMark] {
				t.Errorf("the program counts memory operations %+v", got.Tables.Memory)
			}
		})
	}
}

// A claim is a row of the table in testdata/README.md.
type claim struct {
	run, stage string
	counts     map[string]int // by what the JSON text holds for each
}

const (
	kernelMark = `"cat": "kernel"`
	memcpyMark = `"cat": "gpu_memcpy"`
	memsetMark = `"cat": "gpu_memset"`
	rowMark    = `"ph": `
)

// marks are the columns of the table behind run and stage.
var marks = []string{kernelMark, memcpyMark, memsetMark, rowMark,
	`"cat": "user_annotation", "name": "execute_`, `"name": "cudaGraphLaunch"`}

var claimRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\d+) ((?:\\| \\d+ )+)\\|$")

func claims(t *testing.T) []claim {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "testdata", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all []claim
	for _, row := range claimRow.FindAllStringSubmatch(string(text), -1) {
		c := claim{run: row[1], stage: row[2], counts: map[string]int{}}
		for i, cell := range strings.Fields(strings.ReplaceAll(row[3], "|", " ")) {
			n, err := strconv.Atoi(cell)
			if err != nil {
				t.Fatal(err)
			}
			c.counts[marks[i]] = n
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		t.Fatal("testdata/README.md has no table")
	}
	return all
}

// A summary is what the test wants of the program's JSON.
type summary struct {
	Sources []struct{ Events int }
	Totals  struct{ Kernels int }
	Tables  struct {
		Memory []struct {
			Name  string
			Count int
		}
	}
}

// ops counts the memory operations whose name begins with kind.
func (s summary) ops(kind string) int {
	n := 0
	for _, row := range s.Tables.Memory {
		if strings.HasPrefix(row.Name, kind) {
			n += row.Count
		}
	}
	return n
}

func summarizeJSON(t *testing.T, path string) summary {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args := []string{"summarize", path, "--format", "json"}
	if code := run(context.Background(), args, streams{strings.NewReader(""), &stdout, &stderr}); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	var s summary
	if err := json.Unmarshal(stdout.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}
