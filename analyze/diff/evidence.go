package diff

import (
	"maps"
	"math"
	"slices"

	"omnitrace/analyze"
	"omnitrace/internal/stats"
)

// Whether a change is real is decided from the units that both sides repeat.
//
// The figures of a row in all units of a class are its sample; classes are
// strata, and only figures of one class are compared. A row has changed where
//   - the ranks of its figures differ by more than chance would have it, with
//     all rows of its table taken into account (Holm), and
//   - it changed by more than the sides differ from themselves: more than the
//     halves of each run do, and than the repeats of a side do, and
//   - it changed by more than that relative to what all kernels of its stage
//     share: two runs of one program on one card run at slightly different
//     clocks, all kernels alike.
//
// Relative changes are taken of the mean of both sides here, so that it does
// not matter which is called base.

// alpha is the chance of finding anything in a table where nothing changed.
const alpha = 0.05

const (
	leastUnits = 2 // of a class on each side, to be a sample
	halvesFrom = 6 // units of a run, to compare its halves
	driftFrom  = 5 // kernels, to see what all share
	usableFrom = 8 // undisturbed units that make the disturbed ones dispensable
)

// Why a row has no evidence.
const (
	whyNotCommon = "only one side has work of this kind"
	whyFewUnits  = "no unit of it repeats on both sides"
)

type evidence struct {
	strata    []sample
	levels    map[string]map[Place]*series
	resampler *stats.Resampler
	drift     map[int]float64
}

// A sample is the units of one class.
type sample struct {
	class
	units  [2][]*unit
	weight int64 // pairs of common units
}

// A series has a row's figures in the units of each sample; nil where all are 0.
type series [][2][]int64

// gather collects the classes that can be sampled.
func (c *comparison) gather() {
	e := &evidence{levels: map[string]map[Place]*series{}, resampler: stats.NewResampler(), drift: map[int]float64{}}
	c.evidence = e
	found := map[class]*sample{}
	for i, s := range c.sides {
		for _, u := range s.units {
			if found[u.class] == nil {
				found[u.class] = &sample{class: u.class}
			}
			f := found[u.class]
			f.units[i] = append(f.units[i], u)
		}
	}
	for _, p := range c.pairs {
		if p.link == Common {
			found[p.base.class].weight++
		}
	}
	for _, class := range slices.SortedFunc(maps.Keys(found), class.compare) {
		s := found[class]
		s.dropDisturbed()
		if !c.resized[scope{class.stage, class.phase}] && s.weight > 0 && len(s.units[0]) >= leastUnits && len(s.units[1]) >= leastUnits {
			e.strata = append(e.strata, *s)
		}
	}
	for _, l := range levels {
		e.levels[l.name] = c.series(l)
	}
	c.measureDrift()
}

// dropDisturbed leaves out the units that start-up work disturbed, unless few
// are left: then a few more figures tell more than they harm, or it is no
// start-up but how this program runs.
func (s *sample) dropDisturbed() {
	var calm [2][]*unit
	for i, units := range s.units {
		for _, u := range units {
			if u.Startup == "" {
				calm[i] = append(calm[i], u)
			}
		}
		if len(calm[i]) < min(usableFrom, len(units)) {
			return
		}
	}
	s.units = calm
}

// series collects the figures of all rows of a level.
func (c *comparison) series(l level) map[Place]*series {
	all := map[Place]*series{}
	of := make([]*series, len(c.fine)) // nil for rows that are not in the level
	for i, r := range c.fine {
		if p, ok := l.keep(r.Place); ok {
			if all[p] == nil {
				fresh := make(series, len(c.evidence.strata))
				all[p] = &fresh
			}
			of[i] = all[p]
		}
	}
	for k := range c.evidence.strata {
		for side, units := range c.evidence.strata[k].units {
			for n, u := range units {
				for _, cell := range u.cells {
					if s := of[cell.row]; s != nil {
						c.evidence.sample(s, k)[side][n] += cell.ns
					}
				}
			}
		}
	}
	return all
}

// sample returns a series' figures of a stratum, for which it makes room.
func (e *evidence) sample(s *series, stratum int) *[2][]int64 {
	v := &(*s)[stratum]
	if v[0] == nil {
		units := &e.strata[stratum].units
		v[0], v[1] = make([]int64, len(units[0])), make([]int64, len(units[1]))
	}
	return v
}

// of returns what is known of a row's change, nil for nothing.
func (e *evidence) of(l level, p Place) *Evidence {
	s := e.levels[l.name][p]
	if s == nil {
		return nil
	}
	return e.judge(e.strata, *s, rowUnits, e.drift[p.Stage])
}

// What units are called, and in which order they give a row its unit: work
// beside the steps of a phase is shared out to them.
const (
	stepUnit    = "step"
	passUnit    = "pass"
	requestUnit = "request"
)

var (
	rowUnits   = []string{stepUnit, passUnit, requestUnit}
	totalUnits = []string{requestUnit, passUnit}
)

func (k class) unit() string {
	switch {
	case k.isStep():
		return stepUnit
	case k.kind == analyze.Pass:
		return passUnit
	}
	return requestUnit
}

// unit returns the first of the words that names units of the series.
func (s series) unit(samples []sample, words []string) string {
	for _, word := range words {
		for k, v := range s {
			if v[0] != nil && samples[k].unit() == word {
				return word
			}
		}
	}
	return requestUnit
}

// judge compares the figures of the strata.
func (e *evidence) judge(samples []sample, s series, words []string, drift float64) *Evidence {
	var strata []stats.Stratum
	ev := &Evidence{Drift: drift, Unit: s.unit(samples, words)}
	weight := int64(0)
	for k, v := range s {
		if v[0] == nil {
			continue
		}
		strata = append(strata, stats.Stratum{Base: v[0], New: v[1], Weight: samples[k].weight})
		if samples[k].unit() == ev.Unit {
			ev.BaseUnits += len(v[0])
			ev.NewUnits += len(v[1])
			weight += samples[k].weight
		}
	}
	if len(strata) == 0 {
		return nil
	}
	est := e.resampler.Compare(strata)
	ev.BaseUnitNS, ev.NewUnitNS = est.Base/float64(max(1, weight)), est.New/float64(max(1, weight))
	ev.BaseNS, ev.NewNS, ev.DeltaNS = est.Base, est.New, est.Delta
	ev.LowNS, ev.HighNS, ev.P = est.Low, est.High, est.P
	ev.Ratio, _ = est.Ratio()
	ev.Floor = max(within(samples, s), between(samples, s))
	return ev
}

// adjust settles which rows of a table have changed, all of them considered.
func adjust(rows []Row) {
	var tested []*Evidence
	for i := range rows {
		if rows[i].Evidence != nil {
			tested = append(tested, rows[i].Evidence)
		}
	}
	adjustAll(tested)
}

func adjustAll(tested []*Evidence) {
	p := make([]float64, len(tested))
	for i, e := range tested {
		p[i] = e.P
	}
	for i, adjusted := range stats.Holm(p) {
		e := tested[i]
		e.Adjusted = adjusted
		e.Significant = adjusted < alpha && e.beyondNoise()
	}
}

// beyondNoise reports whether the change is larger than what the sides show
// against themselves, with and without what all kernels share.
func (e *Evidence) beyondNoise() bool {
	change := relative(e.BaseUnitNS, e.NewUnitNS)
	return math.Abs(change) > e.Floor && math.Abs(change-e.Drift) > e.Floor
}

// judge gives the row its evidence.
func (r *Row) judge(e *Evidence) {
	r.Evidence = e
	switch {
	case e != nil:
	case r.BaseCount == 0 || r.NewCount == 0:
		r.WhyNull = whyNotCommon
	default:
		r.WhyNull = whyFewUnits
	}
}
