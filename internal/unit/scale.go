package unit

import (
	"math"
	"strings"
)

// A Step is one unit of a [Ladder]: 10^Exp base units.
type Step struct {
	Symbol string // "ms"
	Exp    int
}

// A Ladder lists the units of one dimension, smallest first. Its first step is
// the base unit (Exp 0); all steps are three powers of ten apart.
type Ladder []Step

// The ladders.
var (
	Time = Ladder{{"ns", 0}, {"µs", 3}, {"ms", 6}, {"s", 9}}
	Size = Ladder{{"B", 0}, {"kB", 3}, {"MB", 6}, {"GB", 9}, {"TB", 12}}
	// Speed is in bytes per second.
	Speed = Ladder{{"B/s", 0}, {"kB/s", 3}, {"MB/s", 6}, {"GB/s", 9}, {"TB/s", 12}}
)

// A Scale says how integers of a base unit are printed: in units of 10^Exp,
// with Digits digits behind the point. The zero Scale prints integers.
type Scale struct {
	Step
	Digits int // 0 to 3, never more than Exp
}

// maxDigits bounds the digits behind the point: they reach the next smaller
// unit, and no further.
const maxDigits = 3

// Column chooses the scale of a column of figures. The largest is printed with
// one to four digits before the point; more digits follow as the smallest one
// that is not zero needs them, up to three.
func (l Ladder) Column(values []int64) Scale { return l.Columns([][]int64{values})[0] }

// Columns chooses the scales of the columns of one table, which stand beside
// each other and are compared: the first has the unit that suits most of them,
// each next one keeps the unit to its left where that is usable, else it changes
// to the nearest that suits it. A unit is usable if the largest figure is below
// 100,000 in it and at least 1, or at least 0.1 with none below 0.01.
func (l Ladder) Columns(columns [][]int64) []Scale {
	scales := make([]Scale, len(columns))
	current := l.common(columns)
	for i, values := range columns {
		low, high := bounds(values)
		if high == 0 {
			scales[i] = Scale{Step: current}
			continue
		}
		if !usable(low, high, current) {
			current = l.nearest(high, current)
		}
		scales[i] = fit(current, low, high)
	}
	return scales
}

// common returns the unit in which most of the columns can be printed. Among
// equals the one that suits the first column best is taken.
func (l Ladder) common(columns [][]int64) Step {
	best, most := l[0], 0
	for _, values := range columns {
		if low, high := bounds(values); high != 0 {
			best = l.best(low, high)
			break
		}
	}
	votes := func(s Step) (n int) {
		for _, values := range columns {
			if low, high := bounds(values); high != 0 && usable(low, high, s) {
				n++
			}
		}
		return n
	}
	most = votes(best)
	for _, s := range l {
		if n := votes(s); n > most {
			best, most = s, n
		}
	}
	return best
}

// best returns the unit for a column that stands alone: of the at most two
// that print high with one to four digits before the point the larger, unless
// low would show less than two digits in it.
func (l Ladder) best(low, high uint64) Step {
	large := l.nearest(high, l[len(l)-1])
	small := l.nearest(high, l[0])
	if low < pow10(large.Exp)/100 {
		return small
	}
	return large
}

// nearest returns the unit closest to s that prints high with one to four
// digits before the point. Beyond the top of the ladder figures get longer.
func (l Ladder) nearest(high uint64, s Step) Step {
	found, distance := l[len(l)-1], math.MaxInt
	for _, t := range l {
		n := wholePart(high, fit(t, high, high))
		if d := max(t.Exp-s.Exp, s.Exp-t.Exp); 1 <= n && n < 10_000 && d < distance {
			found, distance = t, d
		}
	}
	return found
}

// usable reports whether figures from low to high can stand in s (see Columns).
func usable(low, high uint64, s Step) bool {
	one := pow10(s.Exp)
	large := high >= one || high >= one/10 && low >= one/100
	return large && wholePart(high, fit(s, high, high)) < 100_000
}

// fit returns the scale in s whose digits show the largest figure with four
// digits in all (five from 1,000 on) and the smallest with two, where three
// digits behind the point allow it.
func fit(s Step, low, high uint64) Scale {
	scale := Scale{s, min(maxDigits, s.Exp)}
	for scale.Digits > 1 {
		fewer := Scale{s, scale.Digits - 1}
		if wholePart(high, scale) < pow10(maxDigits+1-scale.Digits) || low < 10*pow10(s.Exp-fewer.Digits) {
			break
		}
		scale = fewer
	}
	return scale
}

// wholePart returns the digits before the point of n as scale prints it.
func wholePart(n uint64, s Scale) uint64 {
	return roundDiv(n, pow10(s.Exp-s.Digits)) / pow10(s.Digits)
}

// bounds returns the smallest magnitude that is not zero, and the largest.
func bounds(values []int64) (low, high uint64) {
	for _, v := range values {
		m := magnitude(v)
		if m != 0 && (low == 0 || m < low) {
			low = m
		}
		high = max(high, m)
	}
	return low, high
}

// Format prints n base units without the unit: "1,234.567". Zero is "0", and
// what would round to zero is "<0.001".
func (s Scale) Format(n int64) string {
	m := magnitude(n)
	last := roundDiv(m, pow10(s.Exp-s.Digits)) // in units of the last digit
	return number(last, s.Digits, n < 0, m != 0)
}

// Exact prints one figure with a unit of its own, for use in a sentence:
// "1.235 s", "12 ns".
func (l Ladder) Exact(n int64) string {
	s := l.Column([]int64{n})
	return s.Format(n) + " " + s.Symbol
}

// number prints last, which counts units of the last of its digits.
func number(last uint64, digits int, negative, nonzero bool) string {
	var b strings.Builder
	switch {
	case last == 0 && !nonzero:
		return "0"
	case last == 0 && negative:
		b.WriteString(">-")
		last = 1
	case last == 0:
		b.WriteString("<")
		last = 1
	case negative:
		b.WriteString("-")
	}
	one := pow10(digits)
	b.WriteString(thousands(last / one))
	if digits > 0 {
		b.WriteByte('.')
		b.WriteString(padded(last%one, digits))
	}
	return b.String()
}
