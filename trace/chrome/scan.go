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
	case "args":
		return nil, sawArgs
	}
	return nil, 0
}

// glance is [row.field] for a row's text from the quote that begins a key. It
// knows the keys that nearly all rows are made of, and returns the length of
// the key with its quotes, or 0 for others.
func (r *row) glance(w uint64) (f *field, bit uint, n int) {
	switch w & (1<<32 - 1) {
	case '"' | 'p'<<8 | 'h'<<16 | '"'<<24:
		return &r.ph, sawPh, 4
	case '"' | 't'<<8 | 's'<<16 | '"'<<24:
		return &r.ts, sawTs, 4
	}
	switch w & (1<<40 - 1) {
	case '"' | 'c'<<8 | 'a'<<16 | 't'<<24 | '"'<<32:
		return &r.cat, sawCat, 5
	case '"' | 'p'<<8 | 'i'<<16 | 'd'<<24 | '"'<<32:
		return &r.pid, sawPid, 5
	case '"' | 't'<<8 | 'i'<<16 | 'd'<<24 | '"'<<32:
		return &r.tid, sawTid, 5
	case '"' | 'd'<<8 | 'u'<<16 | 'r'<<24 | '"'<<32:
		return &r.dur, sawDur, 5
	}
	switch w & (1<<48 - 1) {
	case '"' | 'n'<<8 | 'a'<<16 | 'm'<<24 | 'e'<<32 | '"'<<40:
		return &r.name, sawName, 6
	case '"' | 'a'<<8 | 'r'<<16 | 'g'<<24 | 's'<<32 | '"'<<40:
		return nil, sawArgs, 6
	}
	return nil, 0, 0
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
		f, bit, n := r.glance(binary.LittleEndian.Uint64(b[i:]))
		if n > 0 {
			i += n
		} else {
			end := shortString(b, i+1)
			if end < 0 {
				return -1
			}
			f, bit = r.field(string(b[i+1 : end]))
			i = end + 1
		}
		if i = colon(b, i); i < 0 {
			return -1
		}
		start := i
		switch {
		case f != nil:
			i = scalar(b, i, f)
		case bit == sawArgs && b[i] != '{':
			i, bit = value(b, i, maxDepth), 0
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
// white space. Kineto begins lines with four or more spaces.
func space(b []byte, i int) int {
	if b[i] > ' ' {
		return i
	}
	if b[i] == '\n' && binary.LittleEndian.Uint32(b[i+1:]) == blanks {
		i += 5
	}
	for b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r' {
		i++
	}
	return i
}

const blanks = ' ' | ' '<<8 | ' '<<16 | ' '<<24

// colon returns the index of the value behind the colon that follows a key
// ending at b[i], or -1 if there is no colon.
func colon(b []byte, i int) int {
	if b[i] != ':' {
		if i = space(b, i); b[i] != ':' {
			return -1
		}
	}
	if i++; b[i] == ' ' {
		i++
	}
	return space(b, i)
}

// shortString returns the index of the quote that ends the string whose first
// byte is b[i], or -1 if it holds anything but plain ASCII. It is for keys.
func shortString(b []byte, i int) int {
	for {
		if hit := special(binary.LittleEndian.Uint64(b[i:])); hit != 0 {
			if i += bits.TrailingZeros64(hit) / 8; b[i] == '"' {
				return i
			}
			return -1
		}
		i += 8
	}
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
		if i = colon(b, i+1); i < 0 {
			return -1
		}
		if i = value(b, i, depth); i < 0 {
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

// digits returns the index of the first byte at or behind i that is no digit.
// Most numbers have fewer than eight digits, or few more.
func digits(b []byte, i int) int {
	for {
		w := binary.LittleEndian.Uint64(b[i:])
		// A byte above '9' gets its top bit from the sum, one below '0' from the
		// difference; a borrow can only spoil bytes behind the first hit.
		if hit := (w + lows*(0x7f-'9') | (w - lows*'0') | w) & highs; hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
		i += 8
	}
}

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special returns a word whose lowest set bit is the top bit of the first byte
// of w that is a quote, a backslash, a control character or beyond ASCII; 0 if
// none is.
func special(w uint64) uint64 {
	quote, slash := w^(lows*'"'), w^(lows*'\\')
	// A byte below n has its top bit set in (w - n) and not in w; a borrow can
	// only spoil bytes behind the first hit.
	return (((quote - lows) &^ quote) | ((slash - lows) &^ slash) | ((w - lows*0x20) &^ w) | w) & highs
}

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
		hit := special(binary.LittleEndian.Uint64(b[i:]))
		if hit == 0 {
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
