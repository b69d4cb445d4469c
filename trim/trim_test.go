package trim_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
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
	root := os.Getenv("OMNITRACE_CORPUS")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(filepath.Join(root, "own")); err != nil {
		t.Skipf("no corpus: %v", err)
	}
	return root
}

// A file is a trace in memory, with its place in the run.
type file struct {
	session.File
	text []byte // uncompressed
}

func runs(t *testing.T, pattern string) map[string][]file {
	t.Helper()
	root := corpus(t)
	dirs, err := filepath.Glob(filepath.Join(root, pattern))
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
			all[filepath.Base(dir)] = append(all[filepath.Base(dir)], file{f, readGzip(t, f.Path)})
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

func analyse(t *testing.T, files []file) *analyze.Session {
	t.Helper()
	var inputs []analyze.Input
	for _, f := range files {
		tr, err := trace.Read(chrome.NewReader(bytes.NewReader(f.text), analyze.Needs(defaultRules)))
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		inputs = append(inputs, analyze.Input{File: f.File, Trace: tr})
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
		var text bytes.Buffer
		d := chrome.NewDocument(&text)
		_, err := d.Copy(bytes.NewReader(files[i].text), trim.NewFilter([]analyze.Excerpt{p}, o).Copying(chrome.Origin(src.Trace.Header)))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		out = append(out, file{files[i].File, text.Bytes()})
	}
	return out
}

// A choice is one way to choose a part of a run.
type choice struct {
	name   string
	sel    analyze.Selection
	kernel string
	around time.Duration
	loose  bool // graph replays or surroundings add work
}

func n(from, to int) []analyze.Numbers { return []analyze.Numbers{{From: from, To: to}} }

var choices = []choice{
	{name: "step", sel: analyze.Selection{Steps: n(3, 3)}},
	{name: "steps of a request", sel: analyze.Selection{Steps: n(2, 4), Requests: []int{0}}},
	{name: "request", sel: analyze.Selection{Requests: []int{0}}},
	{name: "iteration", sel: analyze.Selection{Iterations: n(2, 2)}},
	{name: "iterations of a stage", sel: analyze.Selection{Iterations: n(1, 3), Stages: []int{1}}},
	{name: "denoise", sel: analyze.Selection{Phases: []string{"denoise"}}},
	{name: "decode", sel: analyze.Selection{Phases: []string{"decode"}}},
	{name: "stage", sel: analyze.Selection{Stages: []int{0}}},
	{name: "rank", sel: analyze.Selection{Ranks: []int{0}}},
	{name: "device", sel: analyze.Selection{Devices: []int{0}}},
	{name: "range", sel: analyze.Selection{Ranges: []string{"pipeline_forward", "execute_context_0(0)_generation_1(1)"}}},
	{name: "time", sel: analyze.Selection{Time: &analyze.Window{From: 20 * time.Millisecond, To: 60 * time.Millisecond}}, loose: true},
	{name: "kernel", kernel: "gemm|nvjet", loose: true},
	{name: "kernel with context", kernel: "softmax|reduce", around: 50 * time.Microsecond, loose: true},
}

func (c choice) apply(s *analyze.Session) error {
	if err := s.Select(c.sel); err != nil {
		return err
	}
	if c.kernel != "" {
		s.SelectKernels(regexp.MustCompile(c.kernel))
	}
	return nil
}

// The numbers of a part are the same in the copy as in the whole, a copy of the
// copy is the same bytes, and every copy is sound.
func TestSameNumbers(t *testing.T) {
	for name, files := range runs(t, "own/*") {
		if strings.HasPrefix(name, "diffusion_flash") && testing.Short() || name == "diffusion_flash_2" || name == "diffusion_flash_3" {
			continue // the same sort of work as others
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range choices {
				small := slices.DeleteFunc(slices.Clone(files), func(f file) bool { return len(f.text) > 100<<20 })
				if len(small) < len(files) && c.name == "step" && !testing.Short() {
					t.Run("step of a large trace", func(t *testing.T) { sameNumbers(t, name, files, c) })
				}
				files := small
				t.Run(c.name, func(t *testing.T) { sameNumbers(t, name, files, c) })
			}
		})
	}
}

func sameNumbers(t *testing.T, run string, files []file, c choice) {
	whole := analyse(t, files)
	if err := c.apply(whole); err != nil {
		t.Skip(err)
	}
	parts := whole.Excerpts(c.around)
	if len(parts) == 0 {
		t.Skip("the run has no such work")
	}
	copies := cut(t, whole, files, parts, trim.Options{})
	for i := range copies {
		if err := sound(copies[i].text); err != nil {
			t.Errorf("%s: %v", copies[i].Path, err)
		}
	}
	// Steps found from kernels alone are not found again in one of them.
	numbered := run != "diffusion_nostack" || len(c.sel.Steps)+len(c.sel.Phases)+len(c.kernel) == 0
	if !c.loose {
		compareTables(t, whole, analyse(t, copies), numbered)
	}
	if !numbered || c.sel.Time != nil {
		return
	}
	again := analyse(t, copies)
	if err := c.apply(again); err != nil {
		t.Fatal(err)
	}
	if c.around == 0 {
		compareTables(t, whole, again, numbered)
	}
	twice := cut(t, again, copies, again.Excerpts(c.around), trim.Options{})
	for i := range twice {
		if !bytes.Equal(copies[i].text, twice[i].text) {
			t.Errorf("%s: a copy of the copy has %d bytes, not %d", copies[i].Path, len(twice[i].text), len(copies[i].text))
		}
	}
}

// numbers are the tables, without those that speak of what surrounds the part
// (idle causes) or of the file.
var numbers = []string{"stages", "devices", "phases", "steps", "iterations", "kernels", "memory"}

func compareTables(t *testing.T, whole, part *analyze.Session, numbered bool) {
	t.Helper()
	a, b := whole.Summarize(analyze.All()), part.Summarize(analyze.All())
	for _, name := range numbers {
		if !numbered && name != "stages" && name != "devices" && name != "kernels" && name != "memory" {
			continue
		}
		x, y := rows(a, name), rows(b, name)
		if !reflect.DeepEqual(x, y) {
			t.Errorf("table %s differs:\nwhole %v\ncopy  %v", name, x, y)
		}
	}
}

// rows returns the rows of a table as text. Exclusive shares are of a device's
// whole busy time, which a part does not know; names of stages can be a
// convention about all stages of a run.
func rows(s *analyze.Summary, name string) []string {
	var out []string
	for _, table := range s.Tables {
		if table.Name != name {
			continue
		}
		for _, r := range table.Rows {
			text := r.Key
			for i, c := range table.Columns {
				if c.Name != "name" && c.Name != "stage_name" && c.Name != "exclusive_ns" && c.Name != "startup" && c.Name != "confidence" {
					text += fmt.Sprintf(" %s=%v", c.Name, r.Cells[i])
				}
			}
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return out
}

// sound is an independent look at a copy: it is JSON, and whatever a row refers
// to is there.
func sound(text []byte) error {
	var doc struct {
		Events []struct {
			Ph, Cat, Name string
			Pid, Tid, ID  any
			Ts            json.Number
			Args          map[string]any
		} `json:"traceEvents"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		return err
	}
	used, named := map[string]bool{}, map[string]bool{}
	starts, ends := map[string]int{}, map[string]int{}
	calls, work := map[string]bool{}, map[string]bool{}
	at := map[string]bool{}
	for _, e := range doc.Events {
		pid, tid := fmt.Sprint(e.Pid), fmt.Sprint(e.Tid)
		if e.Ph == "X" || e.Ph == "i" {
			used["process "+pid], used["thread "+pid+"/"+tid] = true, true
			at[pid+"/"+tid+"@"+e.Ts.String()] = true
		}
		id := fmt.Sprint(e.Args["correlation"])
		switch cat := strings.ToLower(e.Cat); {
		case strings.HasSuffix(cat, "_runtime") || strings.HasSuffix(cat, "_driver"):
			calls[id] = true
		case cat == "kernel" || cat == "gpu_memcpy" || cat == "gpu_memset":
			work[id] = true
		}
	}
	for _, e := range doc.Events {
		pid, tid, id := fmt.Sprint(e.Pid), fmt.Sprint(e.Tid), e.Cat+fmt.Sprint(e.ID)
		switch e.Ph {
		case "s":
			starts[id]++
		case "f", "t":
			ends[id]++
		case "M":
			if e.Name == "process_name" {
				named["process "+pid] = true
			}
			if !used["process "+pid] || strings.HasPrefix(e.Name, "thread_") && !used["thread "+pid+"/"+tid] {
				return fmt.Errorf("%s of %s/%s, of which nothing is left", e.Name, pid, tid)
			}
		}
		if (e.Ph == "s" || e.Ph == "f") && !at[pid+"/"+tid+"@"+e.Ts.String()] {
			return fmt.Errorf("an arrow's end at %s/%s, %s, where nothing begins", pid, tid, e.Ts)
		}
	}
	for id := range starts {
		if ends[id] == 0 {
			return fmt.Errorf("arrow %s has no end", id)
		}
	}
	for id := range ends {
		if starts[id] == 0 {
			return fmt.Errorf("arrow %s has no begin", id)
		}
	}
	return nil
}

var defaultRules = rules.Default()
