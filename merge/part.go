package merge

import (
	"fmt"
	"slices"

	"omnitrace/analyze"
	"omnitrace/trace"
)

// A Part is what a plan needs of a source. It holds none of its events, so that
// sources can be analysed one after the other.
type Part struct {
	analyze.SourceInfo
	Input
	// Capture is what its capture is called, "" where there is only one.
	Capture string
	Card    string // UUID of its GPU where the user gave it

	first  trace.Time // first GPU start of its clock's sources
	tracks []Track    // on its own clock
	busy   []cardBusy
}

// A cardBusy is when a device of a source worked, on the source's clock.
type cardBusy struct {
	uuid  string // "" where the trace does not say
	spans trace.Spans
}

// Parts returns the sources of a session that have events, with tracks of what
// the analysis found. Input says how to read a source.
func Parts(s *analyze.Session, input func(source int) Input) []Part {
	var parts []Part
	place := map[int]int{} // of each source among parts
	for i, src := range s.Sources {
		if src.Trace == nil {
			continue
		}
		place[i] = len(parts)
		parts = append(parts, Part{
			SourceInfo: src.SourceInfo, Input: input(i), Card: s.GPUMap[src.Stage],
			first: s.Origin(i), busy: busyOf(src, len(s.GPUMap) > 0),
		})
	}
	for _, lane := range s.Timeline().Lanes {
		i := slices.IndexFunc(s.Sources, func(src *analyze.Source) bool {
			return src.Trace != nil && src.Stage == lane.Stage && src.Replica == lane.Replica && src.Rank == lane.Rank
		})
		if i >= 0 {
			part := &parts[place[i]]
			part.tracks = append(part.tracks, tracksOf(s.Sources[i], &lane, part.first)...)
		}
	}
	return parts
}

// busyOf returns when the devices of a source worked that are known as cards,
// or may be.
func busyOf(src *analyze.Source, mapped bool) []cardBusy {
	var all []cardBusy
	t := src.Trace
	for d, info := range t.Devices {
		if info.UUID == "" && !mapped {
			continue
		}
		var spans []trace.Span
		for i := range t.Events {
			if e := &t.Events[i]; e.Kind.GPU() && t.Tracks[e.Track].Device == d {
				spans = append(spans, e.Span)
			}
		}
		all = append(all, cardBusy{info.UUID, trace.UnionOf(spans)})
	}
	return all
}

// label returns what the processes of a part are called.
func (p *Part) label() string {
	label := fmt.Sprintf("stage %d", p.Stage)
	if p.StageName != fmt.Sprintf("stage%d", p.Stage) {
		label += " " + p.StageName
	}
	if p.Capture != "" {
		label = p.Capture + " · " + label
	}
	if p.Replica > 0 {
		label += fmt.Sprintf(" · replica %d", p.Replica)
	}
	return fmt.Sprintf("%s · rank %d", label, p.Rank)
}
