package cli

import (
	"io"
	"os"
	"testing"
)

// BenchmarkSummarize measures a summary of the trace that OMNITRACE_BENCH
// names, with and without attribution, in this process: for profiles
// (-cpuprofile). bench/compare measures the program itself.
func BenchmarkSummarize(b *testing.B) {
	path := os.Getenv("OMNITRACE_BENCH")
	if path == "" {
		b.Skip("OMNITRACE_BENCH names no trace")
	}
	for name, flags := range map[string][]string{"attributed": nil, "plain": {"--table", "stages,devices,categories,kernels"}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				args := append([]string{"summarize", path, "--format", "json"}, flags...)
				if code := Main(args, nil, io.Discard, os.Stderr); code != exitOK {
					b.Fatalf("exit code %d", code)
				}
			}
		})
	}
}
