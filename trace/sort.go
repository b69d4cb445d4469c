package trace

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"sync"
)

// SortEvents sorts t's events by start, longer ones first among equals, and
// then by lane, correlation (none is lowest), name, kind and detail, all by
// content: the result does not depend on the order of the file.
//
// Profilers write long rows of events that are in order already, one for each
// thread and sort of event: they are merged, which took a sixth of the time
// that slices.SortStableFunc did.
func SortEvents(t *Trace) {
	t.mergeRuns(t.runs(), nil)
}

// minRun is how long runs are at least: shorter ones are sorted by insertion.
const minRun = 12

// runs sorts the events into runs and returns where each begins, and the end.
func (t *Trace) runs() []int {
	ends := []int{0}
	for from, n := 0, len(t.Events); from < n; {
		to := from + 1
		for to < n && t.compare(&t.Events[to-1], &t.Events[to]) <= 0 {
			to++
		}
		if to-from < minRun {
			for ; to < min(from+minRun, n); to++ {
				t.insert(from, to)
			}
		}
		ends = append(ends, to)
		from = to
	}
	return ends
}

// insert moves event i to its place among those from a position on.
func (t *Trace) insert(from, i int) {
	e := t.Events[i]
	for ; i > from && t.compare(&t.Events[i-1], &e) > 0; i-- {
		t.Events[i] = t.Events[i-1]
	}
	t.Events[i] = e
}

// parallelMerge is from how many events on halves are merged side by side.
const parallelMerge = 1 << 14

// mergeRuns merges the runs between the given ends. It returns spare, whose
// content is of no use, as long as merging made it: the rows of an nsys export
// are in order but for a few, and room for all events again would double a
// large trace.
func (t *Trace) mergeRuns(ends []int, spare []Event) []Event {
	if len(ends) <= 2 {
		return spare
	}
	half := len(ends) / 2
	from, middle, to := ends[0], ends[half], ends[len(ends)-1]
	if to-from < parallelMerge {
		spare = t.mergeRuns(ends[:half+1], spare)
		spare = t.mergeRuns(ends[half:], spare)
	} else {
		var other sync.WaitGroup
		other.Go(func() { t.mergeRuns(ends[:half+1], nil) })
		spare = t.mergeRuns(ends[half:], spare)
		other.Wait()
	}
	return t.merge(from, middle, to, spare)
}

// merge merges the neighbours [from, middle) and [middle, to), and returns spare.
func (t *Trace) merge(from, middle, to int, spare []Event) []Event {
	// What stands before the first of the right ones stays where it is.
	first := &t.Events[middle]
	from += sort.Search(middle-from, func(i int) bool { return t.compare(&t.Events[from+i], first) > 0 })
	spare = append(spare[:0], t.Events[from:middle]...)
	left, right, out := spare, t.Events[middle:to], t.Events[from:to]
	for len(left) > 0 && len(right) > 0 {
		if t.compare(&left[0], &right[0]) <= 0 {
			out[0], left = left[0], left[1:]
		} else {
			out[0], right = right[0], right[1:]
		}
		out = out[1:]
	}
	copy(out, left)
	return spare
}

func (t *Trace) compare(a, b *Event) int {
	if a.Start != b.Start {
		return cmp.Compare(a.Start, b.Start)
	}
	if a.End != b.End {
		return cmp.Compare(b.End, a.End)
	}
	return cmp.Or(
		t.CompareTracks(a.Track, b.Track),
		cmp.Compare(a.Correlation, b.Correlation),
		t.compareNames(a.Name, b.Name),
		cmp.Compare(a.Kind, b.Kind),
		compareDetails(t.Details[a.Detail], t.Details[b.Detail]),
	)
}

func (t *Trace) compareNames(a, b NameID) int {
	if a == b {
		return 0
	}
	return cmp.Compare(t.Names.Text(a), t.Names.Text(b))
}

// CompareTracks orders lanes: host threads first, then by device, process,
// stream or thread number, and text.
func (h *Header) CompareTracks(a, b TrackID) int {
	if a == b {
		return 0
	}
	x, y := &h.Tracks[a], &h.Tracks[b]
	return cmp.Or(
		cmp.Compare(h.deviceIndex(x.Device), h.deviceIndex(y.Device)),
		cmp.Compare(h.pid(x.Process), h.pid(y.Process)),
		cmp.Compare(x.ID, y.ID),
		cmp.Compare(x.Text, y.Text),
	)
}

func (h *Header) deviceIndex(d int) int64 {
	if d < 0 {
		return math.MinInt64
	}
	return h.Devices[d].Index
}

func (h *Header) pid(p int) string {
	if p < 0 {
		return ""
	}
	return h.Processes[p].PID
}

func compareDetails(a, b Detail) int {
	if a == b {
		return 0
	}
	return cmp.Or(
		slices.Compare(a.Grid[:], b.Grid[:]),
		slices.Compare(a.Block[:], b.Block[:]),
		cmp.Compare(a.GraphNode, b.GraphNode),
		cmp.Compare(a.Bytes, b.Bytes),
		cmp.Compare(a.Value, b.Value),
	)
}

// shift adds origin to all times; events that would leave the range of Time
// are dropped and counted.
func shift(t *Trace, origin Time) {
	if origin == 0 {
		return
	}
	kept := t.Events[:0]
	for _, e := range t.Events {
		start, ok1 := addTime(e.Start, origin)
		end, ok2 := addTime(e.End, origin)
		if !ok1 || !ok2 {
			t.Health.Add(TimeOutOfRange, -1)
			continue
		}
		e.Start, e.End = start, end
		kept = append(kept, e)
	}
	t.Events = kept
}

func addTime(t, d Time) (Time, bool) {
	s := t + d
	return s, (s > t) == (d > 0)
}
