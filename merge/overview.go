package merge

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"omnitrace/analyze"
	"omnitrace/trace"
)

// tracksOf returns a device's phases, passes, steps, load and queue. The lane's
// times count from a time on the source's clock.
func tracksOf(src *analyze.Source, lane *analyze.Lane, at trace.Time) []Track {
	on := fmt.Sprintf(" on GPU %d", lane.Device)
	return []Track{
		{Name: "phases" + on, Slices: phases(lane, at)},
		{Name: "passes" + on, Slices: units(lane, at, "iteration")},
		{Name: "steps" + on, Slices: units(lane, at, "step")},
		{Name: "busy %" + on, Samples: load(lane, at)},
		{Name: "queue depth" + on, Samples: queue(src, lane.Device)},
	}
}

func phases(lane *analyze.Lane, at trace.Time) []Slice {
	var all []Slice
	for _, ph := range lane.Phases {
		all = append(all, Slice{moved(ph.Span, at), ph.Phase})
	}
	return byStart(all)
}

func units(lane *analyze.Lane, at trace.Time, kind string) []Slice {
	var all []Slice
	for _, u := range lane.Units {
		if u.Kind == kind {
			all = append(all, Slice{moved(u.GPU, at), unitName(&u)})
		}
	}
	return byStart(all)
}

func byStart(all []Slice) []Slice {
	slices.SortStableFunc(all, func(a, b Slice) int { return cmp.Compare(a.Start, b.Start) })
	return all
}

func moved(s trace.Span, by trace.Time) trace.Span {
	return trace.Span{Start: s.Start + by, End: s.End + by}
}

func unitName(u *analyze.UnitSpan) string {
	name := u.String()
	switch {
	case u.Kind == "step" && u.Request >= 0:
		name = fmt.Sprintf("request %d %s", u.Request, name)
	case u.Phase != "":
		name += " · " + u.Phase
	}
	if u.Cached {
		name += " (cached)"
	}
	return name
}

// loadParts is in how many parts of a device's time its load is shown.
const loadParts = 500

// load returns how busy a device was, in hundredths, in each part of its time.
func load(lane *analyze.Lane, at trace.Time) []Sample {
	width := max(lane.Extent.Len()/loadParts, time.Microsecond)
	spent := make([]time.Duration, int(lane.Extent.Len()/width)+1)
	for _, b := range lane.Busy {
		for i := int((b.Start - lane.Extent.Start) / trace.Time(width)); i < len(spent); i++ {
			part := trace.Span{Start: lane.Extent.Start + trace.Time(i)*trace.Time(width)}
			part.End = part.Start + trace.Time(width)
			if part.Start >= b.End {
				break
			}
			spent[i] += busyIn(b, part)
		}
	}
	var samples []Sample
	for i, d := range spent {
		samples = append(samples, Sample{at + lane.Extent.Start + trace.Time(i)*trace.Time(width), min(100, int64(d*100/width))})
	}
	return changes(append(samples, Sample{at + lane.Extent.End, 0}))
}

// busyIn returns how much of a part a stretch is busy: one with short gaps is as
// busy in each part as in the whole.
func busyIn(b analyze.Stretch, part trace.Span) time.Duration {
	share, whole := part.Intersect(b.Span).Len(), b.Len()
	if whole == 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(share), uint64(min(b.BusyNS, int64(whole))))
	busy, _ := bits.Div64(high, low, uint64(whole)) // at most share: it fits
	return time.Duration(busy)
}

// changes drops samples of the value before them.
func changes(samples []Sample) []Sample {
	return slices.CompactFunc(samples, func(a, b Sample) bool { return a.Value == b.Value })
}
