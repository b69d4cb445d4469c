package diff

import (
	"cmp"
	"math"
	"slices"

	"omnitrace/analyze"
)

// changes lists the significant changes of common work by phase and category.
// A phase of which no category has changed by itself, but all a little, is one
// change.
func (c *comparison) changes() {
	phases := map[Place]*Evidence{}
	named := map[Place]bool{}
	for _, r := range c.rows(levelNamed("phases")) {
		phases[r.Place] = r.Evidence
	}
	for _, r := range c.rows(levelNamed("parts")) {
		if r.Evidence != nil && r.Evidence.Significant {
			phase := Place{Stage: r.Stage, Phase: r.Phase}
			named[phase] = true
			c.change(&r, phases[phase])
		}
	}
	for _, r := range c.rows(levelNamed("phases")) {
		if r.Evidence != nil && r.Evidence.Significant && !named[r.Place] {
			c.change(&r, r.Evidence)
		}
	}
	c.cacheChanges()
	slices.SortStableFunc(c.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(math.Abs(b.DeltaNS), math.Abs(a.DeltaNS)), a.Place.compare(b.Place))
	})
}

// change adds a row's change. phase is the evidence of its phase.
func (c *comparison) change(r *Row, phase *Evidence) {
	e := r.Evidence
	ch := Change{
		Place: r.Place, StageName: r.StageName, Unit: e.Unit,
		BaseUnitNS: e.BaseUnitNS, NewUnitNS: e.NewUnitNS, DeltaNS: e.DeltaNS, Ratio: e.Ratio, P: e.Adjusted,
	}
	if phase != nil && phase.BaseNS > 0 {
		ch.PhaseRatio = e.DeltaNS / phase.BaseNS
	}
	ch.Small = phase == nil || !c.matters(e.DeltaNS, phase.BaseNS, phase.NewNS) || !c.weighty(r.Stage, r.Phase)
	c.Changes = append(c.Changes, ch)
}

// matters reports whether a change is of the size that the verdict speaks of:
// a part of the smaller side, so that it does not matter which is called base.
func (c *comparison) matters(delta, base, new float64) bool {
	return math.Abs(delta) >= c.o.MinEffect*min(base, new)
}

// weighty reports whether a phase is a part of either side's time that counts.
func (c *comparison) weighty(stage int, phase string) bool {
	for _, p := range c.phases() {
		if p.Stage == stage && p.Phase == phase {
			return float64(p.base) >= gateShare*float64(c.Base.BusyNS) || float64(p.new) >= gateShare*float64(c.New.BusyNS)
		}
	}
	return false
}

// cacheChanges adds, for each phase, what steps gained or lost that one side
// takes from a cache and the other computes.
func (c *comparison) cacheChanges() {
	type sum struct{ base, new, cached int64 }
	sums := map[Place]*sum{}
	for _, p := range c.pairs {
		if p.link != Switched || !p.alike {
			continue
		}
		place := Place{Stage: p.base.class.stage, Phase: p.base.class.phase}
		if sums[place] == nil {
			sums[place] = &sum{}
		}
		s := sums[place]
		s.base, s.new = s.base+p.base.ns, s.new+p.new.ns
		if p.new.class.kind == analyze.CachedStep {
			s.cached++
		} else {
			s.cached--
		}
	}
	for place, s := range sums {
		delta := s.new - s.base
		if delta == 0 || s.cached == 0 {
			continue
		}
		ch := Change{Place: place, StageName: c.names[place.Stage], Unit: stepUnit, DeltaNS: float64(delta), Cached: int(s.cached)}
		for _, p := range c.phases() {
			if p.Stage == place.Stage && p.Phase == place.Phase && p.base > 0 {
				ch.PhaseRatio = float64(delta) / float64(p.base)
				ch.Small = !c.matters(float64(delta), float64(p.base), float64(p.new))
			}
		}
		c.Changes = append(c.Changes, ch)
	}
}

// judge sums the comparison up.
func (c *comparison) judge() {
	v := &c.Verdict
	switch {
	case c.Identical:
		*v = Verdict{Unchanged, WhyIdentical}
	case c.Base.BusyNS == 0 || c.New.BusyNS == 0:
		*v = Verdict{Abstained, WhyEmpty}
	case c.covered(0) < leastShared || c.covered(1) < leastShared:
		*v = Verdict{Abstained, WhyDifferent}
	case c.Same:
		*v = Verdict{Unchanged, WhyKnownIdentity}
	default:
		*v = c.weigh()
	}
}

// weigh makes a verdict of the changes.
func (c *comparison) weigh() Verdict {
	up, down := false, false
	for _, ch := range c.Changes {
		if !ch.Small {
			up, down = up || ch.DeltaNS > 0, down || ch.DeltaNS < 0
		}
	}
	switch {
	case up && down:
		return Verdict{Mixed, WhyChanged}
	case up:
		return Verdict{Regressed, WhyChanged}
	case down:
		return Verdict{Improved, WhyChanged}
	case !c.repeated():
		return Verdict{Abstained, WhyFewUnits}
	}
	return Verdict{Unchanged, WhySame}
}

// repeated reports whether half of the time of each side's common work is in
// classes that repeat: only then does finding nothing mean anything.
func (c *comparison) repeated() bool {
	var sampled [2]int64
	for _, s := range c.evidence.strata {
		for side, units := range s.units {
			if len(units) < 4 || len(s.units[1-side]) < 4 {
				continue // ranks of so few can't differ significantly
			}
			for _, u := range units {
				sampled[side] += u.ns
			}
		}
	}
	return float64(sampled[0]) >= leastCovered*float64(c.Work.BaseCommonNS) &&
		float64(sampled[1]) >= leastCovered*float64(c.Work.NewCommonNS)
}

// A phaseSum is the time of a phase on both sides.
type phaseSum struct {
	Place
	base, new int64
}

// phases returns the phases in the order of the pipeline.
func (c *comparison) phases() []phaseSum {
	var all []phaseSum
	for _, f := range c.fine {
		p := Place{Stage: f.Stage, Phase: f.Phase}
		if n := len(all); n == 0 || all[n-1].Place != p {
			all = append(all, phaseSum{Place: p})
		}
		s := &all[len(all)-1]
		s.base, s.new = s.base+f.sum[0].ns, s.new+f.sum[1].ns
	}
	return all
}
