package chrome

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"omnitrace/trace"
)

// Format is the header's word for what this package reads.
const Format = "chrome"

// Options tune a reader; the zero value is right for everything but tests.
type Options struct {
	Workers   int // scanning goroutines; 0 for one for each core
	PieceSize int // bytes scanned at a time; 0 for a megabyte
}

// NewReader returns a reader of the uncompressed trace that src delivers. It
// yields the events that want asks for; NPU tasks, and ranges whose ends are
// rows of their own, come last. A source that ends in a [trace.DamageError] is read up to
// there. The reader does not close src.
func NewReader(src io.Reader, want trace.Want) trace.Reader {
	return Options{}.NewReader(src, want)
}

// NewReader is [NewReader] with options.
func (o Options) NewReader(src io.Reader, want trace.Want) trace.Reader {
	return o.start(src, want, func() *batch { return &batch{} })
}

// start starts the goroutines of a reader whose workers fill the batches that
// blank makes.
func (o Options) start(src io.Reader, want trace.Want, blank func() *batch) *reader {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.PieceSize <= 0 {
		o.PieceSize = pieceSize
	}
	r := &reader{
		builder: newBuilder(want),
		cutter:  &cutter{src: src, size: o.PieceSize},
		ordered: make(chan *piece, o.Workers+2),
		work:    make(chan *piece, o.Workers+2),
		free:    make(chan *piece, o.Workers+2),
		quit:    make(chan struct{}),
		again:   blank(),
		blank:   blank,
	}
	r.again.lex, r.again.want = newLexicon(), want
	for range cap(r.free) {
		r.free <- &piece{done: make(chan struct{}, 1)}
	}
	r.running.Add(1 + o.Workers)
	go r.cut()
	for range o.Workers {
		go r.scan(want)
	}
	return r
}

// A reader joins the pieces that its workers have scanned, in order.
type reader struct {
	*builder
	cutter  *cutter     // belongs to the cutting goroutine until ordered is closed
	ordered chan *piece // in document order
	work    chan *piece
	free    chan *piece
	quit    chan struct{}
	running sync.WaitGroup
	once    sync.Once
	blank   func() *batch

	place place  // where the document really stands
	carry []byte // text that no scan has used up
	base  int64  // offset of carry
	wait  int    // how much text must come together before carry is worth another scan
	again *batch // for pieces whose guess was wrong
	last  *piece // whose events the caller has
	ended bool
	err   error
}

// cut reads the source and hands the pieces to the workers and, in the same
// order, to Next.
func (r *reader) cut() {
	defer r.running.Done()
	defer close(r.ordered)
	defer close(r.work)
	for {
		var p *piece
		select {
		case p = <-r.free:
		case <-r.quit:
			return
		}
		if !r.cutter.fill(p) {
			return
		}
		final := p.final // p belongs to others once it is sent
		r.ordered <- p   // never blocks: it has room for all pieces
		r.work <- p
		if final {
			return
		}
	}
}

// scan is a worker.
func (r *reader) scan(want trace.Want) {
	defer r.running.Done()
	lex := newLexicon()
	for p := range r.work {
		if p.out == nil || p.out == r.again {
			p.out = r.blank()
		}
		p.out.lex, p.out.want = lex, want
		p.scan(p.out)
		p.done <- struct{}{}
	}
}

// Next returns the events of the next piece that has any.
func (r *reader) Next() ([]trace.Event, error) {
	for r.err == nil {
		r.recycle()
		p, ok := <-r.ordered
		if !ok {
			return r.finish()
		}
		<-p.done
		r.last = p
		if !r.join(p) {
			continue
		}
		if events := r.translate(p); len(events) > 0 {
			return events, nil
		}
	}
	return nil, r.err
}

func (r *reader) recycle() {
	if r.last != nil {
		r.free <- r.last
		r.last = nil
	}
}

// join takes a scanned piece as it is if the scan began where the document
// really stood, and scans again if not. It reports whether there is a result:
// text too short for another scan is carried on.
func (r *reader) join(p *piece) bool {
	if len(r.carry) > 0 || p.assumed != r.place {
		if len(r.carry)+p.n < r.wait && !p.final {
			r.carry = append(r.carry, p.buf[:p.n]...)
			return false
		}
		r.rescan(p)
	}
	r.wait = 0
	if p.used == 0 {
		r.wait = 2 * p.n // something long: scanning it again for each piece would be quadratic
	}
	r.place = p.end
	r.carry = append(r.carry[:0], p.buf[p.used:p.n]...)
	r.base = p.base + int64(p.used)
	return true
}

// rescan scans what was left over, and p's text behind it, from the right place.
func (r *reader) rescan(p *piece) {
	n := len(r.carry) + p.n
	joined := make([]byte, n+pad)
	copy(joined, r.carry)
	copy(joined[len(r.carry):], p.buf[:p.n])
	if len(r.carry) > 0 {
		p.base = r.base
	}
	p.buf, p.n, p.assumed = joined, n, r.place
	p.scan(r.again)
}

// finish is called behind the last piece: it settles what had to wait for the
// whole file.
func (r *reader) finish() ([]trace.Event, error) {
	if r.ended {
		r.err = io.EOF
		return nil, r.err
	}
	r.ended = true
	if err := r.cutter.failure; err != nil {
		r.err = fmt.Errorf("%d: %w", r.cutter.base, err)
		return nil, r.err
	}
	if d := r.cutter.damage; d != nil {
		r.header.Health.Add(d.Kind, r.cutter.base)
	}
	if r.err = r.readable(r.cutter.base); r.err != nil {
		return nil, r.err
	}
	if events := r.settle(); len(events) > 0 {
		return events, nil
	}
	r.err = io.EOF
	return nil, r.err
}

// Close stops the goroutines. It waits for a read of the source that is under
// way.
func (r *reader) Close() error {
	r.once.Do(func() {
		close(r.quit)
		r.running.Wait()
	})
	if r.err == nil {
		r.err = errors.New("the reader is closed")
	}
	return nil
}
