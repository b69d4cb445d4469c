package session

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// A clock says what the time in a name is.
type clock uint8

const (
	unstamped clock = iota
	started         // Unix time of the profiler's start
	stopped         // Unix time of its stop
	wallClock       // local time of its start
)

type stamp struct {
	clock
	time time.Time
}

// How far apart the files of a session may be.
const (
	// Stages are started one after another; 2 s were seen for three stages,
	// and the first start of a process loads the profiler's libraries.
	startGap = 30 * time.Second
	// Ranks are stopped together, stages one after another: a stop takes
	// 0.1–0.2 s per MB of trace.
	stopGap = time.Minute
	// The longest profile that is believed.
	runGap = time.Hour
	// Replicas of a stage are started one after another within this time, and
	// no profiler is stopped, flushed and started again in it.
	replicaGap = time.Second
)

// group is the files of a session before it has a name.
type group []*candidate

// assemble makes sessions of candidates, which are sorted by path.
func assemble(found []*candidate) []Session {
	groups := gather(found)
	slices.SortFunc(groups, func(a, b group) int {
		return cmp.Or(a.time().Compare(b.time()), cmp.Compare(a.dir(), b.dir()),
			cmp.Compare(a.name(), b.name()), cmp.Compare(a[0].Path, b[0].Path))
	})
	sessions := make([]Session, len(groups))
	for i, g := range attach(groups, found) {
		sessions[i] = g.session()
	}
	nameAll(sessions, groups)
	return sessions
}

// gather splits into groups the files that may be counted, the frontend's, and
// graph captures whose folder has nothing else.
func gather(found []*candidate) []group {
	busy := map[string]bool{}
	for _, c := range found {
		busy[c.run] = busy[c.run] || c.Role == Trace || c.Role == Frontend
	}
	type bucket struct {
		byName      bool
		run, family string
		wall        bool
	}
	buckets := map[bucket]group{}
	for _, c := range found {
		if c.Of != "" || c.Role == Side || c.Role == Capture && busy[c.run] && !c.byName {
			continue
		}
		b := bucket{run: c.run, wall: c.told.at.clock == wallClock}
		switch {
		case c.byName:
			b = bucket{byName: true}
		case c.Role == Capture:
			b.family = "capture_traces"
		case c.told.at.clock == unstamped:
			b.family = family(path.Base(c.Path), c.Format)
		}
		buckets[b] = append(buckets[b], c)
	}
	var groups []group
	for b, g := range buckets {
		if b.byName || b.family != "" {
			groups = append(groups, g)
		} else {
			groups = append(groups, split(g)...)
		}
	}
	return groups
}

// part tells the files of one session apart.
type part struct {
	stage, replica, rank, rng int
	instance                  string
	role                      Role
}

func (c *candidate) part() part {
	return part{c.Stage, c.Replica, c.Rank, c.Range, c.told.instance, c.Role}
}

// split cuts the stamped files of a run folder into sessions, by the rules of
// the package comment.
func split(files group) []group {
	slices.SortFunc(files, func(a, b *candidate) int {
		return cmp.Or(a.told.at.time.Compare(b.told.at.time), cmp.Compare(a.Path, b.Path))
	})
	var groups []group
	var parts map[part]stamp
	for i, c := range files {
		first, again := parts[c.part()]
		if i == 0 || apart(files[i-1].told.at, c.told.at) || again && !replica(first, c.told.at) {
			groups = append(groups, nil)
			parts = map[part]stamp{}
		}
		if _, again := parts[c.part()]; !again {
			parts[c.part()] = c.told.at
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], c)
	}
	return groups
}

// apart reports whether b, the next file after a, begins a new session by its
// time alone.
func apart(a, b stamp) bool {
	gap := b.time.Sub(a.time)
	switch {
	case a.clock == stopped && b.clock != stopped:
		return true
	case a.clock == stopped:
		return gap > stopGap
	case b.clock == stopped:
		return gap > runGap
	}
	return gap > startGap
}

// replica reports whether two files of the same part can be two replicas.
func replica(a, b stamp) bool {
	return a.clock == started && b.clock == started && b.time.Sub(a.time) <= replicaGap
}

func (g group) time() time.Time {
	var stamps, mods []time.Time
	for _, c := range g {
		mods = append(mods, c.mod)
		if c.told.at.clock != unstamped {
			stamps = append(stamps, c.told.at.time)
		}
	}
	if len(stamps) > 0 {
		return slices.MinFunc(stamps, time.Time.Compare).UTC()
	}
	return slices.MaxFunc(mods, time.Time.Compare).UTC()
}

// dir returns the run folder, or the one that holds all of several.
func (g group) dir() string {
	var dirs []string
	for _, c := range g {
		dirs = append(dirs, c.run)
	}
	return common(dirs)
}

// name returns what a session is called within its folder.
func (g group) name() string {
	var walls []string
	stamped := false
	for _, c := range g {
		if c.told.wall != "" {
			walls = append(walls, c.told.wall)
		}
		stamped = stamped || c.told.at.clock != unstamped
	}
	switch {
	case len(walls) > 0:
		return slices.Min(walls)
	case stamped:
		return g.time().Format("20060102-150405")
	}
	if len(g) == 1 && g[0].Format == Chrome {
		return bare(path.Base(g[0].Path))
	}
	return family(path.Base(g[0].Path), g[0].Format)
}

func (g group) session() Session {
	s := Session{Dir: g.dir(), Time: g.time()}
	for _, c := range g {
		s.Files = append(s.Files, c.File)
	}
	slices.SortFunc(s.Files, compareFiles)
	return s
}

// nameAll gives each session an ID of its own, and a label.
func nameAll(sessions []Session, groups []group) {
	var dirs []string
	for _, s := range sessions {
		dirs = append(dirs, s.Dir)
	}
	top := common(dirs)
	taken := map[string]bool{}
	for i := range sessions {
		s := &sessions[i]
		id := path.Join(relative(top, s.Dir), groups[i].name())
		s.ID = id
		for n := 2; taken[s.ID]; n++ {
			s.ID = fmt.Sprintf("%s-%d", id, n)
		}
		taken[s.ID] = true
		s.Label = groups[i].name()
		if base := path.Base(s.Dir); groups[i].stamped() && base != "." && base != "/" && base != ".." {
			s.Label = base
		}
	}
}

func (g group) stamped() bool {
	return slices.ContainsFunc(g, func(c *candidate) bool { return c.told.at.clock != unstamped })
}

// attach adds to the groups, which are sorted by time, what is shown and not
// counted: twins and duplicates to the file that stands for them, graph
// captures to the oldest session of their folder (they are made at start-up),
// side files to the newest session that has a trace beside or else below them.
func attach(groups []group, found []*candidate) []group {
	home := map[string]int{}
	for i, g := range groups {
		for _, c := range g {
			home[c.Path] = i
		}
	}
	grown := slices.Clone(groups)
	for _, c := range found {
		if _, placed := home[c.Path]; placed {
			continue
		}
		i := -1
		switch {
		case c.Of != "":
			i = index(home, c.Of)
		case c.Role == Capture:
			i = slices.IndexFunc(groups, func(g group) bool { return g[0].run == c.run })
		default:
			i = beside(groups, path.Dir(c.Path))
		}
		if i >= 0 {
			grown[i] = append(slices.Clip(grown[i]), c)
		}
	}
	return grown
}

func index(home map[string]int, name string) int {
	if i, ok := home[name]; ok {
		return i
	}
	return -1
}

// beside returns the newest group with a file in dir, else below dir, else -1.
func beside(groups []group, dir string) int {
	for _, near := range []func(*candidate) bool{
		func(c *candidate) bool { return path.Dir(c.Path) == dir },
		func(c *candidate) bool { return under(c.Path, dir) },
	} {
		for i, g := range slices.Backward(groups) {
			if !g[0].byName && slices.ContainsFunc(g, near) {
				return i
			}
		}
	}
	return -1
}

// common returns the innermost directory that holds all of dirs.
func common(dirs []string) string {
	if len(dirs) == 0 {
		return "."
	}
	top := dirs[0]
	for _, d := range dirs[1:] {
		for !under(d, top) && top != "." && top != "/" {
			top = path.Dir(top)
		}
	}
	return top
}

func relative(top, dir string) string {
	if top == "." && dir != "." {
		return dir
	}
	return strings.TrimPrefix(strings.TrimPrefix(dir, top), "/")
}
