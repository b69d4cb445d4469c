package diff

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"omnitrace/analyze"
)

// part returns a row of the ledger as gates see it.
func (c *comparison) part(l level, p Place) gatePart {
	g := gatePart{Place: p, key: l.key(p), unit: requestUnit, evidence: c.evidence.of(l, p)}
	if g.evidence == nil {
		g.why = c.whyNone(l, p)
		return g
	}
	sampled := int64(0)
	for _, v := range *c.evidence.levels[l.name][p] {
		for _, side := range v {
			for _, ns := range side {
				sampled += ns
			}
		}
	}
	g.unit = g.evidence.Unit
	g.covered = c.coverage(l, p, sampled)
	return g
}

// coverage returns the part of a row's time that the samples hold.
func (c *comparison) coverage(l level, p Place, sampled int64) float64 {
	for _, r := range c.rows(l) {
		if r.Place == p {
			return float64(sampled) / float64(max(1, r.BaseNS+r.NewNS))
		}
	}
	return 0
}

// whyNone says why a part has no evidence.
func (c *comparison) whyNone(l level, p Place) string {
	for _, r := range c.rows(l) {
		if r.Place == p && (r.BaseCount == 0 || r.NewCount == 0) {
			return WhyNothing
		}
	}
	return WhyTooFew
}

// totalPart returns the whole run by request, or by pass for the stages that
// have no requests.
func (c *comparison) totalPart() gatePart {
	g := gatePart{Place: Place{Stage: -1}, key: "total", unit: requestUnit}
	samples := c.wholes()
	var s series
	sampled := int64(0)
	for _, sample := range samples {
		var v [2][]int64
		for side, units := range sample.units {
			for _, u := range units {
				v[side] = append(v[side], u.ns)
				sampled += u.ns
			}
		}
		s = append(s, v)
	}
	if g.evidence = c.evidence.judge(samples, s, totalUnits, 0); g.evidence != nil {
		g.unit = g.evidence.Unit
		g.covered = float64(sampled) / float64(max(1, c.Base.BusyNS+c.New.BusyNS))
	}
	return g
}

// wholes returns whole requests, and the passes of stages without, as samples.
func (c *comparison) wholes() []sample {
	found := map[class]*sample{}
	add := func(side int, k class, u *unit) {
		if found[k] == nil {
			found[k] = &sample{class: k}
		}
		found[k].units[side] = append(found[k].units[side], u)
	}
	hasRequests := map[int]bool{}
	for i := range c.sides {
		for _, r := range c.sides[i].requests() {
			u, k := r.whole()
			hasRequests[k.stage] = true
			add(i, k, u)
		}
	}
	for i := range c.sides {
		for _, u := range c.sides[i].units {
			if u.Request < 0 && u.class.kind == analyze.Pass && !hasRequests[u.class.stage] {
				add(i, u.class, u)
			}
		}
	}
	var samples []sample
	for _, k := range slices.SortedFunc(maps.Keys(found), class.compare) {
		s := found[k]
		s.weight = int64(min(len(s.units[0]), len(s.units[1])))
		if s.weight >= leastUnits {
			samples = append(samples, *s)
		}
	}
	return samples
}

// whole returns a request as one unit, and what it must share with others to
// be compared with them: its number of units of each class.
func (r *request) whole() (*unit, class) {
	counts := map[class]int{}
	u := &unit{UnitSample: r.units[0].UnitSample, run: r.units[0].run}
	for _, part := range r.units {
		counts[part.class]++
		u.ns += part.ns
	}
	var b strings.Builder
	for _, k := range slices.SortedFunc(maps.Keys(counts), class.compare) {
		fmt.Fprintf(&b, "%v×%d ", k, counts[k])
	}
	u.class = class{stage: r.units[0].class.stage, name: r.units[0].class.name, kind: analyze.Part, phase: cmp.Or(b.String(), "-")}
	return u, u.class
}
