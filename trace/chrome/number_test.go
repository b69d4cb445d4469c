package chrome

import (
	"math/big"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"omnitrace/internal/oracle"
	"omnitrace/trace"
)

func TestNanoseconds(t *testing.T) {
	for _, c := range []struct {
		text   string
		ns     trace.Time
		status numeral
	}{
		{"0", 0, numberOK},
		{"-0", 0, numberOK},
		{"123", 123_000, numberOK},
		{"123.456", 123_456, numberOK},
		{"0.001", 1, numberOK},
		{"-0.5", -500, numberOK},
		{"1.5e3", 1_500_000, numberOK},
		{"1.23E9", 1_230_000_000_000, numberOK},
		{"+7", 7_000, numberOK},
		{"007.010", 7_010, numberOK},
		{"5.", 5_000, numberOK},
		{".5", 500, numberOK},
		// A float64 steps by 250 ns here.
		{"1795473792123456.789", 1795473792123456789, numberOK},
		{"1795473792123456.7891", 1795473792123456789, numberOK},
		// More than three decimals round half to even.
		{"0.0005", 0, numberOK},
		{"0.0015", 2, numberOK},
		{"0.0025", 2, numberOK},
		{"0.00250000000000000000000001", 3, numberOK},
		{"-0.0015", -2, numberOK},
		{"0.00049", 0, numberOK},
		{"0.0004999999999999999999999", 0, numberOK},
		{"0.9995", 1000, numberOK},
		{"0.9996", 1000, numberOK},
		{"1e-400", 0, numberOK},
		{"0e999999999999", 0, numberOK},
		{"0." + strings.Repeat("0", 2000) + "1e2001", 1000, numberOK},
		{"1" + strings.Repeat("0", 2000) + "e-2000", 1000, numberOK},
		// The ends of 64 bits.
		{"9223372036854775.807", 1<<63 - 1, numberOK},
		{"9223372036854775.8074", 1<<63 - 1, numberOK},
		{"9223372036854775.8075", 0, numberRange}, // half of an odd number rounds up
		{"9223372036854775.808", 0, numberRange},
		{"-9223372036854775.808", -1 << 63, numberOK},
		{"-9223372036854775.8085", -1 << 63, numberOK},
		{"-9223372036854775.809", 0, numberRange},
		{"999999999999999", 999999999999999000, numberOK}, // 15 digits: the plain way
		{"9999999999999999", 0, numberRange},              // 16
		{"18446744073709551.615", 0, numberRange},
		{"18446744073709551.6155", 0, numberRange},
		{"99999999999999999999", 0, numberRange},
		{"1e400", 0, numberRange},
		{"-1e400", 0, numberRange},
		{"1e99999999999999999999", 0, numberRange},
		{"", 0, numberBad},
		{"-", 0, numberBad},
		{".", 0, numberBad},
		{"1.2.3", 0, numberBad},
		{"1e", 0, numberBad},
		{"1e+", 0, numberBad},
		{"e5", 0, numberBad},
		{"1 ", 0, numberBad},
		{"0x10", 0, numberBad},
		{"1_000", 0, numberBad},
		{"NaN", 0, numberBad},
		{"inf", 0, numberBad},
		{"--1", 0, numberBad},
		{"123.45x", 0, numberBad},
	} {
		if ns, status := nanoseconds([]byte(c.text)); status != c.status || status == numberOK && ns != c.ns {
			t.Errorf("%.40s: %d, %d; want %d, %d", c.text, ns, status, c.ns, c.status)
		}
	}
}

// Integers beyond int64 but not beyond uint64 (torch's Comms Id) wrap, so that
// different ones stay different.
func TestInteger(t *testing.T) {
	for _, c := range []struct {
		text   string
		n      int64
		status numeral
	}{
		{"0", 0, numberOK},
		{"-1", -1, numberOK},
		{"4294967296", 1 << 32, numberOK},
		{"999999999999999", 999999999999999, numberOK},
		{"1000000000000000", 1e15, numberOK},
		{"9223372036854775807", 1<<63 - 1, numberOK},
		{"9223372036854775808", -1 << 63, numberOK}, // 19 digits
		{"9999999999999999999", 9999999999999999999 - 1<<64, numberOK},
		{"18446744073709551615", -1, numberOK},
		{"18446744073709551616", 0, numberRange},
		{"-9223372036854775808", -1 << 63, numberOK},
		{"-9223372036854775809", 0, numberRange},
		{"7.0", 7, numberOK},
		{"2.5", 2, numberOK},
		{"3.5", 4, numberOK},
		{"0.5", 0, numberOK},
		{"1e3", 1000, numberOK},
		{"", 0, numberBad},
		{"0x10", 0, numberBad},
	} {
		if n, status := integer([]byte(c.text)); status != c.status || status == numberOK && n != c.n {
			t.Errorf("%s: %d, %d; want %d, %d", c.text, n, status, c.n, c.status)
		}
	}
}

// decimalText is what [nanoseconds] takes: JSON's numbers, and a little more.
var decimalText = regexp.MustCompile(`^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$`)

// checkNanoseconds compares with exact fractions.
func checkNanoseconds(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string) {
	t.Helper()
	ns, status := nanoseconds([]byte(text))
	if !decimalText.MatchString(text) {
		if status != numberBad {
			t.Fatalf("%q: %d, %d, and is no number", text, ns, status)
		}
		return
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("math/big does not take %q", text)
	}
	want := oracle.Round(exact.Mul(exact, big.NewRat(1000, 1)))
	switch {
	case !want.IsInt64():
		if status != numberRange {
			t.Fatalf("%q: %d, %d; want out of range", text, ns, status)
		}
	case status != numberOK || int64(ns) != want.Int64():
		t.Fatalf("%q: %d, %d; want %d", text, ns, status, want)
	}
}

func TestNanosecondsAgainstFractions(t *testing.T) {
	text := rapid.StringMatching(`-?[0-9]{0,20}(\.[0-9]{0,6}(5|50|05|0)?0{0,3})?(e-?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) { checkNanoseconds(t, text.Draw(t, "text")) })
}

func FuzzNanoseconds(f *testing.F) {
	for _, text := range []string{"1.5", "9223372036854775.8075", "-0.0025", "1e-7", "1e16", "5.", "+.5e3", "0e9", "x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, e, ok := strings.Cut(strings.ToLower(text), "e"); ok && len(e) > 4 || len(text) > 1000 {
			t.Skip("slow to compute exactly")
		}
		checkNanoseconds(t, text)
	})
}
