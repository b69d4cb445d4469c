package trace

import (
	"errors"
	"io"
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
}

// All reports whether w asks for every event.
func (w Want) All() bool {
	return (w.Kinds == 0 || w.Kinds == AllKinds) && w.Keep == nil && w.Outermost == 0
}

// Has reports whether events of kind k may be wanted.
func (w Want) Has(k Kind) bool { return w.Kinds == 0 || w.Kinds.Has(k) }

// A Trace is one file in memory. Events are sorted by [SortEvents].
type Trace struct {
	*Header
	Events []Event
}

// Read reads r to its end, closes it, and returns the events it yielded,
// sorted, on the header's clock.
func Read(r Reader) (*Trace, error) {
	defer r.Close()
	t := &Trace{Header: r.Header()}
	for {
		batch, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		t.Events = append(t.Events, batch...)
	}
	shift(t, r.Origin())
	SortEvents(t)
	return t, r.Close()
}
