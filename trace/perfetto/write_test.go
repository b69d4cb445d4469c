package perfetto_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"omnitrace/internal/tracetest"
	"omnitrace/trace/perfetto"
)

const example = `
range t=0 d=100 track=host/11 "step"
launch t=0 d=3 track=host/11 corr=7 "cudaLaunchKernel"
kernel t=10 d=5 track=gpu0/7 corr=7 "gemm"
kernel t=12 d=9 track=gpu0/7 corr=8 "gemm"
memcpy t=30 d=1 track=gpu0/7 corr=9 "Memcpy HtoD"
`

// GPU work becomes GPU render stage events with their names and times, host
// rows become begins and ends that nest, and work that overlaps gets a queue of
// its own.
func TestWrite(t *testing.T) {
	var out bytes.Buffer
	if err := perfetto.Write(&out, tracetest.Must(t, example)); err != nil {
		t.Fatal(err)
	}
	names, queues := map[uint64]string{}, map[string]string{}
	var work []string
	events := map[string]int{}
	for _, packet := range fields(t, out.Bytes())[1] {
		p := fields(t, packet.([]byte))
		for _, interned := range p[12] {
			for _, s := range fields(t, interned.([]byte))[24] {
				f := fields(t, s.([]byte))
				names[f[1][0].(uint64)] = string(f[2][0].([]byte))
			}
		}
		for _, stage := range p[53] {
			f := fields(t, stage.([]byte))
			name := names[f[14][0].(uint64)]
			work = append(work, fmt.Sprint(name, " ", p[8][0], "+", f[2][0], " #", f[10][0]))
			queues[fmt.Sprint(p[8][0])] = names[f[13][0].(uint64)]
		}
		for _, event := range p[11] {
			events[fmt.Sprint(fields(t, event.([]byte))[9][0])]++
		}
	}
	slices.Sort(work)
	want := []string{"Memcpy HtoD 30+1 #9", "gemm 10+5 #7", "gemm 12+9 #8"}
	if !slices.Equal(work, want) {
		t.Errorf("GPU work %q, want %q", work, want)
	}
	if queues["10"] != "stream 7" || queues["12"] != "stream 7, overlapping" || queues["30"] != "stream 7" {
		t.Errorf("queues %v", queues)
	}
	if events["1"] != 2 || events["2"] != 2 {
		t.Errorf("begins and ends %v, want 2 of each", events)
	}
}

// fields splits a message: numbers as uint64, the rest as bytes.
func fields(t *testing.T, b []byte) map[protowire.Number][]any {
	t.Helper()
	all := map[protowire.Number][]any{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		switch kind {
		case protowire.VarintType:
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				t.Fatal(protowire.ParseError(n))
			}
			all[number], b = append(all[number], v), b[n:]
		case protowire.BytesType:
			v, n := protowire.ConsumeBytes(b)
			if n < 0 {
				t.Fatal(protowire.ParseError(n))
			}
			all[number], b = append(all[number], v), b[n:]
		default:
			t.Fatalf("field %d has type %d", number, kind)
		}
	}
	return all
}
