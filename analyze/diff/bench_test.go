package diff

import "testing"

func BenchmarkCompare(b *testing.B) {
	base, new := sampled(b, "own/diffusion_flash_1", nil), sampled(b, "own/diffusion_flash_2", nil)
	for b.Loop() {
		Compare(runs(base), runs(new), Options{})
	}
}

func BenchmarkSamples(b *testing.B) {
	inputs(b, "own/diffusion_flash_1")
	for b.Loop() {
		sampled(b, "own/diffusion_flash_1", nil)
	}
}
