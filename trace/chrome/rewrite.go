package chrome

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"omnitrace/trace"
)

// A Copying says which rows of a trace go into another one. Rows go over byte
// for byte except for what no viewer takes (NaN, raw control characters, bytes
// that are not UTF-8, negative IDs), which is repaired.
//
// Unless told otherwise, what is kept stays whole: of rows that refer to others (arrows, the two ends
// of a range, names of processes and threads), those are kept whose others are.
// They stand behind the rest, in the order of the file.
type Copying struct {
	// Keep decides about rows with a time, and may clip them. It is called by
	// several goroutines at a time. For a range whose ends are rows of their
	// own it is called once with the time between them.
	Keep func(*Row) bool
	// Near, where set, is false for times at which no arrow can have an end.
	Near func(trace.Time) bool
	// Measure, where set, is told the bytes of each kept row; like Keep.
	Measure func(r *Row, size int)
	// Edit, where set, changes each kept row; like Keep.
	Edit func(*Row)
	// Overlap, where set, returns the lane of a row: 0 for its own, else one
	// beside it, for what overlaps other rows without lying inside them. Ends
	// of arrows are asked for too, with their time.
	Overlap func(*Row) int
	// Names, where set, decides which rows that name and order processes and
	// threads are kept at all, by what they say: "process_name", …
	Names func(what string) bool
	// Origin is added to the file's times: [Origin] of its header.
	Origin trace.Time
	// Whole keeps rows that refer to others where they stand, even where those
	// are missing.
	Whole bool
	// Unknown keeps rows of sorts that the event model has no word for.
	Unknown bool
	// NoFlows drops all arrows.
	NoFlows bool
	// Tops copies the top-level values too.
	Tops bool
}

// Copied is what a [Document.Copy] did.
type Copied struct {
	Rows     int64 // in the source
	Kept     int64
	Clipped  int64
	Repaired int64
	Unsound  int64        // rows and values that could not be repaired
	Note     []byte       // the value of the top-level key [NoteKey], if there is one
	Health   trace.Health // of the source
	// Moved are the lanes that rows were moved to.
	Moved []MovedLane
	// Processes are those of the kept rows, sorted by ID.
	Processes []CopiedProcess
}

// A MovedLane is a lane for what overlaps other rows of a stream or thread.
type MovedLane struct {
	PID       string // as the source has it
	TID, From int64
	GPU       bool
}

// A CopiedProcess is a process ID with kept rows.
type CopiedProcess struct {
	PID string // as the source has it
	GPU bool   // it stands for a device
}

// NoteKey is the top-level key under which a document says how it was made.
const NoteKey = trace.NoteKey

// Damage returns what was wrong with a source that a copy of it can't show.
func (c *Copied) Damage() []string {
	var lost []string
	for _, d := range c.Health.Defects() {
		if d.Kind.Severity() == trace.Lost {
			lost = append(lost, fmt.Sprintf("%s (%d)", d.Kind, d.Count))
		}
	}
	return lost
}

// Origin returns the time that is to be added to the times of a file that has
// been read to its end.
func Origin(h *trace.Header) trace.Time {
	if h.Clock != trace.ClockUnix {
		return 0
	}
	n, _ := integer([]byte(h.Meta["baseTimeNanoseconds"]))
	return trace.Time(n)
}

// Copy copies rows of the uncompressed trace that src delivers. Memory grows
// with the kept rows by a few words each, and with the rows that refer to
// others; not with the file.
func (d *Document) Copy(src io.Reader, c Copying) (Copied, error) {
	return Options{}.Copy(d, src, c)
}

// Copy is [Document.Copy] with options.
func (o Options) Copy(d *Document, src io.Reader, c Copying) (Copied, error) {
	r := o.start(src, trace.Want{}, func() *batch { return &batch{copy: &copier{Copying: &c}} })
	defer r.Close()
	k := &copying{Copying: &c, d: d, lanes: map[[2]string]*lane{}, moved: map[MovedLane]bool{}}
	for d.failed == nil {
		r.recycle()
		p, ok := <-r.ordered
		if !ok {
			break
		}
		<-p.done
		r.last = p
		if r.join(p) {
			k.join(p)
			r.translate(p)
		}
	}
	if d.failed != nil {
		return Copied{}, d.failed
	}
	if _, err := r.finish(); err != nil && !errors.Is(err, io.EOF) {
		return Copied{}, err
	}
	k.settle()
	k.result.Rows, k.result.Health = r.header.Rows, r.header.Health
	return k.result, d.failed
}

// copying joins what the workers have copied.
type copying struct {
	*Copying
	d      *Document
	result Copied
	held   []heldRow
	moved  map[MovedLane]bool
	lanes  map[[2]string]*lane
}

func (k *copying) join(p *piece) {
	c := p.out.copy
	for _, t := range c.tops {
		switch {
		case t.key == NoteKey:
			_, value, _ := bytes.Cut([]byte(t.text), []byte(":"))
			k.result.Note = bytes.TrimSpace(value)
		case k.Tops:
			k.d.top(t.text, t.tail)
		}
	}
	k.d.chunk(c.out)
	k.result.Kept += c.kept
	k.result.Clipped += c.clipped
	k.result.Repaired += c.repaired
	k.result.Unsound += c.unsound
	lanes := make([]*lane, len(p.tracks))
	at := func(id trace.TrackID) *lane {
		if lanes[id] == nil {
			lanes[id] = k.lane(p.tracks[id].pid, p.tracks[id].tid)
		}
		return lanes[id]
	}
	for _, a := range c.anchors {
		l := at(a.track)
		l.kept, l.gpu = true, l.gpu || a.gpu
		if !k.Whole {
			l.anchors = append(l.anchors, a)
		}
	}
	for _, m := range c.moved {
		k.moved[m] = true
	}
	for _, h := range c.held {
		h.pid, h.tid = p.tracks[h.track].pid, p.tracks[h.track].tid
		k.held = append(k.held, h)
	}
}
