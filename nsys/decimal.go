package nsys

import (
	"bytes"
	"math"
	"math/bits"
	"strings"
)

// A unit is what the numbers of a column are printed in.
type unit struct {
	base     string // "ns", "B"
	scale    int64  // base units in one of it
	decimals int    // with so many decimals, a number is exact to the base unit
}

// units are the spellings in the headers of `nsys stats`, "Start (ns)": those
// of --timeunit, of older versions ("Start(nsec)"), and sizes.
var units = map[string]unit{
	"ns": {"ns", 1, 0}, "nsec": {"ns", 1, 0},
	"us": {"ns", 1e3, 3}, "usec": {"ns", 1e3, 3}, "µs": {"ns", 1e3, 3},
	"ms": {"ns", 1e6, 6}, "msec": {"ns", 1e6, 6},
	"s": {"ns", 1e9, 9}, "sec": {"ns", 1e9, 9},
	"min": {"ns", 60e9, 11}, "mins": {"ns", 60e9, 11}, "hour": {"ns", 3600e9, 13}, "hours": {"ns", 3600e9, 13},
	"B": {"B", 1, 0}, "bytes": {"B", 1, 0}, "KB": {"B", 1e3, 3}, "MB": {"B", 1e6, 6}, "GB": {"B", 1e9, 9},
	"KiB": {"B", 1 << 10, 10}, "MiB": {"B", 1 << 20, 20}, "GiB": {"B", 1 << 30, 30},
}

// splitTitle takes the unit off a column's title: "Duration (us)" is
// "Duration" and "us".
func splitTitle(title string) (name, unit string) {
	title = strings.TrimSpace(title)
	open := strings.LastIndexByte(title, '(')
	if open <= 0 || !strings.HasSuffix(title, ")") {
		return title, ""
	}
	return strings.TrimSpace(title[:open]), title[open+1 : len(title)-1]
}

// parse reads a decimal number as an integer count of u's base unit. It never
// passes through a float; what is below one base unit rounds half to even.
// The number of decimals that were printed says how exact it can be.
func (u unit) parse(text []byte) (n int64, decimals int, ok bool) {
	text = bytes.TrimSpace(text)
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	whole, fraction, _ := bytes.Cut(text, []byte("."))
	if len(whole)+len(fraction) == 0 {
		return 0, 0, false
	}
	n, ok = digits(whole)
	if !ok || (u.scale > 1 && n > math.MaxInt64/u.scale) {
		return 0, 0, false
	}
	part, ok := u.fraction(fraction)
	if !ok || n*u.scale > math.MaxInt64-part {
		return 0, 0, false
	}
	n = n*u.scale + part
	if negative {
		n = -n
	}
	return n, len(fraction), true
}

// maxDecimals is how many decimals are looked at: enough for any unit.
const maxDecimals = 15

// fraction returns the decimals behind the point in base units.
func (u unit) fraction(decimals []byte) (int64, bool) {
	kept := decimals[:min(len(decimals), maxDecimals)]
	n, ok := digits(kept)
	if _, rest := digits(decimals[len(kept):]); !ok || !rest {
		return 0, false
	}
	ten := int64(1)
	for range kept {
		ten *= 10
	}
	// n < ten, so that the quotient fits although the product may not.
	high, low := bits.Mul64(uint64(n), uint64(u.scale))
	whole, rest := bits.Div64(high, low, uint64(ten))
	if half := uint64(ten) - rest; rest > half || (rest == half && whole%2 == 1) {
		whole++
	}
	return int64(whole), true
}

// digits reads decimal digits, none of them being 0.
func digits(text []byte) (n int64, ok bool) {
	for _, c := range text {
		digit := int64(c) - '0'
		if digit < 0 || digit > 9 || n > (math.MaxInt64-digit)/10 {
			return 0, false
		}
		n = n*10 + digit
	}
	return n, true
}
