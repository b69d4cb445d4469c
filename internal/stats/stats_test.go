package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		sorted []int64
		want   float64
	}{
		{nil, 0}, {[]int64{7}, 7}, {[]int64{1, 4}, 2.5}, {[]int64{1, 4, 100}, 4}, {[]int64{-3, -1, 1, 3}, 0},
	} {
		if got := Median(c.sorted); got != c.want {
			t.Errorf("Median(%v) = %v, want %v", c.sorted, got, c.want)
		}
	}
}

// The values are R's: p.adjust(p, "holm").
func TestHolm(t *testing.T) {
	for _, c := range []struct{ p, want []float64 }{
		{nil, nil},
		{[]float64{0.2}, []float64{0.2}},
		{[]float64{0.01, 0.04, 0.03, 0.005}, []float64{0.03, 0.06, 0.06, 0.02}},
		{[]float64{0.5, 0.6, 0.9}, []float64{1, 1, 1}},
		{[]float64{0.001, 0.001, 0.05}, []float64{0.003, 0.003, 0.05}},
	} {
		got := Holm(c.p)
		for i := range c.want {
			if math.Abs(got[i]-c.want[i]) > 1e-12 {
				t.Errorf("Holm(%v) = %v, want %v", c.p, got, c.want)
			}
		}
	}
}

// The values are R's: wilcox.test(base, new, exact = TRUE)$p.value.
func TestMannWhitneyAgainstR(t *testing.T) {
	for _, c := range []struct {
		base, new []int64
		want      float64
	}{
		{[]int64{1, 2, 3, 4, 5}, []int64{6, 7, 8, 9, 10}, 0.00793650793650794},
		{[]int64{1, 2, 3}, []int64{4, 5, 6}, 0.1},
		{[]int64{1, 3, 5, 7}, []int64{2, 4, 6, 8}, 0.685714285714286},
		{[]int64{10, 20}, []int64{30}, 0.666666666666667},
	} {
		if got := pValue([]Stratum{{c.base, c.new, 1}}); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("p of %v and %v = %v, want %v", c.base, c.new, got, c.want)
		}
	}
}

// With ties and over several strata the exact distribution is what trying all
// ways to deal the figures out gives.
func TestExactDistributionAgainstEnumeration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var strata []Stratum
		for range rapid.IntRange(1, 2).Draw(t, "strata") {
			figures := rapid.SliceOfN(rapid.Int64Range(0, 4), 1, 4)
			strata = append(strata, Stratum{figures.Draw(t, "base"), figures.Draw(t, "new"), 1})
		}
		if got, want := pValue(strata), enumerated(strata); math.Abs(got-want) > 1e-9 {
			t.Fatalf("p = %v, by enumeration %v", got, want)
		}
	})
}

// enumerated counts the ways to deal each stratum's figures out to sides that
// leave the sum of mean ranks at least as far from its expectation.
func enumerated(strata []Stratum) float64 {
	type dealt struct{ sums []float64 }
	var all []dealt
	excess := 0.0
	for _, s := range strata {
		figures := slices.Concat(s.Base, s.New)
		mean := func(v int64) float64 {
			below, equal := 0, 0
			for _, f := range figures {
				if f < v {
					below++
				} else if f == v {
					equal++
				}
			}
			return float64(below) + float64(equal+1)/2
		}
		expected := float64(len(s.New)*(len(figures)+1)) / 2
		for _, v := range s.New {
			excess += mean(v)
		}
		excess -= expected
		d := dealt{}
		for mask := range 1 << len(figures) {
			n, sum := 0, 0.0
			for i, v := range figures {
				if mask>>i&1 == 1 {
					n++
					sum += mean(v)
				}
			}
			if n == len(s.New) {
				d.sums = append(d.sums, sum-expected)
			}
		}
		all = append(all, d)
	}
	sums := []float64{0}
	for _, d := range all {
		var next []float64
		for _, a := range sums {
			for _, b := range d.sums {
				next = append(next, a+b)
			}
		}
		sums = next
	}
	far := 0
	for _, s := range sums {
		if math.Abs(s) >= math.Abs(excess)-1e-9 {
			far++
		}
	}
	return float64(far) / float64(len(sums))
}

// Where the exact count ends the approximation takes over without a jump.
func TestNormalApproximation(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var s Stratum
		for range exactLimit / 2 {
			s.Base = append(s.Base, r.Int64N(40))
			s.New = append(s.New, r.Int64N(40)+r.Int64N(8))
		}
		ranked := []ranking{rank(s)}
		exact, normal := exactP(ranked), normalP(ranked)
		if math.Abs(exact-normal) > 0.02 {
			t.Errorf("exact %v, normal %v", exact, normal)
		}
	}
}

// Sides that differ by chance alone are told apart in at most the promised part
// of all cases.
func TestFalsePositives(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	found := 0
	const trials = 2000
	for range trials {
		var s Stratum
		for range 8 {
			s.Base = append(s.Base, r.Int64N(1000))
			s.New = append(s.New, r.Int64N(1000))
		}
		if pValue([]Stratum{s}) < 0.05 {
			found++
		}
	}
	if found > trials*6/100 {
		t.Errorf("%d of %d equal pairs were told apart at 5 %%", found, trials)
	}
}

// The interval of a bootstrap that draws every figure is the one made of the
// medians' ranks alone.
func TestIntervalAgainstPlainBootstrap(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var s Stratum
	for range 21 {
		s.Base = append(s.Base, 1_000_000+r.Int64N(10_000))
		s.New = append(s.New, 1_005_000+r.Int64N(10_000))
	}
	s.Weight = 1
	got := NewResampler().Compare([]Stratum{s})
	draw := func(figures []int64) float64 {
		sample := make([]int64, len(figures))
		for i := range sample {
			sample[i] = figures[r.IntN(len(figures))]
		}
		slices.Sort(sample)
		return Median(sample)
	}
	var deltas []float64
	for range 20_000 {
		deltas = append(deltas, draw(s.New)-draw(s.Base))
	}
	slices.Sort(deltas)
	low, high := deltas[500], deltas[19_500]
	width := high - low
	if math.Abs(got.Low-low) > width/8 || math.Abs(got.High-high) > width/8 {
		t.Errorf("interval %v … %v, drawn figure by figure %v … %v", got.Low, got.High, low, high)
	}
	if got.Low > got.Delta || got.Delta > got.High {
		t.Errorf("%v is not in %v … %v", got.Delta, got.Low, got.High)
	}
}

// Exchanging the sides changes the sign of an estimate and nothing else, and
// the order of figures does not matter.
func TestMirror(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var strata, mirrored []Stratum
		figures := rapid.SliceOfN(rapid.Int64Range(0, 1_000_000), 1, 30)
		for range rapid.IntRange(0, 3).Draw(t, "strata") {
			s := Stratum{figures.Draw(t, "base"), figures.Draw(t, "new"), rapid.Int64Range(1, 9).Draw(t, "weight")}
			strata = append(strata, s)
			slices.Reverse(s.New)
			mirrored = append(mirrored, Stratum{s.New, s.Base, s.Weight})
		}
		a, b := NewResampler().Compare(strata), NewResampler().Compare(mirrored)
		if a != b.swapped() {
			t.Fatalf("%+v is not the mirror of %+v", a, b)
		}
		for _, x := range []float64{a.Base, a.New, a.Delta, a.Low, a.High, a.P} {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				t.Fatalf("%+v", a)
			}
		}
		if a.P < 0 || a.P > 1 || a.Low > a.High {
			t.Fatalf("%+v", a)
		}
	})
}

func TestRatio(t *testing.T) {
	if r, ok := (Estimate{Base: 50, Delta: 5}).Ratio(); !ok || r != 0.1 {
		t.Errorf("5 of 50 is %v, %v", r, ok)
	}
	if _, ok := (Estimate{Delta: 5}).Ratio(); ok {
		t.Error("a change from nothing has no ratio")
	}
}
