package session

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// ErrNone says that no trace was found. [Find] wraps it.
var ErrNone = errors.New("no trace found")

// Found is what lies below some paths.
type Found struct {
	Sessions []Session // oldest first; equal times by ID
	Problems []Problem // sorted by path
}

// A Problem is something that looks like a trace, or could hold one, and can't
// be used.
type Problem struct {
	Path   string
	Reason string // cause and remedy, one phrase
}

// A Session is one start…stop of the profiler over all stages and ranks.
type Session struct {
	// ID names the session among those found together: the time in its
	// earliest directory or file name ("20261124-040118", UTC where the name
	// has Unix time), else the common part of its file names; preceded by its
	// folder ("wan_s8_a/20261124-033410") where sessions of several folders
	// were found.
	ID    string
	Label string    // for headings: the name of the run folder, or of the files where they hold no time
	Dir   string    // the run folder: it holds the session directories, or the files themselves
	Time  time.Time // earliest time in the names, else the latest modification; UTC
	// Files are sorted by role (traces first), stage, replica, rank, range and path.
	Files []File
	// RunJSON is the path of the run.json that describes the run, "" for none:
	// the nearest one beside a file of the session or in its run folder.
	RunJSON string
}

// Traces returns the files that are counted.
func (s Session) Traces() []File {
	return slices.DeleteFunc(slices.Clone(s.Files), func(f File) bool { return !f.Counted() })
}

// A Format says how a file is to be read, whatever it is called and however it
// is compressed.
type Format string

// The formats.
const (
	Chrome     Format = "chrome"      // Chrome trace JSON, plain, gzip or zstd
	NsysSQLite Format = "nsys sqlite" // nsys export --type sqlite
	NsysReport Format = "nsys-rep"    // known by its name: the format is not published
	NsysStats  Format = "nsys stats"  // a report of nsys stats, CSV or JSON
	Perfetto   Format = "perfetto"    // native protobuf trace
)

// A Role says what a file is to its session.
type Role string

// The roles. Only [Trace] files are counted.
const (
	Trace    Role = "trace"
	Frontend Role = "frontend" // vLLM's async_llm process: CPU only
	Capture  Role = "capture"  // one CUDA graph capture at start-up, not work
	Side     Role = "side"     // tables, stacks and snapshots beside a trace
)

// A State says whether a file can be relied upon.
type State string

// The states.
const (
	Whole       State = "complete" // as far as was looked: see Find and Complete
	HalfWritten State = "half-written"
	Duplicate   State = "duplicate" // the same trace as File.Of
)

// A File is one file of a session.
type File struct {
	Path   string
	Size   int64  // bytes on disk
	Format Format // "" for side files
	Role   Role
	State  State
	Reason string // why State is not Whole, or a remark; one phrase
	// Of is the file that stands for this one: the complete twin of a
	// half-written one, the first of several with the same content, or the
	// first of the reports about one capture.
	Of string
	// Parts are the files that are read together with this one, which are side
	// files of it: the other reports that nsys stats made of one capture.
	Parts []string
	Identity
}

// Counted reports whether f's events belong in sums. A half-written trace with
// no complete twin counts with what can be read of it.
func (f File) Counted() bool { return f.Role == Trace && f.Of == "" && f.Size > 0 }

// Newest returns the newest session that has something to count, else the
// newest one. ok is false where there are none.
func (f Found) Newest() (s Session, ok bool) {
	for _, s := range slices.Backward(f.Sessions) {
		if len(s.Traces()) > 0 {
			return s, true
		}
	}
	if len(f.Sessions) == 0 {
		return Session{}, false
	}
	return f.Sessions[len(f.Sessions)-1], true
}

// Select returns the session that id names: an ID, or the beginning of exactly
// one ID or of exactly one ID's last element. The error lists the choices.
func (f Found) Select(id string) (Session, error) {
	var hits []Session
	for _, s := range f.Sessions {
		if s.ID == id {
			return s, nil
		}
		if id != "" && (strings.HasPrefix(s.ID, id) || strings.HasPrefix(path.Base(s.ID), id)) {
			hits = append(hits, s)
		}
	}
	switch len(hits) {
	case 1:
		return hits[0], nil
	case 0:
		return Session{}, fmt.Errorf("no session %q; there are: %s", id, ids(f.Sessions))
	}
	return Session{}, fmt.Errorf("session %q could be any of %s; give more of its name", id, ids(hits))
}

func ids(sessions []Session) string {
	const most = 8
	var names []string
	for _, s := range sessions[:min(len(sessions), most)] {
		names = append(names, s.ID)
	}
	if n := len(sessions) - most; n > 0 {
		names = append(names, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(names, ", ")
}

var roleOrder = []Role{Trace, Frontend, Capture, Side}

func compareFiles(a, b File) int {
	return cmp.Or(
		cmp.Compare(slices.Index(roleOrder, a.Role), slices.Index(roleOrder, b.Role)),
		cmp.Compare(a.Stage, b.Stage),
		cmp.Compare(a.Replica, b.Replica),
		cmp.Compare(a.Rank, b.Rank),
		cmp.Compare(a.Range, b.Range),
		cmp.Compare(a.Path, b.Path),
	)
}
