package diff

import (
	"cmp"
	"slices"

	"omnitrace/analyze"
)

// unitTable has a row for each step, or each pass, and one for each stage that
// has any for the rest of its time. One unit a side is no sample, so the rows
// have no evidence: their classes do, in the table of phases.
func (c *comparison) unitTable(name string) Table {
	t := Table{Name: name, Doc: "each denoise step beside its counterpart"}
	wanted := class.isStep
	if name == "iterations" {
		t.Doc = "each scheduler pass beside its counterpart"
		wanted = func(k class) bool { return k.kind == analyze.Pass }
	}
	has := map[int]bool{}
	for _, p := range c.pairs {
		if u := p.any(); wanted(u.class) {
			has[u.class.stage] = true
		}
	}
	rest := map[int]*Row{}
	for _, p := range c.pairs {
		u := p.any()
		switch {
		case wanted(u.class):
			r := Row{Place: Place{Stage: u.class.stage, Phase: u.class.phase}, StageName: c.names[u.class.stage], WhyNull: whyOneUnit}
			r.Unit = &UnitPair{unitName(p.base), unitName(p.new), p.link}
			r.Key = c.unitKey(u)
			r.addPair(p)
			r.State = linkStates[p.link]
			t.Rows = append(t.Rows, r)
		case has[u.class.stage]:
			r := rest[u.class.stage]
			if r == nil {
				r = &Row{Place: Place{Stage: u.class.stage}, StageName: c.names[u.class.stage], State: Same, WhyNull: whyOneUnit}
				r.Key = key(r.Place, false, false) + "/" + unattributed
				rest[u.class.stage] = r
			}
			r.addPair(p)
		}
	}
	for _, r := range rest {
		t.Rows = append(t.Rows, *r)
	}
	slices.SortStableFunc(t.Rows, func(a, b Row) int { return cmp.Compare(a.Key, b.Key) })
	rankRows(t.Rows)
	return t
}

const whyOneUnit = "a single unit is no sample: see phases"

var linkStates = map[Link]State{Common: Same, Switched: Replaced, OnlyBase: Removed, OnlyNew: New}

func (r *Row) addPair(p pair) {
	for side, u := range p.units() {
		if u == nil {
			continue
		}
		count := int64(0)
		for _, cell := range u.cells {
			count += cell.count
		}
		r.DeltaNS += sign(side) * u.ns
		if side == 0 {
			r.BaseNS, r.BaseCount = r.BaseNS+u.ns, r.BaseCount+count
		} else {
			r.NewNS, r.NewCount = r.NewNS+u.ns, r.NewCount+count
		}
	}
}

func unitName(u *unit) *UnitName {
	if u == nil {
		return nil
	}
	return &UnitName{u.run, u.Replica, u.Request, u.Step, u.Iteration, u.class.kind}
}

// unitKey names a unit as a summary does; several runs and replicas are told
// apart in front.
func (c *comparison) unitKey(u *unit) string {
	k := key(Place{Stage: u.class.stage}, false, false)
	if max(len(c.sides[0].runs), len(c.sides[1].runs)) > 1 {
		k = "run=" + itoa(u.run) + "/" + k
	}
	if u.Replica > 0 {
		k += "/replica=" + itoa(u.Replica)
	}
	if u.Iteration >= 0 {
		return k + "/iteration=" + itoa(u.Iteration)
	}
	return k + "/request=" + itoa(u.Request) + "/step=" + itoa(u.Step)
}

// idleTable has the device's idle time before work, by phase and cause. Hosts
// are noisier from run to run than from step to step, so only repeats of a side
// can tell that a cause has grown.
func (c *comparison) idleTable() Table {
	t := Table{Name: "idle", Doc: "change of the devices' idle time, by phase of the work that ended it and by what the host did"}
	rows := map[Place]*Row{}
	work := map[Place]int64{}
	for _, p := range c.pairs {
		for side, u := range p.units() {
			if u == nil {
				continue
			}
			for cause, ns := range u.IdleNS {
				place := Place{Stage: u.class.stage, Phase: u.class.phase, Name: cause}
				r := rows[place]
				if r == nil {
					r = &Row{Place: place, StageName: c.names[place.Stage], Key: key(place, true, false) + "/cause=" + cause, State: Same}
					rows[place] = r
				}
				r.DeltaNS += sign(side) * ns
				if side == 0 {
					r.BaseNS += ns
				} else {
					r.NewNS += ns
				}
				if p.link != Common {
					work[place] += sign(side) * ns
				}
			}
		}
	}
	series := c.idleSeries()
	for place, r := range rows {
		r.WorkNS = work[place]
		r.DurationNS = r.DeltaNS - r.WorkNS
		if s := series[place]; s != nil {
			r.Evidence = c.evidence.judge(c.evidence.strata, *s, rowUnits, 0)
		}
		if r.Evidence == nil {
			r.WhyNull = whyFewUnits
		}
		t.Rows = append(t.Rows, *r)
	}
	slices.SortFunc(t.Rows, func(a, b Row) int { return cmp.Compare(a.Key, b.Key) })
	adjust(t.Rows)
	for i := range t.Rows {
		c.settleIdle(&t.Rows[i])
	}
	rankRows(t.Rows)
	return t
}

func (c *comparison) settleIdle(r *Row) {
	e := r.Evidence
	if e == nil {
		return
	}
	e.Significant = e.Significant && max(len(c.sides[0].runs), len(c.sides[1].runs)) > 1
	switch {
	case !e.Significant:
	case e.DeltaNS > 0:
		r.State = Slower
	default:
		r.State = Faster
	}
}

func (c *comparison) idleSeries() map[Place]*series {
	all := map[Place]*series{}
	for k := range c.evidence.strata {
		for side, units := range c.evidence.strata[k].units {
			for n, u := range units {
				for cause, ns := range u.IdleNS {
					p := Place{Stage: u.class.stage, Phase: u.class.phase, Name: cause}
					if all[p] == nil {
						fresh := make(series, len(c.evidence.strata))
						all[p] = &fresh
					}
					c.evidence.sample(all[p], k)[side][n] += ns
				}
			}
		}
	}
	return all
}
