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
	lostTop               // in the outermost object, behind a value that made no sense
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

func (p place) lost() place {
	if p == inList {
		return lostList
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
	case atStart:
	default:
		s.defect(trace.Truncated, i)
	}
}

func (s *scan) defect(k trace.DefectKind, i int) { s.out.health.Add(k, s.base+int64(i)) }

// next reads one thing at i; ok is false when the piece holds no more.
func (s *scan) next(p place, i int) (_ place, _ int, ok bool) {
	switch p {
	case lost, lostList:
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
	case inEvents, inList:
		return s.element(p, i)
	case inTop, inTail:
		return s.member(p, i)
	case atStart:
		return s.start(i)
	}
	s.defect(trace.TrailingData, i)
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
	if !s.final && s.n-i < len(byteOrderMark) {
		return atStart, i, false
	}
	s.out.foreign = bytes.Clone(s.b[i:min(i+16, s.n)])
	return pastEnd, s.n, false
}

// element reads one element of an array of events.
func (s *scan) element(p place, i int) (place, int, bool) {
	switch s.b[i] {
	case ',':
		return p, i + 1, true
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
	if end := strictRow(s.b, i, r); end > 0 {
		s.out.add(r)
		return p, end, true
	}
	t := tolerant{b: s.b, n: s.n}
	end, o := t.row(i, r)
	switch {
	case o == whole:
		s.out.health.Merge(t.health, s.base)
		s.out.add(r)
		return p, end, true
	case o == more && s.n-i < maxRow:
		return p, i, false
	}
	s.defect(trace.BadEvent, i)
	return p.lost(), i + 1, true
}

// resyncReach is how much white space may lie around the brace that begins an
// event for a lost scan to find it.
const resyncReach = 64

// resync looks for the next thing that looks like the beginning of an event:
// a brace behind a comma or a bracket and before a quote.
func (s *scan) resync(p place, i int) (place, int, bool) {
	for from := i; ; {
		j := bytes.IndexByte(s.b[from:s.n], '{')
		if j < 0 {
			return p, s.keep(i), false
		}
		j += from
		if !s.final && s.n-j <= resyncReach {
			return p, max(i, j-resyncReach), false
		}
		if s.beginsEvent(i, j) {
			return p.array(), j, true
		}
		from = j + 1
	}
}

// keep returns where a lost scan must begin again: a brace at the very
// beginning of the next piece needs the comma before it.
func (s *scan) keep(i int) int {
	if s.final {
		return s.n
	}
	return max(i, s.n-resyncReach)
}

func (s *scan) beginsEvent(from, j int) bool {
	k := j - 1
	for k >= from && j-k < resyncReach && s.b[k] <= ' ' {
		k--
	}
	if k < from || s.b[k] != ',' && s.b[k] != '[' {
		return false
	}
	k = j + 1
	for k < s.n && k-j < resyncReach && s.b[k] <= ' ' {
		k++
	}
	return s.b[k] == '"'
}

const eventsKey = `"traceEvents"`

func (s *scan) resyncTop(i int) (place, int, bool) {
	if j := bytes.Index(s.b[i:s.n], []byte(eventsKey)); j >= 0 {
		return inTop, i + j, true
	}
	if s.final {
		return lostTop, s.n, false
	}
	return lostTop, max(i, s.n-len(eventsKey)), false
}

// member reads one key of the outermost object and its value, or only the
// opening bracket if the value is the events.
func (s *scan) member(p place, i int) (place, int, bool) {
	switch s.b[i] {
	case ',':
		return p, i + 1, true
	case '}':
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
		if end := value(s.b, i, maxDepth); end > 0 {
			i = end
		} else {
			i, o = t.value(i, maxDepth)
		}
	}
	switch {
	case o == whole && (i < s.n || s.final): // a number at the very end may go on
		s.out.health.Merge(t.health, s.base)
		s.out.found = s.out.found || string(key) == "traceEvents"
		s.out.top(key, s.b[valueAt:i])
		return p, i, true
	case o != bad && s.n-start < maxRow:
		return p, start, false
	}
	s.defect(trace.BadEvent, start)
	return lostTop, start + 1, true
}
