package analyze

import (
	"slices"
	"sort"

	"omnitrace/analyze/rules"
	"omnitrace/trace"
)

// A cause is why a device was idle: what its host was doing instead of
// launching. Names below a cause tell which operator or call.
type cause struct{ kind, name string }

// The kinds of causes. See [Idle].
const (
	causeLatency  = "launch_latency"
	causeOp       = "host_op"
	causePython   = "host_other"
	causeSync     = "synchronize"
	causeAlloc    = "allocation"
	causeProfiler = "profiler_overhead"
	causeNoWork   = "waiting_for_work"
)

// callCauses are the causes that calls of a class are; other calls are part of
// whatever operator makes them.
var callCauses = map[rules.CallClass]string{
	rules.SyncCall: causeSync, rules.AllocationCall: causeAlloc,
	rules.ModuleLoadCall: "module_load", rules.CaptureCall: "graph_capture",
	rules.CompileCall: "compile", rules.AutotuneCall: "autotune",
	rules.OverheadCall: causeProfiler,
}

// A host is what the launching threads of a source did.
type host struct {
	causes   []cause    // what the values below stand for
	ops      []scopes   // the outermost operators, by thread
	activity []scopes   // what explains idle time, by thread
	startup  []activity // start-up work, in the order of the events
}

// An activity is an event that is a cause.
type activity struct {
	trace.Span
	track trace.TrackID
	kind  trace.Kind
	cause int32
}

// The places in host.causes of those that no event is.
const (
	unexplained int32 = iota
	latency
	noWork
	python
)

var eventless = []cause{
	unexplained: {kind: unattributed}, latency: {kind: causeLatency}, noWork: {kind: causeNoWork}, python: {kind: causePython},
}

// readHost collects what the launching threads of a source were doing: the
// outermost operators, and over them the calls that explain a wait. The
// profiler's own work stops all threads and comes before everything else.
//
// Which operators inside others were read depends on the order of the file, so
// only the outermost may count.
func (s *Session) readHost(src *Source) *host {
	t := src.Trace
	tracks := len(t.Tracks)
	h := &host{ops: make([]scopes, tracks), activity: make([]scopes, tracks)}
	asked := s.newCauses(t)
	launching := src.launchingThreads()
	calls := make([][]scope, tracks)
	var overhead []scope
	for i := range t.Events {
		e := &t.Events[i]
		if e.Kind != trace.Overhead && !launching[e.Track] {
			continue
		}
		id := asked.of(e)
		if id < 0 {
			continue
		}
		switch e.Kind {
		case trace.Overhead:
			overhead = append(overhead, scope{e.Span, id})
		case trace.Op:
			h.ops[e.Track] = h.ops[e.Track].addOutermost(scope{e.Span, id})
			continue
		default:
			calls[e.Track] = append(calls[e.Track], scope{e.Span, id})
		}
		if startup[asked.list[id].kind] {
			h.startup = append(h.startup, activity{e.Span, e.Track, e.Kind, id})
		}
	}
	h.causes = asked.list
	top := outermost(overhead)
	for track, is := range launching {
		if is {
			h.activity[track] = overlay(overlay(h.ops[track], innermost(calls[track])), top)
		}
	}
	return h
}

// A causeIndex gives the events of a trace their causes. Each name is asked about
// once for each sort of event.
type causeIndex struct {
	*Session
	t     *trace.Trace
	list  []cause
	known [][trace.Overhead + 1]int32 // by name and kind: 0 not asked yet, -1 none, else the place in list and 1
}

func (s *Session) newCauses(t *trace.Trace) *causeIndex {
	return &causeIndex{s, t, slices.Clone(eventless), make([][trace.Overhead + 1]int32, t.Names.Len())}
}

// of returns the place of the event's cause in the list, or -1.
func (c *causeIndex) of(e *trace.Event) int32 {
	if e.Kind > trace.Overhead {
		return -1
	}
	id := &c.known[e.Name][e.Kind]
	if *id == 0 {
		*id = -1
		if cause := c.causeOf(c.t, e); cause.kind != "" {
			c.list = append(c.list, cause)
			*id = int32(len(c.list))
		}
	}
	if *id < 0 {
		return -1
	}
	return *id - 1
}

func (s *Session) causeOf(t *trace.Trace, e *trace.Event) cause {
	name := t.Names.Text(e.Name)
	switch e.Kind {
	case trace.Op:
		return cause{causeOp, name}
	case trace.Launch, trace.Overhead, trace.Frame:
	default:
		return cause{}
	}
	kind := callCauses[s.Rules.Call(name)]
	if kind == "" && e.Kind == trace.Overhead {
		kind = causeProfiler
	}
	return cause{kind, name}
}

// launchingThreads tells which threads launched any of the source's work.
func (src *Source) launchingThreads() []bool {
	tracks := make([]bool, len(src.Trace.Tracks))
	for i, l := range src.Links.Launch {
		if l >= 0 && src.Trace.Events[i].Kind.GPU() {
			tracks[src.Trace.Events[l].Track] = true
		}
	}
	return tracks
}

// overlay returns base with top laid over it: where both hold, top does.
func overlay(base, top scopes) scopes {
	if len(top) == 0 {
		return base
	}
	var out []scope
	i := 0
	for _, b := range base {
		for i < len(top) && top[i].End <= b.Start {
			i++
		}
		for j := i; j < len(top) && top[j].Start < b.End; j++ {
			if top[j].Start > b.Start {
				out = append(out, scope{trace.Span{Start: b.Start, End: top[j].Start}, b.value})
			}
			b.Start = min(max(b.Start, top[j].End), b.End)
		}
		if b.Start < b.End {
			out = append(out, b)
		}
	}
	out = append(out, top...)
	sortScopes(out)
	return slices.Clip(scopes(out))
}

// walk calls yield with the scopes that share time with span, and with the
// time between them (value -1), in order.
func (s scopes) walk(span trace.Span, yield func(trace.Span, int32)) { s.walkFrom(0, span, yield) }

// walkFrom is walk for a span that is likely to begin near scope i. It returns
// a place near its end.
func (s scopes) walkFrom(i int, span trace.Span, yield func(trace.Span, int32)) int {
	if span.Len() == 0 {
		return i
	}
	i = s.endingAfter(i, span.Start)
	at := span.Start
	for ; i < len(s) && s[i].Start < span.End; i++ {
		part := s[i].Intersect(span)
		if at < part.Start {
			yield(trace.Span{Start: at, End: part.Start}, -1)
		}
		yield(part, s[i].value)
		at = part.End
	}
	if at < span.End {
		yield(trace.Span{Start: at, End: span.End}, -1)
	}
	return max(i-1, 0)
}

// endingAfter returns the first scope that ends after t, which is often the
// i-th or one of those behind it.
func (s scopes) endingAfter(i int, t trace.Time) int {
	if i < len(s) && (i == 0 || s[i-1].End <= t) {
		for near := min(i+8, len(s)); i < near; i++ {
			if s[i].End > t {
				return i
			}
		}
	}
	return sort.Search(len(s), func(i int) bool { return s[i].End > t })
}
