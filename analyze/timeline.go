package analyze

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"omnitrace/trace"
)

// A Timeline shows when each device worked and on what, in so few pieces that a
// trace of any size can be drawn. All times are relative to the run's first GPU
// event.
type Timeline struct {
	// Categories are what CategoryTime.Category counts, the most GPU time first.
	Categories []string
	Lanes      []Lane
	// Aligned says that all lanes are on one clock. If not, each file's lanes
	// begin at 0.
	Aligned bool
}

// A Lane is one device of one source.
type Lane struct {
	Key           string // of its row in the table of devices
	Stage         int
	StageName     string
	Replica, Rank int
	Device        int64
	Extent        trace.Span // first to last GPU event
	Busy          []Stretch  // disjoint, in order; BusyNS adds up to the lane's busy_ns
	Phases        []PhaseSpan
	Units         []UnitSpan // iterations, then steps, each in order
	Mix           []PhaseMix // adds up to busy_ns, in the order of phases
}

// A Stretch is a time in which the device worked all the time or, where too
// many gaps would have to be drawn, with short gaps.
type Stretch struct {
	trace.Span
	BusyNS int64
}

// A PhaseSpan reaches from the first to the last GPU event of a row of events
// of one phase, without any of another between them.
type PhaseSpan struct {
	trace.Span
	Phase string
}

// A UnitSpan is a denoise step or a scheduler pass, or several in a row.
type UnitSpan struct {
	Kind        string // "step" or "iteration"
	Key         string // of the row in the table of steps or iterations; of the first one
	First, Last int    // numbers; equal for a single unit
	Count       int    // units that it stands for
	Request     int    // -1 where unknown
	Phase       string // of passes; "" where several differ
	Cached      bool
	Startup     string         // start-up work that touched it, "" for none
	GPU, Host   trace.Span     // first start to last end
	Parts       []CategoryTime // its exclusive time by category, as the categories are listed
}

// String names the unit for people: "step 3", "iterations 8–15".
func (u *UnitSpan) String() string {
	if u.Count == 1 {
		return fmt.Sprintf("%s %d", u.Kind, u.First)
	}
	return fmt.Sprintf("%ss %d–%d", u.Kind, u.First, u.Last)
}

// A CategoryTime is the exclusive time of one category.
type CategoryTime struct {
	Category    int // in Timeline.Categories
	ExclusiveNS int64
}

// A PhaseMix is what a phase of a lane is made of.
type PhaseMix struct {
	Phase string // "(unattributed)" for what is in none
	Parts []CategoryTime
}

// How many pieces a timeline has at most.
const (
	stretchesPerStage = 2000
	phasesPerLane     = 1000
	unitsPerTimeline  = 4000
	leastPerLane      = 100
)

// Timeline draws the session's work. Its size is bounded whatever the size of
// the traces.
func (s *Session) Timeline() *Timeline {
	t := &Timeline{Aligned: true}
	order := s.orderCategories(t)
	lanes := s.lanes()
	inStage := map[int]int{}
	for _, l := range lanes {
		inStage[s.Sources[s.source(&l[0])].Stage]++
		t.Aligned = t.Aligned && s.clock(&l[0]) == s.clock(&lanes[0][0])
	}
	origins := s.origins()
	for _, work := range lanes {
		src := s.Sources[s.source(&work[0])]
		d := laneDrawer{s: s, work: work, origin: origins[s.clock(&work[0])], order: order}
		info := s.devices[work[0].device].info
		t.Lanes = append(t.Lanes, Lane{
			Key:   s.deviceKey(&work[0]),
			Stage: src.Stage, StageName: src.StageName, Replica: src.Replica, Rank: src.Rank, Device: info.Index,
			Extent: d.relative(d.extent()),
			Busy:   d.busy(max(leastPerLane, stretchesPerStage/inStage[src.Stage])),
			Phases: d.phases(phasesPerLane),
			Units:  d.units(max(leastPerLane, unitsPerTimeline/len(lanes)/2)),
			Mix:    d.mix(),
		})
	}
	slices.SortStableFunc(t.Lanes, func(a, b Lane) int {
		return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Replica, b.Replica), cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Device, b.Device))
	})
	return t
}

// deviceKey returns the key of the row of w's device in the table of devices.
func (s *Session) deviceKey(w *Work) string {
	var parts []string
	for _, d := range []*dimension{&stageDimension, &replicaDimension, &rankDimension, &deviceDimension} {
		parts = append(parts, d.key+"="+d.word(s, d.id(s, w)))
	}
	return strings.Join(parts, "/")
}

// orderCategories lists the categories by GPU time, and returns the place of
// each in that list.
func (s *Session) orderCategories(t *Timeline) []int {
	sums := make([]int64, s.categories.Len())
	for i := range s.work {
		sums[s.work[i].category] += s.work[i].Exclusive
	}
	ids := make([]int, len(sums))
	for i := range ids {
		ids[i] = i
	}
	name := func(i int) string { return s.categories.Text(trace.NameID(i)) }
	slices.SortFunc(ids, func(a, b int) int {
		return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(name(a), name(b)))
	})
	order := make([]int, len(ids))
	for place, i := range ids {
		order[i] = place
		t.Categories = append(t.Categories, name(i))
	}
	return order
}

// lanes returns the work of each device.
func (s *Session) lanes() [][]Work {
	var lanes [][]Work
	for from := 0; from < len(s.work); {
		to := from
		for to < len(s.work) && s.work[to].device == s.work[from].device {
			to++
		}
		lanes = append(lanes, s.work[from:to])
		from = to
	}
	return lanes
}
