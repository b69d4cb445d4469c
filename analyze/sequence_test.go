package analyze

import (
	"reflect"
	"slices"
	"sync"
	"testing"

	"omnitrace/analyze/period"
)

// Equal sequences are searched once, and what is said of each is what the
// finder says of it alone, also when several ask at once.
func TestSequences(t *testing.T) {
	// An encoder, steps of ten equal layers between what they begin and end
	// with, and a decoder.
	loop := func(steps int) (names []uint32) {
		run := func(from, n int) {
			for k := range n {
				names = append(names, uint32(from+k))
			}
		}
		run(1000, 60)
		for range steps {
			run(0, 8)
			for range 10 {
				run(100, 30)
			}
			run(200, 12)
		}
		run(2000, 60)
		return names
	}
	all := []period.Sequence{
		{Names: loop(4), Diffusion: true}, {Names: loop(5), Diffusion: true}, {Names: loop(4)}, {Names: loop(4), Diffusion: true}, {},
	}
	var known sequences
	got := make([]period.Result, 3*len(all))
	var asking sync.WaitGroup
	for i := range got {
		asking.Go(func() {
			seq := all[i%len(all)]
			seq.Names = slices.Clone(seq.Names)
			got[i] = known.find(seq)
		})
	}
	asking.Wait()
	for i := range got {
		if want := period.Find(all[i%len(all)]); !reflect.DeepEqual(got[i], want) {
			t.Errorf("sequence %d: %+v, alone %+v", i%len(all), got[i], want)
		}
	}
	if len(got[0].Loops) == 0 {
		t.Error("no loop: the test shows nothing")
	}
	searched := 0
	for _, same := range known.known {
		searched += len(same)
	}
	if searched != 4 {
		t.Errorf("%d of 4 different sequences were kept", searched)
	}
}
