package analyze

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"omnitrace/trace"
)

// A Selection is a part of a run. Its parts are and-ed, the values of one part
// or-ed; an empty part selects everything.
type Selection struct {
	Stages, Replicas, Ranks, Devices []int
	Requests                         []int // of each source
	Steps, Iterations                []Numbers
	Phases                           []string
	Ranges                           []string // names of host ranges that were open at the launch
	Time                             *Window  // of the GPU start
}

// Numbers is the closed interval From..To.
type Numbers struct{ From, To int }

// A Window is the half-open interval [From, To) of time from the run's first
// GPU event, or of Unix time.
type Window struct {
	From, To time.Duration
	Unix     bool // they count from 1970
}

// Select drops the work that is not in sel. Exclusive shares stay those of the
// whole device. A stage or phase that the run does not have is an error, which
// lists what it has: a typing mistake should not print an empty table.
func (s *Session) Select(sel Selection) error {
	if err := s.checkSelection(sel); err != nil {
		return err
	}
	tests := s.tests(sel)
	s.work = slices.DeleteFunc(s.work, func(w Work) bool {
		return slices.ContainsFunc(tests, func(test func(*Work) bool) bool { return !test(&w) })
	})
	if len(tests) > 0 {
		s.hideUnselected()
	}
	return nil
}

// hideUnselected takes sources, steps and passes without selected work out of
// the tables whose rows are not work.
func (s *Session) hideUnselected() {
	for _, src := range s.Sources {
		src.hidden = true
	}
	for i := range s.steps {
		s.steps[i].hidden = true
	}
	for i := range s.iterations {
		s.iterations[i].hidden = true
	}
	for i := range s.work {
		w := &s.work[i]
		s.Sources[s.source(w)].hidden = false
		if w.step >= 0 {
			s.steps[w.step].hidden = false
		}
		if w.iteration >= 0 {
			s.iterations[w.iteration].hidden = false
		}
	}
}

func (s *Session) checkSelection(sel Selection) error {
	known := s.stages()
	for _, stage := range sel.Stages {
		if !slices.Contains(known, stage) {
			return fmt.Errorf("no stage %d in this run: it has %v", stage, known)
		}
	}
	if sel.Time != nil && sel.Time.Unix {
		for _, src := range s.Sources {
			if src.counted() && src.Clock != trace.ClockUnix {
				return fmt.Errorf("%s does not say what its times count from: absolute times select nothing of it; give the time from the run's start", src.Path)
			}
		}
	}
	for _, p := range sel.Phases {
		if !slices.Contains(phaseNames, p) {
			return fmt.Errorf("no phase %q: there are %s", p, strings.Join(phaseNames, ", "))
		}
	}
	return nil
}

// tests returns a function for each part of sel that says something.
func (s *Session) tests(sel Selection) []func(*Work) bool {
	var tests []func(*Work) bool
	among := func(d dimension, values []int) {
		if len(values) > 0 {
			tests = append(tests, func(w *Work) bool { return slices.Contains(values, int(d.numberOf(s, d.id(s, w)))) })
		}
	}
	within := func(d dimension, intervals []Numbers) {
		if len(intervals) > 0 {
			tests = append(tests, func(w *Work) bool {
				n := int(d.id(s, w))
				return slices.ContainsFunc(intervals, func(i Numbers) bool { return i.From <= n && n <= i.To })
			})
		}
	}
	among(stageDimension, sel.Stages)
	among(replicaDimension, sel.Replicas)
	among(rankDimension, sel.Ranks)
	among(deviceDimension, sel.Devices)
	among(requestDimension, sel.Requests)
	within(stepDimension, sel.Steps)
	within(iterationDimension, sel.Iterations)
	if len(sel.Phases) > 0 {
		tests = append(tests, func(w *Work) bool { return w.phase >= 0 && slices.Contains(sel.Phases, phaseNames[w.phase]) })
	}
	if len(sel.Ranges) > 0 {
		tests = append(tests, s.inRanges(sel.Ranges))
	}
	if sel.Time != nil {
		origins := map[int32]trace.Time{} // 0 for all
		if !sel.Time.Unix {
			origins = s.origins()
		}
		tests = append(tests, func(w *Work) bool {
			at := w.Start.Sub(origins[s.clock(w)])
			return sel.Time.From <= at && at < sel.Time.To
		})
	}
	return tests
}

// origins returns the first GPU start on each clock.
func (s *Session) origins() map[int32]trace.Time {
	origins := map[int32]trace.Time{}
	for i := range s.work {
		w := &s.work[i]
		c := s.clock(w)
		if first, ok := origins[c]; !ok || w.Start < first {
			origins[c] = w.Start
		}
	}
	return origins
}

// inRanges returns a test for work launched while a range of one of the names
// was open on the launching thread.
func (s *Session) inRanges(names []string) func(*Work) bool {
	open := make([]map[trace.TrackID]scopes, len(s.Sources))
	for i, src := range s.Sources {
		open[i] = map[trace.TrackID]scopes{}
		if !src.counted() {
			continue
		}
		for _, e := range src.Trace.Events {
			if e.Kind == trace.Range && slices.Contains(names, src.Trace.Names.Text(e.Name)) {
				open[i][e.Track] = append(open[i][e.Track], scope{Span: e.Span})
			}
		}
		for track, ranges := range open[i] {
			open[i][track] = outermost(ranges)
		}
	}
	return func(w *Work) bool {
		call := s.launchOf(w)
		return call != nil && open[s.source(w)][call.track].index(call.start) >= 0
	}
}
