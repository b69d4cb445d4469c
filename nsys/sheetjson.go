package nsys

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"omnitrace/trace"
)

// errBadJSON is where a table stops being JSON.
var errBadJSON = errors.New("not JSON")

// atArray reports whether a JSON table begins here. nsys's progress lines begin
// with a bracket too: "[1/8] [====100%]".
func (s *sheet) atArray() bool {
	head, _ := s.in.Peek(64)
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) == 0 || head[0] != '[' {
		return false
	}
	head = bytes.TrimLeft(head[1:], " \t\r\n")
	return len(head) > 0 && (head[0] == '{' || head[0] == ']')
}

// element reads the next part of a JSON table: its beginning, one of the flat
// objects that are its rows, a comma, or its end.
func (s *sheet) element() error {
	c, err := s.skipSpace()
	if err != nil {
		return s.broken(err)
	}
	switch {
	case c == '[' && !s.inArray:
		s.inArray, s.titles = true, s.titles[:0]
	case c == ']':
		s.inArray = false
	case c == '{':
		if err := s.object(); err != nil {
			return s.broken(err)
		}
	case c != ',':
		return s.broken(errBadJSON)
	}
	return nil
}

// broken counts what is wrong with a table, and drops the row that it cut.
// Nothing behind it is read.
func (s *sheet) broken(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		s.to.header.Health.Add(trace.Truncated, -1)
		return io.EOF
	case errors.Is(err, errBadJSON):
		s.to.header.Health.Add(trace.BadEvent, -1)
		return io.EOF
	}
	return err
}

// object reads a row behind its brace. The keys of the first one are the
// table's titles; a row with others begins a new table.
func (s *sheet) object() error {
	s.values, s.ends = s.values[:0], s.ends[:0]
	known := len(s.titles) > 0
	for n := 0; ; {
		c, err := s.skipSpace()
		switch {
		case err != nil:
			return err
		case c == ',':
			continue
		case c == '}':
			s.objectRow(known && n == len(s.titles))
			return nil
		case c != '"':
			return errBadJSON
		}
		if s.key, err = s.string(s.key[:0]); err != nil {
			return err
		}
		if known && (n >= len(s.titles) || s.titles[n] != string(s.key)) {
			known, s.titles = false, s.titles[:n:n]
		}
		if !known {
			s.titles = append(s.titles, string(s.key))
		}
		n++
		if err := s.value(); err != nil {
			return err
		}
	}
}

func (s *sheet) objectRow(known bool) {
	if len(s.ends) == 0 {
		return
	}
	s.titles = s.titles[:len(s.ends)]
	if !known {
		s.to.table(s.report, s.titles)
	}
	s.cells = s.cells[:0]
	from := 0
	for _, end := range s.ends {
		s.cells = append(s.cells, s.values[from:end:end])
		from = end
	}
	s.to.row(s.cells)
}

// value reads a colon and a string, number or word. null is an empty value.
func (s *sheet) value() error {
	if c, err := s.skipSpace(); err != nil {
		return err
	} else if c != ':' {
		return errBadJSON
	}
	c, err := s.skipSpace()
	switch {
	case err != nil:
		return err
	case c == '"':
		s.values, err = s.string(s.values)
	case c == '{', c == '[', c == ',', c == '}', c == ']':
		return errBadJSON // no report nests
	default:
		s.values, err = s.bare(append(s.values, c))
	}
	s.ends = append(s.ends, len(s.values))
	return err
}

// bare reads a number, true, false or null to its end.
func (s *sheet) bare(to []byte) ([]byte, error) {
	from := len(to) - 1
	for {
		c, err := s.in.ReadByte()
		if err != nil {
			return to, err
		}
		if bytes.IndexByte([]byte(",}] \t\r\n"), c) >= 0 {
			break
		}
		if to = append(to, c); len(to)-from > maxLine {
			return to, errBadJSON
		}
	}
	if string(to[from:]) == "null" {
		to = to[:from]
	}
	return to, s.in.UnreadByte()
}

// string reads a string behind its first quote. nsys 2025 writes line breaks
// into them as they are, which JSON does not allow.
func (s *sheet) string(to []byte) ([]byte, error) {
	from := len(to)
	for {
		c, err := s.in.ReadByte()
		switch {
		case err != nil:
			return to, err
		case c == '"':
			return to, nil
		case c == '\\':
			if to, err = s.escape(to); err != nil {
				return to, err
			}
		default:
			if c < ' ' {
				s.to.header.Health.Add(trace.ControlCharacter, -1)
			}
			to = append(to, c)
		}
		if len(to)-from > maxLine {
			return to, errBadJSON
		}
	}
}

var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (s *sheet) escape(to []byte) ([]byte, error) {
	c, err := s.in.ReadByte()
	if err != nil {
		return to, err
	}
	if plain, ok := escapes[c]; ok {
		return append(to, plain), nil
	}
	if c != 'u' {
		s.to.header.Health.Add(trace.BadEscape, -1)
		return append(to, '\\', c), nil
	}
	r, err := s.hex()
	if err != nil || !utf16.IsSurrogate(r) {
		return utf8.AppendRune(to, r), err
	}
	if next, _ := s.in.Peek(2); string(next) != `\u` {
		return utf8.AppendRune(to, utf8.RuneError), nil
	}
	_, _ = s.in.Discard(2)
	low, err := s.hex()
	return utf8.AppendRune(to, utf16.DecodeRune(r, low)), err
}

// hex reads the four digits of a \u escape; others make U+FFFD.
func (s *sheet) hex() (rune, error) {
	r := rune(0)
	for range 4 {
		c, err := s.in.ReadByte()
		if err != nil {
			return utf8.RuneError, err
		}
		at := bytes.IndexByte([]byte("0123456789abcdef"), c|0x20)
		if at < 0 {
			s.to.header.Health.Add(trace.BadEscape, -1)
			return utf8.RuneError, s.in.UnreadByte()
		}
		r = r<<4 | rune(at)
	}
	return r, nil
}

// skipSpace consumes space and the byte behind it, which it returns.
func (s *sheet) skipSpace() (byte, error) {
	for {
		c, err := s.in.ReadByte()
		if err != nil || (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
			return c, err
		}
	}
}
