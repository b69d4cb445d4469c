package analyze

import (
	"regexp"
	"slices"
	"time"

	"omnitrace/analyze/rules"
	"omnitrace/trace"
)

// An Excerpt is what of one source belongs to the selected work of a session: the
// GPU events, the calls that launched them, and when the host and the devices
// were at it. It is a plan for copying the source, and holds no rows.
type Excerpt struct {
	Source int // index in Session.Sources
	All    bool
	Torn   bool // of a file of which something was lost: what rows refer to may be missing
	// Events is how many GPU events of the source are kept, Of how many.
	Events, Of int

	Host Windows // on the host, from the first to the last launch of each run of launches
	GPU  Windows // on the devices

	// Requests are those that the part is of. A copy must note them where Unmarked
	// is set: its marks do not tell steps apart.
	Requests []NotedRequest
	Unmarked bool

	gpu     map[gpuKey]struct{}
	calls   map[callKey]struct{}
	spans   map[callPlace][]trace.Span // of the kept calls that launched work
	ids     map[int64]struct{}         // of all kept calls
	marks   func(trace.Kind, string) bool
	waiting func(trace.Kind, string) bool
	lends   func(string) bool
}

// A gpuKey knows a GPU event of a source by its content.
type gpuKey struct {
	trace.Span
	correlation    int64
	device, stream int64
	name           string
}

// A callKey knows a call by its content, a callPlace by what its GPU work
// carries.
type (
	callKey struct {
		trace.Span
		callPlace
	}
	callPlace struct {
		pid         string
		correlation int64
	}
)

// SelectKernels drops the work whose name does not match.
func (s *Session) SelectKernels(name *regexp.Regexp) {
	matches := map[int32]bool{}
	s.work = slices.DeleteFunc(s.work, func(w Work) bool {
		m, ok := matches[w.name]
		if !ok {
			m = name.MatchString(s.names.Text(trace.NameID(w.name)))
			matches[w.name] = m
		}
		return !m
	})
	s.hideUnselected()
}

// Excerpts returns what belongs to the work that selections have left, for each
// source that has any. Around, if positive, adds the GPU events that run within
// so long of it. Graph replays are never split: of a call that launched any of
// the work, all work is kept.
func (s *Session) Excerpts(around time.Duration) []Excerpt {
	var all []Excerpt
	for i, src := range s.Sources {
		if !src.counted() {
			continue
		}
		if p := s.part(i, around); p.Events > 0 {
			all = append(all, p)
		}
	}
	return all
}

// WholeExcerpts returns everything of the sources that have selected work, and of
// those without any if idle is set.
func (s *Session) WholeExcerpts(idle bool) []Excerpt {
	var all []Excerpt
	for i, src := range s.Sources {
		if src.counted() && (idle || !src.hidden) {
			torn := src.Trace.Health.Worst() == trace.Lost
			all = append(all, Excerpt{Source: i, All: true, Torn: torn, marks: s.structure(), waiting: s.waits(), lends: s.Rules.WorkerOp})
		}
	}
	return all
}

func (s *Session) part(source int, around time.Duration) Excerpt {
	src := s.Sources[source]
	kept, launches := s.closure(source, around)
	p := Excerpt{
		Source: source, marks: s.structure(), waiting: s.waits(), lends: s.Rules.WorkerOp,
		gpu: map[gpuKey]struct{}{}, calls: map[callKey]struct{}{}, spans: map[callPlace][]trace.Span{}, ids: map[int64]struct{}{},
	}
	t := src.Trace
	owning := make([]bool, len(t.Events)) // calls that launched anything
	for i, l := range src.Links.Launch {
		e := &t.Events[i]
		if !e.Kind.GPU() {
			continue
		}
		p.Of++
		if l >= 0 {
			owning[l] = true
		}
		if kept[i] {
			p.Events++
			p.gpu[keyOfGPU(t, e)] = struct{}{}
		}
	}
	p.GPU = runs(t, func(i int32) (bool, bool) { return t.Events[i].Kind.GPU(), kept[i] }, gpuLane)
	p.Host = runs(t, func(i int32) (bool, bool) { return owning[i], launches[i] }, hostLane)
	if around > 0 || len(p.Host) == 0 {
		// Without launches there is nothing better than the time of the work.
		for _, w := range p.GPU {
			p.Host = append(p.Host, trace.Span{Start: w.Start - trace.Time(around), End: w.End + trace.Time(around)})
		}
		p.Host = p.Host.Join()
	}
	p.keepCalls(t, owning, launches)
	p.Requests, p.Unmarked = src.note(p.Host), src.unmarked()
	return p
}

// keepCalls notes the calls that are kept: those that launched kept work, and
// those in the window that launched nothing.
func (p *Excerpt) keepCalls(t *trace.Trace, owning, launches []bool) {
	for i := range t.Events {
		e := &t.Events[i]
		if e.Kind != trace.Launch {
			continue
		}
		key := callKey{e.Span, callPlace{pidOf(t, e), e.Correlation}}
		if launches[i] {
			p.spans[key.callPlace] = append(p.spans[key.callPlace], e.Span)
		}
		if launches[i] || !owning[i] && p.Host.Touch(e.Span) {
			p.calls[key] = struct{}{}
			p.ids[e.Correlation] = struct{}{}
		}
	}
}

// closure returns which events of a source are kept GPU work, and which are
// the calls that launched it.
func (s *Session) closure(source int, around time.Duration) (kept, launches []bool) {
	src := s.Sources[source]
	t := src.Trace
	kept, launches = s.selected(source), make([]bool, len(t.Events))
	if around > 0 {
		addNear(t, kept, trace.Time(around))
	}
	for i, l := range src.Links.Launch {
		if kept[i] && l >= 0 {
			launches[l] = true
		}
	}
	for i, l := range src.Links.Launch {
		if l >= 0 && launches[l] {
			kept[i] = true
		}
	}
	return kept, launches
}

// addNear adds the GPU events that run within a time of kept ones.
func addNear(t *trace.Trace, kept []bool, around trace.Time) {
	var near Windows
	for i, k := range kept {
		if k {
			near = append(near, trace.Span{Start: t.Events[i].Start - around, End: t.Events[i].End + around})
		}
	}
	near = near.Join()
	for i := range t.Events {
		kept[i] = kept[i] || t.Events[i].Kind.GPU() && near.Touch(t.Events[i].Span)
	}
}

// selected marks the events of a source that the session's work is.
func (s *Session) selected(source int) []bool {
	type key struct {
		trace.Span
		stream, detail, launch int32
		kind                   trace.Kind
	}
	src := s.Sources[source]
	work := map[key]bool{}
	for i := range s.work {
		if w := &s.work[i]; s.source(w) == source {
			l := int32(-1)
			if call := s.launchOf(w); call != nil {
				l = call.event
			}
			work[key{w.Span, w.stream, w.detail, l, w.kind}] = true
		}
	}
	marked := make([]bool, len(src.Trace.Events))
	if len(work) == 0 {
		return marked
	}
	for i, l := range src.Links.Launch {
		e := &src.Trace.Events[i]
		if !e.Kind.GPU() {
			continue
		}
		marked[i] = work[key{e.Span, int32(e.Track), int32(e.Detail), l, e.Kind}]
	}
	return marked
}

func keyOfGPU(t *trace.Trace, e *trace.Event) gpuKey {
	track := &t.Tracks[e.Track]
	return gpuKey{e.Span, e.Correlation, t.Devices[track.Device].Index, track.ID, t.Names.Text(e.Name)}
}

func pidOf(t *trace.Trace, e *trace.Event) string {
	if p := t.Tracks[e.Track].Process; p >= 0 {
		return t.Processes[p].PID
	}
	return ""
}

// GPUWork reports whether a GPU event, known by what it is, is kept.
func (p *Excerpt) GPUWork(span trace.Span, correlation, device, stream int64, name string) bool {
	_, ok := p.gpu[gpuKey{span, correlation, device, stream, name}]
	return ok
}

// Launched reports whether a runtime or driver call launched kept work.
// Profilers write driver rows inside runtime rows with the same ID; they go
// together.
func (p *Excerpt) Launched(span trace.Span, pid string, correlation int64) bool {
	return slices.ContainsFunc(p.spans[callPlace{pid, correlation}], func(s trace.Span) bool { return s.Covers(span) })
}

// Call reports whether a call is kept: it launched kept work, or it lies in the
// window and launched nothing.
func (p *Excerpt) Call(span trace.Span, pid string, correlation int64) bool {
	_, ok := p.calls[callKey{span, callPlace{pid, correlation}}]
	return ok || p.Launched(span, pid, correlation)
}

// Correlated reports whether a kept call has the ID.
func (p *Excerpt) Correlated(correlation int64) bool {
	_, ok := p.ids[correlation]
	return ok || correlation == trace.NoCorrelation
}

// Marks reports whether a host row of that kind and name tells requests, steps
// and passes apart. Such rows are few; a copy that keeps them all is split into
// the same steps, with the same numbers, as the whole.
func (p *Excerpt) Marks(kind trace.Kind, name string) bool { return p.marks(kind, name) }

// Waits reports whether a host row only waits for work to arrive.
func (p *Excerpt) Waits(kind trace.Kind, name string) bool { return p.waiting(kind, name) }

// Lends reports whether an operator tells that its thread launches for another
// one: to whom the work belongs can't be told without it.
func (p *Excerpt) Lends(op string) bool { return p.lends(op) }

// structure returns [Excerpt.Marks]; like waits, it must not hold the session.
func (s *Session) structure() func(trace.Kind, string) bool {
	known := s.Rules
	return func(kind trace.Kind, name string) bool {
		switch kind {
		case trace.Frame:
			if role, ok := known.Frame(name); ok && role != rules.Wait {
				return true
			}
			_, ok := known.StageName(name)
			return ok
		case trace.Range:
			if _, ok := known.ParseIteration(name); ok {
				return true
			}
			role, ok := known.Range(name)
			return ok && role != rules.NoRole
		}
		return false
	}
}

func (s *Session) waits() func(trace.Kind, string) bool {
	known := s.Rules
	return func(kind trace.Kind, name string) bool {
		role, ok := known.Frame(name)
		return kind == trace.Frame && ok && role == rules.Wait
	}
}

// Origin returns the first GPU start on the clock of a source: what the times
// of a [Timeline] count from.
func (s *Session) Origin(source int) trace.Time {
	return s.origins()[s.clockOf(source)]
}
