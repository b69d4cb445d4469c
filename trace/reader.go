package trace

import (
	"errors"
	"io"
	"slices"
)

// A Reader yields the events of one file in batches, in file order.
//
// The slice that Next returns belongs to the reader and is overwritten by the
// next call. Next returns io.EOF, and no events, at the end; a damaged file
// ends in io.EOF too, with the damage counted in Header().Health. Any other
// error means that nothing, or nothing more, could be read from the source.
//
// Times are relative to an origin that may be known only at the end: add
// [Reader.Origin] to every time after io.EOF. [Read] does so.
type Reader interface {
	Next() ([]Event, error)
	// Header is filled while reading and complete after io.EOF.
	Header() *Header
	// Origin is the time to add to all event times; valid after io.EOF.
	Origin() Time
	// Close releases the reader. It may be called at any time, from the
	// goroutine that calls Next, and more than once.
	Close() error
}

// Want says which events a caller needs. Dropping the rest early is what keeps
// memory small: python frames are up to 99 % of a trace.
type Want struct {
	// Kinds are the kinds to yield; zero means all.
	Kinds Kinds
	// Keep, where set, decides by name about [Frame] and [Op] events. It is
	// asked once for each distinct name, or once by each of a reader's
	// goroutines, and must be safe for concurrent use.
	Keep func(Kind, string) bool
	// Outermost are kinds of which an event may be left out that lies inside
	// the one yielded before it on its track. Profilers write nested operators
	// outer ones first, so that few of them are left.
	Outermost Kinds
	// Owners allows [Launch] events to be left out that Keep, asked by name,
	// has no use for and that own no GPU work, or only lie inside the one that
	// does: [Link] and whoever Keep speaks for find the same without them.
	Owners bool
}

// All reports whether w asks for every event.
func (w Want) All() bool {
	return (w.Kinds == 0 || w.Kinds == AllKinds) && w.Keep == nil && w.Outermost == 0 && !w.Owners
}

// Has reports whether events of kind k may be wanted.
func (w Want) Has(k Kind) bool { return w.Kinds == 0 || w.Kinds.Has(k) }

// A Trace is one file in memory. Events are sorted by [SortEvents].
type Trace struct {
	*Header
	Events []Event
}

// chunks collect events in pieces of one size: a slice that grows would copy
// each event several times, and take more memory at its peak.
type chunks [][]Event

const chunkSize = 1 << 15

func (c *chunks) add(events []Event) {
	for len(events) > 0 {
		n := len(*c)
		switch {
		case n == 0: // most traces are small
			*c, n = append(*c, make([]Event, 0, min(len(events), chunkSize))), 1
		case len((*c)[n-1]) == cap((*c)[n-1]):
			*c, n = append(*c, make([]Event, 0, chunkSize)), n+1
		}
		last := &(*c)[n-1]
		fits := min(len(events), cap(*last)-len(*last))
		*last = append(*last, events[:fits]...)
		events = events[fits:]
	}
}

func (c chunks) join() []Event {
	if len(c) == 1 {
		return c[0]
	}
	return slices.Concat(c...)
}

// Read reads r to its end, closes it, and returns the events it yielded,
// sorted, on the header's clock.
func Read(r Reader) (*Trace, error) {
	defer r.Close()
	t := &Trace{Header: r.Header()}
	var read chunks
	if x, ok := r.(interface{ Expect() int64 }); ok {
		// Room that stays empty is address space and no memory; joining chunks
		// would hold all events twice.
		read = chunks{make([]Event, 0, x.Expect())}
	}
	for {
		batch, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		read.add(batch)
	}
	t.Events = read.join()
	shift(t, r.Origin())
	SortEvents(t)
	return t, r.Close()
}
