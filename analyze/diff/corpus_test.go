package diff

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"omnitrace/analyze"
	"omnitrace/analyze/rules"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/open"
	"omnitrace/trace/session"
)

// corpus returns a run of the corpus, or skips the test.
func corpus(tb testing.TB, run string) string {
	tb.Helper()
	root := os.Getenv("OMNITRACE_CORPUS")
	if root == "" {
		root = "../../../shared/corpus"
	}
	path := filepath.Join(root, run)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("corpus is absent (%v): set OMNITRACE_CORPUS", err)
	}
	return path
}

// loaded keeps what was read: many tests use the same few traces.
var loaded = struct {
	sync.Mutex
	inputs map[string][]analyze.Input
}{inputs: map[string][]analyze.Input{}}

func inputs(tb testing.TB, run string) []analyze.Input {
	tb.Helper()
	path := corpus(tb, run)
	loaded.Lock()
	defer loaded.Unlock()
	if in, ok := loaded.inputs[run]; ok {
		return in
	}
	found, err := session.Find(session.OS{}, []string{path})
	if err != nil {
		tb.Fatal(err)
	}
	newest, ok := found.Newest()
	if !ok {
		tb.Fatalf("no session in %s", path)
	}
	var all []analyze.Input
	for _, f := range newest.Traces() {
		all = append(all, analyze.Input{File: f, Trace: read(tb, f.Path)})
	}
	loaded.inputs[run] = all
	return all
}

func read(tb testing.TB, path string) *trace.Trace {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	plain, err := open.Reader(f)
	if err != nil {
		tb.Fatal(err)
	}
	defer plain.Close()
	t, err := trace.Read(chrome.NewReader(plain, analyze.Needs(rules.Default())))
	if err != nil {
		tb.Fatal(fmt.Errorf("%s: %w", path, err))
	}
	return t
}

// sampled returns the samples of a run after an edit of its traces.
func sampled(tb testing.TB, run string, edit func(*trace.Trace) *trace.Trace) *analyze.Samples {
	tb.Helper()
	var edited []analyze.Input
	for _, in := range inputs(tb, run) {
		if edit != nil {
			in.Trace = edit(in.Trace)
		}
		edited = append(edited, in)
	}
	s, err := analyze.NewSession(edited, analyze.Options{Label: run})
	if err != nil {
		tb.Fatal(err)
	}
	samples := s.Samples()
	if err := samples.Check(); err != nil {
		tb.Fatal(err)
	}
	return samples
}

// sides makes a side of single runs.
func runs(all ...*analyze.Samples) []*analyze.Samples { return all }
