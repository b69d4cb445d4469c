package chrome_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"omnitrace/internal/tracetest"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
)

// FuzzReader reads any bytes. Whatever they are: no panic, valid events, no
// more of them than the text can hold, and nothing that depends on how the
// text is cut. Besides the seeds named by defect in testdata/fuzz it starts
// from all texts of the other tests.
func FuzzReader(f *testing.F) {
	for _, c := range damages {
		f.Add([]byte(tracetest.Document([]string{rowA, c.between, rowB}, 0)))
	}
	for _, c := range documents {
		f.Add([]byte(c.text))
	}
	f.Add([]byte(tracetest.JSON(tracetest.Must(f, example), 5)))
	f.Fuzz(func(t *testing.T, text []byte) {
		want, err := readAny(t, text, chrome.Options{})
		got, again := readAny(t, text, chrome.Options{PieceSize: 61, Workers: 2})
		if fmt.Sprint(err) != fmt.Sprint(again) {
			t.Fatalf("error %v, in small pieces %v", err, again)
		}
		if err != nil {
			return
		}
		// The shortest row with an event is {"ph":"i","ts":1}.
		if len(want.Events) > len(text)/17+1 {
			t.Fatalf("%d events in %d bytes", len(want.Events), len(text))
		}
		same(t, "in small pieces", got, want)
	})
}

func readAny(t *testing.T, text []byte, o chrome.Options) (*trace.Trace, error) {
	tr, err := trace.Read(o.NewReader(strings.NewReader(string(text)), trace.Want{}))
	if err == nil {
		tracetest.Check(t, tr)
	}
	return tr, err
}

// hostile texts make each start of a row cost as much as it can.
var hostile = map[string]func(n int) string{
	"rows that only a guess could read": func(n int) string { return repeat(`,{"ph":"b"x`, n) },
	"guesses that go on and on":         func(n int) string { return repeat(`,{"ph":"b"x", "k":"`, n) },
	"the same with all keys of rows":    func(n int) string { return repeat(`,{"args":[{"ph":"b"x", "k":"`, n) },
	"deep nests":                        func(n int) string { return repeat(`[{"ph":`, n) },
	"nests as deep as is allowed":       func(n int) string { return repeat(`{"ph":`+strings.Repeat("[", 30)+`,`, n) },
	"torn rows":                         func(n int) string { return repeat(`{"ph":"X",!},`, n) },
	"a string without an end":           func(n int) string { return `{"ph":"` + strings.Repeat("x", n) },
	"an array without an end":           func(n int) string { return `{"args":[` + repeat(`1,`, n) },
	"a number without an end":           func(n int) string { return `{"ts":` + repeat(`1`, n) },
	"braces":                            func(n int) string { return repeat(`{`, n) },
	"commas":                            func(n int) string { return repeat(`,`, n) },
	"quotes":                            func(n int) string { return `{"ph":` + repeat(`"`, n) },
	"quotes, commas and long keys":      func(n int) string { return `{"ph":"a"b` + repeat(`","`+strings.Repeat("k", 250), n) },
	"zero bytes":                        func(n int) string { return repeat("\x00", n) },
	"white space":                       func(n int) string { return repeat(" ", n) },
	"ends of the events":                func(n int) string { return repeat(`],"traceEvents":[`, n) },
	"bad metadata":                      func(n int) string { return `],` + repeat(`"traceEvents"!`, n) },
	"metadata nested in itself":         func(n int) string { return `],` + repeat(`"traceEvents":{`, n) },
	"trailing rows":                     func(n int) string { return repeat(`]},{"ph":1}`, n) },
	"begins without ends":               func(n int) string { return repeat(`{"ph":"B","ts":1},`, n) },
	"new names, threads and categories": func(n int) string {
		return numbered(`{"ph":"X","ts":1,"dur":1,"name":"%d","tid":%[1]d,"cat":"%[1]d"},`, n)
	},
	"new devices": func(n int) string { return numbered(`{"ph":"X","ts":1,"dur":1,"pid":%d,"cat":"kernel"},`, n) },
	"one ID for all": func(n int) string {
		return repeat(`{"ph":"X","cat":"kernel","ts":1,"dur":1,"args":{"correlation":0}},{"ph":"X","cat":"cuda_runtime","ts":1,"dur":1,"args":{"correlation":0}},`, n)
	},
	"rows whose borders are all in strings": func(n int) string { return repeat(`{"ph":"X","ts":1,"name":"},{},{},{"},`, n) },
}

func repeat(s string, n int) string { return strings.Repeat(s, n/len(s)) }

func numbered(format string, n int) string {
	var out strings.Builder
	for i := 0; out.Len() < n; i++ {
		fmt.Fprintf(&out, format, i)
	}
	return out.String()
}

// Hostile text costs time in proportion to its length, and no memory beyond
// what its events need.
func TestHostileText(t *testing.T) {
	const n = 1 << 20
	for name, make := range hostile {
		t.Run(name, func(t *testing.T) {
			text := `{"traceEvents":[` + make(n)
			for _, size := range []int{0, 64 << 10} {
				began := time.Now()
				r := chrome.Options{PieceSize: size}.NewReader(strings.NewReader(text), trace.Want{})
				heap := uint64(0)
				for {
					if _, err := r.Next(); err != nil {
						break
					}
					var m runtime.MemStats
					if runtime.ReadMemStats(&m); m.HeapInuse > heap {
						heap = m.HeapInuse
					}
				}
				r.Close()
				d := time.Since(began)
				t.Logf("pieces of %d: %v, %d MB", size, d.Round(time.Millisecond), heap>>20)
				// What grows with the square of this length takes many minutes; the
				// race detector on a busy machine takes seconds.
				if d > time.Minute {
					t.Errorf("%v for %d MB", d, n>>20)
				}
			}
		})
	}
}
