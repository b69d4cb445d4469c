package chrome_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"omnitrace/internal/tracetest"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/open"
)

// parse reads plain text with all events, and checks what is true of every trace.
func parse(tb fataler, o chrome.Options, src io.Reader) *trace.Trace {
	tb.Helper()
	tr, err := trace.Read(o.NewReader(src, trace.Want{}))
	if err != nil {
		tb.Fatalf("%v", err)
	}
	if err := tracetest.Validate(tr); err != nil {
		tb.Fatalf("%v", err)
	}
	return tr
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// same fails where two readings of one text differ in anything.
func same(tb fataler, how string, got, want *trace.Trace) {
	tb.Helper()
	if g, w := tracetest.Format(got), tracetest.Format(want); g != w {
		tb.Fatalf("%s: events\n%s\nwant\n%s", how, g, w)
	}
	if !reflect.DeepEqual(got.Events, want.Events) {
		tb.Fatalf("%s: IDs or order differ", how)
	}
	if g, w := got.Health.Defects(), want.Health.Defects(); !reflect.DeepEqual(g, w) {
		tb.Fatalf("%s: defects %v, want %v", how, g, w)
	}
	got.Health, want.Health = trace.Health{}, trace.Health{} // in the order of their discovery
	if !reflect.DeepEqual(got.Header, want.Header) {
		tb.Fatalf("%s: header\n%+v\nwant\n%+v", how, got.Header, want.Header)
	}
}

// What is read does not depend on how the text is cut, arrives, or is shared
// among workers.
func TestReaderIndependence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := tracetest.DrawDocument(t, tracetest.DrawRows(t))
		if rapid.Bool().Draw(t, "damaged") {
			text = damage(t, text)
		}
		independent(t, text)
	})
}

func independent(t fataler, text string) {
	t.Helper()
	read := func(o chrome.Options, src io.Reader) *trace.Trace {
		tr, err := trace.Read(o.NewReader(src, trace.Want{}))
		if err != nil {
			return &trace.Trace{Header: trace.NewHeader(err.Error())}
		}
		if err := tracetest.Validate(tr); err != nil {
			t.Fatalf("%v", err)
		}
		return tr
	}
	for _, o := range []chrome.Options{
		{PieceSize: 1, Workers: 1}, {PieceSize: 7, Workers: 8}, {PieceSize: 64, Workers: 2},
		{PieceSize: 100, Workers: 2}, {PieceSize: 333, Workers: 3}, {PieceSize: 1 << 20, Workers: 8},
	} {
		want := read(chrome.Options{}, strings.NewReader(text)) // anew: same empties its health
		same(t, fmt.Sprintf("%+v", o), read(o, strings.NewReader(text)), want)
	}
	for how, src := range map[string]io.Reader{
		"one byte at a time":    iotest.OneByteReader(strings.NewReader(text)),
		"half at a time":        iotest.HalfReader(strings.NewReader(text)),
		"the end with the data": iotest.DataErrReader(strings.NewReader(text)),
	} {
		want := read(chrome.Options{}, strings.NewReader(text))
		same(t, how, read(chrome.Options{PieceSize: 50}, src), want)
	}
}

// damage changes, removes or repeats a few bytes.
func damage(t *rapid.T, text string) string {
	b := []byte(text)
	for range rapid.IntRange(1, 4).Draw(t, "wounds") {
		i := rapid.IntRange(0, len(b)).Draw(t, "at")
		j := min(len(b), i+rapid.IntRange(0, 5).Draw(t, "length"))
		b = bytes.Join([][]byte{b[:i], []byte(rapid.SampledFrom([]string{
			"", `"`, "{", "}", "[", "]", ",", ":", `\`, "\x00", "\xff", "NaN", `,{"ph":`, "null", "é", `"a":[{"name":1}],`,
		}).Draw(t, "new")), b[j:]}, nil)
	}
	return string(b)
}

// The order of rows changes neither the sorted events nor the defects.
func TestPermutedRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rows []string
		for _, row := range tracetest.DrawRows(t) {
			// Halves at one time nest by their order, and the last name counts.
			if !strings.ContainsAny(row, "BEbeM") {
				rows = append(rows, row)
			}
		}
		text := func(rows []string) io.Reader { return strings.NewReader(tracetest.Document(rows, 5)) }
		a := parse(t, chrome.Options{}, text(rows))
		b := parse(t, chrome.Options{PieceSize: 80}, text(rapid.Permutation(rows).Draw(t, "rows")))
		if tracetest.Format(a) != tracetest.Format(b) {
			t.Fatalf("events\n%s\nwant\n%s", tracetest.Format(b), tracetest.Format(a))
		}
		for _, d := range a.Health.Defects() {
			if b.Health.Count(d.Kind) != d.Count {
				t.Fatalf("%d %s, want %d", b.Health.Count(d.Kind), d.Kind, d.Count)
			}
		}
	})
}

// example holds events of all kinds.
const example = `launch t=1000000100 d=2500 track=host/11 corr=7 "cudaLaunchKernel"
op t=1000000000 d=9000 track=host/11 "aten::mm"
range t=1000000000 d=10000 track=host/11 "execute_context_1(55)_generation_0(0)"
frame t=1000000000 d=20000 track=host/11 "model.py(12): forward"
overhead t=1000000000 d=1 track=host/12 "Buffer flush"
instant t=1000000000 d=0 track=host/11 "Iteration Start"
counter t=1000000000 d=0 track=host/11 "Memory"
flow t=1000000000 d=0 track=host/11 corr=7 "ac2g"
kernel t=1000003001 d=1 track=gpu0/7 corr=7 grid=1,2,3 block=128,1,1 "gemm <a>, \"b\" 步"
kernel t=1000003500 d=4096 track=gpu0/8 corr=7 node=12 "gemm <a>, \"b\" 步"
memcpy t=1000009000 d=500 track=gpu0/7 bytes=4096 "Memcpy HtoD (Pageable -> Device)"
memset t=1000009900 d=0 track=gpu1/7 corr=9 bytes=1 "Memset (Device)"
sync t=1000009000 d=500 track=gpu0/9 "Stream Sync"
gpu_range t=1000003000 d=5000 track=gpu0/7 "execute_context_1(55)_generation_0(0)"
`

// What a trace is written from is what is read from it, on the file's clock.
func TestReaderRoundTrip(t *testing.T) {
	want := tracetest.Must(t, example)
	for _, base := range []trace.Time{0, 1, 1_000_000_000, 1_700_000_000_000_000_000, -5} {
		tr := parse(t, chrome.Options{}, strings.NewReader(tracetest.JSON(want, base)))
		if got := tracetest.Format(tr); got != tracetest.Format(want) {
			t.Errorf("base %d: events\n%s\nwant\n%s", base, got, tracetest.Format(want))
		}
		clock := trace.ClockUnix
		if base == 0 {
			clock = trace.ClockUnknown
		}
		if tr.Clock != clock || tr.Format != chrome.Format || tr.TraceName != "trace.json" || tr.Rows != 14 || len(tr.Health.Defects()) > 0 {
			t.Errorf("base %d: clock %s, header %+v", base, tr.Clock, tr.Header)
		}
	}
}

// Times are exact where a float is not: a float64 steps by 250 ns at today's
// time in microseconds.
func TestTimesAreExact(t *testing.T) {
	for _, ns := range []trace.Time{1795473792123456789, 1795473792123456788, -1, 999, 1 << 62} {
		text := fmt.Sprintf(`kernel t=%d d=1 track=gpu0/7 "k"`, ns)
		want := tracetest.Must(t, text)
		got := parse(t, chrome.Options{}, strings.NewReader(tracetest.JSON(want, 0)))
		if len(got.Events) != 1 || got.Events[0].Span != want.Events[0].Span {
			t.Errorf("%s: read as %s", text, tracetest.Format(got))
		}
	}
}

// The same text gives the same trace plain, as gzip of one or several members,
// and as zstd.
func TestReaderCompression(t *testing.T) {
	text := []byte(tracetest.JSON(tracetest.Must(t, example), 5))
	half := len(text) / 2
	var z bytes.Buffer
	w, err := zstd.NewWriter(&z)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(text)
	w.Close()
	for how, stored := range map[string][]byte{
		"plain": text, "gzip": gz(t, text), "two members": append(gz(t, text[:half]), gz(t, text[half:])...),
		"empty members": append(append(gz(t, nil), gz(t, text)...), gz(t, nil)...), "zstd": z.Bytes(),
	} {
		want := parse(t, chrome.Options{}, bytes.NewReader(text))
		src, err := open.Reader(bytes.NewReader(stored))
		if err != nil {
			t.Fatal(err)
		}
		same(t, how, parse(t, chrome.Options{PieceSize: 99}, src), want)
		if err := src.Close(); err != nil {
			t.Errorf("%s: closing: %v", how, err)
		}
	}
}

func gz(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The number of cores changes nothing, on a real trace, IDs included.
func TestReaderCores(t *testing.T) {
	text := decompress(t, corpusFile(t, "torch/tracelens_mi210__gpu_only_trace__gpu_only_trace.json.gz"))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, cores := range []int{1, 2, 8} {
		want := parse(t, chrome.Options{Workers: 1, PieceSize: len(text)}, bytes.NewReader(text))
		runtime.GOMAXPROCS(cores)
		for _, size := range []int{0, 3001, 50_000} {
			same(t, fmt.Sprintf("%d cores, pieces of %d", cores, size),
				parse(t, chrome.Options{PieceSize: size}, bytes.NewReader(text)), want)
		}
	}
}

// A caller gets the kinds it asks for, and frames and operators by name.
func TestWant(t *testing.T) {
	text := tracetest.JSON(tracetest.Must(t, example), 0)
	keep := func(k trace.Kind, name string) bool { return k == trace.Frame && strings.Contains(name, "forward") }
	for _, c := range []struct {
		want  trace.Want
		names string
	}{
		{trace.Want{Kinds: trace.KindsOf(trace.Kernel)}, `["gemm <a>, \"b\" 步" "gemm <a>, \"b\" 步"]`},
		{trace.Want{Kinds: trace.KindsOf(trace.Launch, trace.Memset)}, `["cudaLaunchKernel" "Memset (Device)"]`},
		{trace.Want{Kinds: trace.KindsOf(trace.Frame, trace.Op), Keep: keep}, `["model.py(12): forward"]`},
		{trace.Want{Kinds: trace.KindsOf(trace.Op), Keep: keep}, `[]`},
	} {
		tr, err := trace.Read(chrome.NewReader(strings.NewReader(text), c.want))
		if err != nil {
			t.Fatal(err)
		}
		tracetest.Check(t, tr)
		names := []string{}
		for _, e := range tr.Events {
			names = append(names, tr.Names.Text(e.Name))
		}
		if got := fmt.Sprintf("%q", names); got != c.names || tr.Rows != 14 {
			t.Errorf("%v: %s of %d rows, want %s", c.want.Kinds, got, tr.Rows, c.names)
		}
	}
}

// A range is wanted, or not, for what its begin says; its end may lack name
// and category, and still ends it.
func TestWantHalves(t *testing.T) {
	text := tracetest.Document([]string{
		`{"ph":"B","cat":"cpu_op","name":"aten::mm","pid":1,"tid":2,"ts":1}`,
		`{"ph":"B","cat":"cpu_op","name":"aten::t","pid":1,"tid":2,"ts":2}`,
		`{"ph":"E","pid":1,"tid":2,"ts":3}`,
		`{"ph":"B","name":"range","pid":1,"tid":2,"ts":4}`,
		`{"ph":"E","pid":1,"tid":2,"ts":5}`,
		`{"ph":"E","pid":1,"tid":2,"ts":6}`,
	}, 0)
	want := trace.Want{
		Kinds: trace.KindsOf(trace.Op),
		Keep:  func(_ trace.Kind, name string) bool { return name == "aten::mm" },
	}
	tr, err := trace.Read(chrome.NewReader(strings.NewReader(text), want))
	if err != nil {
		t.Fatal(err)
	}
	if got := tracetest.Format(tr); got != "op t=1000 d=5000 track=host/2 \"aten::mm\"\n" || len(tr.Health.Defects()) > 0 {
		t.Errorf("events %s, defects %v", got, tr.Health.Defects())
	}
}

// Of nested operators the outermost are enough for some; what is left out does
// not depend on how the text is cut, and nothing else is left out.
func TestWantOutermost(t *testing.T) {
	rows := []string{rowA}
	for i := range 50 {
		rows = append(rows,
			fmt.Sprintf(`{"ph":"X","cat":"cpu_op","name":"outer","pid":1,"tid":%d,"ts":%d,"dur":9}`, i%2, 10*i),
			fmt.Sprintf(`{"ph":"X","cat":"cpu_op","name":"inner","pid":1,"tid":%d,"ts":%d,"dur":3}`, i%2, 10*i+1),
			fmt.Sprintf(`{"ph":"X","cat":"cuda_runtime","name":"call","pid":1,"tid":%d,"ts":%d,"dur":1}`, i%2, 10*i+1),
			fmt.Sprintf(`{"ph":"X","cat":"cpu_op","name":"innermost","pid":1,"tid":%d,"ts":%d,"dur":1}`, i%2, 10*i+1))
	}
	for _, size := range []int{0, 150} {
		tr, err := trace.Read(chrome.Options{PieceSize: size}.NewReader(
			strings.NewReader(tracetest.Document(rows, 0)), trace.Want{Outermost: trace.KindsOf(trace.Op)}))
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, e := range tr.Events {
			count[tr.Names.Text(e.Name)]++
		}
		if got := fmt.Sprint(count); got != "map[a:1 call:50 outer:50]" {
			t.Errorf("pieces of %d: %s", size, got)
		}
	}
}

// A failure of the source is an error, with the place; what was read before it
// has been delivered.
func TestReaderSourceFails(t *testing.T) {
	text := tracetest.JSON(tracetest.Must(t, example), 0)
	gone := errors.New("the disk is gone")
	src := io.MultiReader(strings.NewReader(text[:len(text)-30]), iotest.ErrReader(gone))
	r := chrome.Options{PieceSize: 100}.NewReader(src, trace.Want{})
	n := 0
	for {
		events, err := r.Next()
		n += len(events)
		if err == nil {
			continue
		}
		if !errors.Is(err, gone) || !strings.Contains(err.Error(), ": ") || n == 0 {
			t.Errorf("error %v after %d events", err, n)
		}
		if _, again := r.Next(); again != err {
			t.Errorf("then %v", again)
		}
		break
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Closing early stops the goroutines; Next then says so.
func TestReaderCloseEarly(t *testing.T) {
	before := runtime.NumGoroutine()
	text := tracetest.JSON(tracetest.Must(t, strings.Repeat(example, 100)), 0)
	for _, reads := range []int{0, 1, 3} {
		r := chrome.Options{PieceSize: 200}.NewReader(strings.NewReader(text), trace.Want{})
		for range reads {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
		r.Close()
		r.Close()
		if _, err := r.Next(); err == nil || err == io.EOF {
			t.Errorf("after Close: %v", err)
		}
	}
	// A goroutine that has said that it is done may still be on its way out.
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
}
