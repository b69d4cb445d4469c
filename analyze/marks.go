package analyze

import (
	"cmp"
	"slices"

	"omnitrace/analyze/rules"
	"omnitrace/trace"
)

// A mark is a frame or range of a host thread that the rules know.
type mark struct {
	trace.Span
	name trace.NameID
}

// A thread is what a host thread of a source shows of the work it launches.
type thread struct {
	marks      map[rules.Role][]mark // the outermost of each role, in time order
	iterations []iterationMark       // the outermost scheduler passes, in time order

	// What holds at each moment.
	requests, phases, steps, passes scopes
}

type iterationMark struct {
	trace.Span
	rules.Iteration
}

// has reports whether anything on the thread can tell one launch from another.
func (th *thread) has() bool {
	return len(th.requests)+len(th.phases)+len(th.steps)+len(th.passes) > 0
}

// in returns the marks of a role that begin in span.
func (th *thread) in(role rules.Role, span trace.Span) []mark {
	all := th.marks[role]
	i, _ := slices.BinarySearchFunc(all, span.Start, func(m mark, t trace.Time) int { return cmp.Compare(m.Start, t) })
	j := i
	for j < len(all) && all[j].Start < span.End {
		j++
	}
	return all[i:j]
}

// thread returns a thread of the source, with or without marks.
func (src *Source) thread(id trace.TrackID) *thread {
	if src.threads[id] == nil {
		src.threads[id] = &thread{}
	}
	return src.threads[id]
}

// readThreads collects the marks of a source by thread.
func (s *Session) readThreads(t *trace.Trace) map[trace.TrackID]*thread {
	words := newWords(t)
	threads := map[trace.TrackID]*thread{}
	for i := range t.Events {
		e := &t.Events[i]
		if e.Kind != trace.Range && e.Kind != trace.Frame {
			continue
		}
		w := words.of(e)
		if !w.asked {
			*w = s.readWord(t, e)
		}
		if w.role == rules.NoRole && !w.pass {
			continue
		}
		th := threads[e.Track]
		if th == nil {
			th = &thread{marks: map[rules.Role][]mark{}}
			threads[e.Track] = th
		}
		th.add(e, w)
	}
	others := false
	for _, th := range threads {
		others = others || slices.ContainsFunc(th.iterations, func(m iterationMark) bool { return !m.profiler() })
	}
	for _, th := range threads {
		th.dropProfilerSteps(others)
	}
	return threads
}

// A word is what the rules say about a name of a frame, or of a range.
type word struct {
	asked     bool
	role      rules.Role
	pass      bool // iteration is set
	iteration rules.Iteration
}

// words hold two words for each name: as a range's and as a frame's.
type words []word

func newWords(t *trace.Trace) words { return make(words, 2*t.Names.Len()) }

func (w words) of(e *trace.Event) *word {
	if e.Kind == trace.Frame {
		return &w[2*e.Name+1]
	}
	return &w[2*e.Name]
}

func (s *Session) readWord(t *trace.Trace, e *trace.Event) word {
	w := word{asked: true, role: rules.NoRole}
	name := t.Names.Text(e.Name)
	if e.Kind == trace.Frame {
		w.role, _ = s.Rules.Frame(name)
		return w
	}
	if w.iteration, w.pass = s.Rules.ParseIteration(name); !w.pass {
		w.role, _ = s.Rules.Range(name)
	}
	return w
}

// add adds the event unless it lies inside the last mark of the same sort:
// events come in time order, outer ones first.
func (th *thread) add(e *trace.Event, w *word) {
	if w.pass {
		n := len(th.iterations)
		if n > 0 && th.iterations[n-1].Covers(e.Span) && !th.iterations[n-1].profiler() {
			return
		}
		th.iterations = append(th.iterations, iterationMark{e.Span, w.iteration})
		return
	}
	marks := th.marks[w.role]
	if n := len(marks); n > 0 && marks[n-1].Covers(e.Span) {
		return
	}
	th.marks[w.role] = append(marks, mark{e.Span, e.Name})
}

func (m iterationMark) profiler() bool { return m.Phase == rules.ProfilerStep }

// dropProfilerSteps removes ProfilerStep#k where other passes are marked in the
// source, and a lone one, whatever its k: the profiler's schedule never moved
// on, and it spans everything (vLLM-Omni 0.14 to 0.17).
func (th *thread) dropProfilerSteps(others bool) {
	if others || len(th.iterations) == 1 {
		th.iterations = slices.DeleteFunc(th.iterations, iterationMark.profiler)
	}
}
