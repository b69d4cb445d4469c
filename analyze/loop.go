package analyze

import (
	"fmt"
	"slices"
	"strings"

	"omnitrace/analyze/rules"
	"omnitrace/trace"
)

// A foundLoop is a denoise or flow-matching loop with its steps.
type foundLoop struct {
	method string
	sure   confidence
	steps  []step // span, forwards, cached, expert; lying edge to edge or with gaps
	framed bool   // the loop has a frame of its own
	// counted says that some of it was told by kernels, or by a note.
	counted bool
}

func (l *foundLoop) span() trace.Span {
	return trace.Span{Start: l.steps[0].span.Start, End: l.steps[len(l.steps)-1].span.End}
}

// stepFinders are the ways to find steps, the surest first. Each looks at the
// same request and says nothing where its sort of sign is missing.
var stepFinders = []struct {
	method string
	find   func(*Session, *Source, *request) *foundLoop
}{
	{byAnnotation, findByAnnotation},
	{byFrame, findByFrame},
	{byModule, findByModule},
	{byGraph, findByGraph},
	{byPeriod, findByPeriod},
}

// findLoop returns the loop of a request by the surest method that finds one.
// Methods that disagree about the number of steps are worth a warning.
func (s *Session) findLoop(src *Source, r *request) *foundLoop {
	var best *foundLoop
	var counts []string
	differ := false
	for _, f := range stepFinders {
		l := f.find(s, src, r)
		if l == nil || len(l.steps) == 0 {
			continue
		}
		l.method = f.method
		counts = append(counts, fmt.Sprintf("%s %d", f.method, len(l.steps)))
		if best == nil {
			best = l
			continue
		}
		differ = differ || len(l.steps) != len(best.steps)
		best.learn(l)
	}
	if differ {
		s.Warnings = append(s.Warnings, Warning{Code: "steps_disagree", Source: src.ID, Message: fmt.Sprintf(
			"%s: the ways to find denoise steps disagree (%s); %s is taken", src.Path, strings.Join(counts, ", "), best.method)})
	}
	return best
}

// learn takes what a less sure method knows and l does not.
func (l *foundLoop) learn(other *foundLoop) {
	if len(other.steps) != len(l.steps) {
		return
	}
	for i := range l.steps {
		mine, its := &l.steps[i], &other.steps[i]
		if mine.forwards < 0 {
			mine.forwards, mine.cached = its.forwards, its.cached
			l.counted = l.counted || other.counted || kernelsOnly[other.method]
		}
	}
}

// findByAnnotation takes the ranges that step execution writes. The first tick
// also encodes and the last one also decodes: where frames show it, the step
// begins with the turn itself.
func findByAnnotation(_ *Session, src *Source, r *request) *foundLoop {
	th := src.threads[r.track]
	ticks := th.in(rules.StepRange, r.Span)
	l := &foundLoop{}
	for _, m := range ticks {
		st := step{span: m.Span, forwards: -1, expert: -1}
		for _, role := range []rules.Role{rules.StepBegin, rules.Predict} {
			if begins := th.in(role, m.Span); len(begins) > 0 {
				st.span.Start = begins[0].Start
				break
			}
		}
		if decodes := th.in(rules.VAEDecode, st.span); len(decodes) > 0 {
			st.span.End = decodes[0].Start
		}
		l.steps = append(l.steps, st)
	}
	l.count(th)
	return l
}

// findByFrame takes the python frames that occur once a turn.
func findByFrame(_ *Session, src *Source, r *request) *foundLoop {
	th := src.threads[r.track]
	l := &foundLoop{}
	bounds := []trace.Span{r.Span}
	if frames := th.in(rules.Denoise, r.Span); len(frames) > 0 {
		l.framed = true
		bounds = bounds[:0]
		for _, m := range frames {
			bounds = append(bounds, m.Span)
		}
	}
	for _, loop := range bounds {
		begins, end := th.turns(loop)
		if l.framed {
			end = loop.End
		}
		for i, b := range begins {
			until := end
			if i+1 < len(begins) {
				until = begins[i+1]
			}
			l.steps = append(l.steps, step{span: trace.Span{Start: b, End: until}, forwards: -1, expert: -1})
		}
	}
	l.count(th)
	return l
}

// turns returns where the turns of a loop begin, and where the last one ends
// if the loop has no frame: behind its last mark.
//
// A turn begins at its first mark: the step marker itself, else the noise
// prediction. A turn without either, in which a cache spared the prediction,
// begins with the scheduler's update that ends it.
func (th *thread) turns(loop trace.Span) (begins []trace.Time, end trace.Time) {
	end = loop.Start
	for _, role := range []rules.Role{rules.StepBegin, rules.Predict, rules.Forward, rules.StepEnd, rules.Tick} {
		for _, m := range th.in(role, loop) {
			end = max(end, m.End)
		}
	}
	explicit, predicts := th.in(rules.StepBegin, loop), th.in(rules.Predict, loop)
	if len(predicts) > 0 && th.within(rules.Branch, predicts[0].Span) {
		predicts = nil // the prediction of one branch, which a step may have several of (BAGEL)
	}
	ends := th.in(rules.StepEnd, loop)
	if len(ends) == 0 {
		ends = th.in(rules.Tick, loop)
	}
	switch {
	case len(explicit) > 0:
		return starts(explicit), end
	case len(predicts) >= len(ends):
		return starts(predicts), end
	}
	from := loop.Start
	for _, e := range ends {
		begin := e.Start
		turn := trace.Span{Start: from, End: e.Start}
		for _, role := range []rules.Role{rules.Predict, rules.Branch, rules.Forward} {
			if first := th.in(role, turn); len(first) > 0 {
				begin = min(begin, first[0].Start)
			}
		}
		begins = append(begins, begin)
		from = e.End
	}
	return begins, end
}

// within reports whether span lies inside a mark of the role.
func (th *thread) within(role rules.Role, span trace.Span) bool {
	return slices.ContainsFunc(th.marks[role], func(m mark) bool { return m.Covers(span) && m.Span != span })
}

func starts(marks []mark) []trace.Time {
	times := make([]trace.Time, len(marks))
	for i, m := range marks {
		times[i] = m.Start
	}
	return times
}

// count fills in what happens inside each step: calls of the denoiser, which
// of several denoisers, and whether a cache spared them.
func (l *foundLoop) count(th *thread) {
	calls := func(role rules.Role) (per []int, total int) {
		for i := range l.steps {
			n := len(th.in(role, l.steps[i].span))
			per, total = append(per, n), total+n
		}
		return per, total
	}
	for _, role := range []rules.Role{rules.Forward, rules.Branch, rules.Predict} {
		per, total := calls(role)
		if total == 0 {
			continue
		}
		for i := range l.steps {
			st := &l.steps[i]
			st.forwards = per[i]
			st.cached = per[i] == 0 || len(th.in(rules.CacheHit, st.span)) > 0
		}
		break
	}
	l.findExperts(th)
}

// findExperts numbers the denoisers of a loop that uses several (Wan2.2: high
// noise, then low noise) in the order of their first call. Where all steps call
// the same ones there is nothing to tell.
func (l *foundLoop) findExperts(th *thread) {
	order, used := map[trace.NameID]int{}, map[int]bool{}
	for i := range l.steps {
		for _, m := range th.in(rules.Forward, l.steps[i].span) {
			if _, ok := order[m.name]; !ok {
				order[m.name] = len(order)
			}
			l.steps[i].expert = order[m.name]
		}
		if e := l.steps[i].expert; e >= 0 {
			used[e] = true
		}
	}
	if len(used) < 2 {
		for i := range l.steps {
			l.steps[i].expert = -1
		}
	}
}

// findByModule takes the calls of the denoiser: one a step, or two where the
// kernels repeat half as often (classifier-free guidance in two passes).
func findByModule(s *Session, src *Source, r *request) *foundLoop {
	th := src.threads[r.track]
	for _, better := range []rules.Role{rules.StepRange, rules.StepBegin, rules.Predict, rules.StepEnd, rules.Tick} {
		if len(th.in(better, r.Span)) > 0 {
			return nil // these marks count the same turns, and also those without a call
		}
	}
	calls := th.in(rules.Forward, r.Span)
	if len(calls) < 2 {
		return nil
	}
	return s.pairs(src, r, starts(calls), calls[len(calls)-1].End)
}

// pairs makes steps of calls that begin at the given times: as many to a step
// as the kernels' own period says, if the number divides.
func (s *Session) pairs(src *Source, r *request, calls []trace.Time, end trace.Time) *foundLoop {
	each := 1
	if p := findByPeriod(s, src, r); p != nil && len(p.steps) > 0 && len(calls)%len(p.steps) == 0 {
		each = len(calls) / len(p.steps)
	}
	l := &foundLoop{sure: likely}
	for i := 0; i < len(calls); i += each {
		until := end
		if i+each < len(calls) {
			until = calls[i+each]
		}
		l.steps = append(l.steps, step{span: trace.Span{Start: calls[i], End: until}, forwards: each, expert: -1})
	}
	return l
}
