package merge

import (
	"cmp"
	"maps"
	"slices"

	"omnitrace/analyze"
	"omnitrace/trace"
)

// A change of a level: of how much work is queued, of how many stages run.
type change struct {
	at trace.Time
	by int64
}

// mostSamples is how many samples of a level are shown exactly; beyond, time is
// cut into that many parts, each with the highest level in it.
const mostSamples = 5000

// levels adds changes up, in time order. What changes at one moment is one
// change.
func levels(all []change) []Sample {
	slices.SortFunc(all, func(a, b change) int { return cmp.Compare(a.at, b.at) })
	var samples []Sample
	level := int64(0)
	for i, c := range all {
		level += c.by
		if i+1 == len(all) || all[i+1].at > c.at {
			samples = append(samples, Sample{c.at, level})
		}
	}
	if samples = changes(samples); len(samples) <= mostSamples {
		return samples
	}
	return changes(highest(samples))
}

// highest returns the highest level in each of so many parts of the time.
func highest(samples []Sample) []Sample {
	first := samples[0].At
	width := (samples[len(samples)-1].At-first)/mostSamples + 1
	var parts []Sample
	level := int64(0) // at the begin of the part
	for i := 0; i < len(samples); {
		part := Sample{first + (samples[i].At-first)/width*width, level}
		if n := len(parts); n > 0 && part.At > parts[n-1].At+width {
			parts = append(parts, Sample{parts[n-1].At + width, level}) // nothing changes until then
		}
		for ; i < len(samples) && samples[i].At < part.At+width; i++ {
			level = samples[i].Value
			part.Value = max(part.Value, level)
		}
		parts = append(parts, part)
	}
	return append(parts, Sample{parts[len(parts)-1].At + width, level})
}

// queue returns how much GPU work was launched and had not ended, on a device of
// a source. Work without a known launch is queued from its start.
func queue(src *analyze.Source, device int64) []Sample {
	t := src.Trace
	var all []change
	for i, call := range src.Links.Launch {
		e := &t.Events[i]
		if !e.Kind.GPU() || t.Devices[t.Tracks[e.Track].Device].Index != device {
			continue
		}
		from := e.Start
		if call >= 0 {
			from = min(from, t.Events[call].Start)
		}
		all = append(all, change{from, 1}, change{e.End, -1})
	}
	return levels(all)
}

// A stage of a capture, as a card sees it.
type userOfCard struct {
	capture string
	stage   int
}

// addCards adds how many stages ran at a time on each physical GPU that is known.
// Sources without a known clock are left out where another one has one too.
func (p *planner) addCards() {
	cards := map[string]map[userOfCard][]trace.Span{}
	for i := range p.parts {
		part := &p.parts[i]
		for _, b := range part.busy {
			uuid := cmp.Or(b.uuid, part.Card)
			if uuid == "" || part.Clock != trace.ClockUnix && len(p.parts) > 1 {
				continue
			}
			if cards[uuid] == nil {
				cards[uuid] = map[userOfCard][]trace.Span{}
			}
			user := userOfCard{part.Capture, part.Stage}
			for _, s := range b.spans {
				cards[uuid][user] = append(cards[uuid][user], moved(s, p.move(part)))
			}
		}
	}
	for _, uuid := range slices.Sorted(maps.Keys(cards)) {
		var all []change
		for _, spans := range cards[uuid] {
			for _, s := range trace.UnionOf(spans) {
				all = append(all, change{s.Start, 1}, change{s.End, -1})
			}
		}
		p.Tracks = append(p.Tracks, Track{Source: -1, Name: "stages active on " + uuid, Samples: levels(all)})
	}
}
