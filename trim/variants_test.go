package trim_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"omnitrace/analyze"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/session"
	"omnitrace/trim"
)

// variants are the ways to leave out more than the part's surroundings.
var variants = []trim.Options{
	{},
	{Clip: true},
	{Drop: trim.Python | trim.Ops | trim.Flows | trim.Counters | trim.Waits},
	{Drop: trim.Calls | trim.Moments},
	{MinDuration: 5 * time.Microsecond},
	{Clip: true, Drop: trim.Flows, MinFrame: 50 * time.Microsecond},
}

// With every option, of traces of every profiler and era, copies are sound, hold
// all the work, and copy to the same bytes.
func TestVariants(t *testing.T) {
	for _, f := range publicTraces(t, 3<<20) {
		t.Run(filepath.Base(f.Path), func(t *testing.T) {
			t.Parallel()
			f.identify()
			for _, o := range variants {
				variant(t, f, o, false)
			}
			for level := range trim.Levels() {
				variant(t, f, trim.NewFilter(nil, trim.Options{}).At(level+1).Options, false)
			}
			for _, o := range variants {
				variant(t, f, o, true)
			}
		})
	}
}

// again are the ranks of a job that do the same as its first.
var again = regexp.MustCompile(`worker[1-7]_`)

// publicTraces returns the traces of the corpus with so many bytes of JSON.
func publicTraces(t *testing.T, most int) []file {
	t.Helper()
	var all []file
	err := filepath.WalkDir(filepath.Join(corpus(t), "torch"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".json.gz") {
			if again.MatchString(path) {
				return nil
			}
			if text := readGzip(t, path); len(text) <= most {
				f := session.File{Path: path, Format: session.Chrome, Role: session.Trace, State: session.Whole}
				f.Stage, f.Replica, f.Rank = -1, -1, -1
				all = append(all, newFile(t, f, text))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// identify counts the IDs of a file, if it is JSON.
func (f *file) identify() {
	if doc, err := parse(f.text); err == nil {
		f.ids = doc.correlations()
	}
}

// variant copies the work of one name, or the whole file.
func variant(t *testing.T, f file, o trim.Options, everything bool) {
	t.Helper()
	what := fmt.Sprintf("%+v", o)
	name := regexp.MustCompile("^" + regexp.QuoteMeta(middle(f.trace)) + "$")
	choose := func(f file) (analyze.Excerpt, bool) {
		s := analyse(t, []file{f})
		parts := s.WholeExcerpts(true)
		if !everything {
			s.SelectKernels(name)
			parts = s.Excerpts(0)
		}
		if len(parts) != 1 {
			return analyze.Excerpt{}, false
		}
		return parts[0], true
	}
	part, ok := choose(f)
	if !ok {
		if middle(f.trace) != "" {
			t.Errorf("%s: no part", what)
		}
		return
	}
	origin := chrome.Origin(f.trace.Header)
	text, done := copyOf(t, f.text, trim.NewFilter([]analyze.Excerpt{part}, o), origin)
	if done.Unsound > 0 {
		t.Errorf("%s: %d rows beyond repair", what, done.Unsound)
	}
	doc, err := parse(text)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	verbatim := everything && !part.Torn && o.Drop == 0 && o.MinDuration == 0 && o.MinFrame == 0 // what the whole lacks too
	if !verbatim {
		if err := sound(text); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := torn(f.ids, doc.correlations()); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	small := newFile(t, f.File, text)
	want := part.Events
	if everything {
		want = gpuEvents(f.trace)
	}
	if got := gpuEvents(small.trace); got != want {
		t.Errorf("%s: %d GPU events, want %d", what, got, want)
	}
	part, ok = choose(small)
	if !ok {
		t.Errorf("%s: no part in the copy", what)
		return
	}
	twice, _ := copyOf(t, text, trim.NewFilter([]analyze.Excerpt{part}, o), origin)
	if !bytes.Equal(text, twice) {
		t.Errorf("%s: a copy of the copy has %d bytes, not %d", what, len(twice), len(text))
	}
}

func gpuEvents(tr *trace.Trace) int {
	n := 0
	for i := range tr.Events {
		if tr.Events[i].Kind.GPU() {
			n++
		}
	}
	return n
}

// middle returns the name of the kernel in the middle of a trace.
func middle(tr *trace.Trace) string {
	var names []string
	for i := range tr.Events {
		if e := &tr.Events[i]; e.Kind == trace.Kernel {
			names = append(names, tr.Names.Text(e.Name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return names[len(names)/2]
}

// damages are what happens to traces.
var damages = []struct {
	name   string
	damage func(string) string
}{
	{"NaN", replaced(`"ts":`, `"x": NaN, "ts":`, 40)},
	{"control characters", replaced(`"name": "`, "\"name\": \"\x01\t", 50)},
	{"not UTF-8", replaced(`"name": "`, "\"name\": \"\xff\xe6", 50)},
	{"half a pair", replaced(`"name": "`, `"name": "\ud83d `, 50)},
	{"a quote too many", replaced(`"name": "`, `"name": "a"b`, 60)},
	{"a comma too many", replaced(`},`, `},,`, 70)},
	{"a comma too few", replaced(`},`, `}`, 70)},
	{"no times", replaced(`"ts":`, `"tx":`, 80)},
	{"times as text", replaced(`"ts": `, `"ts": "soon", "was": `, 80)},
	{"negative durations", replaced(`"dur": `, `"dur": -`, 30)},
	{"negative processes", replaced(`"pid": `, `"pid": -`, 30)},
	{"zeros in the middle", func(s string) string { return s[:len(s)/3] + strings.Repeat("\x00", 5000) + s[len(s)/2:] }},
	{"twice", func(s string) string { return s + s }},
}

// replaced returns a damage of every n-th place at which a text stands.
func replaced(what, with string, n int) func(string) string {
	return func(s string) string {
		parts := strings.Split(s, what)
		var out strings.Builder
		for i, p := range parts {
			out.WriteString(p)
			switch {
			case i == len(parts)-1:
			case i%n == n/2:
				out.WriteString(with)
			default:
				out.WriteString(what)
			}
		}
		return out.String()
	}
}

// Whatever has happened to a trace, its copies are sound.
func TestDamaged(t *testing.T) {
	path := filepath.Join(corpus(t), "torch", "with_gpu_user_annotation__step_based_trace_2543932.json.gz")
	text := string(readGzip(t, path))
	try := func(name, text string) {
		t.Run(name, func(t *testing.T) {
			f := session.File{Path: path, Format: session.Chrome, Role: session.Trace, State: session.Whole}
			f.Stage, f.Replica, f.Rank = -1, -1, -1
			damaged := newFile(t, f, []byte(text))
			damaged.identify()
			for _, everything := range []bool{false, true} {
				for _, o := range variants[:3] {
					variant(t, damaged, o, everything)
				}
			}
		})
	}
	for _, d := range damages {
		broken := d.damage(text)
		if broken == text {
			t.Errorf("%s: no damage", d.name)
		}
		try(d.name, broken)
	}
	const cuts = 40
	for i := 1; i < cuts; i++ {
		try(fmt.Sprintf("cut at %d of %d", i, cuts), text[:len(text)*i/cuts+i])
	}
}
