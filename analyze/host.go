package analyze

import (
	"slices"

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
	causes   []cause                  // what the values below stand for
	ops      map[trace.TrackID]scopes // the outermost operators
	activity map[trace.TrackID]scopes // what explains idle time
}

// readHost collects what the launching threads of a source were doing: the
// outermost operators, and over them the calls that explain a wait. The
// profiler's own work stops all threads and comes before everything else.
//
// Which operators inside others were read depends on the order of the file, so
// only the outermost may count.
func (s *Session) readHost(src *Source) *host {
	h := &host{ops: map[trace.TrackID]scopes{}, activity: map[trace.TrackID]scopes{}}
	launching := src.launchingThreads()
	calls := map[trace.TrackID][]scope{}
	ids := map[cause]int32{}
	classes := map[trace.NameID]rules.CallClass{}
	var overhead []scope
	t := src.Trace
	for i := range t.Events {
		e := &t.Events[i]
		c := s.causeOf(t, e, classes)
		if c.kind == "" || e.Kind != trace.Overhead && !launching[e.Track] {
			continue
		}
		id, ok := ids[c]
		if !ok {
			id = int32(len(h.causes))
			ids[c] = id
			h.causes = append(h.causes, c)
		}
		switch e.Kind {
		case trace.Overhead:
			overhead = append(overhead, scope{e.Span, id})
		case trace.Op:
			h.ops[e.Track] = append(h.ops[e.Track], scope{e.Span, id})
		default:
			calls[e.Track] = append(calls[e.Track], scope{e.Span, id})
		}
	}
	top := outermost(overhead)
	for track := range launching {
		h.ops[track] = outermost(h.ops[track])
		h.activity[track] = overlay(overlay(h.ops[track], innermost(calls[track])), top)
	}
	return h
}

func (s *Session) causeOf(t *trace.Trace, e *trace.Event, classes map[trace.NameID]rules.CallClass) cause {
	switch e.Kind {
	case trace.Op:
		return cause{causeOp, t.Names.Text(e.Name)}
	case trace.Launch, trace.Overhead, trace.Frame:
	default:
		return cause{}
	}
	class, ok := classes[e.Name]
	if !ok {
		class = s.Rules.Call(t.Names.Text(e.Name))
		classes[e.Name] = class
	}
	kind := callCauses[class]
	if kind == "" && e.Kind == trace.Overhead {
		kind = causeProfiler
	}
	return cause{kind, t.Names.Text(e.Name)}
}

// launchingThreads returns the threads that launched any of the source's work.
func (src *Source) launchingThreads() map[trace.TrackID]bool {
	tracks := map[trace.TrackID]bool{}
	last := trace.TrackID(0)
	for i, l := range src.Links.Launch {
		if l < 0 || !src.Trace.Events[i].Kind.GPU() {
			continue
		}
		if t := src.Trace.Events[l].Track; t != last || len(tracks) == 0 {
			tracks[t] = true
			last = t
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
func (s scopes) walk(span trace.Span, yield func(trace.Span, int32)) {
	if span.Len() == 0 {
		return
	}
	i, _ := slices.BinarySearchFunc(s, span.Start, func(x scope, t trace.Time) int {
		if x.End <= t {
			return -1
		}
		return 1
	})
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
}
