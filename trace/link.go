package trace

import (
	"cmp"
	"math"
	"slices"
)

// Links ties each GPU event of a trace to the launch call that asked for it.
type Links struct {
	// Launch[i] is the index in Trace.Events of the call that launched event
	// i, or -1: not a GPU event, or its call is not in the file.
	Launch []int32
}

// Link finds the launch call of every GPU event by correlation ID.
//
// IDs are compared only within a process; a GPU lane whose process is unknown
// matches calls of any process of the file. Profilers write a driver row
// inside a runtime row with the same ID (cudaLaunchKernel → cuLaunchKernel):
// the outermost is the call. IDs are reused in long captures: of several calls
// the last that began before the GPU event is taken, else the first one.
func Link(t *Trace) Links {
	calls := launchCalls(t)
	l := Links{Launch: make([]int32, len(t.Events))}
	for i := range t.Events {
		l.Launch[i] = -1
		if e := &t.Events[i]; e.Kind.GPU() && e.Correlation != NoCorrelation {
			l.Launch[i] = calls.find(t, e)
		}
	}
	return l
}

func (t *Trace) process(e *Event) int32 { return int32(t.Tracks[e.Track].Process) }

type call struct {
	correlation int64
	start       Time
	process     int32
	index       int32
}

func (a call) compare(b call) int {
	if a.correlation != b.correlation {
		return cmp.Compare(a.correlation, b.correlation)
	}
	return cmp.Or(
		cmp.Compare(a.process, b.process),
		cmp.Compare(a.start, b.start), cmp.Compare(a.index, b.index))
}

// calls are sorted. Some writers give all rows the same ID: finding one must
// not walk over all others.
type calls struct {
	sorted []call
	last   int // index that the last search ended with
}

func launchCalls(t *Trace) *calls {
	owns := func(e *Event) bool { return e.Kind == Launch && e.Correlation != NoCorrelation }
	n := 0
	for i := range t.Events {
		if owns(&t.Events[i]) {
			n++
		}
	}
	cs := make([]call, 0, n)
	for i := range t.Events {
		if e := &t.Events[i]; owns(e) {
			cs = append(cs, call{e.Correlation, e.Start, t.process(e), int32(i)})
		}
	}
	slices.SortFunc(cs, call.compare)
	outer := cs[:0]
	for _, c := range cs {
		if n := len(outer); n == 0 || !inside(t, c, outer[n-1]) {
			outer = append(outer, c)
		}
	}
	return &calls{sorted: outer}
}

// inside reports whether a is part of b.
func inside(t *Trace, a, b call) bool {
	x, y := &t.Events[a.index], &t.Events[b.index]
	return a.correlation == b.correlation && x.Track == y.Track && y.Covers(x.Span)
}

// find returns the index of the call that launched gpu, or -1.
func (cs *calls) find(t *Trace, gpu *Event) int32 {
	if process := t.process(gpu); process >= 0 {
		return cs.of(gpu, process).index
	}
	best := call{index: -1}
	for process := int32(math.MinInt32); ; {
		i := cs.from(call{correlation: gpu.Correlation, process: process, start: math.MinInt64})
		if i == len(cs.sorted) || cs.sorted[i].correlation != gpu.Correlation {
			return best.index
		}
		process = cs.sorted[i].process
		c := cs.of(gpu, process)
		if best.index < 0 || c.better(best, gpu.Start) {
			best = c
		}
		process++
	}
}

// of returns the call of a process that launched gpu, with index -1 for none.
func (cs *calls) of(gpu *Event, process int32) call {
	same := func(i int) bool {
		return i >= 0 && i < len(cs.sorted) && cs.sorted[i].correlation == gpu.Correlation && cs.sorted[i].process == process
	}
	i := cs.from(call{gpu.Correlation, gpu.Start, process, math.MaxInt32})
	switch {
	case same(i - 1):
		return cs.sorted[i-1]
	case same(i):
		return cs.sorted[i]
	}
	return call{index: -1}
}

// from returns the index of the first call not below c. A stream works off its
// calls in order: it is often where the last one was, or a little behind it.
func (cs *calls) from(c call) int {
	if i := cs.last; i == 0 || cs.sorted[i-1].compare(c) < 0 {
		for near := min(i+4, len(cs.sorted)); i < near; i++ {
			if cs.sorted[i].compare(c) >= 0 {
				cs.last = i
				return i
			}
		}
	}
	cs.last, _ = slices.BinarySearchFunc(cs.sorted, c, call.compare)
	return cs.last
}

// better reports whether a is the likelier call than b for GPU work that
// starts at a time: the later of those before it, else the earlier.
func (a call) better(b call, start Time) bool {
	if before := a.start <= start; before != (b.start <= start) {
		return before
	} else if before {
		return a.start > b.start
	}
	return a.start < b.start
}
