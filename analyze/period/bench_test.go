package period

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// loopOf returns about n kernels of one pipeline, in which ever more requests
// follow each other; two kernels of a thousand are lost or made up.
func loopOf(n int) Sequence {
	m := newMaker(rand.New(rand.NewPCG(1, 1)))
	s := &synth{}
	encode, model, decode := m.encoder(), m.denoiser(), m.decoder()
	for len(s.names) < n {
		s.names = append(s.names, encode...)
		for k := range 50 {
			kernels, _ := model.turn(k, 50, false)
			s.names = append(s.names, kernels...)
		}
		s.names = append(s.names, decode...)
	}
	s.names = s.names[:n]
	s.step = make([]int, n)
	s.hints = m.hints
	s.edit(m, 0.002)
	return s.sequence(true)
}

// BenchmarkFind shows how the time grows with the number of kernels.
func BenchmarkFind(b *testing.B) {
	for n := 10_000; n <= 10_000_000; n *= 10 {
		seq := loopOf(n)
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Find(seq)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/kernel")
		})
	}
}
