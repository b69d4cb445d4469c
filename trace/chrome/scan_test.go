package chrome

import (
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"omnitrace/internal/tracetest"
)

// padded returns text as scanners take it.
func padded(text string) []byte { return append([]byte(text), make([]byte, pad)...) }

// What a scanner has read of a row.
type reading struct {
	end    int
	fields map[string]string
	args   string
}

func readingOf(r *row, end int) reading {
	fields := map[string]string{}
	for _, key := range []string{"ph", "cat", "name", "pid", "tid", "ts", "dur", "id"} {
		if f, _ := r.field(key); f.text != nil {
			fields[key] = f.value()
		}
	}
	return reading{end, fields, string(r.args)}
}

func readTolerant(b []byte, guess bool) (reading, *tolerant, outcome) {
	var r row
	t := &tolerant{b: b, n: len(b) - pad, guess: guess}
	end, o := t.row(0, &r)
	return readingOf(&r, end), t, o
}

// On valid text the strict scanner, the tolerant one, and the tolerant one when
// it guesses which quotes end strings, read the same; encoding/json agrees.
func TestScannersAgree(t *testing.T) {
	strictly := 0
	rapid.Check(t, func(t *rapid.T) {
		text := tracetest.DrawRow(t)
		if text[0] != '{' {
			t.Skip("not a row")
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("the test draws what is not JSON: %s", text)
		}
		b := padded(text)
		want, tol, o := readTolerant(b, false)
		if o != whole || want.end != len(text) || len(tol.health.Defects()) > 0 {
			t.Fatalf("tolerant: outcome %d, end %d of %d, defects %v", o, want.end, len(text), tol.health.Defects())
		}
		var r row
		if end := strictRow(b, 0, &r); end > 0 {
			strictly++
			if got := readingOf(&r, end); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s\nstrict   %v\ntolerant %v", text, got, want)
			}
		}
		compareJSON(t, text, want)
	})
	if strictly == 0 {
		t.Error("no row was read by the strict scanner")
	}
}

func compareJSON(t *rapid.T, text string, got reading) {
	var x map[string]any
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		t.Fatal(err)
	}
	for key, value := range x {
		f, _ := new(row).field(key)
		if s, ok := value.(string); ok && f != nil && got.fields[key] != s {
			t.Fatalf("%s of %s: %q, want %q", key, text, got.fields[key], s)
		}
	}
}

// Guessing reads rows whose strings hold no quote the same way, too.
func TestGuessOnPlainRows(t *testing.T) {
	for _, text := range []string{
		`{"ph":"X","name":"gemm","args":{"a":["x","y"],"b":{"c":"d"}},"ts":1}`,
		`{ "name" : "" , "args" : { } , "ph" : "X" }`,
	} {
		plain, _, _ := readTolerant(padded(text), false)
		guessed, _, o := readTolerant(padded(text), true)
		if o != whole || !reflect.DeepEqual(plain, guessed) {
			t.Errorf("%s\nplain   %v\nguessed %v", text, plain, guessed)
		}
	}
}

// The strict scanner must not take what is not JSON, and must not read behind
// the text: the tolerant scanner counts what is wrong with it.
func TestStrictRejects(t *testing.T) {
	for _, text := range []string{
		`{`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":"\`, `{"a":"\u12`, `{"a":[`, `{"a":[1,`, `{"a":{`, `{"a":tru`, `{"a":-`,
		`{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":1e}`, `{"a":+1}`, `{"a":NaN}`, `{"a":0x1}`, `{"a":1 2}`, `{"a":truex}`,
		`{"a":1,}`, `{,"a":1}`, `{"a" 1}`, `{"a":[1,]}`, `{"a":[,1]}`, `{"a":{"b":1,}}`, `{"a":1]`, `{a:1}`, `{'a':1}`,
		"{\"a\":\"\x01\"}", "{\"a\":\"\t\"}", "{\"a\":\"\xff\"}", `{"a":"\x"}`, `{"a":"\u00g0"}`, "{\"a\":1\x00}",
		`{"ts":1,"ts":2}`, `{"args":{},"args":{}}`,
	} {
		var r row
		if end := strictRow(padded(text), 0, &r); end >= 0 {
			t.Errorf("%q: taken up to %d", text, end)
		}
	}
}

// Both scanners allow the same depth.
func TestDepth(t *testing.T) {
	nest := func(n int) string {
		b := []byte(`{"a":`)
		for range n {
			b = append(b, '[')
		}
		b = append(b, '1')
		for range n {
			b = append(b, ']')
		}
		return string(append(b, '}'))
	}
	for n, want := range map[int]bool{1: true, maxDepth: true, maxDepth + 1: false, 100_000: false} {
		b := padded(nest(n))
		var r row
		strict := strictRow(b, 0, &r) > 0
		_, _, o := readTolerant(b, false)
		if strict != want || (o == whole) != want {
			t.Errorf("depth %d: strict %v, tolerant %v", n, strict, o == whole)
		}
	}
}

// What is tested eight bytes at a time stops at the same byte as a loop over
// bytes does, for every byte at every place.
func TestEightAtATime(t *testing.T) {
	stops := map[string]struct {
		fast func([]byte) int
		at   func(c byte) bool
		fill byte
	}{
		"digits": {func(b []byte) int { return digits(b, 0) }, func(c byte) bool { return c < '0' || c > '9' }, '7'},
		"text": {func(b []byte) int { return bits.TrailingZeros64(special(binary.LittleEndian.Uint64(b))) / 8 },
			func(c byte) bool { return c == '"' || c == '\\' || c < ' ' || c > 0x7f }, 'x'},
		"space": {func(b []byte) int { return space(b, 0) }, func(c byte) bool { return !strings.ContainsRune(" \n\t\r", rune(c)) || c > 0x7f }, ' '},
	}
	for name, s := range stops {
		for place := range 8 {
			for c := range 256 {
				for behind := range 256 {
					b := padded(strings.Repeat(string(s.fill), place) + string([]byte{byte(c), byte(behind)}))
					want := 0
					for !s.at(b[want]) {
						want++
					}
					if got := s.fast(b); got != want && want < 8 {
						t.Fatalf("%s: stopped at %d of %q, want %d", name, got, b, want)
					}
				}
			}
		}
	}
	if got := space(padded("\n      x"), 0); got != 7 {
		t.Errorf("a line of 6 spaces: stopped at %d", got)
	}
}
