package session

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A candidate is a file on its way into a session.
type candidate struct {
	File
	told   clues  // by names
	run    string // the run folder
	mod    time.Time
	byName bool // the caller named the file itself
}

// Find looks for the sessions below roots, which are files or directories, in
// any order. Files among them form one session, without what lies beside them
// but run.json; see the package comment for what is found in directories. Links to files are followed, links to
// directories and directories whose names begin with a dot are not.
//
// A root that is missing or that holds no trace, and a file that is none, are
// errors; whatever else can't be used is in Found.Problems.
//
// The names of directories tell the stage, so a root should be given with its
// directory where it has one: "20261124-…_stage0_…/trace_rank0.json.gz" rather
// than "trace_rank0.json.gz".
func Find(fsys fs.FS, roots []string) (Found, error) {
	if len(roots) == 0 {
		return Found{}, fmt.Errorf("%w: no path given; name a trace or a directory that holds some", ErrNone)
	}
	f := finder{fsys: fsys, seen: map[string]bool{}, ascend: map[string]int{}}
	var dirs []string
	for _, root := range cleanAll(roots) {
		info, err := fs.Stat(fsys, root)
		if err != nil {
			return Found{}, fmt.Errorf("reading %s: %w; is the path right?", root, cause(err))
		}
		if info.IsDir() {
			dirs = append(dirs, root)
		} else if err := f.named(root, info); err != nil {
			return Found{}, err
		}
	}
	for _, dir := range dirs {
		if err := f.root(dir); err != nil {
			return Found{}, err
		}
	}
	return f.finish(), nil
}

func cleanAll(roots []string) []string {
	var clean []string
	for _, r := range roots {
		clean = append(clean, path.Clean(r))
	}
	slices.Sort(clean)
	return slices.Compact(clean)
}

// cause strips the operation and the path, which the message already has.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

type finder struct {
	fsys     fs.FS
	seen     map[string]bool
	found    []*candidate
	problems []Problem
	ascend   map[string]int // torch_npu's output directories and their ranks, -1 where not known
}

func (f *finder) problem(name, format string, args ...any) {
	f.problems = append(f.problems, Problem{name, fmt.Sprintf(format, args...)})
}

// named adds a file that the caller named. What it is called does not matter.
func (f *finder) named(name string, info fs.FileInfo) error {
	s, err := sniff(f.fsys, name, info.Size())
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, cause(err))
	}
	if side, _ := sideFile(name); side && !(s.sure && s.format != "") {
		return fmt.Errorf("%w: %s is a file that lies beside traces; name the trace or its directory", ErrNone, name)
	}
	f.seen[name] = true
	twin := s.state == HalfWritten && f.wholeTwin(name)
	switch {
	case info.Size() == 0 && !twin:
		return fmt.Errorf("%w: %s is empty; was the profiler stopped before it had flushed?", ErrNone, name)
	case s.format == "" && !twin:
		return fmt.Errorf("%w: %s: %s", ErrNone, name, s.reason)
	case s.format == "":
		s.format = Chrome
	}
	f.add(name, info, s).byName = true
	return nil
}

// wholeTwin looks for a whole form of a half-written file beside it.
func (f *finder) wholeTwin(name string) bool {
	for _, suffix := range []string{".gz", "", ".zst"} {
		twin := stem(name) + suffix
		info, err := fs.Stat(f.fsys, twin)
		if err != nil || twin == name || f.seen[twin] {
			continue
		}
		if s, err := sniff(f.fsys, twin, info.Size()); err == nil && s.format == Chrome && s.state == Whole {
			f.seen[twin] = true
			f.add(twin, info, s).byName = true
			return true
		}
	}
	return false
}

// root walks a directory that the caller named.
func (f *finder) root(dir string) error {
	before, worries := len(f.found), len(f.problems)
	if _, err := fs.ReadDir(f.fsys, dir); err != nil {
		return fmt.Errorf("reading %s: %w", dir, cause(err))
	}
	f.walk(dir)
	f.nameAscend()
	for _, c := range f.found[before:] {
		if c.Role != Side {
			return nil
		}
	}
	if slices.ContainsFunc(f.found, func(c *candidate) bool { return c.Role != Side && under(c.Path, dir) }) {
		return nil // found under another root already
	}
	if seen := f.problems[worries:]; len(seen) > 0 {
		return fmt.Errorf("%w in %s, but %s: %s", ErrNone, dir, seen[0].Path, seen[0].Reason)
	}
	return fmt.Errorf("%w in %s; is this where the profiler was told to write (torch_profiler_dir), and was it stopped?", ErrNone, dir)
}

// rawData is what torch_npu keeps beside its analysed output: thousands of files.
var rawData = regexp.MustCompile(`^(?:\.|PROF_\d|FRAMEWORK$)`)

func (f *finder) walk(dir string) {
	if strings.HasSuffix(dir, "_ascend_pt") {
		f.ascend[dir] = -1
	}
	entries, err := fs.ReadDir(f.fsys, dir)
	if err != nil {
		f.problem(dir, "can't be read: %v", cause(err))
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case e.IsDir() && !rawData.MatchString(e.Name()):
			f.walk(name)
		case e.Type().IsRegular(), e.Type()&fs.ModeSymlink != 0:
			f.visit(name)
		}
	}
}

// visit looks at a file that was found.
func (f *finder) visit(name string) {
	if f.seen[name] || path.Base(name) == runJSON {
		return
	}
	f.seen[name] = true
	info, err := fs.Stat(f.fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return // deleted since: gzip removes the .json when it is done
	case err != nil:
		f.problem(name, "can't be read: %v", cause(err))
		return
	case info.IsDir():
		f.problem(name, "a link to a directory is not followed: name it to have it searched")
		return
	}
	if side, rank := sideFile(name); side {
		f.addSide(name, info, rank, "")
		return
	}
	s, err := sniff(f.fsys, name, info.Size())
	if err != nil {
		f.problem(name, "can't be read: %v", cause(err))
		return
	}
	f.judge(name, info, s)
}

// judge decides by name about what the content alone left open.
func (f *finder) judge(name string, info fs.FileInfo, s sniffed) {
	base := path.Base(name)
	like := likeTrace(base)
	switch {
	case s.blank && path.Ext(base) == ".csv" && nsysName.MatchString(base):
		f.addSide(name, info, -1, "empty: nsys had no data for this report")
	case s.blank && like && nsysName.MatchString(base):
		f.problem(name, "%s", s.reason)
	case info.Size() == 0 && like:
		s.format = Chrome
		f.add(name, info, s)
	case s.format == "" && like:
		f.problem(name, "%s", s.reason)
	case s.format == "":
		// not a trace, and nothing says that it should be one
	case !s.sure && !like:
		f.problem(name, "no sign of a trace in its first %d KiB: name the file itself if it is one", headBytes>>10)
	default:
		f.add(name, info, s)
	}
}

func (f *finder) add(name string, info fs.FileInfo, s sniffed) *candidate {
	c := &candidate{told: readPath(name), mod: info.ModTime()}
	_, c.run = readDirs(path.Dir(name))
	c.File = File{Path: name, Size: info.Size(), Format: s.format, State: s.state, Reason: s.reason}
	c.Role = cmp.Or(c.told.role, Trace)
	if s.format == NsysSQLite && s.state == Whole {
		if j := journal(f.fsys, name); j != "" {
			c.State, c.Reason = HalfWritten, "still being written: "+path.Base(j)+" lies beside it"
		}
	}
	f.found = append(f.found, c)
	return c
}

func (f *finder) addSide(name string, info fs.FileInfo, rank int, reason string) {
	dir := path.Dir(name)
	c := &candidate{mod: info.ModTime()}
	c.told, c.run = readDirs(dir)
	c.File = File{Path: name, Size: info.Size(), Role: Side, State: Whole, Reason: reason}
	if _, ok := f.ascend[dir]; ok && rank >= 0 {
		f.ascend[dir] = rank
	}
	own := unknown
	own.Rank = rank
	c.told.fill(own, ByFileName)
	f.found = append(f.found, c)
}

// nameAscend gives traces of torch_npu the rank in the name of the
// profiler_info file two levels up, and reports output that was never analysed.
func (f *finder) nameAscend() {
	for dir, rank := range f.ascend {
		analysed := false
		for _, c := range f.found {
			if c.Role != Side && under(c.Path, dir) {
				own := unknown
				own.Rank = rank
				c.told.fill(own, ByFileName)
				analysed = true
			}
		}
		if !analysed {
			f.problem(dir, "torch_npu's data is not analysed yet: run torch_npu.profiler.profiler.analyse on it")
		}
		delete(f.ascend, dir)
	}
}

func under(name, dir string) bool {
	return dir == "." || name == dir || strings.HasPrefix(name, dir+"/")
}

// finish turns what was seen into sessions.
func (f *finder) finish() Found {
	slices.SortFunc(f.found, func(a, b *candidate) int { return cmp.Compare(a.Path, b.Path) })
	for _, c := range f.found {
		c.Identity = c.told.Identity
	}
	pairTwins(f.fsys, f.found)
	f.problems = append(f.problems, markDuplicates(f.fsys, f.found)...)
	sessions := assemble(f.found)
	for i := range sessions {
		sessions[i].RunJSON = f.findRunJSON(sessions[i])
	}
	slices.SortFunc(f.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Reason, b.Reason))
	})
	return Found{Sessions: sessions, Problems: f.problems}
}

const runJSON = "run.json"

// findRunJSON looks beside the files of s and upwards to the run folder.
func (f *finder) findRunJSON(s Session) string {
	for _, file := range s.Files {
		_, run := readDirs(path.Dir(file.Path))
		for dir := path.Dir(file.Path); ; dir = path.Dir(dir) {
			name := path.Join(dir, runJSON)
			if info, err := fs.Stat(f.fsys, name); err == nil && !info.IsDir() {
				return name
			}
			if dir == run || dir == path.Dir(dir) {
				break
			}
		}
	}
	return ""
}
