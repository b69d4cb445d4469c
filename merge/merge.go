package merge

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"

	"omnitrace/trace"
	"omnitrace/trace/chrome"
)

// A Source is one trace of the run.
type Source struct {
	Input
	Name  string // of the file, for the note
	Label string // "stage 0 thinker · rank 0"
	Card  string // UUID of its GPU, "" where it is not known
	PID   string // of the process whose work it is, "" where that is not known
	// Shift is added to the file's times, which puts them on the clock of the
	// result.
	Shift trace.Time
}

// An Input says how to read a source.
type Input struct {
	Open func() (io.ReadCloser, error) // as a Chrome trace
	// Overlap, Origin: see [chrome.Copying].
	Overlap func(*chrome.Row) int
	Origin  trace.Time
}

// A Track is a lane that the traces lack.
type Track struct {
	Source  int // whose process group it belongs to, -1 for the run's
	Name    string
	Slices  []Slice // sorted by start; those that overlap get lanes of their own
	Samples []Sample
}

// A Slice is a named time.
type Slice struct {
	trace.Span
	Name string
}

// A Sample is the value of a counter from a time on.
type Sample struct {
	At    trace.Time
	Value int64
}

// A Result says what was merged.
type Result struct {
	Rows, Repaired, Unsound int64
}

// Process IDs of source i are (i+1)·2^22 and up: Linux has none beyond 2^22,
// viewers take 2^31.
const (
	pidBits = 22
	idBits  = 40 // viewers read IDs as doubles, which are exact up to 2^53
	// Sources is how many sources there can be.
	Sources = 1<<(31-pidBits) - 2
)

// Process IDs in the upper half of a source's range are made up.
const madeUp = 1 << (pidBits - 1)

func pidOf(source int, pid string) int64 {
	base := int64(source+1) << pidBits
	if n, err := strconv.ParseInt(pid, 10, 64); err == nil && 0 <= n && n < madeUp {
		return base + n
	}
	h := fnv.New32a()
	h.Write([]byte(pid))
	return base + madeUp + 1 + int64(h.Sum32()%(madeUp-1))
}

// Write writes the sources, in their order, as one Chrome trace.
func (p *Plan) Write(w io.Writer) (Result, error) {
	var sum Result
	sources, base := p.Sources, p.Base
	if len(sources) > Sources {
		return sum, fmt.Errorf("%d traces are too many for one: at most %d", len(sources), Sources)
	}
	d := chrome.NewDocument(w)
	if base != 0 {
		d.Top("baseTimeNanoseconds", []byte(strconv.FormatInt(int64(base), 10)))
	}
	d.Top("displayTimeUnit", []byte(`"ms"`))
	for i := range sources {
		done, err := copySource(d, i, &sources[i])
		if err != nil {
			return sum, fmt.Errorf("merging %s: %w", sources[i].Name, err)
		}
		sum.Rows += done.Kept
		sum.Repaired += done.Repaired
		sum.Unsound += done.Unsound
		nameProcesses(d, i, &sources[i], done.Processes)
		for _, m := range done.Moved {
			d.NameLane(pidOf(i, m.PID), m)
		}
	}
	p.addTracks(d)
	d.Top(chrome.NoteKey, note(sources))
	return sum, d.Close()
}

func copySource(d *chrome.Document, i int, s *Source) (chrome.Copied, error) {
	src, err := s.Open()
	if err != nil {
		return chrome.Copied{}, err
	}
	defer src.Close()
	return d.Copy(src, chrome.Copying{
		Keep: func(*chrome.Row) bool { return true },
		Edit: func(r *chrome.Row) {
			r.SetPID(pidOf(i, r.PID()))
			r.Shift(s.Shift)
			r.Renumber(func(id int64) int64 { return id + int64(i+1)<<idBits })
		},
		Names: func(what string) bool { return what == "thread_name" || what == "thread_sort_index" },
		Whole: true, Unknown: true, Overlap: s.Overlap, Origin: s.Origin,
	})
}

// The order of a source's processes in viewers.
const (
	orderTracks = iota
	orderHost
	orderGPU
	orderOther
	perSource = 8
)

func nameProcesses(d *chrome.Document, i int, s *Source, processes []chrome.CopiedProcess) {
	for _, p := range processes {
		name, order := processLabel(s, p.PID, p.GPU)
		process(d, pidOf(i, p.PID), name, place(i)+order)
	}
}

// processLabel returns what a process of a source is called, and its order.
func processLabel(s *Source, pid string, gpu bool) (name string, order int) {
	_, err := strconv.ParseInt(pid, 10, 64)
	switch {
	case gpu:
		return s.Label + " · GPU " + pid, orderGPU
	case err != nil || pid == "-1":
		return strings.TrimSpace(s.Label + " · profiler " + pid), orderOther
	case s.PID != "" && pid != s.PID:
		return s.Label + " · process " + pid, orderOther
	}
	return s.Label, orderHost
}

func process(d *chrome.Document, pid int64, name string, order int) {
	meta(d, "process_name", pid, 0, "name", name)
	meta(d, "process_sort_index", pid, 0, "sort_index", order)
}

func meta(d *chrome.Document, what string, pid, tid int64, key string, value any) {
	row(d, map[string]any{"ph": "M", "name": what, "pid": pid, "tid": tid, "args": map[string]any{key: value}})
}

// row writes a row that can be encoded.
func row(d *chrome.Document, fields map[string]any) {
	text, err := json.Marshal(fields)
	if err == nil {
		d.Row(text)
	}
}

// place returns where the processes of a source stand; those of the run are
// first.
func place(source int) int { return (source + 1) * perSource }

// addTracks writes the tracks, each source's in a process of their own.
func (p *Plan) addTracks(d *chrome.Document) {
	for i := -1; i < len(p.Sources); i++ {
		tracks := p.tracksOf(i)
		if len(tracks) == 0 {
			continue
		}
		pid, tid := overviewPID(i), int64(0)
		process(d, pid, p.overviewName(i), place(i)+orderTracks)
		for _, t := range tracks {
			for _, lane := range lanes(t.Slices) {
				tid++
				meta(d, "thread_name", pid, tid, "name", t.Name)
				meta(d, "thread_sort_index", pid, tid, "sort_index", tid)
				for _, s := range lane {
					row(d, map[string]any{"ph": "X", "cat": category, "name": s.Name, "pid": pid, "tid": tid,
						"ts": micros(s.Start - p.Base), "dur": micros(s.End - s.Start)})
				}
			}
			for _, s := range t.Samples {
				row(d, map[string]any{"ph": "C", "name": t.Name, "pid": pid, "tid": 0,
					"ts": micros(s.At - p.Base), "args": map[string]any{"value": s.Value}})
			}
		}
	}
}

// category is that of the slices of tracks.
const category = "omnitrace"

func overviewPID(source int) int64 { return int64(source+1)<<pidBits + madeUp }

func (p *Plan) overviewName(source int) string {
	if source < 0 {
		return "run · overview"
	}
	return p.Sources[source].Label + " · overview"
}

func (p *Plan) tracksOf(source int) []Track {
	var all []Track
	for _, t := range p.Tracks {
		if t.Source == source && len(t.Slices)+len(t.Samples) > 0 {
			all = append(all, t)
		}
	}
	return all
}

// lanes deals slices out so that those of one lane follow each other: viewers
// drop what overlaps without lying inside.
func lanes(from []Slice) [][]Slice {
	var all [][]Slice
	for _, s := range from {
		i := slices.IndexFunc(all, func(l []Slice) bool { return l[len(l)-1].End <= s.Start })
		if i < 0 {
			i = len(all)
			all = append(all, nil)
		}
		all[i] = append(all[i], s)
	}
	return all
}

// micros is a time as viewers want it, exactly.
func micros(t trace.Time) json.Number {
	sign := ""
	if t < 0 {
		sign, t = "-", -t
	}
	return json.Number(fmt.Sprintf("%s%d.%03d", sign, t/1000, t%1000))
}

// note says what was merged.
func note(sources []Source) []byte {
	type entry struct {
		Source  string `json:"source"`
		Label   string `json:"label"`
		ShiftNS int64  `json:"shift_ns"`
		PIDs    int64  `json:"first_pid"`
	}
	var n struct {
		Merged []entry `json:"merged"`
	}
	for i, s := range sources {
		n.Merged = append(n.Merged, entry{s.Name, s.Label, int64(s.Shift), int64(i+1) << pidBits})
	}
	text, err := json.Marshal(n)
	if err != nil {
		return []byte("null")
	}
	return text
}
