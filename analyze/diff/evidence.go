package diff

import (
	"cmp"
	"maps"
	"math"
	"slices"

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
	return e.judge(e.strata, *s, e.drift[p.Stage])
}

// judge compares the figures of the strata.
func (e *evidence) judge(samples []sample, s series, drift float64) *Evidence {
	var strata []stats.Stratum
	ev := &Evidence{Drift: drift}
	weight := int64(0)
	for k, v := range s {
		if v[0] == nil {
			continue
		}
		strata = append(strata, stats.Stratum{Base: v[0], New: v[1], Weight: samples[k].weight})
		ev.BaseUnits += len(v[0])
		ev.NewUnits += len(v[1])
		weight += samples[k].weight
	}
	if len(strata) == 0 {
		return nil
	}
	est := e.resampler.Compare(strata)
	ev.BaseUnitNS, ev.NewUnitNS = est.Base/float64(weight), est.New/float64(weight)
	ev.BaseNS, ev.NewNS, ev.DeltaNS = est.Base, est.New, est.Delta
	ev.LowNS, ev.HighNS, ev.P = est.Low, est.High, est.P
	ev.Ratio, _ = est.Ratio()
	ev.Floor = max(within(samples, s), between(samples, s))
	return ev
}

// relative returns the change from a to b as a part of their mean.
func relative(a, b float64) float64 {
	if a+b == 0 {
		return 0
	}
	return 2 * (b - a) / (a + b)
}

// within returns the largest relative shift of the figures between the first
// and the second half of a run.
func within(samples []sample, s series) float64 {
	worst := 0.0
	eachRun(samples, s, func(side, run int) {
		first, second := 0.0, 0.0
		for k, v := range s {
			own := ofRun(samples[k].units[side], v[side], run)
			if len(own) < halvesFrom {
				continue
			}
			w := float64(samples[k].weight)
			first += w * median(own[:len(own)/2])
			second += w * median(own[len(own)/2:])
		}
		worst = max(worst, math.Abs(relative(first, second)))
	})
	return worst
}

// between returns the largest relative shift between two runs of one side.
func between(samples []sample, s series) float64 {
	worst := 0.0
	runs := [2][]int{}
	eachRun(samples, s, func(side, run int) { runs[side] = append(runs[side], run) })
	for side := range runs {
		for i, a := range runs[side] {
			for _, b := range runs[side][i+1:] {
				worst = max(worst, math.Abs(shift(samples, s, side, a, b)))
			}
		}
	}
	return worst
}

// shift returns the relative shift from run a to run b of a side.
func shift(samples []sample, s series, side, a, b int) float64 {
	was, is := 0.0, 0.0
	for k, v := range s {
		x, y := ofRun(samples[k].units[side], v[side], a), ofRun(samples[k].units[side], v[side], b)
		if len(x) < leastUnits || len(y) < leastUnits {
			continue
		}
		w := float64(samples[k].weight)
		was += w * median(x)
		is += w * median(y)
	}
	return relative(was, is)
}

// eachRun calls do with the runs of each side that have figures.
func eachRun(samples []sample, s series, do func(side, run int)) {
	for side := range 2 {
		seen := map[int]bool{}
		for k, v := range s {
			if v[side] == nil {
				continue
			}
			for _, u := range samples[k].units[side] {
				if !seen[u.run] {
					seen[u.run] = true
					do(side, u.run)
				}
			}
		}
	}
}

// ofRun returns the values of those of the units that belong to a run.
func ofRun(units []*unit, values []int64, run int) []int64 {
	var own []int64
	for i, u := range units {
		if values != nil && u.run == run {
			own = append(own, values[i])
		}
	}
	return own
}

func median(values []int64) float64 { return stats.Median(slices.Sorted(slices.Values(values))) }

// measureDrift finds what all kernels of a stage share: the median of their
// relative changes. What is more than the effect of interest is no drift.
func (c *comparison) measureDrift() {
	changes, total := map[int][]float64{}, map[int]float64{}
	kernels := c.evidence.levels["kernels"]
	places := slices.SortedFunc(maps.Keys(kernels), Place.compare)
	for _, p := range places {
		total[p.Stage] += c.evidence.typical(*kernels[p], 0) + c.evidence.typical(*kernels[p], 1)
	}
	for _, p := range places {
		base, new := c.evidence.typical(*kernels[p], 0), c.evidence.typical(*kernels[p], 1)
		if base > 0 && new > 0 && base+new > driftShare*total[p.Stage] {
			changes[p.Stage] = append(changes[p.Stage], relative(base, new))
		}
	}
	for stage, all := range changes {
		if len(all) < driftFrom {
			continue
		}
		slices.Sort(all)
		n := len(all)
		m := (all[(n-1)/2] + all[n/2]) / 2
		if math.Abs(m) < c.o.MinEffect {
			c.evidence.drift[stage] = m
		}
	}
}

// driftShare is the part of a stage's time below which a kernel tells more of
// the timer's resolution than of clocks.
const driftShare = 0.002

// typical returns the sum of the medians of one side.
func (e *evidence) typical(s series, side int) float64 {
	sum := 0.0
	for k, v := range s {
		if v[side] != nil {
			sum += float64(e.strata[k].weight) * median(v[side])
		}
	}
	return sum
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

// settle returns the row's state.
func (r *Row) settle(l *ledgerRow) State {
	switch {
	case r.State == Moved:
		return Moved
	case r.NewName != "":
		return Replaced
	case r.BaseCount == 0 && r.NewCount > 0:
		return New
	case r.NewCount == 0 && r.BaseCount > 0:
		return Removed
	case r.Name != "" && l.common[1].count > l.common[0].count:
		return More
	case r.Name != "" && l.common[1].count < l.common[0].count:
		return Fewer
	case r.Evidence == nil || !r.Evidence.Significant:
		return Same
	case r.Evidence.DeltaNS > 0:
		return Slower
	}
	return Faster
}

// markMoved finds kernels that one side runs in one place and the other in
// another: a stage, a phase, a kind of step.
func markMoved(rows []Row, by map[Place]*ledgerRow) {
	gone := map[string][]int{}
	for i := range rows {
		r := &rows[i]
		places := by[r.Place].places
		switch {
		case r.NewName != "":
		case r.BaseCount > 0 && r.NewCount > 0:
			if !overlap(places[0], places[1]) {
				r.State, r.Detail = Moved, where(places[0])+" → "+where(places[1])
			}
		case r.NewCount == 0:
			gone[r.Name] = append(gone[r.Name], i)
		}
	}
	for i := range rows {
		r := &rows[i]
		if r.BaseCount > 0 || r.NewName != "" || len(gone[r.Name]) != 1 {
			continue
		}
		from := &rows[gone[r.Name][0]]
		from.State, r.State = Moved, Moved
		from.Detail = "stage " + itoa(from.Stage) + " → stage " + itoa(r.Stage)
		r.Detail = from.Detail
	}
}

func overlap(a, b map[class]bool) bool {
	for p := range a {
		if b[p] {
			return true
		}
	}
	return false
}

// where names the first of places.
func where(places map[class]bool) string {
	first := slices.MinFunc(slices.Collect(maps.Keys(places)), class.compare)
	text := cmp.Or(first.phase, unattributed)
	if first.isStep() {
		text += " (" + first.kind + " step)"
	}
	return text
}
