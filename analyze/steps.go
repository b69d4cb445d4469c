package analyze

import (
	"slices"

	"omnitrace/analyze/rules"
	"omnitrace/trace"
)

// Phases splits each stage by phase of the request, or by kind of pass.
var Phases = register(30, &grouping{
	name: "phases", doc: "GPU time of each phase, by what was open on the launching thread",
	dims:    []dimension{stageDimension, phaseDimension},
	labels:  []label{unnamed(func(w *Work) bool { return w.phase < 0 })},
	figures: append(standard[:len(standard):len(standard)], inherited),
	stages:  func(s *Session) []int { return append(s.stagesWithSteps(), s.stagesWithPasses()...) },
	brief:   true,
})

// Steps has one row for each denoise step of each request.
var Steps = register(40, &grouping{
	name: "steps", doc: "GPU time of each denoise step",
	dims: []dimension{stageDimension, requestDimension, stepDimension},
	labels: []label{
		unnamed(func(w *Work) bool { return w.step < 0 }),
		stepLabel(text("method", "how the step was found"), func(st *step) Value { return Str(st.method) }),
		stepLabel(text("confidence", "how sure that is"), func(st *step) Value { return Str(confidenceNames[st.sure]) }),
		stepLabel(Column{Name: "forwards", Unit: Count, Doc: "calls of the denoiser"}, func(st *step) Value { return Known(st.forwards) }),
		stepLabel(Column{Name: "cached", Unit: Flag, Doc: "a cache spared the denoiser"}, func(st *step) Value { return flag(st.cached) }),
		stepLabel(text("startup", "start-up work that touched the step"), func(st *step) Value { return textOrNull(st.upset) }),
		stepLabel(id("expert", "which of several denoisers"), func(st *step) Value { return Known(st.expert) }),
	},
	figures: append(standard[:len(standard):len(standard)], inherited),
	stages:  (*Session).stagesWithSteps,
	known:   (*Session).knownSteps,
	top:     24,
})

// Iterations has one row for each scheduler pass.
var Iterations = register(50, &grouping{
	name: "iterations", doc: "GPU time of each scheduler pass of an autoregressive or generation stage",
	dims: []dimension{stageDimension, iterationDimension},
	labels: []label{
		unnamed(func(w *Work) bool { return w.iteration < 0 }),
		passLabel(text("phase", "kind of the pass"), func(it *iteration) Value { return Str(phaseNames[it.phase]) }),
		passLabel(Column{Name: "context_requests", Unit: Count, Doc: "requests whose prompt was computed", Wide: true}, func(it *iteration) Value { return Known(int(it.ContextRequests)) }),
		passLabel(Column{Name: "context_tokens", Unit: Count, Doc: "their prompt tokens"}, func(it *iteration) Value { return Known(int(it.ContextTokens)) }),
		passLabel(Column{Name: "generation_requests", Unit: Count, Doc: "requests that were decoded", Wide: true}, func(it *iteration) Value { return Known(int(it.GenerationRequests)) }),
		passLabel(Column{Name: "generation_tokens", Unit: Count, Doc: "their tokens"}, func(it *iteration) Value { return Known(int(it.GenerationTokens)) }),
		passLabel(text("method", "how the pass was found"), func(*iteration) Value { return Str(byAnnotation) }),
	},
	figures: append(standard[:len(standard):len(standard)], inherited),
	stages:  (*Session).stagesWithPasses,
	known:   (*Session).knownPasses,
	top:     12,
})

// nothing is work of a source that was launched in nothing, on the first of its
// devices; false for a source without any.
func (s *Session) nothing(source int) (Work, bool) {
	d := slices.IndexFunc(s.devices, func(d device) bool { return d.source == source })
	return Work{device: int32(d), launch: -1, request: -1, phase: -1, step: -1, iteration: -1}, d >= 0
}

// knownSteps returns work as it would lie in each step that a cache spared, and
// in those between others with work. What lies outside is not shown, and of a
// copied part nothing: it has marks of steps whose work was left out.
func (s *Session) knownSteps() []Work {
	extent := s.extents(func(w *Work) int32 { return w.step })
	var known []Work
	for i := range s.steps {
		st := &s.steps[i]
		if st.hidden || s.Sources[st.source].part || !st.cached && !extent[st.source].Contains(trace.Time(i)) {
			continue
		}
		if w, ok := s.nothing(st.source); ok {
			w.request, w.step = st.request, int32(i)
			known = append(known, w)
		}
	}
	return known
}

// knownPasses is knownSteps for scheduler passes. Dummy passes that launched
// nothing are how an idle engine passes its time.
func (s *Session) knownPasses() []Work {
	extent := s.extents(func(w *Work) int32 { return w.iteration })
	var known []Work
	for i := range s.iterations {
		it := &s.iterations[i]
		if it.hidden || s.Sources[it.source].part || it.Phase == rules.Dummy || !extent[it.source].Contains(trace.Time(i)) {
			continue
		}
		if w, ok := s.nothing(it.source); ok {
			w.iteration = int32(i)
			known = append(known, w)
		}
	}
	return known
}

// extents returns, for each source, from the first to the last index that its
// work has.
func (s *Session) extents(index func(*Work) int32) []trace.Span {
	extents := make([]trace.Span, len(s.Sources))
	for i := range s.work {
		w := &s.work[i]
		n := trace.Time(index(w))
		if n < 0 {
			continue
		}
		x, at := &extents[s.source(w)], trace.Span{Start: n, End: n + 1}
		if x.Len() == 0 {
			*x = at
		}
		*x = x.Union(at)
	}
	return extents
}

// inherited counts what has no launch call in the file.
var inherited = wide(count("inherited", "events assigned by what surrounds them: no launch call in the file, or launched by a thread that works for another", func(t *tally) int64 { return t.inherited }))

// unnamed labels the rows of what could not be assigned.
func unnamed(missing func(*Work) bool) label {
	return label{text("name", unattributed+" where no row could be found"), func(_ *Session, w *Work) Value {
		if missing(w) {
			return Str(unattributed)
		}
		return Null
	}}
}

func stepLabel(c Column, of func(*step) Value) label {
	return label{c, func(s *Session, w *Work) Value {
		if w.step < 0 {
			return Null
		}
		return of(&s.steps[w.step])
	}}
}

func passLabel(c Column, of func(*iteration) Value) label {
	return label{c, func(s *Session, w *Work) Value {
		if w.iteration < 0 {
			return Null
		}
		return of(&s.iterations[w.iteration])
	}}
}

func flag(b bool) Value {
	if b {
		return Int(1)
	}
	return Int(0)
}

func (s *Session) stagesWithSteps() []int {
	var stages []int
	for i := range s.steps {
		stages = append(stages, s.Sources[s.steps[i].source].Stage)
	}
	return stages
}

func (s *Session) stagesWithPasses() []int {
	var stages []int
	for i := range s.iterations {
		stages = append(stages, s.Sources[s.iterations[i].source].Stage)
	}
	return stages
}
