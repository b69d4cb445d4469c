package capture

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"omnitrace/trace/session"
)

// A fileState is what a directory listing says of one file.
type fileState struct {
	size int64
	mod  time.Time
}

// scan lists the regular files below a directory, by slash-separated path. A
// file that vanishes meanwhile is left out; a directory that does not exist yet
// is empty.
func scan(fsys fs.FS) (map[string]fileState, error) {
	files := map[string]fileState{}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			files[p] = fileState{info.Size(), info.ModTime()}
		}
		return err
	})
	return files, err
}

// ownFiles are written by a capture itself into the session directory.
var ownFiles = []string{"run.json", "run.json.tmp", logName}

// isTrace reports whether a name is that of a torch trace, whole or not. Beside
// traces the profilers write tables, stacks and snapshots, and on Ascend a tree
// of JSON files of which one is the trace.
func isTrace(name string) bool {
	base := path.Base(name)
	if slices.Contains(ownFiles, name) || strings.HasSuffix(base, ".partial") {
		return false
	}
	if strings.Contains(name, "_ascend_pt/") {
		return base == "trace_view.json"
	}
	if strings.HasPrefix(base, "execution_trace") || strings.HasPrefix(base, "vllm_omni_orch_monitor") {
		return false
	}
	base = strings.TrimSuffix(base, ".tmp")
	return strings.HasSuffix(base, ".json") || strings.HasSuffix(base, ".json.gz")
}

// isUnfinished reports whether a name says by itself that its writer is at work.
func isUnfinished(name string) bool {
	return strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, ".qdstrm")
}

// Whole reports what is unfinished about a trace, by the rule that
// trace/session has for everybody: the gzip stream whole, the JSON closed. It
// reads the file to its end. nil means whole.
func Whole(fsys fs.FS, name string) error {
	state, reason, err := session.Complete(fsys, name)
	if err == nil && state != session.Whole {
		err = errors.New(reason)
	}
	return err
}

// A traceFile is one torch trace that a round left.
type traceFile struct {
	path        string
	stage, rank int // -1 where the name does not tell
	counted     bool
}

func identify(name string) traceFile {
	id := session.Identify(name)
	base := path.Base(name)
	return traceFile{
		path: name, stage: id.Stage, rank: id.Rank,
		counted: !strings.Contains(base, ".async_llm.") && !strings.Contains(name, "capture_traces/"),
	}
}

// setAside renames a file that is not whole, so that nobody takes it for a
// trace, and returns its new name.
func setAside(name string) (string, error) {
	return name + ".partial", os.Rename(name, name+".partial")
}
