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
	Request     int    // -1 where unknown
	Phase       string // of passes; "" where several differ
	Cached      bool
	Startup     string         // start-up work that touched it, "" for none
	GPU, Host   trace.Span     // first start to last end
	Parts       []CategoryTime // its exclusive time by category, as the categories are listed
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
		inStage[s.Sources[l[0].source].Stage]++
		t.Aligned = t.Aligned && s.clock(&l[0]) == s.clock(&lanes[0][0])
	}
	origins := s.origins()
	for _, work := range lanes {
		src := s.Sources[work[0].source]
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

// A laneDrawer draws the work of one device.
type laneDrawer struct {
	s      *Session
	work   []Work // in order of start
	origin trace.Time
	order  []int // of the categories
}

func (d *laneDrawer) relative(s trace.Span) trace.Span {
	return trace.Span{Start: s.Start - d.origin, End: s.End - d.origin}
}

func (d *laneDrawer) extent() trace.Span {
	extent := d.work[0].Span
	for i := range d.work {
		extent = extent.Union(d.work[i].Span)
	}
	return extent
}

// busy returns the stretches of work, at most limit: the shortest gaps between
// them are closed first.
func (d *laneDrawer) busy(limit int) []Stretch {
	var all []Stretch
	for i := range d.work {
		w := d.relative(d.work[i].Span)
		if n := len(all); n > 0 && w.Start <= all[n-1].End {
			all[n-1].End = max(all[n-1].End, w.End)
		} else if w.Len() > 0 {
			all = append(all, Stretch{Span: w})
		}
	}
	for i := range all {
		all[i].BusyNS = int64(all[i].Len())
	}
	if len(all) <= limit {
		return all
	}
	gaps := make([]int64, 0, len(all)-1)
	for i := range all[1:] {
		gaps = append(gaps, int64(all[i+1].Start-all[i].End))
	}
	slices.Sort(gaps)
	// Of equal gaps as many stay open as there is room for, the first ones.
	threshold := gaps[len(gaps)-limit+1]
	room := limit - 1
	for _, g := range gaps {
		if g > threshold {
			room--
		}
	}
	closed := all[:1]
	for _, next := range all[1:] {
		last := &closed[len(closed)-1]
		gap := int64(next.Start - last.End)
		if gap == threshold && room > 0 {
			room--
		} else if gap <= threshold {
			last.End, last.BusyNS = next.End, last.BusyNS+next.BusyNS
			continue
		}
		closed = append(closed, next)
	}
	return closed
}

// phases returns the phases in the order of the GPU. Where there are too many,
// the shortest are left out.
func (d *laneDrawer) phases(limit int) []PhaseSpan {
	known := slices.ContainsFunc(d.work, func(w Work) bool { return w.phase >= 0 })
	if !known {
		return nil
	}
	var all []PhaseSpan
	for i := range d.work {
		w := &d.work[i]
		name := unattributed
		if w.phase >= 0 {
			name = phaseNames[w.phase]
		}
		all = addPhase(all, PhaseSpan{d.relative(w.Span), name})
	}
	for len(all) > limit {
		lengths := make([]int64, len(all))
		for i := range all {
			lengths[i] = int64(all[i].Len())
		}
		slices.Sort(lengths)
		shortest := lengths[len(all)-limit]
		kept := make([]PhaseSpan, 0, limit)
		for _, p := range all {
			if int64(p.Len()) > shortest {
				kept = addPhase(kept, p)
			}
		}
		all = kept
	}
	return all
}

// addPhase appends p, or extends the last phase if it is the same.
func addPhase(all []PhaseSpan, p PhaseSpan) []PhaseSpan {
	if n := len(all); n > 0 && all[n-1].Phase == p.Phase {
		all[n-1].Span = all[n-1].Union(p.Span)
		return all
	}
	return append(all, p)
}

// units returns the steps and the passes of the lane, at most limit of each:
// where there are more, each span stands for several in a row.
func (d *laneDrawer) units(limit int) []UnitSpan {
	passes := d.unitsOf(len(d.s.iterations), func(w *Work) int32 { return w.iteration }, d.pass)
	steps := d.unitsOf(len(d.s.steps), func(w *Work) int32 { return w.step }, d.step)
	return append(joinUnits(passes, limit), joinUnits(steps, limit)...)
}

func (d *laneDrawer) unitsOf(n int, of func(*Work) int32, describe func(int32) UnitSpan) []UnitSpan {
	place := make([]int32, n)
	var units []UnitSpan
	for i := range d.work {
		w := &d.work[i]
		id := of(w)
		if id < 0 {
			continue
		}
		span := d.relative(w.Span)
		if place[id] == 0 {
			u := describe(id)
			u.GPU, u.Host = span, d.relative(u.Host)
			units = append(units, u)
			place[id] = int32(len(units))
		}
		u := &units[place[id]-1]
		u.GPU = u.GPU.Union(span)
		u.Parts = addPart(u.Parts, d.order[w.category], w.Exclusive)
	}
	slices.SortStableFunc(units, func(a, b UnitSpan) int {
		return cmp.Or(cmp.Compare(a.Request, b.Request), cmp.Compare(a.First, b.First))
	})
	return units
}

func (d *laneDrawer) step(id int32) UnitSpan {
	st := &d.s.steps[id]
	return UnitSpan{
		Kind: stepDimension.key, Key: keyOf("stage", d.s.Sources[st.source].Stage, "request", st.request, "step", st.index),
		First: int(st.index), Last: int(st.index), Request: int(st.request), Phase: phaseNames[phaseID("denoise")],
		Cached: st.cached, Startup: st.upset, Host: st.span,
	}
}

func (d *laneDrawer) pass(id int32) UnitSpan {
	it := &d.s.iterations[id]
	return UnitSpan{
		Kind: iterationDimension.key, Key: keyOf("stage", d.s.Sources[it.source].Stage, "iteration", it.index),
		First: int(it.index), Last: int(it.index), Request: -1, Phase: phaseNames[it.phase], Host: it.span,
	}
}

// mix returns the exclusive time of each phase by category.
func (d *laneDrawer) mix() []PhaseMix {
	byPhase := make([]PhaseMix, len(phaseNames)+1)
	for i := range d.work {
		w := &d.work[i]
		at := int(w.phase)
		if at < 0 {
			at = len(phaseNames)
		}
		byPhase[at].Parts = addPart(byPhase[at].Parts, d.order[w.category], w.Exclusive)
	}
	for i := range byPhase {
		byPhase[i].Phase = unattributed
		if i < len(phaseNames) {
			byPhase[i].Phase = phaseNames[i]
		}
	}
	return slices.DeleteFunc(byPhase, func(m PhaseMix) bool { return len(m.Parts) == 0 })
}

// addPart adds to the part of a category; parts stay in order.
func addPart(parts []CategoryTime, category int, ns int64) []CategoryTime {
	i, found := slices.BinarySearchFunc(parts, category, func(p CategoryTime, c int) int { return cmp.Compare(p.Category, c) })
	if !found {
		parts = slices.Insert(parts, i, CategoryTime{Category: category})
	}
	parts[i].ExclusiveNS += ns
	return parts
}

// joinUnits makes one of each so many units that there are at most limit.
func joinUnits(units []UnitSpan, limit int) []UnitSpan {
	if len(units) <= limit {
		return units
	}
	each := (len(units) + limit - 1) / limit
	var joined []UnitSpan
	for i := range units {
		u := &units[i]
		if i%each == 0 {
			joined = append(joined, *u)
			continue
		}
		joined[len(joined)-1].join(u)
	}
	return joined
}

func (u *UnitSpan) join(next *UnitSpan) {
	u.Last, u.GPU, u.Host = next.Last, u.GPU.Union(next.GPU), u.Host.Union(next.Host)
	u.Cached = u.Cached && next.Cached
	u.Startup = cmp.Or(u.Startup, next.Startup)
	if u.Phase != next.Phase {
		u.Phase = ""
	}
	for _, p := range next.Parts {
		u.Parts = addPart(u.Parts, p.Category, p.ExclusiveNS)
	}
}

// String names the unit for people: "step 3", "iterations 8–15".
func (u *UnitSpan) String() string {
	if u.First == u.Last {
		return fmt.Sprintf("%s %d", u.Kind, u.First)
	}
	return fmt.Sprintf("%ss %d–%d", u.Kind, u.First, u.Last)
}
