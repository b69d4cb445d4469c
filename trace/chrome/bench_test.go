package chrome_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/open"
)

// benchTrace has python frames, operators, launches and kernels in the usual
// proportions of a profile with stacks (15 MB).
const benchTrace = "torch/tracelens_sglang_prefilldecode__sglang_Qwen3-8B_prefilldecode.json.gz"

var work = trace.Want{Kinds: trace.GPUKinds | trace.KindsOf(trace.Launch)}

// BenchmarkReader reads a real trace from memory. Bytes are those of the
// uncompressed text in all cases.
func BenchmarkReader(b *testing.B) {
	stored := corpusFile(b, benchTrace)
	plain := decompress(b, stored)
	for _, bench := range []struct {
		name string
		text []byte
		want trace.Want
	}{
		{"plain/gpu", plain, work},
		{"plain/all", plain, trace.Want{}},
		{"gz/gpu", stored, work},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				drain(b, bench.text, bench.want)
			}
		})
	}
}

func drain(tb testing.TB, stored []byte, want trace.Want) {
	src, err := open.Reader(bytes.NewReader(stored))
	if err != nil {
		tb.Fatal(err)
	}
	defer src.Close()
	r := chrome.NewReader(src, want)
	defer r.Close()
	for {
		if _, err := r.Next(); err == io.EOF {
			return
		} else if err != nil {
			tb.Fatal(err)
		}
	}
}

func decompress(tb testing.TB, stored []byte) []byte {
	src, err := open.Reader(bytes.NewReader(stored))
	if err != nil {
		tb.Fatal(err)
	}
	defer src.Close()
	plain, err := io.ReadAll(src)
	if err != nil {
		tb.Fatal(err)
	}
	return plain
}

func corpusFile(tb testing.TB, path string) []byte {
	stored, err := os.ReadFile(filepath.Join(corpus(tb), path))
	if err != nil {
		tb.Fatal(err)
	}
	return stored
}

// corpus returns the folder of real traces, or skips.
func corpus(tb testing.TB) string {
	dir := os.Getenv("OMNITRACE_CORPUS")
	if dir == "" {
		dir = "../../../shared/corpus"
	}
	if _, err := os.Stat(dir); err != nil {
		tb.Skip("no corpus: set OMNITRACE_CORPUS to a folder of real traces")
	}
	return dir
}
