package analyze

import (
	"cmp"
	"fmt"
	"slices"

	"omnitrace/analyze/rules"
	"omnitrace/trace"
)

// A request is one run of a pipeline from encode to decode, or one pass of a
// generation stage that holds a loop.
type request struct {
	trace.Span
	track  trace.TrackID
	number int32
	// generation requests are iterations: encode and decode mean nothing there.
	generation bool
	// known is false for the whole of a file in which nothing marks requests;
	// then a loop has to prove that it is one of diffusion.
	known bool
	loop  *foundLoop

	period     *foundLoop // once looked for
	periodDone bool
}

// phaseRoles are the marks that make phases inside a request.
var phaseRoles = []struct {
	role       rules.Role
	phase      string
	generation bool // also in a generation stage
}{
	{rules.TextEncode, "text_encode", false},
	{rules.ImageEncode, "image_encode", false},
	{rules.VAEDecode, "vae_decode", false},
	{rules.Denoise, "denoise", true},
	{rules.Vocode, "vocode", true},
}

// findRequests finds the requests of a source, their steps and phases.
func (s *Session) findRequests(i int) {
	src := s.Sources[i]
	s.orderLaunches(src)
	defer func() { src.launched = nil }()
	all, noted := src.noted()
	if !noted {
		all = s.lookForRequests(src)
	}
	n := s.numbering(src)
	for k := range all {
		r := &all[k]
		s.addRequest(i, r.number, r)
		s.expect(src, r.number, r)
		n.requests = max(n.requests, r.number+1)
	}
	src.requests = all
	for _, th := range src.threads {
		th.requests, th.steps = outermost(th.requests), outermost(th.steps)
		th.phases = th.joinPhases(s)
	}
}

// lookForRequests returns the requests of a source, numbered, with their loops.
func (s *Session) lookForRequests(src *Source) []request {
	defer func() { s.sequences.known = nil }()
	var all []request
	generation := s.isGeneration(src)
	for _, track := range src.trackOrder() {
		all = append(all, src.threads[track].findRequests(track, generation)...)
	}
	if len(all) == 0 {
		all = s.findUnmarked(src)
	}
	slices.SortStableFunc(all, func(a, b request) int { return cmp.Compare(a.Start, b.Start) })
	s.findPeriods(src, all)
	n := s.numbering(src).requests
	found := all[:0]
	for _, r := range all {
		if r.loop == nil {
			r.loop = s.findLoop(src, &r)
		}
		if r.generation && r.loop == nil {
			continue
		}
		r.number = n
		n++
		found = append(found, r)
	}
	return found
}

// expect warns where a request's steps are not as many as the user asked for.
func (s *Session) expect(src *Source, number int32, r *request) {
	found, method := 0, "no way"
	if r.loop != nil {
		found, method = len(r.loop.steps), r.loop.method
	}
	if s.ExpectSteps == 0 || r.generation || found == s.ExpectSteps {
		return
	}
	s.Warnings = append(s.Warnings, Warning{Code: "unexpected_steps", Source: src.ID, Message: fmt.Sprintf(
		"%s: request %d has %d denoise steps by %s, and %d were expected", src.Path, number, found, method, s.ExpectSteps)})
}

// expectAny warns where steps were expected and no request was found at all.
func (s *Session) expectAny() {
	said := slices.ContainsFunc(s.Warnings, func(w Warning) bool { return w.Code == "unexpected_steps" })
	if s.ExpectSteps > 0 && len(s.steps) == 0 && !said {
		s.Warnings = append(s.Warnings, Warning{Code: "unexpected_steps", Message: fmt.Sprintf(
			"no denoise steps were found, and %d were expected", s.ExpectSteps)})
	}
}

// findRequests returns the requests that the thread's marks show.
func (th *thread) findRequests(track trace.TrackID, generation bool) []request {
	switch {
	case len(th.marks[rules.Request]) > 0:
		return th.marked(track)
	case len(th.marks[rules.StepRange]) > 0:
		return th.ticked(track)
	case len(th.iterations) > 0:
		return th.generated(track, generation)
	}
	return th.looped(track)
}

// marked returns the requests that have a range or a frame of their own.
func (th *thread) marked(track trace.TrackID) []request {
	var all []request
	for _, m := range th.marks[rules.Request] {
		warmup := func(w mark) bool { return w.Covers(m.Span) || m.Covers(w.Span) }
		if !slices.ContainsFunc(th.marks[rules.Warmup], warmup) {
			all = append(all, request{Span: m.Span, track: track, known: true})
		}
	}
	return all
}

// ticked joins the ticks of step execution: a request begins with the tick
// that encodes its prompt.
func (th *thread) ticked(track trace.TrackID) []request {
	var all []request
	for _, m := range th.marks[rules.StepRange] {
		if len(all) == 0 || len(th.in(rules.TextEncode, m.Span)) > 0 {
			all = append(all, request{Span: m.Span, track: track, known: true})
		}
		last := &all[len(all)-1]
		last.Span = last.Union(m.Span)
	}
	return all
}

// generated returns the passes of a generation stage that may hold a loop:
// those in which frames show one, or all where there are no such frames.
func (th *thread) generated(track trace.TrackID, generation bool) []request {
	var all []request
	bare := generation && len(th.marks[rules.Denoise]) == 0
	for _, m := range th.iterations {
		known := len(th.in(rules.Denoise, m.Span)) > 0
		if known || bare && m.Phase != rules.Dummy {
			all = append(all, request{Span: m.Span, track: track, generation: true, known: known})
		}
	}
	return all
}

// looped returns one request over everything that the thread's frames show of
// a pipeline which nothing else marks (scripts that call a pipeline directly).
func (th *thread) looped(track trace.TrackID) []request {
	r := request{track: track, known: true}
	found := false
	for _, role := range []rules.Role{rules.Denoise, rules.StepBegin, rules.Predict, rules.StepEnd, rules.TextEncode, rules.VAEDecode} {
		for _, m := range th.marks[role] {
			if r.Len() == 0 {
				r.Span = m.Span
			}
			r.Span = r.Union(m.Span)
			found = found || role == rules.Denoise || role == rules.Predict || role == rules.StepEnd
		}
	}
	if !found {
		return nil
	}
	return []request{r}
}

// addRequest adds a request's scopes to its thread and its steps to the session.
func (s *Session) addRequest(i int, number int32, r *request) {
	src := s.Sources[i]
	th := src.threads[r.track]
	th.requests = append(th.requests, scope{r.Span, number})
	rest := phaseID("other")
	if r.generation {
		rest = phaseID("generate")
	}
	th.phases = append(th.phases, scope{r.Span, rest})
	for _, p := range phaseRoles {
		if r.generation && !p.generation {
			continue
		}
		for _, m := range th.in(p.role, r.Span) {
			th.phases = append(th.phases, scope{m.Intersect(r.Span), phaseID(p.phase)})
		}
	}
	if r.loop == nil {
		return
	}
	if !r.loop.framed {
		th.phases = append(th.phases, scope{r.loop.span(), phaseID("denoise")})
	}
	if kernelsOnly[r.loop.method] && !r.generation {
		// Nothing but the kernels tells what surrounds the loop.
		th.phases = append(th.phases,
			scope{trace.Span{Start: r.Start, End: r.loop.span().Start}, phaseID("text_encode")},
			scope{trace.Span{Start: r.loop.span().End, End: r.End}, phaseID("vae_decode")})
	}
	for n, st := range r.loop.steps {
		st.source, st.request, st.index, st.track = i, number, int32(n), r.track
		st.method, st.sure = r.loop.method, r.loop.sure
		th.steps = append(th.steps, scope{st.span, int32(len(s.steps))})
		s.steps = append(s.steps, st)
	}
}

// joinPhases deals the thread's time out to its phases: those of requests
// innermost, those of passes where there is no request.
func (th *thread) joinPhases(s *Session) scopes {
	var all []scope
	for _, p := range th.passes {
		all = append(all, scope{p.Span, s.iterations[p.value].phase})
	}
	// A pass and the request that it is begin and end together; the request
	// says more, so it must count as the inner one.
	return innermost(append(all, th.phases...))
}
