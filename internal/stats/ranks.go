package stats

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// exactLimit is the number of figures, both sides together, up to which a
// stratum's rank sums are counted. Beyond, even sides that do not overlap at all
// have a p of 4e-5 by the normal approximation, which is small enough to survive
// the adjustment for a thousand rows.
const exactLimit = 24

// pValue is the two-sided Mann–Whitney test over strata: the rank sums of the
// new sides are added up and set against what they are if figures change sides
// at random within each stratum. Equal figures share their mean rank, and
// where the strata are small the distribution is exact, ties and all.
func pValue(strata []Stratum) float64 {
	exact := true
	ranked := make([]ranking, len(strata))
	for i, s := range strata {
		ranked[i] = rank(s)
		exact = exact && len(ranked[i].ranks) <= exactLimit
	}
	if exact {
		return exactP(ranked)
	}
	return normalP(ranked)
}

// A ranking has the ranks of a stratum's figures, doubled so that mean ranks
// of ties are integers.
type ranking struct {
	ranks  []int // of all figures, ascending
	n      int   // of them on the new side
	excess int   // their sum on the new side above what is expected
}

func rank(s Stratum) ranking {
	type figure struct {
		value int64
		side  int
	}
	var all []figure
	for _, v := range s.Base {
		all = append(all, figure{v, 0})
	}
	for _, v := range s.New {
		all = append(all, figure{v, 1})
	}
	slices.SortFunc(all, func(a, b figure) int { return cmp.Compare(a.value, b.value) })
	r := ranking{ranks: make([]int, len(all)), n: len(s.New)}
	sum := 0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].value == all[i].value {
			j++
		}
		for k := i; k < j; k++ {
			r.ranks[k] = i + j + 1 // the mean of ranks i+1 … j, doubled
			sum += all[k].side * r.ranks[k]
		}
		i = j
	}
	r.excess = sum - r.n*(len(all)+1)
	return r
}

// exactP adds up the probability of all excesses at least as far from 0.
func exactP(ranked []ranking) float64 {
	total := distribution{p: []float64{1}}
	excess := 0
	for _, r := range ranked {
		total = total.plus(r.distribution())
		excess += r.excess
	}
	p := 0.0
	for i, q := range total.p {
		if at := total.from + i; max(at, -at) >= max(excess, -excess) {
			p += q
		}
	}
	return min(p, 1)
}

// A distribution gives the probability of each integer from `from` on.
type distribution struct {
	from int
	p    []float64
}

// distribution counts the subsets of the ranks that could be the new side, by
// their sum.
func (r ranking) distribution() distribution {
	most := 0
	for _, rank := range r.ranks[len(r.ranks)-r.n:] {
		most += rank
	}
	ways := make([][]float64, r.n+1) // of k ranks, by their sum
	for k := range ways {
		ways[k] = make([]float64, most+1)
	}
	ways[0][0] = 1
	reached := 0 // the sum of the ranks so far, and so of any subset of them
	for i, rank := range r.ranks {
		reached += rank
		for k := min(i+1, r.n); k > 0; k-- {
			for sum := min(most, reached); sum >= rank; sum-- {
				ways[k][sum] += ways[k-1][sum-rank]
			}
		}
	}
	all := 0.0
	for _, n := range ways[r.n] {
		all += n
	}
	p := ways[r.n]
	for i := range p {
		p[i] /= all
	}
	return distribution{-r.n * (len(r.ranks) + 1), p}
}

// plus returns the distribution of the sum of two independent numbers.
func (d distribution) plus(o distribution) distribution {
	sum := distribution{d.from + o.from, make([]float64, len(d.p)+len(o.p)-1)}
	for i, p := range d.p {
		if p == 0 {
			continue
		}
		for j, q := range o.p {
			sum.p[i+j] += p * q
		}
	}
	return sum
}

// normalP approximates the distribution of the excess by a normal one with the
// variance that the ranks, ties included, give it.
func normalP(ranked []ranking) float64 {
	excess, variance := 0.0, 0.0
	for _, r := range ranked {
		n, all := float64(r.n), float64(len(r.ranks))
		excess += float64(r.excess)
		squares := 0.0
		for _, rank := range r.ranks {
			d := float64(rank) - (all + 1)
			squares += d * d
		}
		if all > 1 {
			variance += n * (all - n) / (all * (all - 1)) * squares
		}
	}
	if variance == 0 {
		return 1
	}
	z := max(0, math.Abs(excess)-1) / math.Sqrt(variance) // doubled ranks: half a step is 1
	return min(1, 2*distuv.UnitNormal.Survival(z))
}

// Holm adjusts p-values for having looked at all of them: the chance that any
// of those below a level is so by luck stays below that level. The order of
// the result is that of p.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(p[i], p[j]) })
	adjusted := make([]float64, len(p))
	worst := 0.0
	for k, i := range order {
		worst = max(worst, min(1, p[i]*float64(len(p)-k)))
		adjusted[i] = worst
	}
	return adjusted
}
