package chrome

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// value returns what the field says: escapes undone, bytes that are not UTF-8
// replaced by U+FFFD, control characters kept.
func (f field) value() string {
	if f.plain || !f.quoted {
		return string(f.text)
	}
	return unescape(string(f.text))
}

// unquote returns the value of a JSON string, or the text of anything else.
func unquote(v []byte) string {
	if len(v) < 2 || v[0] != '"' {
		return string(v)
	}
	return unescape(string(v[1 : len(v)-1]))
}

// unescape undoes the escapes of a JSON string. Sequences that JSON does not
// know stay as they are (old Kineto wrote Windows paths raw).
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return strings.ToValidUTF8(s, "\ufffd")
	}
	var out strings.Builder
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i == len(s)-1 {
			out.WriteString(s)
			return strings.ToValidUTF8(out.String(), "\ufffd")
		}
		out.WriteString(s[:i])
		n := unescapeOne(&out, s[i:])
		s = s[i+n:]
	}
}

var simpleEscapes = map[byte]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// unescapeOne writes the sequence that s begins with and returns its length.
func unescapeOne(out *strings.Builder, s string) int {
	if c, ok := simpleEscapes[s[1]]; ok {
		out.WriteByte(c)
		return 2
	}
	r, ok := codeUnit(s)
	if !ok {
		out.WriteByte('\\')
		return 1
	}
	if utf16.IsSurrogate(r) {
		low, ok := codeUnit(s[6:])
		if full := utf16.DecodeRune(r, low); ok && full != utf8.RuneError {
			out.WriteRune(full)
			return 12
		}
		r = utf8.RuneError
	}
	out.WriteRune(r)
	return 6
}

func codeUnit(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil
}
