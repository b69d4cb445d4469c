package trace

import (
	"cmp"
	"slices"
	"strconv"
)

// SplitByProcess returns a trace for each process of t that has GPU work, in
// the order of their PIDs, which is that of their creation until the numbers
// wrap around; t itself where that is at most one. The traces take t's events
// and share its names, tracks and details. Each knows the name of its own
// process only, and the first one alone has t's row count and health, so that
// nothing is counted twice.
func SplitByProcess(t *Trace) []*Trace { return splitAmong(t, t.workingProcesses()) }

// SplitWhole is SplitByProcess with nothing left out: the first trace has the
// events of the processes without GPU work too.
func SplitWhole(t *Trace) []*Trace {
	working := t.workingProcesses()
	if len(working) < 2 {
		return []*Trace{t}
	}
	var rest []Event
	for _, e := range t.Events {
		if !slices.Contains(working, t.Tracks[e.Track].Process) {
			rest = append(rest, e)
		}
	}
	parts := splitAmong(t, working)
	if len(rest) > 0 {
		parts[0].Events = append(parts[0].Events, rest...)
		SortEvents(parts[0])
	}
	return parts
}

func splitAmong(t *Trace, working []int) []*Trace {
	if len(working) < 2 {
		return []*Trace{t}
	}
	events := t.partition(working)
	var parts []*Trace
	for i, p := range working {
		h := *t.Header
		h.Processes = slices.Clone(t.Processes)
		for i := range h.Processes {
			if i != p {
				h.Processes[i].Name = ""
			}
		}
		if i > 0 {
			h.Rows, h.Health = 0, Health{}
		}
		parts = append(parts, &Trace{Header: &h, Events: events[i]})
	}
	return parts
}

// partition returns the events of each of the processes. They stay where they
// are, in t.Events, which is of no use any more: a second copy of a large trace
// would be most of the memory that it takes.
func (t *Trace) partition(processes []int) [][]Event {
	place := make([]int, len(t.Tracks)) // of each track's process among processes
	for i := range t.Tracks {
		place[i] = slices.Index(processes, t.Tracks[i].Process)
	}
	counts := make([]int, len(processes))
	for i := range t.Events {
		if p := place[t.Events[i].Track]; p >= 0 {
			counts[p]++
		}
	}
	parts := make([][]Event, len(processes))
	for p, n := range counts[1:] {
		parts[p+1] = make([]Event, 0, n)
	}
	parts[0] = t.Events[:0]
	for _, e := range t.Events {
		if p := place[e.Track]; p >= 0 {
			parts[p] = append(parts[p], e)
		}
	}
	rest := t.Events[len(parts[0]):]
	for p := range parts {
		if p > 0 {
			n := copy(rest, parts[p])
			parts[p], rest = rest[:n:n], rest[n:]
		}
	}
	parts[0] = slices.Clip(parts[0])
	t.Events = nil
	return parts
}

// workingProcesses returns the processes with GPU work. Work of an unknown
// process makes the answer empty: it could not be given to any part.
func (t *Trace) workingProcesses() []int {
	seen := make([]bool, len(t.Processes))
	for i := range t.Events {
		if e := &t.Events[i]; e.Kind.GPU() {
			p := t.Tracks[e.Track].Process
			if p < 0 {
				return nil
			}
			seen[p] = true
		}
	}
	var working []int
	for p, ok := range seen {
		if ok {
			working = append(working, p)
		}
	}
	slices.SortStableFunc(working, func(a, b int) int {
		x, err1 := strconv.ParseInt(t.Processes[a].PID, 10, 64)
		y, err2 := strconv.ParseInt(t.Processes[b].PID, 10, 64)
		if err1 != nil || err2 != nil {
			return cmp.Compare(t.Processes[a].PID, t.Processes[b].PID)
		}
		return cmp.Compare(x, y)
	})
	return working
}
