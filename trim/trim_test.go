package trim_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"omnitrace/analyze"
	"omnitrace/analyze/rules"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/session"
	"omnitrace/trim"
)

// corpus returns the folder of public traces.
func corpus(t *testing.T) string {
	t.Helper()
	root := cmp.Or(os.Getenv("OMNITRACE_CORPUS"), filepath.Join("..", "..", "shared", "corpus"))
	if _, err := os.Stat(filepath.Join(root, "own")); err != nil {
		t.Skipf("no corpus: %v", err)
	}
	return root
}

// A file is a trace in memory, with its place in the run.
type file struct {
	session.File
	text  []byte // uncompressed
	trace *trace.Trace
	ids   map[string]count // once asked for
}

func runs(t *testing.T, pattern string) map[string][]file {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(corpus(t), pattern))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("nothing at %s: %v", pattern, err)
	}
	all := map[string][]file{}
	for _, dir := range dirs {
		found, err := session.Find(session.OS{}, []string{dir})
		if err != nil {
			t.Fatal(err)
		}
		s, ok := found.Newest()
		if !ok {
			continue
		}
		for _, f := range s.Traces() {
			all[filepath.Base(dir)] = append(all[filepath.Base(dir)], newFile(t, f, readGzip(t, f.Path)))
		}
	}
	return all
}

func readGzip(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var defaultRules = rules.Default()

func newFile(t *testing.T, f session.File, text []byte) file {
	t.Helper()
	tr, err := trace.Read(chrome.NewReader(bytes.NewReader(text), analyze.Needs(defaultRules)))
	if err != nil {
		t.Fatalf("%s: %v", f.Path, err)
	}
	return file{File: f, text: text, trace: tr}
}

func analyse(t *testing.T, files []file) *analyze.Session {
	t.Helper()
	var inputs []analyze.Input
	for _, f := range files {
		inputs = append(inputs, analyze.Input{File: f.File, Trace: f.trace})
	}
	s, err := analyze.NewSession(inputs, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// cut copies the parts of the files and returns them as the files of a run.
func cut(t *testing.T, s *analyze.Session, files []file, parts []analyze.Excerpt, o trim.Options) []file {
	t.Helper()
	var out []file
	for _, p := range parts {
		src := s.Sources[p.Source]
		i := slices.IndexFunc(files, func(f file) bool { return f.Path == src.Path })
		text, _ := copyOf(t, files[i].text, trim.NewFilter([]analyze.Excerpt{p}, o), chrome.Origin(src.Trace.Header))
		out = append(out, newFile(t, files[i].File, text))
	}
	return out
}

func copyOf(t *testing.T, text []byte, f *trim.Filter, origin trace.Time) ([]byte, chrome.Copied) {
	t.Helper()
	var out bytes.Buffer
	d := chrome.NewDocument(&out)
	done, err := d.Copy(bytes.NewReader(text), f.Copying(origin))
	if err != nil {
		t.Fatal(err)
	}
	if n := f.Note(&done, trim.Trimmed{Source: "test"}); n != nil {
		d.Top(chrome.NoteKey, n)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), done
}

// A choice is one way to choose a part of a run.
type choice struct {
	name   string
	sel    analyze.Selection
	kernel string
	around time.Duration
	// more says that the copy holds more than was chosen: what runs near it, and
	// the siblings of a graph's kernels.
	more bool
	// only are runs that have such work; the others must not.
	only []string
}

func n(from, to int) []analyze.Numbers { return []analyze.Numbers{{From: from, To: to}} }

var (
	diffusion = []string{"diffusion_flash_1", "diffusion_cacheskip", "diffusion_nostack"}
	passes    = []string{"omni_session", "omni_stages01"}
)

var choices = []choice{
	{name: "step", sel: analyze.Selection{Steps: n(3, 3)}, only: diffusion},
	{name: "steps of a request", sel: analyze.Selection{Steps: n(2, 4), Requests: []int{0}}, only: diffusion},
	{name: "request", sel: analyze.Selection{Requests: []int{0}}, only: diffusion},
	{name: "iteration", sel: analyze.Selection{Iterations: n(2, 2)}, only: passes},
	{name: "iterations of a stage", sel: analyze.Selection{Iterations: n(1, 3), Stages: []int{1}}, only: passes},
	{name: "denoise", sel: analyze.Selection{Phases: []string{"denoise"}}, only: diffusion},
	{name: "decode", sel: analyze.Selection{Phases: []string{"decode"}}, only: passes},
	{name: "stage", sel: analyze.Selection{Stages: []int{0}}},
	{name: "rank", sel: analyze.Selection{Ranks: []int{0}}},
	{name: "device", sel: analyze.Selection{Devices: []int{0}}},
	{name: "range", sel: analyze.Selection{Ranges: []string{"pipeline_forward", "execute_context_0(0)_generation_1(1)"}}},
	{name: "time", sel: analyze.Selection{Time: &analyze.Window{From: 5 * time.Millisecond, To: 60 * time.Millisecond}}, more: true},
	{name: "kernel", kernel: "gemm|nvjet", more: true},
	{name: "kernel with context", kernel: "softmax|reduce", around: 50 * time.Microsecond, more: true},
}

func (c choice) apply(t *testing.T, s *analyze.Session) {
	t.Helper()
	if err := s.Select(c.sel); err != nil {
		t.Fatal(err)
	}
	if c.kernel != "" {
		s.SelectKernels(regexp.MustCompile(c.kernel))
	}
}

// absolute returns the choice with its time as Unix time: that is the same in a
// copy, whose first GPU work can be another.
func (c choice) absolute(s *analyze.Session) choice {
	if c.sel.Time != nil {
		origin := time.Duration(s.Origin(0))
		c.sel.Time = &analyze.Window{From: origin + c.sel.Time.From, To: origin + c.sel.Time.To, Unix: true}
	}
	return c
}

// large is the size from which a trace is cut in one way only: the test would
// take minutes.
const large = 100 << 20

// The numbers of a part are the same in the copy as in the whole, in a Chrome
// trace and in Perfetto's own format, a copy of the copy is the same bytes, and
// every copy is sound.
func TestSameNumbers(t *testing.T) {
	for name, files := range runs(t, "own/*") {
		if name == "diffusion_flash_2" || name == "diffusion_flash_3" {
			continue // the same work as diffusion_flash_1
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			small := slices.DeleteFunc(slices.Clone(files), func(f file) bool { return len(f.text) > large })
			for _, c := range choices {
				if c.only == nil || slices.Contains(c.only, name) {
					t.Run(c.name, func(t *testing.T) { sameNumbers(t, small, c) })
				}
			}
			if len(small) < len(files) && !testing.Short() {
				t.Run("step of a large trace", func(t *testing.T) { sameNumbers(t, files, choices[0]) })
			}
		})
	}
}

func sameNumbers(t *testing.T, files []file, c choice) {
	whole := analyse(t, files)
	c = c.absolute(whole)
	c.apply(t, whole)
	parts := whole.Excerpts(c.around)
	if len(parts) == 0 {
		t.Fatal("the run has no such work")
	}
	copies := cut(t, whole, files, parts, trim.Options{})
	for i := range copies {
		if err := cmp.Or(sound(copies[i].text), attached(copies[i].text)); err != nil {
			t.Errorf("%s: %v", copies[i].Path, err)
		}
	}
	if !c.more {
		compareTables(t, "copy", whole, analyse(t, copies), numbers)
	}
	again := analyse(t, copies)
	c.apply(t, again)
	compareTables(t, "chosen from the copy", whole, again, numbers)
	twice := cut(t, again, copies, again.Excerpts(c.around), trim.Options{})
	for i := range twice {
		if !bytes.Equal(copies[i].text, twice[i].text) {
			t.Errorf("%s: a copy of the copy has %d bytes, not %d", copies[i].Path, len(twice[i].text), len(copies[i].text))
		}
	}
	native := analyse(t, throughPerfetto(t, copies))
	c.apply(t, native)
	compareTables(t, "chosen from the copy in Perfetto's format", whole, native, slices.DeleteFunc(slices.Clone(numbers), func(s string) bool { return s == "memory" }))
}

// numbers are the tables, without those that speak of what surrounds the part
// (idle causes) or of the file.
var numbers = []string{"stages", "devices", "phases", "steps", "iterations", "categories", "kernels", "memory"}

func compareTables(t *testing.T, what string, whole, part *analyze.Session, tables []string) {
	t.Helper()
	a, b := whole.Summarize(analyze.All()), part.Summarize(analyze.All())
	for _, name := range tables {
		if x, y := rows(a, name), rows(b, name); !reflect.DeepEqual(x, y) {
			t.Errorf("%s: table %s differs:\nwhole %v\ncopy  %v", what, name, x, y)
		}
	}
}

// unlike are columns that a part can't know: shares of a device's whole busy
// time, names that are a convention about all stages of a run, and what the
// start-up work outside it did.
var unlike = []string{"name", "stage_name", "exclusive_ns", "startup", "confidence"}

// rows returns the rows of a table as text.
func rows(s *analyze.Summary, name string) []string {
	var out []string
	for _, table := range s.Tables {
		if table.Name != name {
			continue
		}
		for _, r := range table.Rows {
			text := r.Key
			for i, c := range table.Columns {
				if !slices.Contains(unlike, c.Name) {
					text += fmt.Sprintf(" %s=%v", c.Name, r.Cells[i])
				}
			}
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return out
}
