package diff

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"omnitrace/analyze"
)

// Options say what to look for.
type Options struct {
	// MinEffect is the smallest change that the verdict speaks of, as a part of
	// the base's time of a phase; 0 means [DefaultMinEffect].
	MinEffect float64
	Gates     []Gate
	// Same says that nothing changed between the sides: what is found is noise.
	Same bool
}

// DefaultMinEffect is 1 %.
const DefaultMinEffect = 0.01

// Compare compares the runs of two sides. Runs must have passed
// [analyze.Samples.Check]; a side without runs is one that did nothing.
func Compare(base, new []*analyze.Samples, o Options) *Result {
	if o.MinEffect == 0 {
		o.MinEffect = DefaultMinEffect
	}
	c := &comparison{o: o, sides: [2]side{{runs: base}, {runs: new}}}
	c.Same = o.Same
	c.respell()
	c.takeApart()
	c.Base, c.New = c.sides[0].describe(), c.sides[1].describe()
	c.Identical = identical(base, new)
	c.match()
	c.sortPairs()
	c.compareShapes()
	c.describeWork()
	c.rename()
	c.fill()
	c.gather()
	c.total()
	for _, l := range levels {
		c.Tables = append(c.Tables, c.table(l))
	}
	c.Tables = append(c.Tables, c.unitTable("steps"), c.unitTable("iterations"), c.idleTable())
	c.measureNoise()
	c.changes()
	c.fall()
	c.gates()
	c.judge()
	c.warn()
	return &c.Result
}

// identical reports whether the sides are the same recordings.
func identical(base, new []*analyze.Samples) bool {
	digests := func(runs []*analyze.Samples) []string {
		var all []string
		for _, r := range runs {
			all = append(all, r.Digest)
		}
		slices.Sort(all)
		return all
	}
	return len(base) > 0 && slices.Equal(digests(base), digests(new))
}

func (s *side) describe() Side {
	d := Side{Complete: true, Runs: len(s.runs), Units: len(s.units), Labels: []string{}}
	for _, r := range s.runs {
		d.Labels = append(d.Labels, r.Label)
		d.GPUs = append(d.GPUs, r.GPUs...)
		d.Tools = append(d.Tools, r.Tools...)
		d.Complete = d.Complete && r.Complete
		d.BusyNS += r.Totals.BusyNS
	}
	for _, list := range []*[]string{&d.GPUs, &d.Tools} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return d
}

// total fills in the totals.
func (c *comparison) total() {
	t := &c.Totals
	t.BaseNS, t.NewNS = c.Base.BusyNS, c.New.BusyNS
	t.DeltaNS = t.NewNS - t.BaseNS
	for _, f := range c.fine {
		d, l := f.effects()
		t.DurationNS += d
		t.LaunchesNS += l
		t.WorkNS += f.work
	}
	t.BaseIdleNS, t.BaseSpanNS = c.sides[0].idle()
	t.NewIdleNS, t.NewSpanNS = c.sides[1].idle()
	t.IdleDeltaNS = t.NewIdleNS - t.BaseIdleNS
}

func (s *side) idle() (idle int64, span *int64) {
	sum, known := int64(0), true
	for _, r := range s.runs {
		idle += r.Totals.IdleNS
		if r.Totals.SpanNS == nil {
			known = false
			continue
		}
		sum += *r.Totals.SpanNS
	}
	if known {
		span = &sum
	}
	return idle, span
}

// rows returns the rows of a level's table.
func (c *comparison) rows(l level) []Row {
	for _, t := range c.Tables {
		if t.Name == l.name {
			return t.Rows
		}
	}
	return nil
}

// measureNoise sums up, for each stage, what its runs differ by by themselves.
func (c *comparison) measureNoise() {
	byStage := map[int]*Noise{}
	var order []int
	for _, r := range c.rows(levelNamed("phases")) {
		s := c.evidence.levels["phases"][r.Place]
		if s == nil {
			continue
		}
		n := byStage[r.Stage]
		if n == nil {
			n = &Noise{Stage: r.Stage, Drift: c.evidence.drift[r.Stage], Repeats: max(len(c.sides[0].runs), len(c.sides[1].runs))}
			byStage[r.Stage] = n
			order = append(order, r.Stage)
		}
		n.Within = max(n.Within, within(c.evidence.strata, *s))
		n.Between = max(n.Between, between(c.evidence.strata, *s))
		if e := r.Evidence; e != nil {
			n.Sides = max(n.Sides, math.Abs(relative(e.BaseUnitNS, e.NewUnitNS)))
		}
	}
	slices.Sort(order)
	for _, stage := range order {
		c.Noise = append(c.Noise, *byStage[stage])
	}
}

// warn adds what a reader of the numbers must know.
func (c *comparison) warn() {
	add := func(code, message string) {
		c.Warnings = append(c.Warnings, analyze.Warning{Code: code, Message: message})
	}
	for i, s := range []*Side{&c.Base, &c.New} {
		name := []string{"base", "new"}[i]
		if s.Runs == 0 || s.BusyNS == 0 {
			add("no_gpu_events", name+" has no GPU work")
		}
		if !s.Complete {
			add("incomplete", name+" is not complete: a trace was cut short, so its times may be low; gates abstain")
		}
	}
	if !slices.Equal(c.Base.Tools, c.New.Tools) && c.Base.Runs > 0 && c.New.Runs > 0 {
		add("across_tools", c.acrossTools())
	}
	if !slices.Equal(c.Base.GPUs, c.New.GPUs) && len(c.Base.GPUs) > 0 && len(c.New.GPUs) > 0 {
		add("other_gpu", fmt.Sprintf("the sides ran on different GPUs: %v and %v", c.Base.GPUs, c.New.GPUs))
	}
}

// acrossTools says what two profilers have in common, and what only one of them
// has seen.
func (c *comparison) acrossTools() string {
	var kernels, memory [2]int64
	for side := range c.sides {
		for _, u := range c.sides[side].units {
			for _, cell := range u.cells {
				if c.kernels.list[cell.kernel].Memory {
					memory[side] += cell.count
				} else {
					kernels[side] += cell.count
				}
			}
		}
	}
	return fmt.Sprintf("the sides were recorded by different profilers (%s and %s), with %s and %s: what one of them does not see, or costs, shows as a change",
		strings.Join(c.Base.Tools, ", "), strings.Join(c.New.Tools, ", "), counts("kernels", kernels), counts("copies and fills", memory))
}

func counts(what string, n [2]int64) string {
	if n[0] == n[1] {
		return fmt.Sprintf("%d %s each", n[0], what)
	}
	return fmt.Sprintf("%d and %d %s", n[0], n[1], what)
}
