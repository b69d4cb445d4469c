package analyze

import (
	"testing"

	"omnitrace/analyze/rules"
)

// benchTraces are a run with python frames, one of graph replays, and one that
// has only its kernels.
var benchTraces = map[string]string{
	"frames": "own/diffusion_flash_1/20261123-224646_stage_0_rep_0_diffusion_1795474006/trace_rank0.json.gz",
	"graphs": "own/omni_stages01/20261123-225138_stage1_rank0_1795474298/trace_rank0.json.gz",
	"period": "own/diffusion_nostack/20261123-225046_stage_0_rep_0_diffusion_1795474246/trace_rank0.json.gz",
}

// BenchmarkAttribution measures what finding requests, phases, steps and
// passes costs: events/s are of those that were read.
func BenchmarkAttribution(b *testing.B) {
	for name, path := range benchTraces {
		b.Run(name, func(b *testing.B) {
			t := corpusTrace(b, path)
			s := &Session{Options: Options{Rules: rules.Default()}}
			src := newSource(0, input(path, t))
			s.Sources = []*Source{src}
			s.addWork(0, src)
			b.ReportAllocs()
			for b.Loop() {
				s.steps, s.iterations, s.Warnings = nil, nil, nil
				src.host = nil
				s.attribute(0)
			}
			b.ReportMetric(float64(len(t.Events))*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkSummarize measures everything that follows the reading of a file.
func BenchmarkSummarize(b *testing.B) {
	for name, path := range benchTraces {
		b.Run(name, func(b *testing.B) {
			t := corpusTrace(b, path)
			b.ReportAllocs()
			for b.Loop() {
				newSession(b, Options{}, input(path, t)).Summarize(All())
			}
			b.ReportMetric(float64(len(t.Events))*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
