package chrome

import (
	"bytes"
	"iter"
	"slices"
)

// This file is how a scan finds its way again behind text that makes no sense.

// guess reads the row at i once more, guessing which quotes end strings. A
// guess never reaches past the next thing that looks like an event or the end
// of them, so that it swallows none, and a document full of bad rows costs no
// more than its length.
func (s *scan) guess(t *tolerant, i int, r *row) (int, outcome) {
	limit, _, sure := s.nextEvent(i+1, min(s.n, i+maxGuess))
	if !sure {
		return i, more
	}
	if k := firstKey(s.b[i:limit]); k >= 0 {
		limit = i + k
	}
	t.n, t.guess = limit, true
	end, o := t.row(i, r)
	if o == more && (limit < s.n || s.closed()) {
		o = bad
	}
	return end, o
}

// Resyncing: white space around the brace that begins an event, for a lost
// scan to find it, and the text behind the brace that it must see.
const (
	resyncReach = 64
	resyncView  = resyncReach + 8
)

// rowKeys are the keys that writers of traces begin a row with.
var rowKeys = [][]byte{
	[]byte(`"ph"`), []byte(`"name"`), []byte(`"cat"`), []byte(`"pid"`), []byte(`"tid"`),
	[]byte(`"ts"`), []byte(`"dur"`), []byte(`"args"`), []byte(`"bp"`), []byte(`"s"`),
}

// nextEvent returns the index of the first thing in b[from:to] that looks like
// the begin of an event: a brace behind a comma or a bracket and before the
// key of a row, else to. It is not sure where more text might change the
// answer: the index is then that up to which there is none.
func (s *scan) nextEvent(from, to int) (at int, found, sure bool) {
	for i := from; ; i++ {
		j := bytes.IndexByte(s.b[i:to], '{')
		if j < 0 {
			return to, false, s.final || to < s.n
		}
		i += j
		if !s.final && s.n-i <= resyncView {
			return i, false, false
		}
		if s.beginsEvent(from, i) {
			return i, true, true
		}
	}
}

// resync looks for the next event, or for a key that stands behind the events.
func (s *scan) resync(p place, i int) (place, int, bool) {
	for to := range s.windows(i) {
		j, found, _ := s.nextEvent(i, to)
		if p != lostList {
			if k := firstKey(s.b[i:j]); k >= 0 {
				return inTail, i + k, true
			}
		}
		if found {
			return p.array(), j, true
		}
	}
	if s.final {
		return p, s.n, false
	}
	// A brace that could not be judged yet needs the comma before it.
	return p, max(i, s.n-resyncView-resyncReach), false
}

// windows yields ends of ever larger texts from i on. Where one of several
// things is looked for, looking in each for all of them keeps one that is near
// from costing a search for others to the end of the text.
func (s *scan) windows(i int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for size := 1 << 10; ; size *= 2 {
			to := min(s.n, i+size)
			if !yield(to) || to == s.n {
				return
			}
		}
	}
}

// beginsEvent reports whether the brace at j begins an event; what lies before
// from is unknown.
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
	return slices.ContainsFunc(rowKeys, func(key []byte) bool { return bytes.HasPrefix(s.b[k:s.n], key) })
}

// landmarks are keys of the outermost object that matter and stand nowhere else.
var landmarks = [][]byte{
	[]byte(`"traceEvents"`), []byte(`"baseTimeNanoseconds"`), []byte(`"traceName"`), []byte(`"distributedInfo"`),
}

// firstKey returns the index of the first landmark in text, or -1.
func firstKey(text []byte) int {
	first := -1
	for _, key := range landmarks {
		if i := bytes.Index(text, key); i >= 0 {
			text, first = text[:i], i
		}
	}
	return first
}

func (s *scan) resyncTop(i int) (place, int, bool) {
	for to := range s.windows(i) {
		if k := firstKey(s.b[i:to]); k >= 0 {
			return inTop, i + k, true
		}
	}
	if s.final {
		return lostTop, s.n, false
	}
	return lostTop, max(i, s.n-resyncReach), false
}

// closed reports whether the document's last bracket is there, though the scan
// did not find its way to it.
func (s *scan) closed() bool {
	end := bytes.TrimRight(s.b[max(0, s.n-resyncReach):s.n], " \r\n\t")
	end = bytes.TrimRight(bytes.TrimSuffix(end, []byte("}")), " \r\n\t")
	return bytes.HasSuffix(end, []byte("]"))
}
