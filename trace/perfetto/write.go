package perfetto

import (
	"cmp"
	"io"
	"strconv"

	"omnitrace/trace"
)

// Suffix is what names of files in this format end in.
const Suffix = ".pftrace"

// A Writer writes traces into one file, one after the other: it holds none of
// them. Errors of writing are returned by Close.
type Writer struct {
	*stream
	zero   trace.Time
	tracks uint64 // described so far
	works  uint64 // events of GPU work so far
	queues uint64 // described so far
	names  interned
	stages interned // names of GPU work
	kinds  interned
	cards  interned // GPUs by what tells them apart
	argued bool     // the names of arguments are interned
}

// interned are the IDs that names have been given in the file.
type interned map[string]uint64

// of returns the ID of a name, and whether the file does not have it yet.
func (in interned) of(name string) (id uint64, fresh bool) {
	id, known := in[name]
	if !known {
		id = uint64(len(in) + 1)
		in[name] = id
	}
	return id, !known
}

// NewWriter begins a file with a clock snapshot: times are those of the clock,
// which should be that of all traces.
func NewWriter(w io.Writer, clock trace.Clock) *Writer {
	p := &Writer{stream: newStream(w), names: interned{}, kinds: interned{}, stages: interned{}, cards: interned{}}
	const realtime, boottime = 1, 6
	clocks := []uint64{boottime, realtime}
	if clock != trace.ClockUnix {
		// Times of an unknown clock may be negative, the file's may not.
		p.zero, clocks = 1<<50, clocks[:1]
	}
	p.send(stateCleared, func(m *message) {
		m.message(packetClockSnapshot, func(m *message) {
			for _, id := range clocks {
				m.message(1, func(m *message) {
					m.number(1, id)
					m.number(2, uint64(p.zero))
				})
			}
		})
	})
	p.declareExtension()
	// The track that all others are in: groups stand in the order of their ranks.
	p.send(needsState, func(m *message) {
		m.message(packetTrackDescriptor, func(m *message) {
			m.number(1, 0)
			m.number(descriptorOrdering, orderExplicit)
		})
	})
	return p
}

// Close ends the file.
func (p *Writer) Close() error { return p.close() }

// Write writes one trace as a file; see [Writer.Trace].
func Write(w io.Writer, t *trace.Trace) error {
	p := NewWriter(w, t.Clock)
	p.Trace(t, Placing{})
	return p.Close()
}

// A Placing says how a trace stands in a file beside others. The zero value is
// right for one that is alone.
type Placing struct {
	Name  func(process *trace.Process) string    // what processes are called, nil for their own names
	Shift trace.Time                             // added to its times
	PID   func(pid string) uint64                // makes process IDs unique
	Card  func(device *trace.Device) (id string) // tells GPUs apart; devices of one ID are one GPU
	Label string                                 // in front of the names of streams
}

// Trace writes the events of t, which must be sorted. Arrows that are not those
// of launches are left out: the format has no place for their ends.
func (p *Writer) Trace(t *trace.Trace, place Placing) {
	b := body{Writer: p, t: t, Placing: place, processes: map[int]uint64{}}
	b.link()
	byTrack := make([][]int32, len(t.Tracks))
	for i := range t.Events {
		id := t.Events[i].Track
		byTrack[id] = append(byTrack[id], int32(i))
	}
	for id, events := range byTrack {
		b.track(&t.Tracks[id], events)
	}
}

// A body writes one trace.
type body struct {
	*Writer
	Placing
	t         *trace.Trace
	processes map[int]uint64 // described, by index
	links     trace.Links
	work      []uint64           // the IDs of GPU work, by event
	launched  map[int32][]uint64 // the IDs of what a launch call launched
}

// link numbers the GPU work and finds what each call launched.
func (b *body) link() {
	b.work, b.launched = make([]uint64, len(b.t.Events)), map[int32][]uint64{}
	b.links = trace.Link(b.t)
	for i, call := range b.links.Launch {
		if !b.t.Events[i].Kind.GPU() {
			continue
		}
		b.works++
		b.work[i] = b.works
		if call >= 0 {
			b.launched[call] = append(b.launched[call], b.work[i])
		}
	}
}

// at is a time as packets have it.
func (b *body) at(t trace.Time) uint64 { return uint64(max(0, t+b.Shift+b.zero)) }

// track sorts the events of a track by the form that they are written in, and
// those that overlap others without lying inside them into lanes of their own:
// Perfetto nests what is on one.
func (b *body) track(track *trace.Track, events []int32) {
	var work, slices, counters []int32
	for _, i := range events {
		switch k := b.t.Events[i].Kind; {
		case k == trace.Flow:
		case k == trace.Counter:
			counters = append(counters, i)
		case k.GPU():
			work = append(work, i)
		default:
			slices = append(slices, i)
		}
	}
	for n, lane := range lanes(b.t, work) {
		b.queue(track, n, lane)
	}
	for n, lane := range lanes(b.t, slices) {
		b.thread(track, n, lane)
	}
	b.counters(track, counters)
}

// lanes deals events, in time order, out so that on each lane they follow or
// enclose each other.
func lanes(t *trace.Trace, events []int32) [][]int32 {
	var all [][]int32
	var open [][]trace.Time
	for _, i := range events {
		e := &t.Events[i]
		n := 0
		for ; n < len(all); n++ {
			for k := len(open[n]); k > 0 && open[n][k-1] <= e.Start; k-- {
				open[n] = open[n][:k-1]
			}
			if k := len(open[n]); k == 0 || e.End <= open[n][k-1] {
				break
			}
		}
		if n == len(all) {
			all, open = append(all, nil), append(open, nil)
		}
		all[n], open[n] = append(all[n], i), append(open[n], e.End)
	}
	return all
}

// describe describes a track, in another one unless that is 0.
func (p *Writer) describe(parent uint64, name string, what func(*message)) (uuid uint64) {
	p.tracks++
	uuid = p.tracks
	p.send(needsState, func(m *message) {
		m.message(packetTrackDescriptor, func(m *message) {
			m.number(1, uuid)
			if name != "" {
				m.text(2, name)
			}
			if parent != 0 {
				m.number(5, parent)
			}
			what(m)
		})
	})
	return uuid
}

// pid returns a process's number; those that have none get one beyond Linux's.
func (b *body) pid(process int) uint64 {
	if process < 0 {
		return 1 << 30
	}
	pid := b.t.Processes[process].PID
	if b.PID != nil {
		return b.PID(pid)
	}
	if n, err := strconv.ParseInt(pid, 10, 32); err == nil && n >= 0 {
		return uint64(n)
	}
	return 1<<30 + uint64(process+1)
}

func (b *body) processName(process int) string {
	switch {
	case process < 0:
		return b.Label
	case b.Name != nil:
		return b.Name(&b.t.Processes[process])
	}
	return cmp.Or(b.t.Processes[process].Name, b.t.Processes[process].PID)
}

// process describes the process of a trace at first sight and returns its track.
func (b *body) process(index int) uint64 {
	uuid, known := b.processes[index]
	if !known {
		uuid = b.describe(0, "", func(m *message) {
			m.message(3, func(m *message) {
				m.number(1, b.pid(index))
				m.text(6, b.processName(index))
			})
		})
		b.processes[index] = uuid
	}
	return uuid
}
