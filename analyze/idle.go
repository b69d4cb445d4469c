package analyze

import (
	"cmp"
	"maps"
	"slices"

	"omnitrace/trace"
)

// Idle deals the idle time of each stage's devices out to causes: each
// nanosecond in which a device did nothing, between its first and its last
// event, belongs to exactly one.
//
// The thread that launches the next event is asked what it did meanwhile. From
// the beginning of its launch call on, the gap is launch_latency. Before that
// it is what the thread was doing, the innermost of: profiler_overhead, a call
// that waits for the device (synchronize), takes memory (allocation), loads or
// captures code; else the outermost operator that was running (host_op); else
// waiting_for_work where no request, step or pass was open, and host_other
// (python, mostly) where one was. Gaps before work whose launch call is not in
// the file can't be explained.
var Idle = registerTable(58, Attribution, Table{
	Name: "idle", Doc: "what the host did while the device was idle", ShareOf: "of the stage's idle time",
	Columns: idleColumns[:2:2], Brief: true,
}, func(s *Session, t *Table) {
	t.Columns = append(t.Columns, idleFigures...)
	t.Rows = s.idleRows(false)
})

// IdleCalls splits the causes of [Idle] by operator and call.
var IdleCalls = registerTable(59, Attribution, Table{
	Name: "idle_calls", Doc: "the operators and calls during which the device was idle, largest first", ShareOf: "of the stage's idle time",
	Columns: append(idleColumns, idleFigures...),
	Top:     12,
}, func(s *Session, t *Table) { t.Rows = s.idleRows(true) })

var (
	idleColumns = []Column{
		stageDimension.Column,
		text("cause", "why nothing ran"),
		text("name", "the operator or call"),
	}
	idleFigures = []Column{
		{Name: "count", Unit: Count, Doc: "stretches of idle time"},
		{Name: "idle_ns", Unit: Nanoseconds, Doc: "idle time; adds up to the stage's idle_ns", Share: true},
		{Name: "max_ns", Unit: Nanoseconds, Doc: "longest stretch"},
	}
)

type idleKey struct {
	stage int
	cause
}

type idleSum struct{ count, ns, longest int64 }

// idleSums adds up the idle time by cause and name, once for both tables.
func (s *Session) idleSums() map[idleKey]idleSum {
	s.idleOnce.Do(func() {
		sums := make([][]idleSum, len(s.Sources)) // by source and place in its host's causes
		s.idleBefore(func(i int, src *Source, c int32, d int64) {
			of := &sums[s.source(&s.work[i])]
			if *of == nil {
				*of = make([]idleSum, len(src.host.causes))
			}
			(*of)[c] = (*of)[c].plus(idleSum{1, d, d})
		})
		s.idle = map[idleKey]idleSum{}
		for i, of := range sums {
			for c, sum := range of {
				if sum.count > 0 {
					k := idleKey{s.Sources[i].Stage, s.Sources[i].host.causes[c]}
					s.idle[k] = s.idle[k].plus(sum)
				}
			}
		}
	})
	return s.idle
}

func (a idleSum) plus(b idleSum) idleSum {
	return idleSum{a.count + b.count, a.ns + b.ns, max(a.longest, b.longest)}
}

// idleRows returns a row for each cause of each stage, or for each name below it.
func (s *Session) idleRows(byName bool) []Row {
	sums := map[idleKey]idleSum{}
	stageNS := map[int]int64{}
	for k, sum := range s.idleSums() {
		if !byName {
			k.name = ""
		}
		sums[k] = sums[k].plus(sum)
		stageNS[k.stage] += sum.ns
	}
	keys := slices.SortedFunc(maps.Keys(sums), func(a, b idleKey) int {
		stage := cmp.Compare(a.stage, b.stage)
		if byName {
			stage = 0
		}
		return cmp.Or(stage, cmp.Compare(rank(a.kind), rank(b.kind)), cmp.Compare(sums[b].ns, sums[a].ns),
			cmp.Compare(a.stage, b.stage), cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
	})
	var rows []Row
	for _, k := range keys {
		row := Row{Key: keyOf("stage", k.stage, "cause", k.kind), Whole: stageNS[k.stage], Cells: []Value{Int(k.stage), Str(k.kind)}}
		if byName {
			row.Key += "/name=" + k.name
			row.Cells = append(row.Cells, textOrNull(k.name))
		}
		row.Cells = append(row.Cells, Int(sums[k].count), Int(sums[k].ns), Int(sums[k].longest))
		rows = append(rows, row)
	}
	return rows
}

func textOrNull(s string) Value {
	if s == "" {
		return Null
	}
	return Str(s)
}

// rank puts what could not be explained last.
func rank(kind string) int {
	if kind == unattributed {
		return 1
	}
	return 0
}

// idleBefore calls yield with each stretch of idle time of each device that has
// one cause: the index of the work that ends it, that work's source and the
// cause's place among those of the source's host.
func (s *Session) idleBefore(yield func(i int, src *Source, cause int32, ns int64)) {
	covered, dev := trace.Time(0), int32(-1)
	var x explainer
	for i := range s.work {
		w := &s.work[i]
		if w.device != dev {
			dev, covered = w.device, w.End
			x = explainer{src: s.Sources[s.source(w)]}
			continue
		}
		if w.Start > covered {
			x.explain(s.launchOf(w), trace.Span{Start: covered, End: w.Start}, func(c int32, ns int64) { yield(i, x.src, c, ns) })
		}
		covered = max(covered, w.End)
	}
}

// An explainer deals out gaps of a device, in time order.
type explainer struct {
	src   *Source
	track trace.TrackID
	near  int // where in the thread's activity the last gap was
}

// explain deals out the gap before work that call launched, nil where that is not
// in the file.
func (x *explainer) explain(call *launch, gap trace.Span, yield func(cause int32, ns int64)) {
	src := x.src
	if call == nil {
		yield(unexplained, int64(gap.Len()))
		return
	}
	if call.track != x.track {
		x.track, x.near = call.track, 0
	}
	before := trace.Span{Start: gap.Start, End: max(gap.Start, min(call.start, gap.End))}
	x.near = src.host.activity[call.track].walkFrom(x.near, before, func(part trace.Span, value int32) {
		if value >= 0 {
			yield(value, int64(part.Len()))
			return
		}
		src.threads[call.track].walkUnits(part, func(part trace.Span, open bool) {
			c := noWork
			if open {
				c = python
			}
			yield(c, int64(part.Len()))
		})
	})
	if before.End < gap.End {
		yield(latency, int64(gap.End-before.End))
	}
}

// walkUnits splits span by whether a request or a pass is open on the thread.
// On a thread without any, one always is: nothing tells when work is there.
func (th *thread) walkUnits(span trace.Span, yield func(trace.Span, bool)) {
	if th == nil || !th.has() {
		yield(span, true)
		return
	}
	th.requests.walk(span, func(part trace.Span, value int32) {
		if value >= 0 {
			yield(part, true)
			return
		}
		th.passes.walk(part, func(part trace.Span, value int32) { yield(part, value >= 0) })
	})
}
