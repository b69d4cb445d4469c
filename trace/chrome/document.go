package chrome

import (
	"bytes"

	"omnitrace/trace"
)

// A place is where in a document a scan stands between two tokens.
type place uint8

const (
	atStart  place = iota // before the first bracket
	inTop                 // in the outermost object, before its events
	inTail                // in the outermost object, behind its events
	inEvents              // in the array of events of the outermost object
	inList                // in the array of events that is the whole document
	lost                  // in an array of events, behind a row that made no sense
	lostList              // the same where the array is the whole document
	lostTop               // before the events, behind a value that made no sense
	lostTail              // behind the events, or what was taken for their end, and such a value
	atEnd                 // behind the last bracket
	pastEnd               // in something behind the end that is no trace
)

// array returns the place of the event array that p is lost in.
func (p place) array() place {
	if p == lostList {
		return inList
	}
	return inEvents
}

// lost returns the place of a scan that has lost its way at p.
func (p place) lost() place {
	switch p {
	case inList:
		return lostList
	case inTop:
		return lostTop
	case inTail:
		return lostTail
	}
	return lost
}

// A scan walks a piece of a document and puts what it finds into a batch.
type scan struct {
	b     []byte // the piece, followed by pad zero bytes
	n     int    // its length without them
	base  int64  // offset of b in the whole document
	final bool   // nothing follows
	out   *batch
}

// run scans from place p to the end of the piece. It returns how many bytes
// were used up and where the scan then stands. With more input to come, bytes
// that begin something unfinished are left over: they must be scanned again
// together with what follows. A final piece is used up entirely.
func (s *scan) run(p place) (used int, end place) {
	i, ok := 0, true
	for ok {
		p, i, ok = s.next(p, i)
	}
	if s.final && p != atEnd && p != pastEnd {
		s.cut(p, i)
		i = s.n
	}
	return i, p
}

// cut counts an end in the middle of the document.
func (s *scan) cut(p place, i int) {
	switch p {
	case inTail:
		s.defect(trace.TruncatedMetadata, i)
	case atStart, lostTail:
	case lost, lostList:
		if !s.closed() {
			s.defect(trace.Truncated, i)
		}
	default:
		s.defect(trace.Truncated, i)
	}
}

func (s *scan) defect(k trace.DefectKind, i int) { s.out.health.Add(k, s.base+int64(i)) }

// next reads one thing at i; ok is false when the piece holds no more.
func (s *scan) next(p place, i int) (_ place, _ int, ok bool) {
	switch p {
	case lost, lostList, lostTail:
		return s.resync(p, i)
	case lostTop:
		return s.resyncTop(i)
	case pastEnd:
		return p, s.n, false
	}
	i = space(s.b, i)
	if i >= s.n {
		return p, s.n, false
	}
	switch p {
	case atStart:
		return s.start(i)
	case atEnd:
		return s.trailing(i)
	}
	switch c := s.b[i]; {
	case c < ' ':
		s.defect(trace.ControlCharacter, i)
		return p, i + 1, true
	case c == ',':
		return p, i + 1, true
	case p == inEvents || p == inList:
		return s.element(p, i)
	}
	return s.member(p, i)
}

// trailing looks at what follows the last bracket. A comma means that the
// bracket was part of a row that made no sense: events may follow.
func (s *scan) trailing(i int) (place, int, bool) {
	s.defect(trace.TrailingData, i)
	if s.b[i] == ',' {
		return lostTail, i, true
	}
	return pastEnd, s.n, false
}

var byteOrderMark = []byte("\xef\xbb\xbf")

func (s *scan) start(i int) (place, int, bool) {
	switch c := s.b[i]; {
	case c == '{':
		return inTop, i + 1, true
	case c == '[':
		s.out.found = true
		return inList, i + 1, true
	case bytes.HasPrefix(s.b[i:s.n], byteOrderMark):
		return atStart, i + len(byteOrderMark), true
	}
	const head = 16
	if !s.final && s.n-i < head {
		return atStart, i, false
	}
	s.out.foreign = bytes.Clone(s.b[i:min(i+head, s.n)])
	return pastEnd, s.n, false
}

// element reads one element of an array of events.
func (s *scan) element(p place, i int) (place, int, bool) {
	switch s.b[i] {
	case ']':
		if p == inList {
			return atEnd, i + 1, true
		}
		return inTail, i + 1, true
	case '{':
		return s.event(p, i)
	}
	if end := literal(s.b, i, "null"); end > 0 {
		return p, end, true
	}
	if !s.final && s.n-i < len("null") {
		return p, i, false
	}
	s.defect(trace.BadEvent, i)
	return p.lost(), i + 1, true
}

func (s *scan) event(p place, i int) (place, int, bool) {
	r := &s.out.row
	*r = row{offset: s.base + int64(i)}
	if end := strictRow(s.b, i, r); end > 0 && end-i <= maxRow {
		r.strict = true
		s.out.take(r, s.b[i:end], true)
		return p, end, true
	}
	t := tolerant{b: s.b, n: s.n}
	end, o := t.row(i, r)
	if o == bad {
		end, o = s.guess(&t, i, r)
	}
	switch {
	case o == whole && end-i <= maxRow:
		s.out.health.Merge(t.health, s.base)
		s.out.take(r, s.b[i:end], false)
		return p, end, true
	case o == more && s.n-i < maxRow:
		return p, i, false
	}
	s.defect(trace.BadEvent, i)
	return p.lost(), i + 1, true
}

// member reads one key of the outermost object and its value, or only the
// opening bracket if the value is the events.
func (s *scan) member(p place, i int) (place, int, bool) {
	if s.b[i] == '}' {
		return atEnd, i + 1, true
	}
	start := i
	t := tolerant{b: s.b, n: s.n}
	key, i, o := t.key(i)
	if o == whole && string(key) == "traceEvents" && s.b[i] == '[' {
		s.out.found = true
		return inEvents, i + 1, true
	}
	valueAt := i
	if o == whole {
		i, o = t.quickValue(i)
	}
	valueEnd := i
	if o == whole {
		i, o = s.memberEnd(&t, i)
	}
	switch {
	case o == whole && i-start <= maxRow:
		s.out.health.Merge(t.health, s.base)
		s.out.found = s.out.found || string(key) == "traceEvents"
		s.out.top(key, s.b[valueAt:valueEnd])
		if s.out.copy != nil {
			s.out.copy.top(p, key, s.b[start:valueEnd])
		}
		return p, i, true
	case o == more && s.n-start < maxRow:
		return p, start, false
	}
	s.defect(trace.BadMetadata, start)
	return p.lost(), start + 1, true
}

// memberEnd looks at what follows a value: a number at the very end may go on.
func (s *scan) memberEnd(t *tolerant, i int) (int, outcome) {
	i = t.space(i)
	switch {
	case i < s.n && s.b[i] != ',' && s.b[i] != '}':
		return i, bad
	case i >= s.n && !s.final:
		return i, more
	}
	return i, whole
}
