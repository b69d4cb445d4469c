package perfetto

import (
	"cmp"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"omnitrace/trace"
)

// Types of track events.
const (
	sliceBegin    = 1
	sliceEnd      = 2
	instant       = 3
	counterSample = 4
)

// thread writes a lane of slices: those of a host thread, or what lies on a
// device's lane and is no work.
func (b *body) thread(track *trace.Track, lane int, events []int32) {
	uuid := b.lane(track, lane)
	var open []trace.Time
	pop := func(until trace.Time) {
		for n := len(open); n > 0 && open[n-1] <= until; n-- {
			b.event(uuid, sliceEnd, b.at(open[n-1]), nil)
			open = open[:n-1]
		}
	}
	for _, i := range events {
		e := &b.t.Events[i]
		pop(e.Start)
		if e.Kind == trace.Instant {
			b.event(uuid, instant, b.at(e.Start), b.slice(i))
			continue
		}
		b.event(uuid, sliceBegin, b.at(e.Start), b.slice(i))
		open = append(open, e.End)
	}
	pop(math.MaxInt64)
}

// lane describes the track of a lane of slices.
func (b *body) lane(track *trace.Track, lane int) (uuid uint64) {
	name := threadName(track)
	switch {
	case track.Device >= 0:
		name = fmt.Sprintf("GPU %d stream %d, ranges", b.t.Devices[track.Device].Index, track.ID)
	case lane == 0:
		return b.describe(b.process(track.Process), "", func(m *message) {
			m.message(4, func(m *message) {
				m.number(1, b.pid(track.Process))
				m.number(2, b.tid(track))
				m.text(5, name)
			})
		})
	}
	if lane > 0 {
		name += ", overlapping"
	}
	return b.describe(b.process(track.Process), name, func(*message) {})
}

func threadName(track *trace.Track) string {
	return cmp.Or(track.Name, track.Text, fmt.Sprintf("thread %d", track.ID))
}

// tid returns a thread's number. Perfetto takes 0 for the kernel's idle thread.
func (b *body) tid(track *trace.Track) uint64 {
	return cmp.Or(uint64(track.ID&(1<<31-1)), 1<<30+b.tracks)
}

// A slice is what begins at a track event.
type slice struct {
	name, category string
	correlation    int64    // trace.NoCorrelation for none
	launched       []uint64 // IDs of GPU work
}

func (b *body) slice(i int32) *slice {
	e := &b.t.Events[i]
	s := &slice{name: b.t.Names.Text(e.Name), category: e.Kind.String(), correlation: trace.NoCorrelation}
	if e.Kind == trace.Launch {
		s.correlation, s.launched = e.Correlation, b.launched[i]
	}
	return s
}

// Fields of TrackEvent, and of what it refers to.
const (
	eventCategories  = 3
	eventAnnotations = 4
	eventType        = 9
	eventName        = 10
	eventTrack       = 11
	eventCount       = 30
	eventValue       = 44

	internedCategories = 1
	internedNames      = 2
	internedArguments  = 3

	correlationArgument = 1
)

// event writes a track event; s is nil for an end.
func (p *Writer) event(uuid, kind, at uint64, s *slice) {
	p.send(needsState, func(m *message) {
		m.number(packetTimestamp, at)
		var name, category uint64
		if s != nil {
			name, category = p.intern(m, s)
		}
		m.message(packetTrackEvent, func(m *message) {
			m.number(eventType, kind)
			m.number(eventTrack, uuid)
			if s == nil {
				return
			}
			m.number(eventName, name)
			m.number(eventCategories, category)
			s.arguments(m)
		})
	})
}

func (s *slice) arguments(m *message) {
	if s.correlation != trace.NoCorrelation {
		m.message(eventAnnotations, func(m *message) {
			m.number(1, correlationArgument)
			m.number(4, uint64(s.correlation))
		})
	}
	if len(s.launched) > 0 {
		m.message(eventGPUCorrelation, func(m *message) {
			for _, id := range s.launched {
				m.number(correlationLaunched, id)
			}
		})
	}
}

// intern returns the IDs of a slice's name and category, which it adds to the
// packet where they are new.
func (p *Writer) intern(m *message, s *slice) (name, category uint64) {
	name, freshName := p.names.of(s.name)
	category, freshKind := p.kinds.of(s.category)
	if !freshName && !freshKind && p.argued {
		return name, category
	}
	m.message(packetInterned, func(m *message) {
		if freshKind {
			entry(m, internedCategories, category, s.category)
		}
		if freshName {
			entry(m, internedNames, name, s.name)
		}
		if !p.argued {
			entry(m, internedArguments, correlationArgument, "correlation")
		}
	})
	p.argued = true
	return name, category
}

// entry adds an entry of InternedData: all have an ID and a name.
func entry(m *message, field protowire.Number, id uint64, name string) {
	m.message(field, func(m *message) {
		m.number(1, id)
		m.text(2, name)
	})
}
