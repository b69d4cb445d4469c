package perfetto

import (
	"bufio"
	"fmt"
	"io"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"omnitrace/trace"
)

// Suffix is what names of files in this format end in.
const Suffix = ".pftrace"

// Write writes t, which must be sorted. Times count from its first event; a
// clock snapshot says when that was, where the clock is known. Kinds that the
// format has no place for (arrows, synchronisation rows of devices) are left
// out.
func Write(w io.Writer, t *trace.Trace) error {
	p := &writer{out: bufio.NewWriterSize(w, 1<<18), t: t, names: map[trace.NameID]uint64{}, stages: map[trace.NameID]uint64{}}
	if len(t.Events) > 0 {
		p.base = t.Events[0].Start
	}
	p.begin()
	byTrack := make([][]int32, len(t.Tracks))
	for i := range t.Events {
		id := t.Events[i].Track
		byTrack[id] = append(byTrack[id], int32(i))
	}
	p.processes(byTrack)
	for id, events := range byTrack {
		p.track(trace.TrackID(id), events)
	}
	return p.out.Flush()
}

type writer struct {
	out    *bufio.Writer
	t      *trace.Trace
	base   trace.Time
	packet message
	names  map[trace.NameID]uint64 // interned for track events
	stages map[trace.NameID]uint64 // interned for GPU work
	queues uint64                  // interned so far, of stages and queues
	tracks uint64                  // descriptors so far
}

// A message is an encoded protobuf message.
type message []byte

func (m *message) number(field protowire.Number, v uint64) {
	*m = protowire.AppendTag(*m, field, protowire.VarintType)
	*m = protowire.AppendVarint(*m, v)
}

func (m *message) text(field protowire.Number, s string) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = protowire.AppendString(*m, s)
}

func (m *message) message(field protowire.Number, fill func(*message)) {
	var inner message
	fill(&inner)
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = protowire.AppendBytes(*m, inner)
}

// Fields of TracePacket and the values that all packets share.
const (
	packetClockSnapshot   = 6
	packetTimestamp       = 8
	packetSequence        = 10
	packetTrackEvent      = 11
	packetInterned        = 12
	packetFlags           = 13
	packetGPUStage        = 53
	packetTrackDescriptor = 60

	sequence      = 1
	stateCleared  = 1
	needsState    = 2
	clockRealtime = 1
	clockBoottime = 6
)

// send writes one packet.
func (p *writer) send(flags uint64, fill func(*message)) {
	p.packet = p.packet[:0]
	fill(&p.packet)
	p.packet.number(packetSequence, sequence)
	p.packet.number(packetFlags, flags)
	var head message
	head = protowire.AppendTag(head, 1, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(p.packet)))
	p.out.Write(head) // Flush returns the first error
	p.out.Write(p.packet)
}

// at is a time as packets have it.
func (p *writer) at(t trace.Time) uint64 { return uint64(t - p.base) }

// begin clears the sequence's state and ties its clock to the wall's.
func (p *writer) begin() {
	p.send(stateCleared, func(m *message) {
		m.message(packetClockSnapshot, func(m *message) {
			clock := func(id, at uint64) {
				m.message(1, func(m *message) {
					m.number(1, id)
					m.number(2, at)
				})
			}
			clock(clockBoottime, 0)
			if p.t.Clock == trace.ClockUnix {
				clock(clockRealtime, uint64(p.base))
			}
		})
	})
}

// processUUID and trackUUID name tracks; 0 is the global one.
func processUUID(process int) uint64 { return 1<<32 + uint64(process+1) }

// processes describes the processes with events of the host.
func (p *writer) processes(byTrack [][]int32) {
	done := map[int]bool{}
	for id, events := range byTrack {
		track := &p.t.Tracks[id]
		if len(events) == 0 || track.Device >= 0 || done[track.Process] {
			continue
		}
		done[track.Process] = true
		p.send(needsState, func(m *message) {
			m.message(packetTrackDescriptor, func(m *message) {
				m.number(1, processUUID(track.Process))
				m.message(3, func(m *message) {
					m.number(1, p.pid(track.Process))
					m.text(6, p.processName(track.Process))
				})
			})
		})
	}
}

// pid returns a process's number; those that have none get one beyond Linux's.
func (p *writer) pid(process int) uint64 {
	if process >= 0 {
		if n, err := strconv.ParseInt(p.t.Processes[process].PID, 10, 32); err == nil && n >= 0 {
			return uint64(n)
		}
	}
	return 1<<30 + uint64(process+1)
}

func (p *writer) processName(process int) string {
	if process < 0 {
		return ""
	}
	if name := p.t.Processes[process].Name; name != "" {
		return name
	}
	return p.t.Processes[process].PID
}

// track writes the events of one track. Those that overlap others without
// lying inside them go to lanes of their own: Perfetto nests what is on one.
func (p *writer) track(id trace.TrackID, events []int32) {
	track := &p.t.Tracks[id]
	for n, lane := range lanes(p.t, events) {
		if track.Device >= 0 {
			p.queue(track, n, lane)
		} else {
			p.thread(track, n, lane)
		}
	}
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

// thread writes a lane of a host thread as track events.
func (p *writer) thread(track *trace.Track, lane int, events []int32) {
	p.tracks++
	uuid := 1<<40 + p.tracks
	p.send(needsState, func(m *message) {
		m.message(packetTrackDescriptor, func(m *message) {
			m.number(1, uuid)
			m.number(5, processUUID(track.Process))
			name := track.Name
			if lane > 0 {
				m.text(2, fmt.Sprintf("%s, overlapping", threadName(track, name)))
				return
			}
			m.message(4, func(m *message) {
				m.number(1, p.pid(track.Process))
				m.number(2, uint64(track.ID&(1<<31-1)))
				m.text(5, threadName(track, name))
			})
		})
	})
	const begin, end, instant = 1, 2, 3
	var open []trace.Time
	pop := func(until trace.Time) {
		for n := len(open); n > 0 && open[n-1] <= until; n-- {
			p.event(uuid, end, open[n-1], nil)
			open = open[:n-1]
		}
	}
	for _, i := range events {
		e := &p.t.Events[i]
		switch {
		case e.Kind == trace.Flow || e.Kind == trace.Counter:
		case e.Kind == trace.Instant:
			pop(e.Start)
			p.event(uuid, instant, e.Start, e)
		default:
			pop(e.Start)
			p.event(uuid, begin, e.Start, e)
			open = append(open, e.End)
		}
	}
	pop(trace.Time(1<<63 - 1))
}

func threadName(track *trace.Track, name string) string {
	switch {
	case name != "":
		return name
	case track.Text != "":
		return track.Text
	}
	return fmt.Sprintf("thread %d", track.ID)
}

// event writes a track event; e is nil for an end.
func (p *writer) event(uuid, kind uint64, at trace.Time, e *trace.Event) {
	name := uint64(0)
	if e != nil {
		name = p.names[e.Name]
	}
	p.send(needsState, func(m *message) {
		m.number(packetTimestamp, p.at(at))
		if e != nil && name == 0 {
			name = uint64(len(p.names) + 1)
			p.names[e.Name] = name
			m.message(packetInterned, func(m *message) { intern(m, 2, name, p.t.Names.Text(e.Name)) })
		}
		m.message(packetTrackEvent, func(m *message) {
			m.number(9, kind)
			m.number(11, uuid)
			if e == nil {
				return
			}
			m.number(10, name)
			m.text(22, e.Kind.String())
			if e.Correlation != trace.NoCorrelation && e.Kind == trace.Launch {
				m.message(4, func(m *message) { // DebugAnnotation
					m.text(10, "correlation")
					m.number(4, uint64(e.Correlation))
				})
			}
		})
	})
}

// intern fills an entry of InternedData: all have an ID and a name.
func intern(m *message, field protowire.Number, id uint64, name string) {
	m.message(field, func(m *message) {
		m.number(1, id)
		m.text(2, name)
	})
}

const (
	internedContexts       = 23
	internedSpecifications = 24
)

// queue writes a lane of a stream as GPU render stage events.
func (p *writer) queue(track *trace.Track, lane int, events []int32) {
	name := fmt.Sprintf("stream %d", track.ID)
	if lane > 0 {
		name += ", overlapping"
	}
	device := p.t.Devices[track.Device].Index
	p.queues++
	queue := p.queues
	first := true
	for _, i := range events {
		e := &p.t.Events[i]
		if !e.Kind.GPU() {
			continue
		}
		stage, known := p.stages[e.Name]
		if !known {
			p.queues++
			stage = p.queues
			p.stages[e.Name] = stage
		}
		p.send(needsState, func(m *message) {
			m.number(packetTimestamp, p.at(e.Start))
			if first || !known {
				m.message(packetInterned, func(m *message) {
					if first {
						intern(m, internedSpecifications, queue, name)
						m.message(internedContexts, func(m *message) {
							m.number(1, queue)
							m.number(2, p.pid(track.Process))
						})
					}
					if !known {
						intern(m, internedSpecifications, stage, p.t.Names.Text(e.Name))
					}
				})
			}
			m.message(packetGPUStage, func(m *message) {
				m.number(1, uint64(i))
				m.number(2, uint64(e.End-e.Start))
				m.number(5, queue) // the context
				if e.Correlation != trace.NoCorrelation {
					m.number(10, uint64(uint32(e.Correlation)))
				}
				m.number(11, uint64(uint32(device)))
				m.number(13, queue)
				m.number(14, stage)
			})
		})
		first = false
	}
}
