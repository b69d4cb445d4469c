package analyze

import (
	"cmp"
	"slices"

	"omnitrace/analyze/rules"
	"omnitrace/trace"
)

// The phases, in the order in which tables show them. Their numbers are the
// values of phase scopes.
var phaseNames = []string{
	"text_encode", "image_encode", "denoise", "vae_decode", // of a diffusion request
	"prefill", "decode", "mixed", "dummy", // of an autoregressive stage
	"generate", "vocode", // of a generation stage
	"profiler_step", "other",
}

func phaseID(name string) int32 { return int32(slices.Index(phaseNames, name)) }

// Methods of finding steps and iterations, the surest first.
const (
	byAnnotation = "annotation"
	byFrame      = "frame"
	byModule     = "module"
	byGraph      = "graph"
	byPeriod     = "period"
)

// kernelsOnly are the methods that look at no frame or range.
var kernelsOnly = map[string]bool{byGraph: true, byPeriod: true}

// A step is one turn of a denoise or flow-matching loop.
type step struct {
	source   int
	request  int32 // counts from 0 within the source
	index    int32 // counts from 0 within the request
	span     trace.Span
	track    trace.TrackID
	forwards int // calls of the denoiser, -1 where unknown
	cached   bool
	expert   int // which of several denoisers, -1 for the only one
	method   string
	sure     confidence
	upset    string // what of the start-up disturbed it: "compile", "" for nothing
	hidden   bool   // a selection left none of its work
}

// An iteration is one pass of a scheduler.
type iteration struct {
	source int
	index  int32
	span   trace.Span
	track  trace.TrackID
	phase  int32
	hidden bool // a selection left none of its work
	rules.Iteration
}

// A confidence says how sure an attribution is.
type confidence int8

const (
	certain confidence = iota // the program says so
	likely                    // several independent signs agree
	guess
)

var confidenceNames = []string{"certain", "likely", "guess"}

// attribute finds requests, phases, steps and iterations of a counted source
// and assigns its work to them.
func (s *Session) attribute(i int) {
	src := s.Sources[i]
	src.threads = s.readThreads(src.Trace)
	s.findIterations(i)
	s.findRequests(i)
	s.assign(src, s.work[src.from:])
}

const noTime = trace.Time(-1 << 63)

// assign gives each piece of work what was open on its launching thread.
func (s *Session) assign(src *Source, work []Work) {
	for k := range work {
		w := &work[k]
		l := s.launchOf(w)
		if l == nil {
			continue
		}
		th := src.threads[l.track]
		if th == nil || th.requests.index(l.start) < 0 && th.passes.index(l.start) < 0 {
			if th = s.worksFor(src, l); th == nil {
				continue
			}
			w.inherited = true
		}
		w.request, w.step, w.iteration = th.requests.at(l.start), th.steps.at(l.start), th.passes.at(l.start)
		w.phase = int8(th.phases.at(l.start))
		if w.phase >= 0 && outsideLoop[phaseNames[w.phase]] {
			w.step = -1 // a tick of step execution also encodes or decodes
		}
	}
	inherit(work)
}

// outsideLoop are the phases that are no part of a step, whatever covers them.
var outsideLoop = map[string]bool{"text_encode": true, "image_encode": true, "vae_decode": true}

// worksFor returns the thread on whose behalf another one launched something,
// where an operator of that one proves it and there is only one candidate.
func (s *Session) worksFor(src *Source, l *launch) *thread {
	if src.host == nil {
		src.host = s.readHost(src)
	}
	value := src.host.ops[l.track].at(l.start)
	if value < 0 || !s.Rules.WorkerOp(src.host.causes[value].name) {
		return nil
	}
	var boss *thread
	for _, th := range src.threads {
		if th.requests.index(l.start) < 0 && th.passes.index(l.start) < 0 {
			continue
		}
		if boss != nil {
			return nil
		}
		boss = th
	}
	return boss
}

// inherit assigns work whose launch call is not in the file: where the pieces
// before and after it on its stream belong to the same step (or request), so
// does it. Streams run in order, so nothing else can have been asked for in
// between.
func inherit(work []Work) {
	type wait struct {
		last    int   // the last piece with a launch call, -1 for none
		waiting []int // pieces behind it without one
	}
	streams := map[int32]*wait{}
	for k := range work {
		st := streams[work[k].stream]
		if st == nil {
			st = &wait{last: -1}
			streams[work[k].stream] = st
		}
		if work[k].launch < 0 {
			st.waiting = append(st.waiting, k)
			continue
		}
		for _, j := range st.waiting {
			if st.last >= 0 {
				work[j].inherit(&work[st.last], &work[k])
			}
		}
		st.last, st.waiting = k, st.waiting[:0]
	}
}

// inherit takes over what a and b agree about: between two requests or passes
// nothing is known, though both may be in the same phase.
func (w *Work) inherit(a, b *Work) {
	take(w, &w.request, a.request, b.request)
	take(w, &w.iteration, a.iteration, b.iteration)
	if a.request == b.request && a.iteration == b.iteration {
		take(w, &w.phase, a.phase, b.phase)
		take(w, &w.step, a.step, b.step)
	}
}

func take[T int8 | int32](w *Work, to *T, x, y T) {
	if x == y && x >= 0 {
		*to = x
		w.inherited = true
	}
}

// findIterations numbers the scheduler passes of a source in time order.
func (s *Session) findIterations(i int) {
	src := s.Sources[i]
	type found struct {
		track trace.TrackID
		iterationMark
	}
	var all []found
	for _, track := range src.trackOrder() {
		for _, m := range src.threads[track].iterations {
			all = append(all, found{track, m})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(a.Start, b.Start) })
	generation := s.isGeneration(src)
	first := s.numbering(src).passes
	s.numbering(src).passes += int32(len(all))
	for n, f := range all {
		it := iteration{source: i, index: first + int32(n), span: f.Span, track: f.track, Iteration: f.Iteration, phase: phaseID(string(f.Phase))}
		if generation && f.Phase != rules.Dummy {
			it.phase = phaseID("generate")
		}
		th := src.threads[f.track]
		th.passes = append(th.passes, scope{f.Span, int32(len(s.iterations))})
		s.iterations = append(s.iterations, it)
	}
	for _, th := range src.threads {
		th.passes = outermost(th.passes)
	}
}

// isGeneration reports whether the source's passes generate in one go: they
// hold a loop, or the stage is known for it, and none of them decodes.
func (s *Session) isGeneration(src *Source) bool {
	if e, ok := s.Rules.StageExecution(src.StageName); ok {
		return e == rules.Generation
	}
	loop := false
	for _, th := range src.threads {
		for _, m := range th.iterations {
			if m.Phase == rules.Decode {
				return false
			}
			loop = loop || len(th.in(rules.Denoise, m.Span)) > 0
		}
	}
	return loop
}

// trackOrder returns the threads with marks in a fixed order.
func (src *Source) trackOrder() []trace.TrackID {
	var tracks []trace.TrackID
	for t := range src.threads {
		tracks = append(tracks, t)
	}
	slices.SortFunc(tracks, src.Trace.CompareTracks)
	return tracks
}
