package chrome

import (
	"bytes"
	"errors"
	"io"

	"omnitrace/trace"
)

// pieceSize is how much text one worker scans at a time. Measured on a 1 GB
// trace and two cores: 64 kB costs 30 % more time than 1 MB, larger gains nothing.
const pieceSize = 1 << 20

// A piece is a part of the document on its way from the source through one
// worker to the reader. Pieces are reused.
type piece struct {
	buf     []byte // n bytes of text and pad zeros
	n       int
	base    int64
	final   bool
	assumed place // where the scan began: a guess, except for the first piece

	// The worker's result.
	out    *batch
	used   int
	end    place
	names  []string // the worker's lexicon as far as out needs it
	tracks []trackKey
	detail []trace.Detail
	done   chan struct{}
}

// scan scans the piece's text into out.
func (p *piece) scan(b *batch) {
	b.reset()
	s := scan{b: p.buf[:p.n+pad], n: p.n, base: p.base, final: p.final, out: b}
	p.out = b
	p.used, p.end = s.run(p.assumed)
	p.names, p.tracks, p.detail = b.lex.nameList, b.lex.trackList, b.lex.detailList
}

// A cutter cuts a source into pieces at what look like borders of events.
type cutter struct {
	src     io.Reader
	size    int
	rest    []byte // text behind the last cut
	base    int64
	begun   bool
	guess   place // the place that all pieces but the first are taken to begin in
	damage  *trace.DamageError
	failure error
}

// fill reads the next piece into p and reports whether there is one. The last
// one is marked final.
func (c *cutter) fill(p *piece) bool {
	if cap(p.buf) < len(c.rest)+c.size+pad {
		p.buf = make([]byte, len(c.rest)+c.size+pad)
	}
	p.buf = p.buf[:cap(p.buf)]
	n := copy(p.buf, c.rest)
	m, err := io.ReadFull(c.src, p.buf[n:n+c.size])
	n += m
	p.final = c.ended(err)
	if c.failure != nil {
		return false
	}
	cut := n
	if !p.final {
		if i := lastBorder(p.buf[:n]); i > 0 {
			cut = i
		}
	}
	c.rest = append(c.rest[:0], p.buf[cut:n]...)
	p.n, p.base, p.assumed = cut, c.base, c.place(p.buf[:cut])
	clear(p.buf[cut : cut+pad])
	c.base += int64(cut)
	return true
}

// ended sorts the error that a read ended with: the end, damage (which is an
// end too), or a failure of the source.
func (c *cutter) ended(err error) bool {
	switch {
	case err == nil:
		return false
	case errors.Is(err, io.EOF), err == io.ErrUnexpectedEOF: // ReadFull's word for a short last piece
	case errors.As(err, &c.damage):
	default:
		c.failure = err
	}
	return true
}

// place returns where the scan of the next piece is taken to begin.
func (c *cutter) place(text []byte) place {
	if c.begun {
		return c.guess
	}
	c.begun, c.guess = true, inEvents
	text = bytes.TrimPrefix(bytes.TrimLeft(text, " \r\n\t"), byteOrderMark)
	if bytes.HasPrefix(bytes.TrimLeft(text, " \r\n\t"), []byte("[")) {
		c.guess = inList
	}
	return atStart
}

// lastBorder returns the index of the last brace in text that follows a brace
// and a comma, or 0: in a trace that is nearly always the begin of an event.
func lastBorder(text []byte) int {
	for end := len(text); ; {
		i := bytes.LastIndexByte(text[:end], '{')
		if i <= 0 {
			return 0
		}
		before := bytes.TrimRight(text[max(0, i-resyncReach):i], " \r\n\t")
		if comma, ok := bytes.CutSuffix(before, []byte(",")); ok &&
			bytes.HasSuffix(bytes.TrimRight(comma, " \r\n\t"), []byte("}")) {
			return i
		}
		end = i
	}
}
