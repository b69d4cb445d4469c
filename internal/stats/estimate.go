package stats

import (
	"math"
	"slices"
)

// A Stratum holds repeated figures of the same thing on two sides. Weight says
// how often it counts in a sum over strata; it must be positive.
type Stratum struct {
	Base, New []int64 // in any order; at least one each
	Weight    int64
}

// An Estimate is what strata tell of the difference between their sides. All
// figures are sums over the strata of weighted medians, in the figures' unit.
type Estimate struct {
	Base, New float64
	Delta     float64 // New − Base
	Low, High float64 // 95 % interval of Delta, by bootstrap
	// P is the probability of ranks that differ at least as much if nothing but
	// chance told the sides apart (two-sided, by permutation within strata).
	P float64
}

// Median returns the middle of sorted figures, between the two where their
// number is even; 0 for none.
func Median(sorted []int64) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (float64(sorted[(n-1)/2]) + float64(sorted[n/2])) / 2
}

// Compare estimates the difference between the sides of the strata. Without
// strata nothing differs, with a P of 1.
func (r *Resampler) Compare(strata []Stratum) Estimate {
	sorted := make([]Stratum, len(strata))
	for i, s := range strata {
		sorted[i] = Stratum{slices.Sorted(slices.Values(s.Base)), slices.Sorted(slices.Values(s.New)), s.Weight}
	}
	// Which side is resampled first must not depend on which is called base.
	if descending(sorted) {
		return r.estimate(swapped(sorted)).swapped()
	}
	return r.estimate(sorted)
}

func (r *Resampler) estimate(strata []Stratum) Estimate {
	e := Estimate{P: pValue(strata)}
	for _, s := range strata {
		e.Base += float64(s.Weight) * Median(s.Base)
		e.New += float64(s.Weight) * Median(s.New)
	}
	e.Delta = e.New - e.Base
	e.Low, e.High = r.interval(strata)
	return e
}

// descending reports whether the base sides come after the new sides in the
// order of their contents.
func descending(strata []Stratum) bool {
	for _, s := range strata {
		if c := slices.Compare(s.Base, s.New); c != 0 {
			return c > 0
		}
	}
	return false
}

func swapped(strata []Stratum) []Stratum {
	out := make([]Stratum, len(strata))
	for i, s := range strata {
		out[i] = Stratum{s.New, s.Base, s.Weight}
	}
	return out
}

func (e Estimate) swapped() Estimate {
	return Estimate{Base: e.New, New: e.Base, Delta: -e.Delta, Low: -e.High, High: -e.Low, P: e.P}
}

// Ratio returns Delta as a part of Base, and false where Base is 0.
func (e Estimate) Ratio() (float64, bool) {
	if e.Base == 0 {
		return 0, false
	}
	r := e.Delta / e.Base
	return r, !math.IsInf(r, 0)
}
