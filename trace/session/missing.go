package session

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Missing says what below dir is not yet there of what a profiler should leave
// behind: a line for each wanted trace without a file and for each new file
// that is not complete, sorted; none once all is there. Numbers of want that
// are -1 match any. Files for which old is true were there before and are
// passed over; a nil old passes over none.
//
// It is meant to be called again and again while a profiler writes: a file is
// read to its end (see [Complete]) only once nothing cheaper is missing.
func Missing(fsys fs.FS, dir string, want []Identity, old func(path string) bool) ([]string, error) {
	found, err := Find(fsys, []string{dir})
	if err != nil && !errors.Is(err, ErrNone) {
		return nil, err
	}
	files := newTraces(found, old)
	missing := absent(files, want)
	for _, f := range files {
		if f.State == HalfWritten {
			missing = append(missing, f.Path+": "+f.Reason)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return missing, nil
	}
	return incomplete(fsys, files)
}

func newTraces(found Found, old func(string) bool) []File {
	var files []File
	for _, s := range found.Sessions {
		for _, f := range s.Files {
			if f.Role == Trace && (old == nil || !old(f.Path)) {
				files = append(files, f)
			}
		}
	}
	return files
}

func absent(files []File, want []Identity) []string {
	var missing []string
	for _, w := range want {
		if !slices.ContainsFunc(files, func(f File) bool { return f.Counted() && w.matches(f.Identity) }) {
			missing = append(missing, w.describe()+": no trace yet")
		}
	}
	return missing
}

func incomplete(fsys fs.FS, files []File) ([]string, error) {
	var missing []string
	for _, f := range files {
		if !f.Counted() {
			continue
		}
		state, reason, err := Complete(fsys, f.Path)
		if err != nil {
			return nil, err
		}
		if state != Whole {
			missing = append(missing, f.Path+": "+reason)
		}
	}
	return missing, nil
}

func (id Identity) matches(o Identity) bool {
	return (id.Stage < 0 || id.Stage == o.Stage) && (id.Replica < 0 || id.Replica == o.Replica) &&
		(id.Rank < 0 || id.Rank == o.Rank)
}

func (id Identity) describe() string {
	var words []string
	for _, w := range []struct {
		name string
		n    int
	}{{"stage", id.Stage}, {"replica", id.Replica}, {"rank", id.Rank}} {
		if w.n >= 0 {
			words = append(words, fmt.Sprintf("%s %d", w.name, w.n))
		}
	}
	if len(words) == 0 {
		return "any stage"
	}
	return strings.Join(words, " ")
}
