package unit

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// One figure is printed in the unit and with the digits that a person would
// choose; every boundary stands here with its neighbours. The expected texts
// are rounded by hand.
func TestExact(t *testing.T) {
	tests := []struct {
		ladder Ladder
		n      int64
		want   string
	}{
		{Time, 0, "0 ns"},
		{Time, 1, "1 ns"},
		{Time, 999, "999 ns"},
		{Time, 1000, "1.000 µs"},
		{Time, 1234, "1.234 µs"},
		{Time, 9_999, "9.999 µs"},
		{Time, 10_000, "10.00 µs"},
		{Time, 10_004, "10.00 µs"},
		{Time, 10_005, "10.01 µs"}, // a half goes away from zero
		{Time, 99_994, "99.99 µs"},
		{Time, 99_995, "100.0 µs"}, // never 100.00
		{Time, 999_499, "999.5 µs"},
		{Time, 999_500, "1.000 ms"}, // the first that rounds to it, never 1,000.0 µs
		{Time, 999_999, "1.000 ms"},
		{Time, 1_000_000, "1.000 ms"},
		{Time, 1_000_499, "1.000 ms"},
		{Time, 1_000_500, "1.001 ms"},
		{Time, 61_200_000, "61.20 ms"},
		{Time, 999_999_999, "1.000 s"},
		{Time, 1_234_567_890, "1.235 s"},
		{Time, 123_456_789_012, "123.5 s"},
		{Time, 86_400_000_000_000, "86,400.0 s"},
		{Time, -1_234, "-1.234 µs"},
		{Time, math.MaxInt64, "9,223,372,036.9 s"},
		{Time, math.MinInt64, "-9,223,372,036.9 s"},
		{Size, 999, "999 B"},
		{Size, 1_000, "1.000 kB"},
		{Size, 50_000_000, "50.00 MB"},
		{Size, 80_000_000_000, "80.00 GB"},
		{Size, 2_500_000_000_000_000, "2,500.0 TB"},
	}
	for _, test := range tests {
		if got := test.ladder.Exact(test.n); got != test.want {
			t.Errorf("Exact(%d) = %q, want %q", test.n, got, test.want)
		}
	}
}

// A column has one unit: the largest figure fits, and the smallest still shows
// two digits where three behind the point allow it.
func TestColumn(t *testing.T) {
	tests := []struct {
		name   string
		values []int64
		want   string // symbol, then every figure
	}{
		{"no figures", nil, "ns"},
		{"zeros", []int64{0, 0}, "ns 0 0"},
		{"alike", []int64{120_345_678, 80_100_000}, "ms 120.3 80.1"},
		{"small beside large needs digits", []int64{1_234_567_890, 30_000}, "ms 1,234.568 0.030"},
		{"too small for the column", []int64{50_000_000, 400}, "ms 50.000 <0.001"},
		{"a half of the last digit is not below it", []int64{50_000_000, 500}, "ms 50.000 0.001"},
		{"seconds unless something small is there", []int64{1_200_000_000, 600_000_000}, "s 1.200 0.600"},
		{"milliseconds where it is", []int64{1_200_000_000, 9_999_999}, "ms 1,200.0 10.0"},
		{"9,999.94 fits", []int64{9_999_940_000, 1_000_000}, "ms 9,999.9 1.0"},
		{"9,999.95 does not", []int64{9_999_950_000, 1_000_000}, "s 10.000 0.001"},
		{"negative", []int64{-5_000_000, 200}, "µs -5,000.00 0.20"},
		{"negative and tiny", []int64{-90_000_000, -3}, "ms -90.000 >-0.001"},
	}
	for _, test := range tests {
		scale := Time.Column(test.values)
		got := []string{scale.Symbol}
		for _, v := range test.values {
			got = append(got, scale.Format(v))
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("%s: %q, want %q", test.name, text, test.want)
		}
	}
}

// The columns of a table change their unit from left to right only where the
// figures force them to.
func TestColumns(t *testing.T) {
	const us, ms, s = 1_000, 1_000_000, 1_000_000_000
	tests := []struct {
		name  string
		highs []int64 // the largest figure of each column
		want  string
	}{
		{"no columns", nil, ""},
		{"zeros have any unit", []int64{0, 5 * ms, 0}, "ms ms ms"},
		{"most columns decide", []int64{3 * s, 8 * ms, 411 * us, 3 * s}, "ms ms ms ms"},
		{"sums, then single calls", []int64{612 * ms, 600 * ms, 1 * us, 442 * us, 2 * ms, 3 * ms}, "ms ms µs µs µs µs"},
		{"0.1 is enough", []int64{200 * ms, 100 * us}, "ms ms"},
		{"less is not", []int64{200 * ms, 100*us - 1}, "ms µs"},
		{"99,999.94 is kept", []int64{50 * ms, 50 * ms, 99_999_940_000}, "ms ms ms"},
		{"99,999.95 is not", []int64{50 * ms, 50 * ms, 99_999_950_000}, "ms ms s"},
		{"the nearest suits", []int64{200 * s, 200 * s, 3 * ms}, "s s ms"},
	}
	for _, test := range tests {
		columns := [][]int64{}
		for _, h := range test.highs {
			columns = append(columns, []int64{h})
		}
		if got := symbols(columns); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	// Below 1, a unit is kept only if it shows two digits of every figure.
	for low, want := range map[int64]string{10 * us: "ms ms", 10*us - 1: "ms µs"} {
		if got := symbols([][]int64{{200 * ms}, {114 * us, low}}); got != want {
			t.Errorf("from %d ns: %q, want %q", low, got, want)
		}
	}
}

// symbols returns the units chosen for columns.
func symbols(columns [][]int64) string {
	symbols := []string{}
	for _, scale := range Time.Columns(columns) {
		symbols = append(symbols, scale.Symbol)
	}
	return strings.Join(symbols, " ")
}

// What Format prints is the exact quotient rounded half away from zero:
// checked against math/big, which rounds in the same way by itself.
func TestFormatIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		step := rapid.SampledFrom(Time).Draw(t, "step")
		scale := Scale{step, rapid.IntRange(0, min(maxDigits, step.Exp)).Draw(t, "digits")}
		exact := new(big.Rat).SetFrac64(n, int64(pow10(step.Exp)))
		want := exact.FloatString(scale.Digits)
		got := strings.ReplaceAll(scale.Format(n), ",", "")
		if strings.Trim(want, "-0.") == "" {
			if n == 0 && got != "0" || n > 0 && got[0] != '<' || n < 0 && got[0] != '>' {
				t.Fatalf("%d in %v: %q", n, scale, got)
			}
			return
		}
		if got != want {
			t.Fatalf("%d in %v: %q, want %q", n, scale, got, want)
		}
	})
}

func TestPercent(t *testing.T) {
	tests := []struct {
		part, whole int64
		want        string
	}{
		{612, 1000, "61.2"}, {1, 1, "100.0"}, {0, 7, "0"}, {5, 0, ""}, {0, 0, ""},
		{1, 3, "33.3"}, {2, 3, "66.7"},
		{6125, 100_000, "6.1"}, {615, 10_000, "6.2"}, // 6.125, 6.15
		{9994, 10_000, "99.9"}, {9995, 10_000, "100.0"},
		{1, 2000, "0.1"}, {1, 2001, "<0.1"}, {-1, 2001, ">-0.1"},
		{-1, 4, "-25.0"}, {3, 2, "150.0"}, {12_345, 1, "1,234,500.0"},
		{math.MaxInt64, math.MaxInt64, "100.0"}, {math.MinInt64, math.MinInt64, "100.0"},
		{math.MaxInt64 / 2, math.MaxInt64, "50.0"},
	}
	for _, test := range tests {
		if got := Percent(test.part, test.whole); got != test.want {
			t.Errorf("Percent(%d, %d) = %q, want %q", test.part, test.whole, got, test.want)
		}
	}
}

func TestCount(t *testing.T) {
	tests := map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 12_345: "12,345", 123_456: "123,456",
		1_000_000: "1,000,000", -999: "-999", -1000: "-1,000",
		math.MinInt64: "-9,223,372,036,854,775,808",
	}
	for n, want := range tests {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}

// One byte per nanosecond is one GB/s. A figure is rounded once: 1,234,499.5
// bytes a second would be 1.235 MB/s if they were made whole first.
func TestRate(t *testing.T) {
	tests := []struct {
		bytes, ns int64
		want      string
	}{
		{1, 1, "1.000 GB/s"}, {0, 5, "0 B/s"}, {5, 0, ""}, {3, 2, "1.500 GB/s"},
		{1, 1_000_000_000, "1 B/s"}, {1, 10_000_000_000, "<1 B/s"},
		{3_350_000_000_000, 1_000_000_000, "3.350 TB/s"},
		{62_768_128, 2_511_000, "25.00 GB/s"}, // 24.9972…
		{2_468_999, 2_000_000_000, "1.234 MB/s"},
		{2_469_000, 2_000_000_000, "1.235 MB/s"},
		{-3, 2, "-1.500 GB/s"},
	}
	for _, test := range tests {
		if got := Rate(test.bytes, test.ns); got != test.want {
			t.Errorf("Rate(%d, %d) = %q, want %q", test.bytes, test.ns, got, test.want)
		}
	}
	if got := Rate(math.MaxInt64, 1); !strings.HasSuffix(got, " TB/s") {
		t.Errorf("the largest rate = %q", got)
	}
}

func TestParseSize(t *testing.T) {
	tests := []struct {
		text string
		want int64 // -1: refused
	}{
		{"0", 0}, {"1500", 1500}, {"500kB", 500_000}, {"50MB", 50_000_000}, {"50 mb", 50_000_000},
		{"1.5GB", 1_500_000_000}, {"2g", 2_000_000_000}, {".5k", 500}, {"1.", 1}, {"1.0010k", 1001},
		{"9223372036854775807", math.MaxInt64}, {"9223372036854775808", -1}, {"9223372.036854775807TB", math.MaxInt64},
		{"", -1}, {"MB", -1}, {".", -1}, {"1.2.3", -1}, {"-5", -1}, {"+5", -1}, {"0.5", -1}, {"1.0001k", -1},
		{"5 MiB", -1}, {"1e3", -1}, {"0x10", -1}, {"5s", -1}, {strings.Repeat("9", 100), -1},
	}
	for _, test := range tests {
		got, err := ParseSize(test.text)
		if err != nil && test.want >= 0 || err == nil && got != test.want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", test.text, got, err, test.want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	tests := []struct {
		text string
		want int64 // ns; -1: refused
	}{
		{"0", 0}, {"0.0", 0}, {"0s", 0}, {"800ns", 800}, {"5us", 5_000}, {"5µs", 5_000}, {"5μs", 5_000},
		{"1.2s", 1_200_000_000}, {"1.2 S", 1_200_000_000}, {"0.001ms", 1_000}, {"2m", 120_000_000_000},
		{"1.000000001s", 1_000_000_001}, {"1h", 3_600_000_000_000},
		{"5", -1}, {"", -1}, {"s", -1}, {"0.5ns", -1}, {"1.2345us", -1}, {"-1s", -1}, {"5kB", -1},
		{"99999999999s", -1},
	}
	for _, test := range tests {
		got, err := ParseDuration(test.text)
		if err != nil && test.want >= 0 || err == nil && int64(got) != test.want {
			t.Errorf("ParseDuration(%q) = %d, %v; want %d", test.text, got, err, test.want)
		}
	}
}

// An error says what was typed and what to type instead.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"5 parsecs": `duration "5 parsecs": unknown unit "parsecs"; write 800ns, 5us, 1.5ms, 1.2s or 2m`,
		"5":         `duration "5": no unit; write 800ns, 5us, 1.5ms, 1.2s or 2m`,
		"0.5ns":     `duration "0.5ns": finer than the base unit; write 800ns, 5us, 1.5ms, 1.2s or 2m`,
	} {
		if _, err := ParseDuration(text); err == nil || err.Error() != want {
			t.Errorf("ParseDuration(%q): %v, want %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1.5GB", "5us", "..", "9e9", "１k", "0.0000000000000001h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseSize(s); err == nil && n < 0 {
			t.Errorf("ParseSize(%q) = %d", s, n)
		}
		if d, err := ParseDuration(s); err == nil && d < 0 {
			t.Errorf("ParseDuration(%q) = %d", s, d)
		}
	})
}

// The expected numbers are those of `date -u -d TIME +%s%N`.
func TestParseUnix(t *testing.T) {
	for text, want := range map[string]int64{
		"2026-11-24T04:37:24.5Z":              1795495044500000000,
		"2026-11-24T05:37:24.000000001+01:00": 1795495044000000001,
		"1795495044":                          1795495044000000000,
		"1795495044.5":                        1795495044500000000,
		"1795495044500":                       1795495044500000000,
		"1795495044500000.001":                1795495044500000001,
		"1795495044500000001":                 1795495044500000001,
	} {
		if got, err := ParseUnix(text); got != want || err != nil {
			t.Errorf("ParseUnix(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "5", "-1795495044", "1795495044.1234567891", "2026-11-24", "9995-11-24T04:37:24Z", "9999999999999999999", "1795495044.5.1", "١795495044"} {
		if got, err := ParseUnix(text); err == nil {
			t.Errorf("ParseUnix(%q) = %d, want an error", text, got)
		}
	}
}
