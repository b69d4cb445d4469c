package chrome

import (
	"encoding/binary"
	"math/bits"
)

// Scanning works on a byte slice that is followed by at least pad zero bytes:
// a zero ends every loop below, since JSON allows it nowhere, so that the loops
// need not compare against the length.
const pad = 8

// maxDepth bounds nesting; Kineto's deepest values have four levels.
const maxDepth = 32

// A field is the text of a string (without its quotes) or of a number.
type field struct {
	text   []byte
	quoted bool
	plain  bool // a string without escapes, or a number: text is its value
}

// A row is one element of traceEvents, split into fields; its slices point
// into the scanned text.
type row struct {
	offset                               int64 // of its '{' in the whole file
	ph, cat, name, pid, tid, ts, dur, id field
	args                                 []byte // the object, braces included; nil if there is none
	strict                               bool   // the strict scanner has read it
	guessed                              bool   // unescaped quotes were seen: the ends of strings are guesses
}

// Bits of row fields that were seen, to notice a key that stands twice.
const (
	sawPh = 1 << iota
	sawCat
	sawName
	sawPid
	sawTid
	sawTs
	sawDur
	sawID
	sawArgs
)

// field returns the row's field for a key, or nil for keys that no reader needs.
func (r *row) field(key string) (*field, uint) {
	switch key {
	case "ph":
		return &r.ph, sawPh
	case "cat":
		return &r.cat, sawCat
	case "name":
		return &r.name, sawName
	case "pid":
		return &r.pid, sawPid
	case "tid":
		return &r.tid, sawTid
	case "ts":
		return &r.ts, sawTs
	case "dur":
		return &r.dur, sawDur
	case "id":
		return &r.id, sawID
	}
	return nil, 0
}

// strictRow scans the object that begins at b[i] and returns the index behind
// it, or -1 if the text is not the plain JSON of an event: then the tolerant
// scanner decides what it is.
func strictRow(b []byte, i int, r *row) int {
	seen := uint(0)
	if i = space(b, i+1); b[i] == '}' {
		return i + 1
	}
	for b[i] == '"' {
		key := b[i+1:]
		end := shortString(b, i+1)
		if end < 0 {
			return -1
		}
		key = key[:end-i-1]
		if i = space(b, end+1); b[i] != ':' {
			return -1
		}
		i = space(b, i+1)
		start := i
		f, bit := r.field(string(key))
		switch {
		case f != nil:
			i = scalar(b, i, f)
		case string(key) == "args" && b[i] == '{':
			i, bit = value(b, i, maxDepth), sawArgs
		default:
			i = value(b, i, maxDepth)
		}
		if i < 0 || seen&bit != 0 {
			return -1
		}
		if bit == sawArgs {
			r.args = b[start:i]
		}
		seen |= bit
		switch i = space(b, i); b[i] {
		case '}':
			return i + 1
		case ',':
			i = space(b, i+1)
		default:
			return -1
		}
	}
	return -1
}

// space returns the index of the first byte at or behind i that is not JSON
// white space.
func space(b []byte, i int) int {
	for b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r' {
		i++
	}
	return i
}

// shortString returns the index of the quote that ends the string whose first
// byte is b[i], or -1 if it holds anything but plain ASCII. It is for keys.
func shortString(b []byte, i int) int {
	for c := b[i]; c != '"'; c = b[i] {
		if c < 0x20 || c >= 0x80 || c == '\\' {
			return -1
		}
		i++
	}
	return i
}

// scalar scans a string or a number into f.
func scalar(b []byte, i int, f *field) int {
	if b[i] == '"' {
		end, plain := text(b, i+1)
		if end < 0 {
			return -1
		}
		*f = field{b[i+1 : end], true, plain}
		return end + 1
	}
	end := number(b, i)
	if end < 0 {
		return -1
	}
	*f = field{b[i:end], false, true}
	return end
}

// value returns the index behind the JSON value at b[i], or -1.
func value(b []byte, i, depth int) int {
	switch c := b[i]; {
	case c == '"':
		end, _ := text(b, i+1)
		if end < 0 {
			return -1
		}
		return end + 1
	case c == '-' || c-'0' < 10:
		return number(b, i)
	case c == '{' && depth > 0:
		return object(b, i, depth-1)
	case c == '[' && depth > 0:
		return array(b, i, depth-1)
	case c == 't':
		return literal(b, i, "true")
	case c == 'f':
		return literal(b, i, "false")
	case c == 'n':
		return literal(b, i, "null")
	}
	return -1
}

func object(b []byte, i, depth int) int {
	if i = space(b, i+1); b[i] == '}' {
		return i + 1
	}
	for b[i] == '"' {
		if i = shortString(b, i+1); i < 0 {
			return -1
		}
		if i = space(b, i+1); b[i] != ':' {
			return -1
		}
		if i = value(b, space(b, i+1), depth); i < 0 {
			return -1
		}
		switch i = space(b, i); b[i] {
		case '}':
			return i + 1
		case ',':
			i = space(b, i+1)
		default:
			return -1
		}
	}
	return -1
}

func array(b []byte, i, depth int) int {
	if i = space(b, i+1); b[i] == ']' {
		return i + 1
	}
	for {
		if i = value(b, i, depth); i < 0 {
			return -1
		}
		switch i = space(b, i); b[i] {
		case ']':
			return i + 1
		case ',':
			i = space(b, i+1)
		default:
			return -1
		}
	}
}

func literal(b []byte, i int, word string) int {
	if len(b)-i >= len(word) && string(b[i:i+len(word)]) == word {
		return i + len(word)
	}
	return -1
}

// number returns the index behind the JSON number at b[i], or -1.
func number(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	j := digits(b, i)
	if j == i || (b[i] == '0' && j > i+1) {
		return -1
	}
	if b[j] == '.' {
		i = j + 1
		if j = digits(b, i); j == i {
			return -1
		}
	}
	if b[j]|0x20 == 'e' {
		if i = j + 1; b[i] == '+' || b[i] == '-' {
			i++
		}
		if j = digits(b, i); j == i {
			return -1
		}
	}
	return j
}

func digits(b []byte, i int) int {
	for b[i]-'0' < 10 {
		i++
	}
	return i
}

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// text returns the index of the quote that ends the string whose first byte is
// b[i], and whether its bytes are its value (no escapes). It returns -1 for
// control characters, bytes beyond ASCII and unknown escapes, which the
// tolerant scanner must look at.
//
// Eight bytes are tested at a time for the four sorts of bytes that matter:
// names are most of a trace's text.
func text(b []byte, i int) (end int, plain bool) {
	plain = true
	for {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^(lows*'"'), w^(lows*'\\')
		// A byte below n has its top bit set in (w - n) and not in w; a borrow
		// can only spoil bytes behind the first hit.
		hit := ((quote - lows) &^ quote) | ((slash - lows) &^ slash) | ((w - lows*0x20) &^ w) | w
		if hit &= highs; hit == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(hit) / 8
		switch b[i] {
		case '"':
			return i, plain
		case '\\':
			n := escape(b, i)
			if n == 0 {
				return -1, false
			}
			plain = false
			i += n
		default:
			return -1, false
		}
	}
}

// escape returns the length of the JSON escape sequence at b[i], 0 for none.
func escape(b []byte, i int) int {
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		for j := i + 2; j < i+6; j++ {
			if hexDigit(b[j]) < 0 {
				return 0
			}
		}
		return 6
	}
	return 0
}

func hexDigit(c byte) int {
	switch {
	case c-'0' < 10:
		return int(c - '0')
	case c|0x20-'a' < 6:
		return int(c|0x20-'a') + 10
	}
	return -1
}
