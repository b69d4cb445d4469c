package trace

import (
	"cmp"
	"slices"
	"strconv"
)

// SplitByProcess returns a trace for each process of t that has GPU work, in
// the order of their PIDs, which is that of their creation until the numbers
// wrap around; t itself where that is at most one. The
// traces share t's names, tracks and details. Each knows the name of its own
// process only, and the first one alone has t's row count and health, so that
// nothing is counted twice.
func SplitByProcess(t *Trace) []*Trace {
	working := t.workingProcesses()
	if len(working) < 2 {
		return []*Trace{t}
	}
	var parts []*Trace
	for _, p := range working {
		h := *t.Header
		h.Processes = slices.Clone(t.Processes)
		for i := range h.Processes {
			if i != p {
				h.Processes[i].Name = ""
			}
		}
		if len(parts) > 0 {
			h.Rows, h.Health = 0, Health{}
		}
		part := &Trace{Header: &h}
		for _, e := range t.Events {
			if t.Tracks[e.Track].Process == p {
				part.Events = append(part.Events, e)
			}
		}
		parts = append(parts, part)
	}
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
