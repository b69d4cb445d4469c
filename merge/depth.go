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
// a source whose times are moved. Work without a known launch is queued from its
// start.
func queue(src *analyze.Source, device int64, by trace.Time) []Sample {
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
		all = append(all, change{from + by, 1}, change{e.End + by, -1})
	}
	return levels(all)
}

// addCards adds how many stages ran at a time on each physical GPU that is known.
func (p *planner) addCards() {
	for _, card := range p.s.Cards() {
		var all []change
		for _, stage := range slices.Sorted(maps.Keys(card.Busy)) {
			by := p.moveStage(stage)
			for _, s := range card.Busy[stage] {
				all = append(all, change{s.Start + by, 1}, change{s.End + by, -1})
			}
		}
		p.Tracks = append(p.Tracks, Track{Source: -1, Name: "stages active on " + card.UUID, Samples: levels(all)})
	}
}

// moveStage returns [planner.move] of a stage's first source.
func (p *planner) moveStage(stage int) trace.Time {
	for _, i := range p.order {
		if p.s.Sources[i].Stage == stage {
			return p.move(i)
		}
	}
	return 0
}
