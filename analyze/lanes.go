package analyze

import (
	"cmp"
	"slices"

	"omnitrace/trace"
)

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
		First: int(st.index), Last: int(st.index), Count: 1, Request: int(st.request), Phase: phaseNames[phaseID("denoise")],
		Cached: st.cached, Startup: st.upset, Host: st.span,
	}
}

func (d *laneDrawer) pass(id int32) UnitSpan {
	it := &d.s.iterations[id]
	return UnitSpan{
		Kind: iterationDimension.key, Key: keyOf("stage", d.s.Sources[it.source].Stage, "iteration", it.index),
		First: int(it.index), Last: int(it.index), Count: 1, Request: -1, Phase: phaseNames[it.phase], Host: it.span,
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
	u.Count += next.Count
	u.Cached = u.Cached && next.Cached
	u.Startup = cmp.Or(u.Startup, next.Startup)
	if u.Phase != next.Phase {
		u.Phase = ""
	}
	for _, p := range next.Parts {
		u.Parts = addPart(u.Parts, p.Category, p.ExclusiveNS)
	}
}
