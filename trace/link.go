package trace

import (
	"cmp"
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

type call struct {
	correlation int64
	index       int32
}

// calls are sorted by correlation, then by position (hence start) in the trace.
type calls []call

func launchCalls(t *Trace) calls {
	var cs calls
	for i := range t.Events {
		if e := &t.Events[i]; e.Kind == Launch && e.Correlation != NoCorrelation {
			cs = append(cs, call{e.Correlation, int32(i)})
		}
	}
	slices.SortFunc(cs, func(a, b call) int {
		return cmp.Or(cmp.Compare(a.correlation, b.correlation), cmp.Compare(a.index, b.index))
	})
	return cs
}

func (cs calls) find(t *Trace, gpu *Event) int32 {
	i, _ := slices.BinarySearchFunc(cs, gpu.Correlation, func(c call, id int64) int {
		return cmp.Compare(c.correlation, id)
	})
	process := t.Tracks[gpu.Track].Process
	best := int32(-1)
	for ; i < len(cs) && cs[i].correlation == gpu.Correlation; i++ {
		e := &t.Events[cs[i].index]
		if process >= 0 && t.Tracks[e.Track].Process != process {
			continue
		}
		switch {
		case best < 0:
			best = cs[i].index
		case e.Start > gpu.Start:
			return best
		case !inside(t, e, &t.Events[best]):
			best = cs[i].index
		}
	}
	return best
}

func inside(t *Trace, inner, outer *Event) bool {
	return inner.Track == outer.Track && outer.Covers(inner.Span)
}
