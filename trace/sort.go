package trace

import (
	"cmp"
	"math"
	"slices"
)

// SortEvents sorts t's events by start, longer ones first among equals, and
// then by lane, correlation (none is lowest), name, kind and detail, all by
// content: the result does not depend on the order of the file.
func SortEvents(t *Trace) {
	slices.SortStableFunc(t.Events, t.compare)
}

func (t *Trace) compare(a, b Event) int {
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
