package analyze

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"omnitrace/analyze/rules"
	"omnitrace/internal/tracetest"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
)

// whole writes everything that a summary of the session says.
func whole(s *Session) string {
	sum := s.Summarize(All())
	var b strings.Builder
	for _, src := range sum.Sources {
		fmt.Fprintf(&b, "%+v\n", src)
	}
	for _, w := range sum.Warnings {
		fmt.Fprintf(&b, "%+v\n", w)
	}
	b.WriteString(dump(sum.Tables...))
	b.WriteString(dump(Table{Name: "totals", Columns: TotalColumns(), Rows: []Row{sum.Totals}}))
	return b.String()
}

// differ returns the first lines in which two texts differ.
func differ(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return x[i] + "\nbecame\n" + y[i]
		}
	}
	return fmt.Sprintf("%d lines became %d", len(x), len(y))
}

// The order of a file's rows, and of the files, says nothing.
func TestOrderSaysNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := drawLines(t)
		session := func(lines []string, order ...int) *Session {
			tr, err := tracetest.Parse(strings.Join(lines, "\n"))
			if err != nil {
				t.Fatal(err)
			}
			var inputs []Input
			for _, stage := range order {
				inputs = append(inputs, input(fmt.Sprintf("20261123-224312_stage%d_rank0_1/trace_rank0.json.gz", stage), tr))
			}
			s, err := NewSession(inputs, Options{})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		want := session(lines, 0, 1)
		shuffled := session(rapid.Permutation(lines).Draw(t, "shuffled"), 0, 1)
		if a, b := whole(want), whole(shuffled); a != b {
			t.Fatalf("rows in another order: %s", differ(a, b))
		}
		tables := func(s *Session) string { return dump(s.Summarize(All()).Tables...) }
		if a, b := tables(want), tables(session(lines, 1, 0)); a != b {
			t.Fatalf("files in another order: %s", differ(a, b))
		}
	})
}

var times = regexp.MustCompile(`\b(t|d)=(\d+)`)

// retimed returns the lines with other times.
func retimed(lines []string, change func(field string, n int64) int64) string {
	return times.ReplaceAllStringFunc(strings.Join(lines, "\n"), func(s string) string {
		n, _ := strconv.ParseInt(s[2:], 10, 64)
		return fmt.Sprintf("%s=%d", s[:1], change(s[:1], n))
	})
}

// A run that begins at another time has the same tables; one that takes twice as
// long has twice the durations.
func TestTimesShiftedAndScaled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := drawLines(t)
		tables := func(text string) []Table {
			tr, err := tracetest.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			s, err := NewSession([]Input{input("a.json", tr)}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			return s.Summarize(All()).Tables
		}
		want := tables(strings.Join(lines, "\n"))
		shift := rapid.SampledFrom([]int64{1, 1 << 60, -30, -1 << 60}).Draw(t, "shift")
		shifted := tables(retimed(lines, func(field string, n int64) int64 {
			if field == "t" {
				return n + shift
			}
			return n
		}))
		if a, b := dump(want...), dump(shifted...); a != b {
			t.Fatalf("%d ns later: %s", shift, differ(a, b))
		}
		scaled := tables(retimed(lines, func(_ string, n int64) int64 { return 2 * n }))
		if a, b := dump(doubled(want)...), dump(doubled(scaled, 1)...); a != b {
			t.Fatalf("twice as long: %s", differ(a, b))
		}
	})
}

// doubled returns tables with all durations doubled, or times another factor;
// ratios, which are rounded, are left out.
func doubled(tables []Table, factor ...int64) []Table {
	by := append(factor, 2)[0]
	var out []Table
	for _, tab := range tables {
		c := tab
		c.Rows = nil
		for _, r := range tab.Rows {
			r.Cells = slices.Clone(r.Cells)
			for i, column := range tab.Columns {
				n, ok := r.Cells[i].Int()
				switch {
				case column.Name == "duty_permille" || column.Name == "busy_per_token_ns" || column.Unit == BytesPerSecond:
					r.Cells[i] = Null
				case ok && column.Unit == Nanoseconds:
					r.Cells[i] = Int(by * n)
				}
			}
			r.Whole *= by
			c.Rows = append(c.Rows, r)
		}
		out = append(out, c)
	}
	return out
}

// small are real traces that are read again and again here.
var small = []string{
	"own/omni_stages01/20261123-225138_stage1_rank0_1795474298/trace_rank0.json.gz",
	"torch/dlrm_8rank/worker0_step_12.1694128201545.pt.trace.json.gz",
	"torch/tracelens_vllm_decode_full__graph_execution.json.gz",
}

func plain(t *testing.T, path string) []byte {
	t.Helper()
	text, err := textOf(filepath.Join(corpus(t), path))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func sessionOf(t *testing.T, path string, text []byte) *Session {
	t.Helper()
	tr, err := trace.Read(chrome.NewReader(bytes.NewReader(text), Needs(rules.Default())))
	if err != nil {
		t.Fatal(err)
	}
	return newSession(t, Options{}, input(path, tr))
}

// The rows of a real trace in any order, read anew, make the same summary.
func TestShuffledFiles(t *testing.T) {
	for _, path := range small {
		t.Run(path, func(t *testing.T) {
			text := plain(t, path)
			var file map[string]json.RawMessage
			var rows []json.RawMessage
			if err := json.Unmarshal(text, &file); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(file["traceEvents"], &rows); err != nil {
				t.Fatal(err)
			}
			want := whole(sessionOf(t, path, text))
			random := rand.New(rand.NewPCG(1, 2))
			random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			var err error
			if file["traceEvents"], err = json.Marshal(rows); err != nil {
				t.Fatal(err)
			}
			shuffled, err := json.Marshal(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := whole(sessionOf(t, path, shuffled)); got != want {
				t.Error(differ(want, got))
			}
		})
	}
}

// The number of cores says nothing.
func TestCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, path := range small {
		text := plain(t, path)
		want := ""
		for _, cores := range []int{1, 2, 8} {
			runtime.GOMAXPROCS(cores)
			got := whole(sessionOf(t, path, text))
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("%s on %d cores: %s", path, cores, differ(want, got))
			}
		}
	}
}
