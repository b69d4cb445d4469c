package merge

import (
	"math/rand/v2"
	"slices"
	"testing"

	"omnitrace/analyze"
	"omnitrace/internal/tracetest"
	"omnitrace/trace"
)

// Work is queued from its launch call until it ends; without one, while it runs.
func TestQueue(t *testing.T) {
	tr := tracetest.Must(t, `
launch t=0 d=3 track=host/11 corr=1 "cudaLaunchKernel"
launch t=5 d=3 track=host/11 corr=2 "cudaLaunchKernel"
kernel t=10 d=5 track=gpu0/7 corr=1 "a"
kernel t=15 d=5 track=gpu0/7 corr=2 "b"
kernel t=30 d=5 track=gpu0/7 "c"
kernel t=1 d=99 track=gpu1/7 "d"
`)
	got := queue(&analyze.Source{Trace: tr, Links: trace.Link(tr)}, 0)
	want := []Sample{{0, 1}, {5, 2}, {15, 1}, {20, 0}, {30, 1}, {35, 0}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A level of many changes is shown by few samples, none below what it was at any
// moment, and the highest is exact.
func TestLevelsOfMany(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const n = 4 * mostSamples
	var all []change
	at := map[int]int64{} // the level from each moment on, slowly
	for range n {
		from := random.IntN(1e6)
		to := from + 1 + random.IntN(50)
		all = append(all, change{trace.Time(from), 1}, change{trace.Time(to), -1})
		for i := from; i < to; i++ {
			at[i]++
		}
	}
	samples := levels(all)
	if len(samples) > 2*mostSamples+1 {
		t.Errorf("%d samples", len(samples))
	}
	most, shown, k := int64(0), int64(0), -1
	for i := range int(1e6) {
		for k+1 < len(samples) && samples[k+1].At <= trace.Time(i) {
			k++
			shown = max(shown, samples[k].Value)
		}
		most = max(most, at[i])
		if k >= 0 && at[i] > samples[k].Value || k < 0 && at[i] > 0 {
			t.Fatalf("at %d the level is %d, sample %d", i, at[i], k)
		}
	}
	if shown != most || samples[len(samples)-1].Value != 0 {
		t.Errorf("the highest is %d, shown %d; the end is %v", most, shown, samples[len(samples)-1])
	}
}
