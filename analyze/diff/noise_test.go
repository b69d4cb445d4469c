package diff

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"omnitrace/analyze"
	"omnitrace/trace"
)

// Recordings of the same work pass the gate, and nothing in them is called a
// change: all ordered pairs of three.
func TestSameWorkPasses(t *testing.T) {
	all := flashes(t)
	for i, a := range all {
		for j, b := range all {
			if i == j {
				continue
			}
			r := Compare(runs(a), runs(b), Options{Gates: gates(t, "3%")})
			if r.fails() || !r.decides("stage=0/phase=denoise") {
				t.Errorf("%s, %s: %+v", flash[i], flash[j], r.Gates)
			}
			if r.Verdict != (Verdict{Unchanged, WhySame}) || len(r.Changes) > 0 {
				t.Errorf("%s, %s: %v %+v", flash[i], flash[j], r.Verdict, r.Changes)
			}
			checkLedger(t, r)
			checkMirror(t, r, Compare(runs(b), runs(a), Options{}))
		}
	}
}

// Of a thousand pairs that differ by jitter alone, whose steps are drawn from
// the real ones, at most one in twenty may fail a gate; and a gate of 3 % should
// fail for none.
func TestFalseAlarms(t *testing.T) {
	all := flashes(t)
	pairs := 1000
	if testing.Short() {
		pairs = 100
	}
	var failed, changed, tight int
	var lock sync.Mutex
	var wait sync.WaitGroup
	for worker := range 2 {
		wait.Go(func() {
			for i := worker; i < pairs; i += 2 {
				draw := rand.New(rand.NewPCG(7, uint64(i)))
				a := only(resampled(all[draw.IntN(3)], draw), draw.IntN(2))
				b := only(resampled(all[draw.IntN(3)], draw), draw.IntN(2))
				r := Compare(runs(a), runs(b), Options{Gates: gates(t, "3%", "0%")})
				lock.Lock()
				failed += count(r.failsAt("3%"))
				tight += count(r.failsAt("0%"))
				changed += count(r.Verdict.Word != Unchanged)
				lock.Unlock()
			}
		})
	}
	wait.Wait()
	t.Logf("%d pairs: %d fail at 3 %%, %d at 0 %%, %d have a verdict", pairs, failed, tight, changed)
	if failed*100 > pairs*5 || changed*100 > pairs*5 || tight*100 > pairs*5 {
		t.Errorf("of %d equal pairs %d fail at 3 %%, %d at 0 %%, %d are called changed", pairs, failed, tight, changed)
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Kernels of one category slowed by 5 % in another recording are found, and
// their stage, phase and category are the first that is named.
func TestInjectedSlowdownIsNamed(t *testing.T) {
	all := flashes(t)
	tried, named := 0, 0
	for _, category := range []string{"gemm", "elementwise", "layout", "attention", "norm", "activation", "convolution"} {
		for _, run := range flash {
			edited := sampled(t, run, func(tr *trace.Trace) *trace.Trace { return slowed(tr, category, 50) })
			for _, base := range all {
				for request := range 4 { // 8 steps a side
					a, b := only(base, request%2), only(edited, request/2)
					r := Compare(runs(a), runs(b), Options{})
					tried++
					if names(r, category) {
						named++
					}
				}
			}
		}
	}
	t.Logf("%d of %d named", named, tried)
	if named*100 < tried*95 {
		t.Errorf("%d of %d slowdowns are named first", named, tried)
	}
}

func names(r *Result, category string) bool {
	if len(r.Changes) == 0 {
		return false
	}
	c := r.Changes[0]
	return c.Stage == 0 && c.Phase == "denoise" && c.Category == category && c.Ratio > 0.03 && c.Ratio < 0.07
}

// The same with steps drawn at random: the real ones have jitter of their own.
func TestInjectedSlowdownIsNamedInResampledRuns(t *testing.T) {
	all := flashes(t)
	draw := rand.New(rand.NewPCG(11, 12))
	tried, named := 0, 0
	for _, category := range []string{"gemm", "elementwise", "layout", "attention", "norm", "activation", "convolution"} {
		edited := sampled(t, flash[draw.IntN(3)], func(tr *trace.Trace) *trace.Trace { return slowed(tr, category, 50) })
		for range 15 {
			a := only(resampled(all[draw.IntN(3)], draw), draw.IntN(2))
			b := only(resampled(edited, draw), draw.IntN(2))
			tried++
			named += count(names(Compare(runs(a), runs(b), Options{}), category))
		}
	}
	t.Logf("%d of %d named", named, tried)
	if named*100 < tried*95 {
		t.Errorf("%d of %d slowdowns are named first", named, tried)
	}
}

// A category that matters fails the gate for it, and only that; one that is a
// fortieth of the time and 1 % slower fails none.
func TestGateSeesWhatMatters(t *testing.T) {
	base := sampled(t, flash[0], nil)
	slow := func(category string, permille int64) *Result {
		edited := sampled(t, flash[1], func(tr *trace.Trace) *trace.Trace { return slowed(tr, category, permille) })
		return Compare(runs(base), runs(edited), Options{Gates: gates(t, "3%", "1%", "category=gemm:4%", "category=attention:4%", "0.1ms")})
	}
	if r := slow("activation", 10); r.fails() || r.Verdict.Word != Unchanged {
		t.Errorf("1 %% of a small category: %v %+v", r.Verdict, r.Gates)
	}
	r := slow("gemm", 50)
	want := map[string]Outcome{
		"3% stage=0/phase=denoise": Holds, "1% stage=0/phase=denoise": Fails,
		"category=gemm:4% stage=0/category=gemm": Fails, "category=attention:4% stage=0/category=attention": Holds,
		"0.1ms stage=0/phase=denoise": Holds, // 5 % of 1.74 ms a step
		"3% total":                    Undecided,
	}
	for _, g := range r.Gates {
		k := g.Expression + " " + g.Key
		if w, ok := want[k]; ok && g.Outcome != w {
			t.Errorf("%s: %s, want %s: %+v", k, g.Outcome, w, g)
		}
		delete(want, k)
	}
	if len(want) > 0 {
		t.Errorf("no gate for %v", want)
	}
	if r.Verdict != (Verdict{Regressed, WhyChanged}) {
		t.Errorf("verdict %v", r.Verdict)
	}
	if r := slow("gemm", -50); r.fails() || r.Verdict.Word != Improved {
		t.Errorf("a faster run: %v", r.Verdict)
	}
}

// Repeats show the noise between runs, and a change within it is none.
func TestRepeatsMeasureNoise(t *testing.T) {
	all := flashes(t)
	r := Compare(all[:2], all[2:], Options{})
	if len(r.Noise) != 1 || r.Noise[0].Repeats != 2 || r.Noise[0].Between <= 0 || r.Noise[0].Between > 0.01 {
		t.Errorf("noise %+v", r.Noise)
	}
	// The base's own runs differ by 5 %, so that 3 % between the sides is nothing.
	edit := func(permille int64) *analyze.Samples {
		return sampled(t, flash[0], func(tr *trace.Trace) *trace.Trace { return slowed(tr, "gemm", permille) })
	}
	r = Compare(runs(all[0], edit(100)), runs(edit(60), edit(70)), Options{Gates: gates(t, "0.1%")})
	if len(r.Changes) > 0 || r.fails() {
		t.Errorf("%+v %+v", r.Changes, r.Gates)
	}
}

// All kernels a little slower, as at a lower clock, is said once and is no
// change of each.
func TestDriftIsNoChange(t *testing.T) {
	base := sampled(t, flash[0], nil)
	edited := sampled(t, flash[0], func(tr *trace.Trace) *trace.Trace {
		return stretched(tr, func(e *trace.Event) bool { return e.Kind.GPU() }, 6)
	})
	r := Compare(runs(base), runs(edited), Options{})
	if len(r.Noise) != 1 || r.Noise[0].Drift < 0.005 || r.Noise[0].Drift > 0.007 {
		t.Errorf("noise %+v", r.Noise)
	}
	if len(r.Changes) > 0 {
		t.Errorf("%+v", r.Changes)
	}
	// Beyond the effect of interest it is a change all the same.
	edited = sampled(t, flash[0], func(tr *trace.Trace) *trace.Trace {
		return stretched(tr, func(e *trace.Event) bool { return e.Kind.GPU() }, 40)
	})
	if r := Compare(runs(base), runs(edited), Options{Gates: gates(t, "3%")}); r.Verdict.Word != Regressed || !r.fails() {
		t.Errorf("%v %+v", r.Verdict, r.Gates)
	}
}

// One step on each side tells nothing, and says so.
func TestSingleUnits(t *testing.T) {
	a, b := cutSteps(sampled(t, flash[0], nil), 1), cutSteps(sampled(t, flash[1], nil), 1)
	r := Compare(runs(a), runs(b), Options{Gates: gates(t, "3%")})
	if r.Verdict != (Verdict{Abstained, WhyFewUnits}) {
		t.Errorf("verdict %v", r.Verdict)
	}
	for _, g := range r.Gates {
		if g.Outcome != Undecided {
			t.Errorf("gate %+v", g)
		}
	}
	if r.Totals.DeltaNS != b.Totals.BusyNS-a.Totals.BusyNS {
		t.Errorf("totals %+v", r.Totals)
	}
}

// cutSteps keeps the first request, and of it the first steps.
func cutSteps(s *analyze.Samples, steps int) *analyze.Samples {
	out := *only(s, 0)
	out.Units = slices.DeleteFunc(slices.Clone(out.Units), func(u analyze.UnitSample) bool { return u.Step >= steps })
	out.Digest += fmt.Sprint(" ", steps)
	return retotalled(&out)
}
