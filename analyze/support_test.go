package analyze

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"omnitrace/analyze/rules"
	"omnitrace/internal/tracetest"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/open"
	"omnitrace/trace/session"
)

// corpus returns the folder of the public traces, which is not part of the
// repository.
func corpus(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("OMNITRACE_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("no trace corpus at %s; OMNITRACE_CORPUS names it", dir)
	}
	return dir
}

// large is the size on disk above which a trace is left out under -short.
const large = 3 << 19

// corpusTraces lists the traces of the corpus below some folders by path
// relative to it, those that -short can afford or all.
func corpusTraces(tb testing.TB, folders ...string) []string {
	tb.Helper()
	limit := int64(1 << 40)
	if testing.Short() {
		limit = large
	}
	return tracesBelow(tb, limit, folders...)
}

func corpusTracesOfAnySize(tb testing.TB, folders ...string) []string {
	tb.Helper()
	return tracesBelow(tb, 1<<40, folders...)
}

func tracesBelow(tb testing.TB, limit int64, folders ...string) []string {
	tb.Helper()
	root := corpus(tb)
	var paths []string
	for _, folder := range folders {
		err := fs.WalkDir(os.DirFS(root), folder, func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".json.gz") {
				info, err := d.Info()
				if err != nil {
					return err
				}
				if info.Size() <= limit {
					paths = append(paths, path)
				}
			}
			return err
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	return paths
}

// readings are the two of a trace: the program's, with all that a summary needs, and
// an independent one.
type readings struct {
	trace  *trace.Trace
	second *secondReading
}

// decoded holds each trace of the corpus that a test has asked for: reading
// them again would take most of the tests' time.
var decoded sync.Map // path to func() (readings, error)

// corpusTrace reads a trace of the corpus, once. It is shared: nobody may
// change it.
func corpusTrace(tb testing.TB, path string) *trace.Trace { return bothOf(tb, path).trace }

// readSecond is the second reading of a trace of the corpus.
func readSecond(tb testing.TB, path string) *secondReading { return bothOf(tb, path).second }

func bothOf(tb testing.TB, path string) readings {
	tb.Helper()
	full := filepath.Join(corpus(tb), path)
	once, _ := decoded.LoadOrStore(path, sync.OnceValues(func() (r readings, err error) {
		text, err := textOf(full)
		if err != nil {
			return r, err
		}
		if r.trace, err = trace.Read(chrome.NewReader(bytes.NewReader(text), Needs(rules.Default()))); err == nil {
			r.second, err = readAgain(text)
		}
		return r, err
	}))
	r, err := once.(func() (readings, error))()
	if err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	return r
}

// textOf returns what a file of the corpus holds. The checksum of gzip vouches
// for it.
func textOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := open.Reader(f)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	var text bytes.Buffer
	if info, err := f.Stat(); err == nil {
		text.Grow(int(info.Size()) * 14) // what traces come to
	}
	_, err = text.ReadFrom(src)
	return text.Bytes(), err
}

// run returns the session of traces of the corpus, placed by their paths as
// files found there would be. change, where set, makes other traces of them.
func run(tb testing.TB, o Options, change func(*trace.Trace) *trace.Trace, paths ...string) *Session {
	tb.Helper()
	var inputs []Input
	for _, path := range paths {
		t := corpusTrace(tb, path)
		if change != nil {
			t = change(t)
		}
		inputs = append(inputs, input(path, t))
	}
	return newSession(tb, o, inputs...)
}

func input(path string, t *trace.Trace) Input {
	return Input{Trace: t, File: session.File{
		Path: path, Format: session.Chrome, Role: session.Trace, State: session.Whole, Identity: session.Identify(path),
	}}
}

func newSession(tb testing.TB, o Options, inputs ...Input) *Session {
	tb.Helper()
	s, err := NewSession(inputs, o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// written returns the session of traces written by hand, one for each stage.
func written(tb testing.TB, texts ...string) *Session {
	tb.Helper()
	var inputs []Input
	for i, text := range texts {
		inputs = append(inputs, input(fmt.Sprintf("20261123-224312_stage%d_rank0_1/trace_rank0.json.gz", i), tracetest.Must(tb, text)))
	}
	return newSession(tb, Options{}, inputs...)
}

// without returns a copy of a trace that lacks all events of some kinds.
func without(kinds ...trace.Kind) func(*trace.Trace) *trace.Trace {
	return func(t *trace.Trace) *trace.Trace {
		c := *t
		c.Events = slices.DeleteFunc(slices.Clone(t.Events), func(e trace.Event) bool { return slices.Contains(kinds, e.Kind) })
		return &c
	}
}

// table makes one table of a session.
func table(s *Session, a Analysis) Table {
	return s.Summarize([]Analysis{a}).Tables[0]
}

// cell returns a row's integer, -1 for null.
func cell(tb testing.TB, t *Table, row int, column string) int64 {
	tb.Helper()
	v := value(tb, t, row, column)
	n, ok := v.Int()
	if !ok && !v.IsNull() {
		tb.Fatalf("table %s: column %q holds text", t.Name, column)
	}
	if v.IsNull() {
		return -1
	}
	return n
}

// cellText returns a row's text, "" for null.
func cellText(tb testing.TB, t *Table, row int, column string) string {
	tb.Helper()
	text, _ := value(tb, t, row, column).Text()
	return text
}

func value(tb testing.TB, t *Table, row int, column string) Value {
	tb.Helper()
	i := t.Column(column)
	if i < 0 {
		tb.Fatalf("table %s has no column %q", t.Name, column)
	}
	return t.Rows[row].Cells[i]
}

// rowOf returns the index of the row with a key, and fails where there is none.
func rowOf(tb testing.TB, t *Table, key string) int {
	tb.Helper()
	i := slices.IndexFunc(t.Rows, func(r Row) bool { return r.Key == key })
	if i < 0 {
		var keys []string
		for _, r := range t.Rows {
			keys = append(keys, r.Key)
		}
		tb.Fatalf("table %s has no row %q among %q", t.Name, key, keys)
	}
	return i
}

// dump writes tables as text for comparisons: keys, values and nulls.
func dump(tables ...Table) string {
	var b strings.Builder
	for _, t := range tables {
		fmt.Fprintf(&b, "== %s\n", t.Name)
		for _, r := range t.Rows {
			fmt.Fprintf(&b, "%s whole=%d:", r.Key, r.Whole)
			for i, v := range r.Cells {
				fmt.Fprintf(&b, " %s=%s", t.Columns[i].Name, dumpValue(v))
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func dumpValue(v Value) string {
	if n, ok := v.Int(); ok {
		return fmt.Sprint(n)
	}
	if text, ok := v.Text(); ok {
		return fmt.Sprintf("%q", text)
	}
	return "null"
}
