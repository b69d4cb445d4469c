package perfetto

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"omnitrace/trace"
)

// counters writes the samples of a track, each name on a track of its own.
func (b *body) counters(track *trace.Track, events []int32) {
	uuids := map[trace.NameID]uint64{}
	for _, i := range events {
		e := &b.t.Events[i]
		uuid, known := uuids[e.Name]
		if !known {
			uuid = b.Counter(b.process(track.Process), b.t.Names.Text(e.Name))
			uuids[e.Name] = uuid
		}
		b.sample(uuid, b.at(e.Start), b.t.Details[e.Detail].Value)
	}
}

// Counter describes a counter of a process and returns its track.
func (p *Writer) Counter(process uint64, name string) (uuid uint64) {
	return p.describe(process, name, func(m *message) { m.message(8, func(*message) {}) })
}

// Sample writes the value of a counter from a time on.
func (p *Writer) Sample(counter uint64, at trace.Time, value float64) {
	p.sample(counter, uint64(max(0, at+p.zero)), value)
}

func (p *Writer) sample(uuid, at uint64, value float64) {
	p.send(needsState, func(m *message) {
		m.number(packetTimestamp, at)
		m.message(packetTrackEvent, func(m *message) {
			m.number(eventType, counterSample)
			m.number(eventTrack, uuid)
			if n := int64(value); float64(n) == value {
				m.number(eventCount, uint64(n))
				return
			}
			*m = protowire.AppendTag(*m, eventValue, protowire.Fixed64Type)
			*m = protowire.AppendFixed64(*m, math.Float64bits(value))
		})
	})
}

// Track describes a track of slices in a process and returns it. Tracks of a
// process stand in the order of their rank.
func (p *Writer) Track(process uint64, name string) (uuid uint64) {
	return p.describe(process, name, func(*message) {})
}

// Slice writes a slice of a track; those of one track must be written in time
// order and not overlap.
func (p *Writer) Slice(track uint64, span trace.Span, name, category string) {
	at := func(t trace.Time) uint64 { return uint64(max(0, t+p.zero)) }
	p.event(track, sliceBegin, at(span.Start), &slice{name: name, category: category, correlation: trace.NoCorrelation})
	p.event(track, sliceEnd, at(span.End), nil)
}
