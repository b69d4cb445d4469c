package trim

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"omnitrace/analyze"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
)

// Content is a set of sorts of rows.
type Content uint16

// The sorts of rows that can be left out. What marks requests, steps and passes
// is none of them.
const (
	Python   Content = 1 << iota // python frames
	Ops                          // framework operators
	Flows                        // arrows
	Counters                     // sampled values
	Waits                        // frames in which the host waits for work to arrive
	Moments                      // points in time
	Calls                        // runtime and driver calls that launched nothing
	Rest                         // all other rows that are no GPU work, no launches and no marks
)

// contents are the sorts that users can name.
var contents = []struct {
	name string
	Content
}{{"python", Python}, {"ops", Ops}, {"flows", Flows}, {"counters", Counters}, {"waits", Waits}}

// ContentNames returns what [ParseContent] takes.
func ContentNames() []string {
	var names []string
	for _, c := range contents {
		names = append(names, c.name)
	}
	return names
}

// ParseContent returns the set of the named sorts.
func ParseContent(names []string) (Content, error) {
	var set Content
	for _, name := range names {
		i := slices.Index(ContentNames(), name)
		if i < 0 {
			return 0, fmt.Errorf("unknown content %q: want some of %s", name, strings.Join(ContentNames(), ", "))
		}
		set |= contents[i].Content
	}
	return set, nil
}

// Options say what of a part is kept.
type Options struct {
	// Clip cuts what encloses the part, and drops the marks outside it.
	Clip bool
	Drop Content
	// MinDuration is that of host rows, MinFrame that of python frames; launch
	// calls of kept work and marks are kept whatever their duration.
	MinDuration, MinFrame time.Duration
}

// A Filter decides about the rows of one file. It is safe for concurrent use.
type Filter struct {
	Options
	parts   []analyze.Excerpt
	all     bool
	torn    bool
	host    analyze.Windows
	gpu     analyze.Windows
	names   *sync.Map // of host rows: what they are
	measure func(r *chrome.Row, size int)

	// Overlap is that of [chrome.Copying].
	Overlap func(*chrome.Row) int
	// ID, where set, returns what the parts call a row's correlation.
	ID func(int64) int64
}

// NewFilter returns a filter for the file that the parts are of: one, or
// several where a file holds several processes.
func NewFilter(parts []analyze.Excerpt, o Options) *Filter {
	f := &Filter{Options: o, parts: parts, names: &sync.Map{}}
	for i := range parts {
		f.all = f.all || parts[i].All
		f.torn = f.torn || parts[i].Torn
		f.host = append(f.host, parts[i].Host...)
		f.gpu = append(f.gpu, parts[i].GPU...)
	}
	f.host, f.gpu = f.host.Join(), f.gpu.Join()
	return f
}

// with returns the filter with other options.
func (f *Filter) with(o Options) *Filter {
	g := *f
	g.Options = o
	return &g
}

// Copying returns how to copy the file, whose times begin at origin.
func (f *Filter) Copying(origin trace.Time) chrome.Copying {
	c := chrome.Copying{
		Keep: f.keep, Measure: f.measure, Overlap: f.Overlap, Origin: origin, Tops: true,
		NoFlows: f.Drop&Flows != 0,
		Whole:   f.all && !f.torn && f.Drop == 0 && f.MinDuration == 0 && f.MinFrame == 0,
		Unknown: f.all,
	}
	if !f.all {
		c.Near = func(t trace.Time) bool { return f.touches(trace.Span{Start: t, End: t}) }
	}
	return c
}

func (f *Filter) touches(s trace.Span) bool { return f.host.Touch(s) || f.gpu.Touch(s) }

// keepers are the decisions by kind; other kinds are host rows.
var keepers = map[trace.Kind]func(*Filter, *chrome.Row) bool{
	trace.Kernel: (*Filter).work, trace.Memcpy: (*Filter).work, trace.Memset: (*Filter).work,
	trace.GPURange: (*Filter).shadow, trace.Sync: (*Filter).shadow,
	trace.Launch:  (*Filter).call,
	trace.Counter: (*Filter).moment, trace.Instant: (*Filter).moment,
}

func (f *Filter) keep(r *chrome.Row) bool {
	if k := keepers[r.Kind()]; k != nil {
		return k(f, r)
	}
	return f.onHost(r)
}

func (f *Filter) correlation(r *chrome.Row) int64 {
	if f.ID == nil {
		return r.Correlation()
	}
	return f.ID(r.Correlation())
}

// any reports whether a part says so.
func (f *Filter) any(says func(*analyze.Excerpt) bool) bool {
	for i := range f.parts {
		if says(&f.parts[i]) {
			return true
		}
	}
	return false
}

func (f *Filter) work(r *chrome.Row) bool {
	if f.all {
		return true
	}
	if !f.gpu.Touch(r.Span()) {
		return false
	}
	device, stream := r.Stream()
	span, id, name := r.Span(), f.correlation(r), r.Name()
	return f.any(func(p *analyze.Excerpt) bool { return p.GPUWork(span, id, device, stream, name) })
}

// shadow decides about rows on the lanes of devices that are no work. Those of
// host calls go with the call.
func (f *Filter) shadow(r *chrome.Row) bool {
	switch {
	case f.Drop&Rest != 0:
		return false
	case f.all:
		return true
	case !f.gpu.Touch(r.Span()):
		return false
	}
	if r.Kind() == trace.Sync {
		id := f.correlation(r)
		return f.any(func(p *analyze.Excerpt) bool { return p.Correlated(id) })
	}
	if f.Clip {
		r.Clip(f.gpu.Hull(r.Span()))
	}
	return true
}

func (f *Filter) call(r *chrome.Row) bool {
	span := r.Span()
	lean := f.Drop&Calls != 0 || span.Len() < f.MinDuration
	if f.all {
		return true
	}
	if !f.host.Touch(span) {
		return false
	}
	pid, id := r.PID(), f.correlation(r)
	return f.any(func(p *analyze.Excerpt) bool {
		if lean {
			return p.Launched(span, pid, id)
		}
		return p.Call(span, pid, id)
	})
}

func (f *Filter) moment(r *chrome.Row) bool {
	switch {
	case r.Kind() == trace.Counter && f.Drop&Counters != 0:
		return false
	case r.Kind() == trace.Instant && lossOfData(r.Name()):
		return true
	case r.Kind() == trace.Instant && f.Drop&Moments != 0:
		return false
	}
	return f.all || f.touches(r.Span())
}

// lossOfData reports whether an instant is the profiler's word that it lost
// something, which must not get lost.
func lossOfData(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "dropped") || strings.Contains(name, "incomplete")
}

// A sort says what the rules know of a host row's name.
type sort struct{ marks, waits, lends bool }

func (f *Filter) sortOf(kind trace.Kind, name string) sort {
	if kind != trace.Frame && kind != trace.Range && kind != trace.Op {
		return sort{}
	}
	type key struct {
		kind trace.Kind
		name string
	}
	if s, ok := f.names.Load(key{kind, name}); ok {
		return s.(sort)
	}
	s := sort{
		marks: f.any(func(p *analyze.Excerpt) bool { return p.Marks(kind, name) }),
		waits: f.any(func(p *analyze.Excerpt) bool { return p.Waits(kind, name) }),
		lends: kind == trace.Op && f.any(func(p *analyze.Excerpt) bool { return p.Lends(name) }),
	}
	f.names.Store(key{kind, name}, s)
	return s
}

func (f *Filter) onHost(r *chrome.Row) bool {
	near := f.all || f.touches(r.Span())
	if f.Clip && !near {
		return false
	}
	span := r.Span()
	if f.Clip && !f.all {
		span = f.host.Hull(span) // what is short in the copy is short: so a copy of it is the same
	}
	s := f.sortOf(r.Kind(), r.Name())
	if !s.marks && (!near || f.dropped(r, s, span.Len())) {
		return false
	}
	if f.Clip && !f.all {
		r.Clip(span)
	}
	return true
}

func (f *Filter) dropped(r *chrome.Row, s sort, d time.Duration) bool {
	switch {
	case s.lends:
		return false
	case f.Drop&Rest != 0:
		return true
	case f.Drop&Waits != 0 && s.waits:
		return true
	case r.Kind() == trace.Frame && (f.Drop&Python != 0 || d < f.MinFrame):
		return true
	case r.Kind() == trace.Op && f.Drop&Ops != 0:
		return true
	}
	return d < f.MinDuration
}
