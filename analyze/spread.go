package analyze

import (
	"cmp"
	"slices"

	"omnitrace/trace"
)

// startup are the kinds of host work that belong to a program's start and make
// the steps they fall into slower than the rest.
var startup = map[string]bool{
	"compile": true, "autotune": true, "graph_capture": true, "module_load": true, causeAlloc: true,
}

// Startup lists what of the program's start-up lies inside the trace.
var Startup = registerTable(46, Attribution, Table{
	Name: "startup", Doc: "start-up work inside the trace, which makes the steps it touches slower",
	Columns: []Column{
		stageDimension.Column,
		text("kind", "compile, autotune, graph_capture, module_load or allocation"),
		text("name", "the call, frame or profiler row"),
		{Name: "count", Unit: Count, Doc: "how often"},
		{Name: "host_ns", Unit: Nanoseconds, Doc: "sum of durations on the host"},
		{Name: "steps", Unit: Count, Doc: "denoise steps touched"},
	},
	Top: 8,
}, startupRows)

func startupRows(s *Session, t *Table) {
	type key struct {
		stage      int
		kind, name string
	}
	type sum struct {
		count, ns int64
		steps     map[int32]bool
	}
	sums := map[key]*sum{}
	s.startupWork(func(src *Source, c cause, span trace.Span, steps []int32) {
		k := key{src.Stage, c.kind, c.name}
		if sums[k] == nil {
			sums[k] = &sum{steps: map[int32]bool{}}
		}
		sums[k].count++
		sums[k].ns += int64(span.Len())
		for _, st := range steps {
			sums[k].steps[st] = true
		}
	})
	var keys []key
	for k := range sums {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.stage, b.stage), cmp.Compare(sums[b].ns, sums[a].ns),
			cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
	})
	for _, k := range keys {
		t.Rows = append(t.Rows, Row{Key: keyOf("stage", k.stage, "kind", k.kind, "name", k.name), Cells: []Value{
			Int(k.stage), Str(k.kind), Str(k.name), Int(sums[k].count), Int(sums[k].ns), Int(len(sums[k].steps)),
		}})
	}
}

// startupWork calls yield with each piece of start-up work of the launching
// threads, and the steps that it touches.
func (s *Session) startupWork(yield func(*Source, cause, trace.Span, []int32)) {
	for _, src := range s.Sources {
		if !src.counted() || src.hidden {
			continue
		}
		for _, a := range src.host.startup {
			yield(src, src.host.causes[a.cause], a.Span, src.stepsAt(a))
		}
	}
}

// stepsAt returns the steps open during the activity: on its own thread, or on any
// for the profiler's rows, which stop them all.
func (src *Source) stepsAt(a activity) []int32 {
	var found []int32
	for track, th := range src.threads {
		if a.kind != trace.Overhead && track != a.track {
			continue
		}
		th.steps.walk(trace.Span{Start: a.Start, End: max(a.End, a.Start+1)}, func(_ trace.Span, st int32) {
			if st >= 0 {
				found = append(found, st)
			}
		})
	}
	return found
}

// flagSteps notes the start-up work that touched each step.
func (s *Session) flagSteps() {
	s.startupWork(func(_ *Source, c cause, _ trace.Span, steps []int32) {
		for _, st := range steps {
			if s.steps[st].upset == "" {
				s.steps[st].upset = c.kind
			}
		}
	})
}

// Spread says how much the steps of a stage differ. Steps that start-up work
// touched are left out; the first step of each request is kept apart.
var Spread = registerTable(45, Attribution, Table{
	Name: "spread", Doc: "how much denoise steps differ; steps that start-up work touched are left out",
	Columns: []Column{
		stageDimension.Column,
		text("kind", "first (of its request), computed, or cached"),
		{Name: "steps", Unit: Count, Doc: "steps that the figures are of"},
		{Name: "left_out", Unit: Count, Doc: "steps of this kind that start-up work touched"},
		{Name: "kernels_median", Unit: Count, Doc: "median number of kernels"},
		{Name: "busy_min_ns", Unit: Nanoseconds, Doc: "least GPU busy time"},
		{Name: "busy_median_ns", Unit: Nanoseconds, Doc: "median GPU busy time (nearest rank)"},
		{Name: "busy_p95_ns", Unit: Nanoseconds, Doc: "95th percentile of it", Wide: true},
		{Name: "busy_max_ns", Unit: Nanoseconds, Doc: "most GPU busy time"},
		{Name: "wall_median_ns", Unit: Nanoseconds, Doc: "median time on the host"},
		{Name: "busy_ns", Unit: Nanoseconds, Doc: "GPU busy time of all of them"},
	},
	Brief: true,
}, spread)

var stepKinds = []string{"first", "computed", "cached"}

func (st *step) kind() string {
	switch {
	case st.cached:
		return "cached"
	case st.index == 0:
		return "first"
	}
	return "computed"
}

func spread(s *Session, t *Table) {
	busy := s.busyOf(len(s.steps), func(w *Work) int32 { return w.step })
	kernels := make([]int64, len(s.steps))
	for i := range s.work {
		if w := &s.work[i]; w.step >= 0 && w.kind == trace.Kernel {
			kernels[w.step]++
		}
	}
	for _, stage := range s.stages() {
		for _, kind := range stepKinds {
			var walls, busies, counts []int64
			left, sum := 0, int64(0)
			for i := range s.steps {
				st := &s.steps[i]
				switch {
				case s.Sources[st.source].Stage != stage || st.kind() != kind || st.hidden:
				case st.upset != "":
					left++
				default:
					walls, busies, counts = append(walls, int64(st.span.Len())), append(busies, busy[i]), append(counts, kernels[i])
					sum += busy[i]
				}
			}
			if len(busies)+left > 0 {
				t.Rows = append(t.Rows, spreadRow(stage, kind, walls, busies, counts, left, sum))
			}
		}
	}
}

func spreadRow(stage int, kind string, walls, busies, kernels []int64, left int, sum int64) Row {
	row := Row{Key: keyOf("stage", stage, "kind", kind), Cells: []Value{Int(stage), Str(kind), Int(len(busies)), Int(left)}}
	if len(busies) == 0 {
		row.Cells = append(row.Cells, Null, Null, Null, Null, Null, Null, Int(0))
		return row
	}
	for _, v := range [][]int64{walls, busies, kernels} {
		slices.Sort(v)
	}
	row.Cells = append(row.Cells, Int(quantile(kernels, 50)),
		Int(busies[0]), Int(quantile(busies, 50)), Int(quantile(busies, 95)), Int(busies[len(busies)-1]),
		Int(quantile(walls, 50)), Int(sum))
	return row
}
