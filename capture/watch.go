package capture

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// A watch follows the traces that appear below a directory until they are
// complete. It judges by what is on disk alone.
type watch struct {
	fsys     fs.FS
	complete func(fs.FS, string) error
	settle   time.Duration
	before   map[string]fileState // what lay there when the round began

	now    map[string]fileState
	since  map[string]time.Time // when a file was last seen to change
	moved  time.Time            // when any file was
	judged map[string]judgement
}

// A judgement holds for one size and time of a file.
type judgement struct {
	of  fileState
	err error
}

func newWatch(fsys fs.FS, complete func(fs.FS, string) error, settle time.Duration) (*watch, error) {
	before, err := scan(fsys)
	return &watch{
		fsys: fsys, complete: complete, settle: settle, before: before, now: before, moved: time.Now(),
		since: map[string]time.Time{}, judged: map[string]judgement{},
	}, err
}

// A sighting is the state of a round's traces at one moment.
type sighting struct {
	complete []traceFile // sorted by path
	waiting  []string    // "path: why", sorted
	moved    time.Time   // last change
}

// look lists the directory and judges each new trace. A gzip file is read to
// its end once for each size that it rests at.
func (w *watch) look(now time.Time) (sighting, error) {
	files, err := scan(w.fsys)
	if err != nil {
		return sighting{}, err
	}
	w.notice(files, now)
	s := sighting{moved: w.moved}
	for _, name := range sortedKeys(files) {
		if old, there := w.before[name]; there && old == files[name] || !isTrace(name) {
			continue
		}
		if why := w.judge(name, now); why != "" {
			s.waiting = append(s.waiting, name+": "+why)
		} else {
			s.complete = append(s.complete, identify(name))
		}
	}
	return s, nil
}

// notice records which files changed since the last look.
func (w *watch) notice(files map[string]fileState, now time.Time) {
	for name, state := range files {
		if old, there := w.now[name]; !there || old != state {
			w.since[name], w.moved = now, now
		}
	}
	for name := range w.now {
		if _, there := files[name]; !there {
			w.moved = now
		}
	}
	w.now = files
}

// judge returns why a trace is not complete yet, "" for a complete one.
func (w *watch) judge(name string, now time.Time) string {
	if isUnfinished(name) {
		return "its writer has not renamed it yet"
	}
	if _, both := w.now[name+".gz"]; both {
		return "gzip is at work on it"
	}
	if _, both := w.now[strings.TrimSuffix(name, ".gz")]; both && strings.HasSuffix(name, ".gz") {
		return "the plain file beside it is still there"
	}
	rest := w.settle
	if !strings.HasSuffix(name, ".gz") {
		rest *= 5 // gzip starts a moment after the plain file is closed
	}
	if now.Sub(w.since[name]) < rest {
		return fmt.Sprintf("it changed %v ago (%d bytes)", now.Sub(w.since[name]).Round(time.Millisecond), w.now[name].size)
	}
	if err := w.verdict(name); err != nil {
		return err.Error()
	}
	return ""
}

func (w *watch) verdict(name string) error {
	j, there := w.judged[name]
	if !there || j.of != w.now[name] {
		j = judgement{w.now[name], w.complete(w.fsys, name)}
		w.judged[name] = j
	}
	return j.err
}

// missing lists which expected traces are not among the complete ones: the
// stages without enough ranks, or, where names tell no stage, the number.
func missing(complete []traceFile, stages []int, ranks int) []string {
	counted := slices.DeleteFunc(slices.Clone(complete), func(t traceFile) bool { return !t.counted })
	named := slices.ContainsFunc(counted, func(t traceFile) bool { return t.stage >= 0 })
	if len(stages) == 0 || len(counted) > 0 && !named {
		if want := max(1, len(stages)) * ranks; len(counted) < want {
			return []string{fmt.Sprintf("%d of %d traces", want-len(counted), want)}
		}
		return nil
	}
	var list []string
	for _, s := range stages {
		have := 0
		for _, t := range counted {
			if t.stage == s {
				have++
			}
		}
		if have < ranks {
			list = append(list, fmt.Sprintf("stage %d (%d of %d ranks)", s, have, ranks))
		}
	}
	return list
}

// unasked lists the stages that were recorded although others were asked for.
func unasked(complete []traceFile, stages []int) []int {
	var extra []int
	for _, t := range complete {
		if len(stages) > 0 && t.stage >= 0 && !slices.Contains(stages, t.stage) && !slices.Contains(extra, t.stage) {
			extra = append(extra, t.stage)
		}
	}
	slices.Sort(extra)
	return extra
}
