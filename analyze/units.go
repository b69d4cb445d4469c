package analyze

import (
	"cmp"
	"slices"

	"omnitrace/trace"
)

// A unit is one piece of a stage's repeated work: a denoise step, a prefill or
// decode pass, a chunk of a generation stage.
type unit struct {
	source int
	track  trace.TrackID
	kind   string
	lane   int32      // request of a step, -1 for a pass: gaps lie between units of one lane
	span   trace.Span // on the host
	gapNS  int64      // to the next unit of its lane, -1 for the last one
	busyNS int64      // GPU time of what was launched in it
	tokens int64      // that a pass worked on, 0 for none
	hidden bool       // not selected
}

// Units says how a stage spends its time by the unit of its work.
var Units = registerTable(55, Attribution, Table{
	Name: "units", Doc: "the unit of work of each stage: how long it takes on the host, how much of it the GPU works",
	ShareOf: "of the units and the gaps between them: the duty cycle",
	Columns: []Column{
		stageDimension.Column,
		text("unit", "denoise step, prefill, decode, …"),
		{Name: "count", Unit: Count, Doc: "units"},
		{Name: "wall_median_ns", Unit: Nanoseconds, Doc: "median time on the host (nearest rank)"},
		{Name: "wall_p95_ns", Unit: Nanoseconds, Doc: "95th percentile of it (nearest rank)"},
		{Name: "busy_median_ns", Unit: Nanoseconds, Doc: "median GPU busy time of what the unit launched"},
		{Name: "gap_median_ns", Unit: Nanoseconds, Doc: "median time on the host from a unit's end to the next step of its request, or pass of its thread"},
		{Name: "busy_ns", Unit: Nanoseconds, Doc: "GPU busy time of all units", Share: true},
		{Name: "period_ns", Unit: Nanoseconds, Doc: "time on the host of all units and the gaps between them", Wide: true},
		{Name: "duty_permille", Unit: Count, Doc: "duty cycle: busy_ns in thousandths of period_ns, rounded down", Wide: true},
		{Name: "tokens", Unit: Count, Doc: "tokens of all units: of the prompt for prefill, else generated"},
		{Name: "busy_per_token_ns", Unit: Nanoseconds, Doc: "busy_ns over tokens, rounded down"},
	},
}, units)

func units(s *Session, t *Table) {
	type key struct {
		stage int
		kind  string
	}
	type bucket struct {
		walls, busies, gaps  []int64
		busy, period, tokens int64
	}
	buckets := map[key]*bucket{}
	for _, u := range s.unitsOfWork() {
		if u.hidden {
			continue
		}
		k := key{s.Sources[u.source].Stage, u.kind}
		b := buckets[k]
		if b == nil {
			b = &bucket{}
			buckets[k] = b
		}
		wall := int64(u.span.Len())
		b.walls, b.busies = append(b.walls, wall), append(b.busies, u.busyNS)
		b.busy += u.busyNS
		b.period += wall
		b.tokens += u.tokens
		if u.gapNS >= 0 {
			b.gaps = append(b.gaps, u.gapNS)
			b.period += u.gapNS
		}
	}
	keys := make([]key, 0, len(buckets))
	for k := range buckets {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.stage, b.stage), cmp.Compare(a.kind, b.kind))
	})
	for _, k := range keys {
		b := buckets[k]
		slices.Sort(b.walls)
		slices.Sort(b.busies)
		slices.Sort(b.gaps)
		gap := Null
		if len(b.gaps) > 0 {
			gap = Int(quantile(b.gaps, 50))
		}
		duty := Null
		if b.period > 0 {
			duty = Int(mulDiv(b.busy, 1000, b.period))
		}
		tokens, perToken := Null, Null
		if b.tokens > 0 {
			tokens, perToken = Int(b.tokens), Int(b.busy/b.tokens)
		}
		t.Rows = append(t.Rows, Row{Key: keyOf("stage", k.stage, "unit", k.kind), Whole: b.period, Cells: []Value{
			Int(k.stage), Str(k.kind), Int(len(b.walls)),
			Int(quantile(b.walls, 50)), Int(quantile(b.walls, 95)), Int(quantile(b.busies, 50)), gap,
			Int(b.busy), Int(b.period), duty, tokens, perToken,
		}})
	}
}

// unitsOfWork returns the steps and passes of the run with their GPU time, by
// source, thread, lane and time. Of a pass that holds steps both are units.
func (s *Session) unitsOfWork() []unit {
	stepBusy, passBusy := s.busyOf(len(s.steps), func(w *Work) int32 { return w.step }), s.busyOf(len(s.iterations), func(w *Work) int32 { return w.iteration })
	var all []unit
	for i := range s.steps {
		st := &s.steps[i]
		kind := "step"
		if st.cached {
			kind = "cached step"
		}
		all = append(all, unit{source: st.source, track: st.track, kind: kind, lane: st.request, span: st.span, busyNS: stepBusy[i], hidden: st.hidden})
	}
	for i := range s.iterations {
		it := &s.iterations[i]
		all = append(all, unit{source: it.source, track: it.track, kind: phaseNames[it.phase], lane: -1, span: it.span, busyNS: passBusy[i], tokens: it.tokens(), hidden: it.hidden})
	}
	slices.SortStableFunc(all, func(a, b unit) int {
		if a.source != b.source {
			return cmp.Compare(a.source, b.source)
		}
		return cmp.Or(
			s.Sources[a.source].Trace.CompareTracks(a.track, b.track),
			cmp.Compare(a.lane, b.lane),
			cmp.Compare(a.span.Start, b.span.Start),
			cmp.Compare(a.kind, b.kind))
	})
	for i := range all {
		u := &all[i]
		u.gapNS = -1
		if i+1 < len(all) && all[i+1].source == u.source && all[i+1].track == u.track && all[i+1].lane == u.lane {
			u.gapNS = max(0, int64(all[i+1].span.Start-u.span.End))
		}
	}
	return all
}

// tokens returns the tokens that a pass worked on: in a mixed pass those of the
// prompts too.
func (it *iteration) tokens() int64 {
	return max(0, it.ContextTokens) + max(0, it.GenerationTokens)
}

// busyOf returns the busy time of each of n groups of work. Work comes device
// by device in time order, so a group's busy time is the sum over devices.
func (s *Session) busyOf(n int, group func(*Work) int32) []int64 {
	tallies := make([]tally, n)
	for i := range s.work {
		if g := group(&s.work[i]); g >= 0 {
			tallies[g].place(s, &s.work[i])
			tallies[g].count++
		}
	}
	busy := make([]int64, n)
	for i := range tallies {
		busy[i] = tallies[i].busyNS
	}
	return busy
}
