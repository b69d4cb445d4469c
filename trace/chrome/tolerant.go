package chrome

import (
	"bytes"
	"unicode/utf8"

	"omnitrace/trace"
)

// Limits of what the tolerant scanner takes for one thing. They bound time and
// memory on hostile input, and are far above what profilers write (the longest
// row in the public corpus has 60 kB, the longest name 4 kB).
const (
	maxRow   = 8 << 20  // bytes of one row or top-level value
	maxGuess = 64 << 10 // bytes of a row with unescaped quotes
	maxKey   = 256      // bytes of a key, when guessing where a name ends
)

// An outcome says how far the tolerant scanner came.
type outcome uint8

const (
	whole outcome = iota // read to its end
	more                 // the text ends before it does
	bad                  // not to be made sense of
)

// A tolerant scanner reads what JSON does not allow but profilers have
// written: NaN, raw control characters, bytes that are not UTF-8, unknown
// escapes, unescaped quotes, trailing commas. Defects are counted in health at
// offsets relative to b.
type tolerant struct {
	b      []byte // followed by pad zero bytes, like all scanned text
	n      int    // its length without them
	health trace.Health
	// guess makes a quote end a string only where the text behind it looks
	// like the next part of an object.
	guess bool
}

// row reads the event that begins at b[i].
func (t *tolerant) row(i int, r *row) (int, outcome) {
	t.health = trace.Health{}
	*r = row{offset: r.offset, guessed: t.guess}
	seen := uint(0)
	return t.members(i, func(key []byte, i int) (int, outcome) {
		f, bit := r.field(string(key))
		if seen&bit != 0 {
			t.health.Add(trace.DuplicateKey, int64(i))
		}
		seen |= bit
		c := t.b[i]
		switch {
		case f != nil && c != '{' && c != '[':
			return t.scalar(i, f)
		case bit == sawArgs && c == '{':
			end, o := t.value(i, maxDepth)
			if o == whole {
				r.args = t.b[i:end]
			}
			return end, o
		}
		return t.value(i, maxDepth)
	})
}

// members walks the object at b[i], calling value at the start of each value
// for the index behind it.
func (t *tolerant) members(i int, value func(key []byte, i int) (int, outcome)) (int, outcome) {
	for i++; ; {
		i = t.space(i)
		switch {
		case i >= t.n:
			return i, more
		case t.b[i] == '}':
			return i + 1, whole
		case t.b[i] == ',':
			i++
			continue
		}
		key, at, o := t.key(i)
		if o != whole {
			return at, o
		}
		if i, o = value(key, at); o != whole {
			return i, o
		}
		i = t.space(i)
		if i < t.n && t.b[i] != ',' && t.b[i] != '}' {
			return i, bad
		}
	}
}

// key reads `"key":` at b[i] and returns the key and where its value begins.
func (t *tolerant) key(i int) ([]byte, int, outcome) {
	if t.b[i] != '"' {
		return nil, i, bad
	}
	end, o := t.text(i+1, true)
	if o != whole {
		return nil, i, o
	}
	key := t.b[i+1 : end]
	if bytes.IndexByte(key, '\\') >= 0 {
		key = []byte(unescape(string(key)))
	}
	i = t.space(end + 1)
	switch {
	case i >= t.n:
		return nil, i, more
	case t.b[i] != ':':
		return nil, i, bad
	}
	if i = t.space(i + 1); i >= t.n {
		return nil, i, more
	}
	return key, i, whole
}

// quickValue is [tolerant.value] by the strict scanner where that can read it.
func (t *tolerant) quickValue(i int) (int, outcome) {
	if !t.guess {
		// A word that only begins as a number (0x7f) is none.
		if end := value(t.b, i, maxDepth); end > 0 && !isWord(t.b[end]) {
			return end, whole
		}
	}
	return t.value(i, maxDepth)
}

// value returns the index behind the value at b[i].
func (t *tolerant) value(i, depth int) (int, outcome) {
	switch c := t.b[i]; {
	case i >= t.n:
		return i, more
	case c == '{' && depth > 0:
		return t.members(i, func(_ []byte, i int) (int, outcome) { return t.value(i, depth-1) })
	case c == '[' && depth > 0:
		return t.elements(i, depth-1)
	}
	var f field
	return t.scalar(i, &f)
}

func (t *tolerant) elements(i, depth int) (int, outcome) {
	return t.each(i, func(i int) (int, outcome) { return t.value(i, depth) })
}

// each walks the array at b[i], calling value at the start of each element for
// the index behind it.
func (t *tolerant) each(i int, value func(i int) (int, outcome)) (int, outcome) {
	for i++; ; {
		i = t.space(i)
		switch {
		case i >= t.n:
			return i, more
		case t.b[i] == ']':
			return i + 1, whole
		case t.b[i] == ',':
			i++
			continue
		}
		var o outcome
		if i, o = value(i); o != whole {
			return i, o
		}
		i = t.space(i)
		if i < t.n && t.b[i] != ',' && t.b[i] != ']' {
			return i, bad
		}
	}
}

// scalar reads a string, a number or a bare word into f.
func (t *tolerant) scalar(i int, f *field) (int, outcome) {
	if t.b[i] == '"' {
		end, o := t.text(i+1, false)
		if o != whole {
			return end, o
		}
		s := t.b[i+1 : end]
		*f = field{s, true, bytes.IndexByte(s, '\\') < 0 && utf8.Valid(s)}
		return end + 1, whole
	}
	end := i
	for isWord(t.b[end]) {
		end++
	}
	switch {
	case end >= t.n:
		return end, more
	case end == i:
		return i, bad
	}
	t.word(t.b[i:end], i, f)
	return end, whole
}

func isWord(c byte) bool {
	return c-'0' < 10 || c|0x20-'a' < 26 || c == '-' || c == '+' || c == '.' || c == '_'
}

// word sorts a bare word: f gets numbers, and stays empty for all else.
func (t *tolerant) word(w []byte, i int, f *field) {
	if _, ok := splitDecimal(w); ok {
		*f = field{w, false, true}
		return
	}
	switch string(bytes.ToLower(bytes.TrimLeft(w, "+-"))) {
	case "true", "false", "null", "none":
	case "nan", "inf", "infinity":
		t.health.Add(trace.NaNLiteral, int64(i))
	default:
		t.health.Add(trace.BadNumber, int64(i))
	}
}

// space skips white space, and whatever else is no printable character.
func (t *tolerant) space(i int) int {
	for ; i < t.n && t.b[i] <= ' '; i++ {
		switch t.b[i] {
		case ' ', '\n', '\r', '\t':
		default:
			t.health.Add(trace.ControlCharacter, int64(i))
		}
	}
	return i
}

// text returns the index of the quote that ends the string that begins at
// b[i], and counts what is wrong with it.
func (t *tolerant) text(i int, key bool) (int, outcome) {
	start, ascii := i, true
	var h trace.Health
	for ; i < t.n; i++ {
		switch c := t.b[i]; {
		case c == '"':
			if t.guess && !t.closes(i, key) {
				h.Add(trace.UnescapedQuote, int64(i))
				continue
			}
			if !ascii && !utf8.Valid(t.b[start:i]) {
				h.Add(trace.InvalidUTF8, int64(start+firstInvalid(t.b[start:i])))
			}
			t.health.Merge(h, 0)
			return i, whole
		case c == '\\' && t.guess && t.b[i+1] == '"' && t.closes(i+1, key):
			h.Add(trace.BadEscape, int64(i)) // a path that ends in a raw backslash
		case c == '\\':
			n := escape(t.b, i)
			if n == 0 {
				h.Add(trace.BadEscape, int64(i))
				n = 1
			}
			i += n - 1
		case c < 0x20:
			h.Add(trace.ControlCharacter, int64(i))
		case c >= 0x80:
			ascii = false
		}
	}
	return i, more
}

// closes reports whether the quote at b[i] ends its string: a colon behind a
// key; behind a value a comma and another key, or a closing bracket with what
// may follow one.
func (t *tolerant) closes(i int, key bool) bool {
	i = t.peekSpace(i + 1)
	if key {
		return t.b[i] == ':'
	}
	switch t.b[i] {
	case '}', ']':
		i = t.peekSpace(i + 1)
		return i == t.n || t.b[i] == ',' || t.b[i] == '}' || t.b[i] == ']'
	case ',':
		return t.keyAt(t.peekSpace(i + 1))
	}
	return false
}

func (t *tolerant) keyAt(i int) bool {
	if t.b[i] != '"' {
		return false
	}
	end := bytes.IndexByte(t.b[i+1:min(i+1+maxKey, len(t.b))], '"')
	return end >= 0 && t.b[t.peekSpace(i+1+end+1)] == ':'
}

// peekSpace is space without counting; at the end it returns t.n, where the
// padding's zero is.
func (t *tolerant) peekSpace(i int) int {
	for i < t.n && t.b[i] <= ' ' {
		i++
	}
	return min(i, t.n)
}

func firstInvalid(s []byte) int {
	i := 0
	for i < len(s) {
		r, n := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	return i
}
