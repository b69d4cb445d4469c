package chrome

import (
	"math"

	"omnitrace/trace"
)

// A numeral is what became of the text of a number.
type numeral uint8

const (
	numberOK numeral = iota
	numberBad
	numberRange // beyond 64 bits
)

// nanoseconds converts decimal microseconds to integer nanoseconds without
// passing through a float: at 1.7e15 µs a float64 steps by 250 ns. More than
// three decimals round half to even.
func nanoseconds(s []byte) (trace.Time, numeral) {
	if n, ok := plainMicroseconds(s); ok {
		return n, numberOK
	}
	n, status := decimal(s, 3)
	return trace.Time(n), status
}

// plainMicroseconds reads what profilers write: up to 15 digits, and at most
// three decimals.
func plainMicroseconds(s []byte) (trace.Time, bool) {
	var n int64
	scale := int64(1000)
	for i, c := range s {
		switch {
		case c-'0' < 10:
			n = n*10 + int64(c-'0')
		case c == '.' && i > 0 && len(s)-i <= 4 && i < len(s)-1:
			for _, d := range s[i+1:] {
				if d-'0' >= 10 {
					return 0, false
				}
				n = n*10 + int64(d-'0')
				scale /= 10
			}
			return trace.Time(n * scale), i <= 15
		default:
			return 0, false
		}
	}
	return trace.Time(n * scale), len(s) > 0 && len(s) <= 15
}

// integer converts a decimal number to an integer; fractions round half to
// even. Unsigned 64-bit numbers beyond int64 (torch's Comms Id) wrap: such
// numbers are only ever compared.
func integer(s []byte) (int64, numeral) {
	if len(s) <= 15 {
		// Nearly all correlation IDs; spares them the general way's allocation.
		if u, ok := unsigned(s); ok {
			return int64(u), numberOK
		}
	}
	n, status := decimal(s, 0)
	if status == numberRange {
		if u, ok := unsigned(s); ok {
			return int64(u), numberOK
		}
	}
	return n, status
}

func unsigned(s []byte) (uint64, bool) {
	var u uint64
	for _, c := range s {
		d := uint64(c - '0')
		if d >= 10 || u > (math.MaxUint64-d)/10 {
			return 0, false
		}
		u = u*10 + d
	}
	return u, len(s) > 0
}

// decimal returns s × 10^shift as an integer, rounded half to even. It takes
// any JSON number, and a leading '+'.
func decimal(s []byte, shift int) (int64, numeral) {
	d, ok := splitDecimal(s)
	if !ok {
		return 0, numberBad
	}
	digits, point := d.digits, d.point+shift
	if len(digits) == 0 || point < 0 {
		return 0, numberOK // zero, or less than a tenth
	}
	if point > 19 {
		return 0, numberRange
	}
	var u uint64
	for i := range point {
		c := uint64(0)
		if i < len(digits) {
			c = uint64(digits[i] - '0')
		}
		if u > (math.MaxUint64-c)/10 {
			return 0, numberRange
		}
		u = u*10 + c
	}
	if point < len(digits) && u < math.MaxUint64 && roundsUp(digits[point:], u) {
		u++
	}
	switch {
	case d.negative && u <= 1<<63:
		return -int64(u), numberOK
	case u > math.MaxInt64:
		return 0, numberRange
	}
	return int64(u), numberOK
}

// roundsUp reports whether 0.rest rounds an integer u up, half to even.
func roundsUp(rest []byte, u uint64) bool {
	if rest[0] != '5' {
		return rest[0] > '5'
	}
	for _, c := range rest[1:] {
		if c != '0' {
			return true
		}
	}
	return u%2 == 1
}

// A decimalNumber is 0.digits × 10^point, without leading zeros.
type decimalNumber struct {
	negative bool
	digits   []byte
	point    int
}

func splitDecimal(s []byte) (decimalNumber, bool) {
	var d decimalNumber
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		d.negative = s[0] == '-'
		s = s[1:]
	}
	any, fraction := false, false
	i := 0
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c-'0' < 10:
			any = true
			if c != '0' || len(d.digits) > 0 {
				d.digits = append(d.digits, c)
				if !fraction {
					d.point++
				}
			} else if fraction {
				d.point--
			}
			continue
		case c == '.' && !fraction:
			fraction = true
			continue
		}
		break
	}
	if i < len(s) && any {
		e, ok := exponent(s[i:])
		d.point += e
		return d, ok
	}
	return d, any
}

// exponent reads "e-12". Exponents are bounded: past twice the length of the
// longest row, no digits can make up for one.
func exponent(s []byte) (int, bool) {
	if len(s) < 2 || s[0]|0x20 != 'e' {
		return 0, false
	}
	s = s[1:]
	sign := 1
	if s[0] == '-' || s[0] == '+' {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	e := 0
	for _, c := range s {
		if c-'0' >= 10 {
			return 0, false
		}
		e = min(e*10+int(c-'0'), 2*maxRow)
	}
	return sign * e, len(s) > 0
}
