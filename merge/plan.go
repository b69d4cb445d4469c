package merge

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"omnitrace/trace"
)

// A Plan is what goes on one timeline, and where.
type Plan struct {
	Base     trace.Time // what the result's times count from on the Unix clock; 0 for an unknown one
	Sources  []Source   // by capture, in the order of the pipeline
	Tracks   []Track
	Warnings []string
}

// Moves are by how much the user moves traces: by stage ("1") or by what their
// capture is called.
type Moves map[string]time.Duration

func (m Moves) of(p *Part) trace.Time {
	return trace.Time(m[strconv.Itoa(p.Stage)] + m[p.Capture])
}

// NewPlan places the parts of one capture or of several, which come one after
// the other, on one timeline, each moved by hand.
//
// A trace on an unknown clock is placed as if its first GPU work were the run's.
func NewPlan(parts []Part, moved Moves) *Plan {
	p := &planner{parts: slices.Clone(parts), moved: moved, Plan: &Plan{}}
	p.sort()
	p.findBase()
	for i := range p.parts {
		p.place(i)
	}
	p.addCards()
	return p.Plan
}

type planner struct {
	*Plan
	parts []Part // in the order of the plan's sources
	moved Moves
}

func (p *planner) sort() {
	var captures []string
	for i := range p.parts {
		captures = append(captures, p.parts[i].Capture)
	}
	slices.SortStableFunc(p.parts, func(a, b Part) int {
		return cmp.Or(cmp.Compare(slices.Index(captures, a.Capture), slices.Index(captures, b.Capture)),
			cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Replica, b.Replica), cmp.Compare(a.Rank, b.Rank))
	})
}

// findBase makes the result count from where the earliest text does.
func (p *planner) findBase() {
	for i := range p.parts {
		if part := &p.parts[i]; part.Clock == trace.ClockUnix && (p.Base == 0 || part.Origin < p.Base) {
			p.Base = part.Origin
		}
	}
}

// place adds a source and its tracks.
func (p *planner) place(i int) {
	part := &p.parts[i]
	if part.Clock != trace.ClockUnix && len(p.parts) > 1 {
		p.Warnings = append(p.Warnings, fmt.Sprintf(
			"%s: its clock is unknown; it is shown as if its first GPU work were the run's (move it with --offset %s=…)",
			part.Path, cmp.Or(part.Capture, strconv.Itoa(part.Stage))))
	}
	by := p.move(part)
	p.Sources = append(p.Sources, Source{
		Input: part.Input, Name: filepath.Base(part.Path), Label: part.label(), Card: part.Card, PID: part.PID,
		Shift: part.Origin + by - p.Base,
	})
	for _, t := range part.tracks {
		for k := range t.Slices {
			t.Slices[k].Span = moved(t.Slices[k].Span, by)
		}
		for k := range t.Samples {
			t.Samples[k].At += by
		}
		t.Source = i
		p.Tracks = append(p.Tracks, t)
	}
}

// move returns what puts the times of a part's events on the run's clock.
func (p *planner) move(part *Part) trace.Time {
	by := p.moved.of(part)
	if part.Clock != trace.ClockUnix {
		by += p.first() - part.first
	}
	return by
}

// first returns the run's first GPU start on a known clock, else that of its
// first source.
func (p *planner) first() trace.Time {
	first, known := p.parts[0].first, false
	for i := range p.parts {
		if part := &p.parts[i]; part.Clock == trace.ClockUnix && (!known || part.first < first) {
			first, known = part.first, true
		}
	}
	return first
}
