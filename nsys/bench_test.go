package nsys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"omnitrace/trace"
)

// drain reads to the end and returns the number of events.
func drain(b *testing.B, r trace.Reader) (events int) {
	b.Helper()
	for {
		batch, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			b.Fatal(err)
		}
		events += len(batch)
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
	return events
}

// BenchmarkSQLite reads a real export of 14 000 rows.
func BenchmarkSQLite(b *testing.B) { benchmarkSQLite(b, export(b, "qwenimage")) }

// BenchmarkLarge reads the export that OMNITRACE_NSYS_EXPORT names, such as
// bench/gennsys makes. compare.sh there puts it beside the sqlite3 shell.
func BenchmarkLarge(b *testing.B) {
	path := os.Getenv("OMNITRACE_NSYS_EXPORT")
	if path == "" {
		b.Skip("OMNITRACE_NSYS_EXPORT names no export")
	}
	benchmarkSQLite(b, path)
}

func benchmarkSQLite(b *testing.B, path string) {
	for _, c := range []struct {
		name  string
		kinds trace.Kinds
	}{{"kernels", trace.KindsOf(trace.Kernel)}, {"everything", trace.AllKinds}} {
		b.Run(c.name, func(b *testing.B) {
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(info.Size())
			b.ReportAllocs()
			events := 0
			for b.Loop() {
				r, err := OpenSQLite(context.Background(), path, trace.Want{Kinds: c.kinds})
				if err != nil {
					b.Fatal(err)
				}
				events += drain(b, r)
			}
			b.ReportMetric(float64(events)/float64(b.N), "events/op")
			b.ReportMetric(peakMemory(b), "peak-MB")
		})
	}
}

// peakMemory returns the largest resident size so far, in megabytes, where the
// system says it.
func peakMemory(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kB float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kB); n == 1 {
			return kB / 1e3
		}
	}
	return 0
}

func BenchmarkStats(b *testing.B) {
	for _, name := range []string{"node_stats.csv.gz", "node_stats.json.gz"} {
		b.Run(name, func(b *testing.B) {
			data := testdata(b, name)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				drain(b, OpenStats(context.Background(), trace.Want{}, Input{name, bytes.NewReader(data)}))
			}
		})
	}
}
