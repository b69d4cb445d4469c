package chrome

import (
	"strconv"
	"strings"

	"omnitrace/trace"
)

// A copier collects the kept rows of one piece, as text.
type copier struct {
	*Copying
	row Row // scratch

	out      []byte // rows that keep their place, each behind ",\n"
	held     []heldRow
	tops     []topText
	anchors  []anchor
	moved    []MovedLane
	kept     int64
	clipped  int64
	repaired int64
	unsound  int64
}

// A heldRow can be judged only when the whole file has been seen: an arrow's
// end, an end of a range, or the name of a process or thread.
type heldRow struct {
	text      string
	phase     byte
	name      string
	id        string // what an arrow's ends share
	track     trace.TrackID
	pid, tid  string // filled in by the goroutine that joins pieces
	time      trace.Time
	half      half
	isHalf    bool
	allThread bool // says something of its whole process
}

// An anchor is a kept row that arrows may begin or end at.
type anchor struct {
	track trace.TrackID // in the worker's lexicon
	span  trace.Span
	gpu   bool
}

// A topText is a top-level key and its value as they stand in the file.
type topText struct {
	tail bool // behind the events
	key  string
	text string
}

func (c *copier) reset() {
	if c != nil {
		*c = copier{Copying: c.Copying, row: c.row, out: c.out[:0], held: c.held[:0], tops: c.tops[:0], anchors: c.anchors[:0], moved: c.moved[:0]}
	}
}

func (c *copier) top(p place, key, text []byte) {
	t := topText{tail: p == inTail, key: string(key), text: string(text)}
	if !sound([]byte("{"+t.text+"}"), false) {
		fixed, err := repaired([]byte("{"+t.text+"}"), false)
		if err != nil {
			c.unsound++
			return
		}
		c.repaired++
		t.text = string(fixed[1 : len(fixed)-1])
	}
	c.tops = append(c.tops, t)
}

// take sorts a row: dropped, kept where it is, or held.
func (c *copier) take(b *batch, r *row, text []byte, strict bool) {
	phase := byte(0)
	if len(r.ph.text) == 1 {
		phase = r.ph.text[0]
	}
	c.row = Row{b: b, r: r, text: text, origin: c.Origin, edits: c.row.edits[:0]}
	switch phase {
	case 'X', 'i', 'I', 'R', 'n', 'C', 'P':
		if c.timed(b, phase) && c.Keep(&c.row) {
			c.keep(b, phase, strict)
		}
	case 's', 't', 'f':
		if c.arrow(b) {
			c.refer(b, phase, strict)
		}
	case 'B', 'E', 'b', 'e':
		c.refer(b, phase, strict)
	case 'M':
		if c.Names == nil || c.Names(r.name.value()) {
			c.refer(b, phase, strict)
		}
	default: // objects, memory dumps, old async rows: no model of them, nothing refers to them
		if c.Unknown && (r.ph.text != nil || r.ts.text != nil) {
			c.keep(b, phase, strict)
		}
	}
}

// timed reads the row's kind and time; without a time it can't be placed.
func (c *copier) timed(b *batch, phase byte) bool {
	row := &c.row
	ok := false
	switch phase {
	case 'X':
		row.kind = b.lex.kind(row.r.cat)
		if len(row.r.cat.text) == 0 && isTask(row.r.args) {
			row.kind = trace.Kernel
		}
		row.span, ok = b.span(row.r)
	case 'C':
		row.kind = trace.Counter
		row.span.Start, ok = b.time(row.r)
		row.span.End = row.span.Start
	default:
		row.kind = trace.Instant
		row.span.Start, ok = b.time(row.r)
		row.span.End = row.span.Start
	}
	return ok && c.shift(&row.span)
}

// shift moves a span from the file's times to those of the origin.
func (c *copier) shift(s *trace.Span) bool {
	start, end := s.Start+c.Origin, s.End+c.Origin
	fits := c.Origin == 0 || (start > s.Start) == (c.Origin > 0) && (end > s.End) == (c.Origin > 0)
	s.Start, s.End = start, end
	return fits
}

// keep appends the row's text.
func (c *copier) keep(b *batch, phase byte, strict bool) {
	c.kept++
	if len(c.row.edits) > 0 {
		c.clipped++
	}
	text, ok := c.finish(strict)
	if !ok {
		return
	}
	if c.Measure != nil {
		c.Measure(&c.row, len(text))
	}
	c.out = append(c.out, ",\n"...)
	c.out = append(c.out, text...)
	if phase == 'M' {
		return
	}
	c.anchors = append(c.anchors, anchor{b.lex.hostTrack(c.row.r), c.row.span, onDevice(c.row.kind) && phase == 'X'})
}

// arrow reads the time of an arrow's end, and reports whether it may be kept.
func (c *copier) arrow(b *batch) bool {
	row := &c.row
	row.kind = trace.Flow
	t, ok := b.time(row.r)
	row.span = trace.Span{Start: t, End: t}
	switch {
	case c.NoFlows:
		return false
	case c.Whole && !ok:
		return true
	}
	return ok && c.shift(&row.span) && (c.Whole || c.Near == nil || c.Near(row.span.Start))
}

// refer keeps a row that refers to others: in its place if those need not be
// there, else for the end of the file.
func (c *copier) refer(b *batch, phase byte, strict bool) {
	if c.Whole {
		c.keep(b, phase, strict)
		return
	}
	r := c.row.r
	h := heldRow{phase: phase, track: b.lex.hostTrack(r), time: c.row.span.Start}
	switch phase {
	case 'M':
		h.name = r.name.value()
		h.allThread = !strings.HasPrefix(h.name, "thread_")
	case 's', 't', 'f':
		h.id = r.cat.value() + "\x00" + r.name.value() + "\x00" + r.id.value()
	default:
		n := len(b.halves)
		b.half(r)
		if len(b.halves) == n {
			return
		}
		h.half, h.isHalf = b.halves[n], true
		b.halves = b.halves[:n]
		h.name = r.name.value()
	}
	text, ok := c.finish(strict)
	if !ok {
		return
	}
	h.text = string(text)
	c.held = append(c.held, h)
}

// overflow is how far above a lane those lie that take what overlaps other rows
// of it: above the thread IDs of Linux.
const overflow = 1 << 23

// spread puts a row that overlaps others of its lane, and the arrow to it, on
// another lane: viewers drop what overlaps without lying inside.
func (c *copier) spread() bool {
	row := &c.row
	if c.Overlap == nil {
		return false
	}
	n := c.Overlap(row)
	if n == 0 {
		return false
	}
	tid, err := strconv.ParseInt(string(row.r.tid.text), 10, 64)
	if err != nil {
		return false
	}
	moved := MovedLane{PID: row.r.pid.value(), TID: tid + int64(n)*overflow, From: tid, GPU: row.kind.GPU()}
	row.replaceField(row.r.tid, moved.TID)
	if row.kind != trace.Flow {
		c.moved = append(c.moved, moved)
	}
	return true
}

// finish returns the text of the row with its edits, repaired.
func (c *copier) finish(strict bool) ([]byte, bool) {
	row := &c.row
	if c.Edit != nil {
		c.Edit(row)
	}
	fixed := c.spread()
	for _, f := range []field{row.r.pid, row.r.tid} {
		if with, ok := positive(f); ok && !row.edited(f.text) {
			row.replace(f.text, with)
			fixed = true
		}
	}
	if len(row.r.dur.text) > 1 && row.r.dur.text[0] == '-' {
		row.replace(row.r.dur.text, "0")
		fixed = true
	}
	text := row.text
	if len(row.edits) > 0 {
		text = row.appendTo(nil)
	}
	if !sound(text, strict) {
		var err error
		if text, err = repaired(text, row.r.guessed); err != nil {
			c.unsound++
			return nil, false
		}
		fixed = true
	}
	if fixed {
		c.repaired++
	}
	return text, true
}

// positive returns what stands in for a negative process or thread ID, which
// Perfetto takes for 0: there the profiler's own rows would lie among the
// first GPU's.
func positive(f field) (string, bool) {
	if len(f.text) < 2 || f.text[0] != '-' || f.quoted {
		return "", false
	}
	n, err := strconv.ParseInt(string(f.text), 10, 32)
	if err != nil || n >= 0 {
		return "", false
	}
	return strconv.FormatInt(1<<31+n, 10), true
}
