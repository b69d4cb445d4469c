package diff

import (
	"maps"
	"math"
	"slices"

	"omnitrace/internal/stats"
)

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
