package unit

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Count prints an integer with thousands separators: "1,234,567".
func Count(n int64) string {
	if n < 0 {
		return "-" + thousands(magnitude(n))
	}
	return thousands(uint64(n))
}

// Percent prints what part is of whole in percent with one digit behind the
// point, without the sign: "61.2". It is "" where whole is 0, "0" where part
// is 0, and "<0.1" where part is not 0 but rounds to it.
func Percent(part, whole int64) string {
	if whole == 0 {
		return ""
	}
	negative := part < 0 != (whole < 0)
	return number(ratio(part, whole, 1000, 1), 1, negative, part != 0)
}

// Rate prints bytes in a time of ns nanoseconds as a speed: "12.35 GB/s". It
// is "" where ns is 0.
func Rate(bytes, ns int64) string {
	if ns == 0 {
		return ""
	}
	// The scale is chosen for the rate in whole bytes per second, the figure
	// then rounded once, from the exact quotient.
	whole := min(ratio(bytes, ns, 1_000_000_000, 1), math.MaxInt64)
	s := Speed.Column([]int64{int64(whole)})
	last := ratio(bytes, ns, 1_000_000_000, pow10(s.Exp-s.Digits))
	return number(last, s.Digits, bytes < 0 != (ns < 0), bytes != 0) + " " + s.Symbol
}

// ratio returns |a|·num/(|b|·den), rounded to the nearest, halves up; the
// largest uint64 where it is beyond that.
func ratio(a, b int64, num, den uint64) uint64 {
	x, y := product(magnitude(a), num), product(magnitude(b), den)
	x.Lsh(x, 1).Add(x, y)
	x.Quo(x, y.Lsh(y, 1))
	if !x.IsUint64() {
		return math.MaxUint64
	}
	return x.Uint64()
}

func product(a, b uint64) *big.Int {
	x := new(big.Int).SetUint64(a)
	return x.Mul(x, new(big.Int).SetUint64(b))
}

// roundDiv returns n/d, rounded to the nearest, halves up. It can't overflow:
// the rest is below d.
func roundDiv(n, d uint64) uint64 {
	q, r := n/d, n%d
	if r >= d-r {
		q++
	}
	return q
}

// magnitude returns |n|, also for the smallest int64.
func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func pow10(exp int) uint64 {
	p := uint64(1)
	for range exp {
		p *= 10
	}
	return p
}

func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	if len(s) <= 3 {
		return s
	}
	var b strings.Builder
	head := (len(s)-1)%3 + 1
	b.WriteString(s[:head])
	for i := head; i < len(s); i += 3 {
		b.WriteByte(',')
		b.WriteString(s[i : i+3])
	}
	return b.String()
}

// padded prints n with leading zeros.
func padded(n uint64, digits int) string {
	s := strconv.FormatUint(n, 10)
	return strings.Repeat("0", max(0, digits-len(s))) + s
}
