package diff

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"omnitrace/analyze"
	"omnitrace/analyze/rules"
	"omnitrace/trace"
)

// slowed returns a copy of t in which the kernels of a category take
// permille/1000 longer, and everything behind them comes later by as much.
func slowed(t *trace.Trace, category string, permille int64) *trace.Trace {
	r := rules.Default()
	return stretched(t, func(e *trace.Event) bool {
		return e.Kind == trace.Kernel && r.Category(t.Names.Text(e.Name)) == category
	}, permille)
}

// stretched returns a copy of t in which time runs slower while any of the
// chosen events does: they get longer, what is open meanwhile does too, on the
// device and on the host, and what follows comes later.
func stretched(t *trace.Trace, chosen func(*trace.Event) bool, permille int64) *trace.Trace {
	var spans []trace.Span
	for i := range t.Events {
		if chosen(&t.Events[i]) {
			spans = append(spans, t.Events[i].Span)
		}
	}
	return stretch(t, trace.UnionOf(spans), permille)
}

func stretch(t *trace.Trace, slow trace.Spans, permille int64) *trace.Trace {
	ends, sum := make([]int64, len(slow)), int64(0) // slow time up to the end of each span
	for i, s := range slow {
		sum += int64(s.Len())
		ends[i] = sum
	}
	move := func(at trace.Time) trace.Time {
		i, _ := slices.BinarySearchFunc(slow, at, func(s trace.Span, at trace.Time) int {
			if s.End <= at {
				return -1
			}
			return 1
		})
		before := int64(0)
		if i > 0 {
			before = ends[i-1]
		}
		if i < len(slow) && slow[i].Start < at {
			before += int64(at - slow[i].Start)
		}
		return at + trace.Time(before*permille/1000)
	}
	out := *t
	out.Events = make([]trace.Event, len(t.Events))
	for i, e := range t.Events {
		e.Start, e.End = move(e.Start), move(e.End)
		out.Events[i] = e
	}
	trace.SortEvents(&out)
	return &out
}

// only keeps the units of one request.
func only(s *analyze.Samples, request int) *analyze.Samples {
	out := *s
	out.Units = nil
	out.Digest = fmt.Sprintf("%s request %d", s.Digest, request)
	for _, u := range s.Units {
		if u.Request == request {
			u.Request = 0
			out.Units = append(out.Units, u)
		}
	}
	return retotalled(&out)
}

// retotalled adds up the totals of samples whose units were edited.
func retotalled(s *analyze.Samples) *analyze.Samples {
	s.Totals.BusyNS, s.Totals.IdleNS = 0, 0
	for _, u := range s.Units {
		s.Totals.BusyNS += u.Exclusive()
		for _, ns := range u.IdleNS {
			s.Totals.IdleNS += ns
		}
	}
	return s
}

// resampled returns a run whose steps are drawn, with replacement, from those
// of the same class in another run: the same work with the run's own jitter.
func resampled(s *analyze.Samples, r *rand.Rand) *analyze.Samples {
	type sort struct {
		phase, kind string
		pattern     int
	}
	alike := map[sort][]int{}
	for i, u := range s.Units {
		k := sort{u.Phase, u.Kind, u.Pattern}
		alike[k] = append(alike[k], i)
	}
	out := *s
	out.Units = slices.Clone(s.Units)
	for i := range out.Units {
		u := &out.Units[i]
		from := alike[sort{u.Phase, u.Kind, u.Pattern}]
		drawn := &s.Units[from[r.IntN(len(from))]]
		u.ExclusiveNS, u.GPUNS, u.IdleNS, u.Startup = drawn.ExclusiveNS, drawn.GPUNS, drawn.IdleNS, drawn.Startup
	}
	out.Digest = fmt.Sprint(s.Digest, r.Uint64())
	return retotalled(&out)
}

// flash are three recordings of the same work, one after the other.
var flash = []string{"own/diffusion_flash_1", "own/diffusion_flash_2", "own/diffusion_flash_3"}

func flashes(tb testing.TB) []*analyze.Samples {
	tb.Helper()
	var all []*analyze.Samples
	for _, run := range flash {
		all = append(all, sampled(tb, run, nil))
	}
	return all
}

func mustGate(tb testing.TB, text string) Gate {
	tb.Helper()
	g, err := ParseGate(text, time.ParseDuration)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func gates(tb testing.TB, texts ...string) []Gate {
	tb.Helper()
	var all []Gate
	for _, text := range texts {
		all = append(all, mustGate(tb, text))
	}
	return all
}

// fails reports whether any gate found a regression.
func (r *Result) fails() bool {
	return slices.ContainsFunc(r.Gates, func(g GateResult) bool { return g.Outcome == Fails })
}

// failsAt is fails for one gate.
func (r *Result) failsAt(expression string) bool {
	return slices.ContainsFunc(r.Gates, func(g GateResult) bool { return g.Outcome == Fails && g.Expression == expression })
}

// decides reports whether a gate's part was decided.
func (r *Result) decides(key string) bool {
	return slices.ContainsFunc(r.Gates, func(g GateResult) bool { return g.Key == key && g.Outcome != Undecided })
}

func slowGemm(t *trace.Trace) *trace.Trace { return slowed(t, "gemm", 50) }
