package merge

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"omnitrace/analyze"
	"omnitrace/trace"
)

// A Plan is what goes on one timeline, and where.
type Plan struct {
	Base     trace.Time // what the result's times count from on the Unix clock; 0 for an unknown one
	Sources  []Source   // in the order of the pipeline
	Tracks   []Track
	Warnings []string
}

// NewPlan places the traces of a session, each stage's moved by hand, and adds
// tracks of what the analysis found. Input says how to read a source of the
// session.
//
// A trace on an unknown clock is placed as if its first GPU work were the run's.
func NewPlan(s *analyze.Session, moved map[int]time.Duration, input func(source int) Input) *Plan {
	p := &planner{s: s, moved: moved, Plan: &Plan{}}
	p.sort()
	for _, i := range p.order {
		p.place(i, input(i))
	}
	p.addLanes()
	p.addCards()
	return p.Plan
}

type planner struct {
	*Plan
	s     *analyze.Session
	moved map[int]time.Duration
	order []int // indices of the session's sources, by place in the pipeline
}

func (p *planner) sort() {
	for i, src := range p.s.Sources {
		if src.Trace != nil {
			p.order = append(p.order, i)
		}
	}
	slices.SortStableFunc(p.order, func(a, b int) int {
		x, y := p.s.Sources[a], p.s.Sources[b]
		return cmp.Or(cmp.Compare(x.Stage, y.Stage), cmp.Compare(x.Replica, y.Replica), cmp.Compare(x.Rank, y.Rank))
	})
}

// place adds a source. The result counts from where the earliest text does.
func (p *planner) place(i int, in Input) {
	src := p.s.Sources[i]
	known := src.Clock == trace.ClockUnix
	if known && (p.Base == 0 || in.Origin < p.Base) {
		for k := range p.Sources {
			p.Sources[k].Shift += p.Base - in.Origin
		}
		p.Base = in.Origin
	}
	if !known && len(p.order) > 1 {
		p.Warnings = append(p.Warnings, fmt.Sprintf(
			"%s: its clock is unknown; it is shown as if its first GPU work were the run's (move it with --offset %d=…)", src.Path, src.Stage))
	}
	p.Sources = append(p.Sources, Source{
		Input: in, Name: filepath.Base(src.Path), Label: label(src), Card: p.s.GPUMap[src.Stage],
		Shift: in.Origin + p.move(i) - p.Base,
	})
}

// move returns what puts the times of a source's events on the run's clock.
func (p *planner) move(i int) trace.Time {
	src := p.s.Sources[i]
	by := trace.Time(p.moved[src.Stage])
	if src.Clock != trace.ClockUnix {
		by += p.first() - p.s.Origin(i)
	}
	return by
}

// first returns the run's first GPU start on a known clock, else that of its
// first source.
func (p *planner) first() trace.Time {
	for _, i := range p.order {
		if p.s.Sources[i].Clock == trace.ClockUnix {
			return p.s.Origin(i)
		}
	}
	return p.s.Origin(p.order[0])
}

func label(src *analyze.Source) string {
	label := fmt.Sprintf("stage %d %s", src.Stage, src.StageName)
	if src.StageName == fmt.Sprintf("stage%d", src.Stage) {
		label = fmt.Sprintf("stage %d", src.Stage)
	}
	if src.Replica > 0 {
		label += fmt.Sprintf(" · replica %d", src.Replica)
	}
	return fmt.Sprintf("%s · rank %d", label, src.Rank)
}
