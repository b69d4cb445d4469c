package stats

import (
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// replicates is the number of bootstrap samples. The ends of a 95 % interval
// are then the means of about 25 values beyond them.
const replicates = 999

// seed makes the bootstrap the same on every run.
const seed = 0x6f6d6e69

// A Resampler draws bootstrap samples and keeps the draws, which depend on
// nothing but the number of figures. It is not safe for concurrent use.
type Resampler struct {
	draws map[drawKey][]int32
}

type drawKey struct{ n, stream int }

// NewResampler returns a resampler. All of them draw the same.
func NewResampler() *Resampler { return &Resampler{draws: map[drawKey][]int32{}} }

// medians returns, for each bootstrap sample of n sorted figures, the position
// of its median.
//
// The median of n draws with replacement from n sorted figures is the figure
// at the median of n uniform ranks, and that median has a beta distribution:
// one number drawn replaces n. For even n it is the distribution's smooth
// middle between the two middle ranks.
func (r *Resampler) medians(n, stream int) []int32 {
	key := drawKey{n, stream % 32}
	if d, ok := r.draws[key]; ok {
		return d
	}
	shape := float64(n+1) / 2
	beta := distuv.Beta{Alpha: shape, Beta: shape, Src: rand.NewPCG(seed, uint64(n)<<8|uint64(key.stream))}
	d := make([]int32, replicates)
	for i := range d {
		d[i] = int32(min(n-1, int(float64(n)*beta.Rand())))
	}
	r.draws[key] = d
	return d
}

// interval returns the middle 95 % of the differences of resampled medians.
// The figures must be sorted.
func (r *Resampler) interval(strata []Stratum) (low, high float64) {
	if len(strata) == 0 {
		return 0, 0
	}
	deltas := make([]float64, replicates)
	for i, s := range strata {
		a, b := r.medians(len(s.Base), 2*i), r.medians(len(s.New), 2*i+1)
		w := float64(s.Weight)
		for k := range deltas {
			deltas[k] += w * float64(s.New[b[k]]-s.Base[a[k]])
		}
	}
	slices.Sort(deltas)
	return stat.Quantile(0.025, stat.Empirical, deltas, nil), stat.Quantile(0.975, stat.Empirical, deltas, nil)
}
