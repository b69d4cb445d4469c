package trim

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"omnitrace/trace/chrome"
)

// shedding are the levels of detail that a copy can lose to become smaller, the
// least useful first. Each level loses what those before it lose too. GPU work
// of the part, the calls that launched it, and marks are never lost.
var shedding = []shed{
	{"frames that wait for work", 0, func(o *Options) { o.Drop |= Waits }},
	shortFrames(5 * time.Microsecond),
	shortFrames(10 * time.Microsecond),
	shortFrames(20 * time.Microsecond),
	shortFrames(50 * time.Microsecond),
	shortFrames(200 * time.Microsecond),
	shortRows(5 * time.Microsecond),
	{"python frames", 0, func(o *Options) { o.Drop |= Python }},
	shortRows(20 * time.Microsecond),
	shortRows(50 * time.Microsecond),
	{"operators", 0, func(o *Options) { o.Drop |= Ops }},
	{"counters and moments", 0, func(o *Options) { o.Drop |= Counters | Moments }},
	{"calls that launched nothing", 0, func(o *Options) { o.Drop |= Calls }},
	{"arrows", 0, func(o *Options) { o.Drop |= Flows }},
	{"all else but GPU work, its launches and marks", 0, func(o *Options) { o.Drop |= Rest }},
}

// A shed is what one level loses: all of a sort of rows, or those shorter than
// some time.
type shed struct {
	sort    string
	shorter time.Duration // 0 for all
	apply   func(*Options)
}

func shortFrames(d time.Duration) shed {
	return shed{"python frames", d, func(o *Options) { o.MinFrame = max(o.MinFrame, d) }}
}

func shortRows(d time.Duration) shed {
	return shed{"host rows", d, func(o *Options) { o.MinDuration = max(o.MinDuration, d) }}
}

// Levels is how many levels of detail there are to lose.
func Levels() int { return len(shedding) }

// Shed says what a copy at a level has lost, in the order in which it goes.
func Shed(level int) []string {
	var what []string
	for i, s := range shedding[:level] {
		more := slices.ContainsFunc(shedding[i+1:level], func(later shed) bool { return later.sort == s.sort })
		if !more {
			what = append(what, s.String())
		}
	}
	return what
}

// Order says what each level loses.
func Order() []string {
	var what []string
	for _, s := range shedding {
		what = append(what, s.String())
	}
	return what
}

func (s shed) String() string {
	if s.shorter == 0 {
		return s.sort
	}
	return fmt.Sprintf("%s shorter than %d µs", s.sort, s.shorter.Microseconds())
}

// At returns the filter that has lost the detail of a level.
func (f *Filter) At(level int) *Filter {
	o := f.Options
	for _, s := range shedding[:level] {
		s.apply(&o)
	}
	g := f.with(o)
	if level > 0 {
		g.measure = nil
	}
	return g
}

// A Measure is how many bytes of rows a copy has at each level.
type Measure struct {
	lost [32]atomic.Int64 // bytes lost at a level that the one before it still has
	all  atomic.Int64
}

// Measured returns the filter, and what its copying measures on the way.
func (f *Filter) Measured() (*Filter, *Measure) {
	m := &Measure{}
	levels := make([]*Filter, Levels()+1)
	for n := range levels {
		levels[n] = f.At(n)
	}
	g := f.with(f.Options)
	g.measure = func(r *chrome.Row, size int) {
		m.all.Add(int64(size))
		for n := 1; n < len(levels); n++ {
			if !levels[n].keep(r) {
				m.lost[n].Add(int64(size))
				return
			}
		}
	}
	return g, m
}

// rows returns the bytes that a copy at a level has.
func (m *Measure) rows(level int) int64 {
	rows := m.all.Load()
	for n := 1; n <= level; n++ {
		rows -= m.lost[n].Load()
	}
	return rows
}

// A Search looks for the first level at which a copy fits a limit. Each copy
// takes a pass over the source, so it goes by what the first one measured, as if
// all rows were compressed alike.
type Search struct {
	*Measure
	Limit int64 // bytes
	// Level is the one to try.
	Level    int
	tooLarge int // the last level known to be, -1 for none
	fits     int // the first level known to, beyond the last for none
}

// NewSearch returns a search that begins at level 0.
func NewSearch(m *Measure, limit int64) *Search {
	return &Search{Measure: m, Limit: limit, tooLarge: -1, fits: Levels() + 1}
}

// Tried takes the size of the copy at the level, in bytes, and sets the next one.
// It returns false once there is none: then the smallest copy that was made is
// the one to take, if it fits.
func (s *Search) Tried(size int64) bool {
	if size > s.Limit {
		s.tooLarge = s.Level
	} else {
		s.fits = s.Level
	}
	if s.fits == s.tooLarge+1 {
		return false
	}
	now := float64(max(s.rows(s.Level), 1))
	for next := s.tooLarge + 1; next < s.fits; next++ {
		last := s.fits > Levels() && next == Levels()
		if last || float64(size)*float64(s.rows(next))/now <= float64(s.Limit) {
			s.Level = next
			return true
		}
	}
	return false
}
