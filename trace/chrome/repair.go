package chrome

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// sound reports whether text is JSON that every viewer takes: valid, UTF-8, and
// without half a surrogate pair, which ends Perfetto's import.
func sound(text []byte, strict bool) bool {
	if !strict && !(utf8.Valid(text) && json.Valid(text)) {
		return false
	}
	return !bytes.Contains(text, []byte(`\ud`)) && !bytes.Contains(text, []byte(`\uD`))
}

var errUnsound = errors.New("not to be made sense of")

// repaired returns a value that the tolerant scanner can read as JSON that
// says the same: what it reads as a string or a number stays that, NaN becomes
// null. With several values for a key all are kept.
func repaired(text []byte, guess bool) ([]byte, error) {
	padded := make([]byte, len(text)+pad)
	copy(padded, text)
	t := repair{tolerant: tolerant{b: padded, n: len(text), guess: guess}}
	if _, o := t.value(0, maxDepth+1); o != whole {
		return nil, errUnsound
	}
	return t.out.Bytes(), nil
}

// A repair is a tolerant scanner that writes down what it reads.
type repair struct {
	tolerant
	out bytes.Buffer
}

func (t *repair) value(i, depth int) (int, outcome) {
	switch c := t.b[i]; {
	case c == '{' && depth > 0:
		return t.object(i, depth-1)
	case c == '[' && depth > 0:
		return t.array(i, depth-1)
	case c == '"':
		end, o := t.text(i+1, false)
		if o == whole {
			t.out.Write(quoted(unescape(string(t.b[i+1 : end]))))
		}
		return end + 1, o
	}
	var f field
	end, o := t.scalar(i, &f)
	if o == whole {
		t.out.Write(soundWord(t.b[i:end]))
	}
	return end, o
}

func (t *repair) object(i, depth int) (int, outcome) {
	begin := byte('{')
	end, o := t.members(i, func(key []byte, i int) (int, outcome) {
		t.out.WriteByte(begin)
		begin = ','
		t.out.Write(quoted(unescape(string(key))))
		t.out.WriteByte(':')
		return t.value(i, depth)
	})
	if begin == '{' {
		t.out.WriteByte(begin)
	}
	t.out.WriteByte('}')
	return end, o
}

func (t *repair) array(i, depth int) (int, outcome) {
	begin := byte('[')
	end, o := t.each(i, func(i int) (int, outcome) {
		t.out.WriteByte(begin)
		begin = ','
		return t.value(i, depth)
	})
	if begin == '[' {
		t.out.WriteByte(begin)
	}
	t.out.WriteByte(']')
	return end, o
}

// soundWord returns a bare word as JSON.
func soundWord(w []byte) []byte {
	if json.Valid(w) {
		return w
	}
	if _, ok := splitDecimal(w); ok {
		return quoted(string(w)) // "+5", "007": read exactly from a string too
	}
	switch string(bytes.ToLower(w)) {
	case "true", "false":
		return bytes.ToLower(w)
	}
	return []byte("null")
}
