package unit

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// ParseSize reads a size as people type it: "1500", "500kB", "1.5 GB". Units
// are decimal and their case does not matter; without one, bytes are meant. A
// size is a whole number of bytes and not negative.
func ParseSize(s string) (int64, error) {
	n, err := parse(s, sizeSuffixes)
	if err != nil {
		return 0, fmt.Errorf("size %q: %w; write bytes, or 500kB, 50MB, 2GB", s, err)
	}
	return n, nil
}

// ParseDuration reads a duration as people type it: "800ns", "5us", "1.2s". A
// unit is needed, except for 0. A duration is a whole number of nanoseconds
// and not negative.
func ParseDuration(s string) (time.Duration, error) {
	n, err := parse(s, timeSuffixes)
	if err != nil {
		return 0, fmt.Errorf("duration %q: %w; write 800ns, 5us, 1.5ms, 1.2s or 2m", s, err)
	}
	return time.Duration(n), nil
}

// A suffix is a unit that people type, in lower case: mult base units.
type suffix struct {
	text string
	mult uint64
}

// The base unit of durations must be written: a bare "5" could be meant in
// anything. µ is both U+00B5 (keyboards) and U+03BC (Greek).
var (
	timeSuffixes = []suffix{
		{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"μs", 1e3}, {"ms", 1e6},
		{"s", 1e9}, {"min", 60e9}, {"m", 60e9}, {"h", 3600e9},
	}
	sizeSuffixes = []suffix{
		{"", 1}, {"b", 1}, {"k", 1e3}, {"kb", 1e3}, {"m", 1e6}, {"mb", 1e6},
		{"g", 1e9}, {"gb", 1e9}, {"t", 1e12}, {"tb", 1e12},
	}
)

// parse reads a decimal number and a unit into base units.
func parse(s string, units []suffix) (int64, error) {
	s = strings.TrimSpace(s)
	end := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(s)
	}
	whole, frac, _ := strings.Cut(s[:end], ".")
	if whole+frac == "" || strings.Contains(frac, ".") {
		return 0, errors.New("not a number")
	}
	symbol := strings.TrimSpace(s[end:])
	frac = strings.TrimRight(frac, "0")
	if symbol == "" && strings.Trim(whole+frac, "0") == "" {
		return 0, nil
	}
	for _, u := range units {
		if u.text == strings.ToLower(symbol) {
			return scaled(whole, frac, u.mult)
		}
	}
	if symbol == "" {
		return 0, errors.New("no unit")
	}
	return 0, fmt.Errorf("unknown unit %q", symbol)
}

// scaled returns the decimal number whole.frac times mult, exactly.
func scaled(whole, frac string, mult uint64) (int64, error) {
	if len(whole)+len(frac) > 64 {
		return 0, errors.New("too many digits")
	}
	r, ok := new(big.Rat).SetString("0" + whole + "." + frac + "0")
	if !ok {
		return 0, errors.New("not a number")
	}
	r.Mul(r, new(big.Rat).SetUint64(mult))
	switch {
	case !r.IsInt():
		return 0, errors.New("finer than the base unit")
	case !r.Num().IsInt64():
		return 0, errors.New("too large")
	}
	return r.Num().Int64(), nil
}

// ParseUnix reads a point in time and returns nanoseconds since 1970: RFC 3339
// ("2026-11-24T04:37:24.5Z"), or the number itself. How many digits it has says
// what it counts, for times from 2001 to 2286: 10 are seconds, which may have a
// fraction, 13 milliseconds, 16 microseconds, 19 nanoseconds.
func ParseUnix(s string) (int64, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		if n := t.UnixNano(); time.Unix(0, n).Equal(t) {
			return n, nil
		}
		return 0, fmt.Errorf("time %q: beyond what nanoseconds since 1970 reach", s)
	}
	digits, fraction, _ := strings.Cut(s, ".")
	mult, ok := map[int]uint64{10: 1e9, 13: 1e6, 16: 1e3, 19: 1}[len(digits)]
	if !ok || strings.Trim(digits+fraction, "0123456789") != "" {
		return 0, fmt.Errorf("time %q: write 2026-11-24T04:37:24.5Z, or 1795495044.5, the seconds since 1970", s)
	}
	n, err := scaled(digits, strings.TrimRight(fraction, "0"), mult)
	if err != nil {
		return 0, fmt.Errorf("time %q: %w", s, err)
	}
	return n, nil
}
