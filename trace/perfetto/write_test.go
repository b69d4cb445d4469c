package perfetto_test

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"omnitrace/internal/tracetest"
	"omnitrace/trace/perfetto"
)

const example = `
counter t=5 d=0 track=host/11 "load"
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
	ids, arrows := map[string]any{}, []any(nil) // of work, by time; that calls point to
	for _, packet := range packets(t, out.Bytes()) {
		p := fields(t, packet)
		for _, interned := range p[12] {
			for _, s := range fields(t, interned.([]byte))[24] {
				f := fields(t, s.([]byte))
				names[f[1][0].(uint64)] = string(f[2][0].([]byte))
			}
		}
		for _, stage := range p[53] {
			f := fields(t, stage.([]byte))
			name := names[f[14][0].(uint64)]
			work = append(work, fmt.Sprint(name, " ", clock(p[8]), "+", f[2][0], " #", f[10][0]))
			queues[clock(p[8])] = names[f[13][0].(uint64)]
			ids[clock(p[8])] = f[1][0]
		}
		for _, event := range p[11] {
			f := fields(t, event.([]byte))
			events[fmt.Sprint(f[9][0])]++
			for _, correlation := range f[3000] {
				arrows = append(arrows, fields(t, correlation.([]byte))[1]...)
			}
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
	if events["1"] != 2 || events["2"] != 2 || events["4"] != 1 {
		t.Errorf("begins, ends and samples %v, want 2, 2 and 1", events)
	}
	if len(arrows) != 1 || arrows[0] != ids["10"] {
		t.Errorf("calls point to %v, want the work at 10: %v", arrows, ids)
	}
}

// clock is a packet's time on an unknown clock, whose 0 is at 2^50.
func clock(timestamp []any) string { return fmt.Sprint(timestamp[0].(uint64) - 1<<50) }

// packets returns the packets of a file, those that are deflated too.
func packets(t *testing.T, b []byte) [][]byte {
	t.Helper()
	var all [][]byte
	for _, packet := range fields(t, b)[1] {
		f := fields(t, packet.([]byte))
		for _, bundle := range f[50] {
			r, err := zlib.NewReader(bytes.NewReader(bundle.([]byte)))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, packets(t, plain)...)
		}
		if len(f[50]) == 0 {
			all = append(all, packet.([]byte))
		}
	}
	return all
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
