package nsys

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"omnitrace/trace"
)

// A sheet finds the tables in one output of `nsys stats`: CSV or JSON, one
// after the other, with what nsys says in between. It hands them to a Stats.
type sheet struct {
	in     *bufio.Reader
	report string // of the tables to come, as far as it is known
	to     *Stats

	columns   int // of the table that is being read, 0 outside of one
	delimiter byte
	cells     [][]byte
	unquoted  []byte
	line      []byte
	ahead     [][]byte // lines that were read too early, next first

	inArray bool     // a JSON table is being read
	titles  []string // its columns
	key     []byte
	values  []byte // of the current object, one after the other
	ends    []int  // where each of them ends
}

// maxLine bounds a line and maxJoined the lines of one row: a text with line
// breaks is possible, but a quote that never closes must not take the file.
const (
	maxLine   = 1 << 20
	maxJoined = 64
)

var errLineTooLong = errors.New("line too long")

func newSheet(in io.Reader, file string, to *Stats) *sheet {
	buffered := bufio.NewReaderSize(in, 1<<18)
	if mark, _ := buffered.Peek(3); string(mark) == "\uFEFF" {
		_, _ = buffered.Discard(3)
	}
	return &sheet{in: buffered, report: reportOf(file), to: to}
}

// next reads one line or one row. It returns io.EOF at the end.
func (s *sheet) next() error {
	if s.inArray || (s.columns == 0 && len(s.ahead) == 0 && s.atArray()) {
		return s.element()
	}
	line, err := s.readLine()
	switch {
	case errors.Is(err, errLineTooLong):
		s.to.header.Health.Add(trace.BadEvent, -1)
		return nil
	case err != nil:
		return err
	case s.columns > 0:
		s.row(line)
	default:
		s.prose(line)
	}
	return nil
}

// prose reads a line outside of tables.
func (s *sheet) prose(line []byte) {
	if s.header(line) {
		return
	}
	text := string(line)
	if name, ok := reportIn(text); ok {
		s.report = name
	} else if !isChatter(text) {
		s.to.strange(text)
	}
}

// header reads a line of titles, and reports whether it is one: nothing in it
// is a number, and some title has a unit or the report was announced.
func (s *sheet) header(line []byte) bool {
	s.delimiter = ','
	if bytes.IndexByte(line, '\t') >= 0 {
		s.delimiter = '\t'
	}
	announced := s.report != "" && len(line) > 0 && line[0] != ' ' && !isChatter(string(line))
	if !s.split(line) || !isHeader(s.cells, announced) {
		return false
	}
	s.columns = len(s.cells)
	titles := make([]string, s.columns)
	for i, c := range s.cells {
		titles[i] = string(c)
	}
	s.to.table(s.report, titles)
	return true
}

func isHeader(cells [][]byte, united bool) bool {
	for _, c := range cells {
		if _, _, number := (unit{scale: 1}).parse(c); number || len(c) == 0 {
			return false
		}
		if name, unit := splitTitle(string(c)); unit != "" && len(name) < 40 {
			_, known := units[unit]
			united = united || known || unit == "%"
		}
	}
	return united && len(cells) > 1
}

// row reads a line of a table, or what ends it. nsys 2025 puts texts into
// quotes without doubling the quotes in them, and leaves line breaks as they
// are: a row whose quotes are odd or open goes on in the next line, unless that
// is a row by itself.
func (s *sheet) row(line []byte) {
	if len(line) == 0 {
		s.columns = 0
		return
	}
	whole, even := s.isRow(line), quotes(line)%2 == 0
	if !whole && s.isEnd(line) {
		s.columns = 0
		s.prose(line)
		return
	}
	if !whole || !even {
		line = bytes.Clone(line)
		if s.join(line) {
			s.to.row(s.cells)
			return
		}
		s.isRow(line) // for its cells
	}
	switch {
	case whole && !startsNumber(line) && isHeader(s.cells, false):
		s.columns = 0
		s.prose(line)
	case whole:
		if !even {
			s.to.header.Health.Add(trace.UnescapedQuote, -1)
		}
		s.to.row(s.cells)
	case s.atEOF():
		s.to.header.Health.Add(trace.Truncated, -1)
	default:
		s.to.header.Health.Add(trace.BadEvent, -1)
	}
}

func (s *sheet) isRow(line []byte) bool { return s.split(line) && len(s.cells) == s.columns }

func quotes(line []byte) int { return bytes.Count(line, []byte(`"`)) }

func startsNumber(line []byte) bool { return line[0] == '-' || line[0] >= '0' && line[0] <= '9' }

// isEnd reports whether a line that is no row belongs to something else.
func (s *sheet) isEnd(line []byte) bool {
	if _, ok := reportIn(string(line)); ok || isChatter(string(line)) {
		return true
	}
	return !startsNumber(line) && s.split(line) && isHeader(s.cells, false)
}

// join tries to make a row of line and those behind it. Lines that it did not
// need are read again.
func (s *sheet) join(line []byte) bool {
	joined := bytes.Clone(line)
	var taken [][]byte
	for range maxJoined {
		more, err := s.readLine()
		if err != nil {
			break
		}
		taken = append(taken, bytes.Clone(more))
		if s.isRow(more) || s.isEnd(more) {
			break
		}
		joined = append(append(joined, '\n'), more...)
		if quotes(joined)%2 == 0 && s.isRow(joined) {
			return true
		}
	}
	s.ahead = append(taken, s.ahead...)
	return false
}

// split cuts a line into s.cells, and reports false where its last quote does
// not close. A quote closes at one that a delimiter or the end follows.
func (s *sheet) split(line []byte) bool {
	s.cells, s.unquoted = s.cells[:0], s.unquoted[:0]
	for {
		if len(line) > 0 && line[0] == '"' {
			end := s.closing(line)
			if end < 0 {
				return false
			}
			s.cells = append(s.cells, s.unquote(line[1:end]))
			line = line[end+1:]
		} else {
			end := bytes.IndexByte(line, s.delimiter)
			if end < 0 {
				end = len(line)
			}
			s.cells = append(s.cells, line[:end:end])
			line = line[end:]
		}
		if len(line) == 0 {
			return true
		}
		line = line[1:] // the delimiter
	}
}

// closing returns the place of the quote that closes the one at line[0].
func (s *sheet) closing(line []byte) int {
	for i := 1; i < len(line); i++ {
		switch {
		case line[i] != '"':
		case i+1 == len(line) || line[i+1] == s.delimiter:
			return i
		case line[i+1] == '"':
			i++
		}
	}
	return -1
}

func (s *sheet) unquote(text []byte) []byte {
	if !bytes.Contains(text, []byte(`""`)) {
		return text
	}
	from := len(s.unquoted)
	s.unquoted = append(s.unquoted, strings.ReplaceAll(string(text), `""`, `"`)...)
	return s.unquoted[from:len(s.unquoted):len(s.unquoted)]
}

// readLine returns the next line without its end. It is valid until the next
// call. A last line without an end counts.
func (s *sheet) readLine() ([]byte, error) {
	if len(s.ahead) > 0 {
		line := s.ahead[0]
		s.ahead = s.ahead[1:]
		return line, nil
	}
	s.line = s.line[:0]
	tooLong := false
	for {
		part, err := s.in.ReadSlice('\n')
		if tooLong = tooLong || len(s.line)+len(part) > maxLine; !tooLong {
			s.line = append(s.line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (!errors.Is(err, io.EOF) || len(s.line) == 0 && !tooLong):
			return nil, err
		case tooLong:
			return nil, errLineTooLong
		}
		return bytes.TrimSuffix(bytes.TrimSuffix(s.line, []byte("\n")), []byte("\r")), nil
	}
}

func (s *sheet) atEOF() bool {
	_, err := s.in.Peek(1)
	return err != nil && len(s.ahead) == 0
}
