package trim

import (
	"sync/atomic"
	"time"

	"omnitrace/trace/chrome"
)

// shedding are the levels of detail that a copy can lose to become smaller, the
// least useful first. Each level loses what those before it lose too. GPU work
// of the part, the calls that launched it, and marks are never lost.
var shedding = []struct {
	what  string
	apply func(*Options)
}{
	{"frames that wait for work", func(o *Options) { o.Drop |= Waits }},
	{"python frames shorter than 20 µs", func(o *Options) { o.MinFrame = max(o.MinFrame, 20*time.Microsecond) }},
	{"python frames shorter than 200 µs", func(o *Options) { o.MinFrame = max(o.MinFrame, 200*time.Microsecond) }},
	{"host rows shorter than 5 µs", func(o *Options) { o.MinDuration = max(o.MinDuration, 5*time.Microsecond) }},
	{"python frames", func(o *Options) { o.Drop |= Python }},
	{"host rows shorter than 50 µs", func(o *Options) { o.MinDuration = max(o.MinDuration, 50*time.Microsecond) }},
	{"operators", func(o *Options) { o.Drop |= Ops }},
	{"counters and moments", func(o *Options) { o.Drop |= Counters | Moments }},
	{"calls that launched nothing", func(o *Options) { o.Drop |= Calls }},
	{"arrows", func(o *Options) { o.Drop |= Flows }},
}

// Levels is how many levels of detail there are to lose.
func Levels() int { return len(shedding) }

// Shed says what a copy at a level has lost, level by level.
func Shed(level int) []string {
	var what []string
	for _, s := range shedding[:level] {
		what = append(what, s.what)
	}
	return what
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

// Next returns the first level behind the given one at which a copy of so many
// compressed bytes can be expected to fit, else the last one.
func (m *Measure) Next(level int, size, limit int64) int {
	rows := m.all.Load()
	for n := 1; n <= level; n++ {
		rows -= m.lost[n].Load()
	}
	now := max(rows, 1)
	for n := level + 1; n < Levels(); n++ {
		rows -= m.lost[n].Load()
		if float64(size)*float64(rows)/float64(now) <= float64(limit) {
			return n
		}
	}
	return min(level+1, Levels())
}
