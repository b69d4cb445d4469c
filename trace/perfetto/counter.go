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
			uuid = b.Counter(b.process(track.Process), b.t.Names.Text(e.Name), len(uuids))
			uuids[e.Name] = uuid
		}
		b.sample(uuid, b.at(e.Start), b.t.Details[e.Detail].Value)
	}
}

// Fields of TrackDescriptor beside those of processes and threads.
const (
	descriptorCounter  = 8
	descriptorOrdering = 11
	descriptorRank     = 12

	orderExplicit = 3
)

// Group describes a track that holds others, outside of any process; groups and
// the tracks in them stand in the order of their ranks.
func (p *Writer) Group(name string, rank int) (uuid uint64) {
	return p.describe(0, name, func(m *message) {
		m.number(descriptorOrdering, orderExplicit)
		m.number(descriptorRank, uint64(rank))
	})
}

// Track describes a track of slices in another track and returns it.
func (p *Writer) Track(parent uint64, name string, rank int) (uuid uint64) {
	return p.describe(parent, name, func(m *message) { m.number(descriptorRank, uint64(rank)) })
}

// Counter describes a counter in another track and returns its track.
func (p *Writer) Counter(parent uint64, name string, rank int) (uuid uint64) {
	return p.describe(parent, name, func(m *message) {
		m.number(descriptorRank, uint64(rank))
		m.message(descriptorCounter, func(*message) {})
	})
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

// Slice writes a slice of a track; those of one track must be written in time
// order and not overlap.
func (p *Writer) Slice(track uint64, span trace.Span, name, category string) {
	at := func(t trace.Time) uint64 { return uint64(max(0, t+p.zero)) }
	p.event(track, sliceBegin, at(span.Start), &slice{name: name, category: category, correlation: trace.NoCorrelation})
	p.event(track, sliceEnd, at(span.End), nil)
}
