package diff

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Gate is a condition that the new side must meet: no part that it names may
// have become slower by more than a threshold, per unit of work.
type Gate struct {
	Expression string // as the user wrote it
	// What it looks at; "" for all. A gate that names nothing looks at the
	// total and at every phase that is at least 1 % of the base's GPU time.
	Stage, Phase, Category, Kernel string
	Relative                       bool
	Ratio                          float64 // the threshold where Relative: 0.03 for 3 %
	NS                             int64   // the threshold otherwise, for one unit
}

// Named reports whether the gate names a part.
func (g *Gate) Named() bool { return g.Stage+g.Phase+g.Category+g.Kernel != "" }

// ParseGate reads [NAME=VALUE[,NAME=VALUE…]:]THRESHOLD, with the names stage,
// phase, category and kernel, and a threshold like 3% or what duration accepts.
func ParseGate(text string, duration func(string) (time.Duration, error)) (Gate, error) {
	g := Gate{Expression: text}
	threshold := text
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		threshold = text[i+1:]
		if err := g.parseNames(text[:i]); err != nil {
			return g, err
		}
	}
	threshold = strings.TrimSpace(threshold)
	if number, ok := strings.CutSuffix(threshold, "%"); ok {
		percent, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(percent >= 0) || math.IsInf(percent, 0) {
			return g, fmt.Errorf("gate %q: %q is not a percentage; write 3%%, 0.5ms or stage=talker:2%%", text, threshold)
		}
		g.Relative, g.Ratio = true, percent/100
		return g, nil
	}
	d, err := duration(threshold)
	if err != nil {
		return g, fmt.Errorf("gate %q: %w; or a percentage: 3%%", text, err)
	}
	g.NS = int64(d)
	return g, nil
}

func (g *Gate) parseNames(text string) error {
	targets := map[string]*string{"stage": &g.Stage, "phase": &g.Phase, "category": &g.Category, "kernel": &g.Kernel}
	for _, pair := range strings.Split(text, ",") {
		name, value, ok := strings.Cut(pair, "=")
		target := targets[strings.TrimSpace(name)]
		if !ok || target == nil || value == "" || *target != "" {
			return fmt.Errorf("gate %q: %q is not one of stage=…, phase=…, category=…, kernel=…, each once", g.Expression, pair)
		}
		*target = value
	}
	return nil
}

// A GateResult is what one gate says of one part.
type GateResult struct {
	Gate
	Key string // of the part: "total", "stage=0/phase=denoise"
	Place
	StageName string
	Outcome   Outcome
	Why       string // of undecided ones, one of the codes below
	Unit      string // what the figures are of: "step", "pass", "request"
	BaseUnits int
	NewUnits  int
	BaseNS    float64 // for one unit
	NewNS     float64
	Ratio     float64 // 0 where BaseNS is
	P         float64 // adjusted for all parts that gates look at
}

// An Outcome is what a gate found.
type Outcome string

// The outcomes.
const (
	Holds     Outcome = "holds"
	Fails     Outcome = "regressed"
	Undecided Outcome = "undecided"
)

// Why a gate is undecided.
const (
	WhyTooFew     = "too_few_units" // fewer than five comparable units on a side
	WhyNothing    = "no_such_part"  // neither side has it, or only one
	WhyDifferent  = "not_comparable"
	WhyLowCovered = "low_coverage" // what repeats is too small a part of it
)

// gateUnits is the number of comparable units a side that a gate needs.
const gateUnits = 5

// gateShare is the part of the base's GPU time that makes a phase worth a gate.
const gateShare = 0.01

// gates judges all gates. A part that several gates look at is tested once.
func (c *comparison) gates() {
	parts := map[string]*gatePart{}
	var tested []*Evidence
	of := map[int]*Evidence{} // by index in c.Gates
	for _, g := range c.o.Gates {
		for _, p := range c.gateParts(g) {
			if parts[p.key] == nil {
				parts[p.key] = &p
				if c.undecided(&p) == "" && !c.Identical {
					tested = append(tested, p.evidence)
				}
			}
			part := parts[p.key]
			if c.undecided(part) == "" && !c.Identical {
				of[len(c.Gates)] = part.evidence
			}
			c.Gates = append(c.Gates, c.gateResult(g, part))
		}
	}
	adjustAll(tested)
	for i, e := range of {
		r := &c.Gates[i]
		r.P = e.Adjusted
		if e.Significant && r.beyond() {
			r.Outcome = Fails
		}
	}
}

// undecided returns why nothing can be said about a part, "" if something can.
func (c *comparison) undecided(p *gatePart) string {
	e := p.evidence
	switch {
	case p.why == WhyNothing:
		return p.why
	case c.Identical:
		return ""
	case c.abstainsAll() != "":
		return c.abstainsAll()
	case e == nil:
		return cmp.Or(p.why, WhyTooFew)
	case min(e.BaseUnits, e.NewUnits) < gateUnits:
		return WhyTooFew
	case p.covered < leastCovered:
		return WhyLowCovered
	}
	return ""
}

// gateResult describes a part as a gate sees it before it is tested.
func (c *comparison) gateResult(g Gate, p *gatePart) GateResult {
	r := GateResult{Gate: g, Key: p.key, Place: p.Place, StageName: c.names[p.Stage], Outcome: Holds, Unit: p.unit}
	if r.Why = c.undecided(p); r.Why != "" {
		r.Outcome = Undecided
	}
	if e := p.evidence; e != nil && !c.Identical {
		r.BaseUnits, r.NewUnits = e.BaseUnits, e.NewUnits
		if r.Outcome == Holds {
			r.BaseNS, r.NewNS, r.Ratio = e.BaseUnitNS, e.NewUnitNS, e.Ratio
		}
	}
	return r
}

// beyond reports whether the part got slower by more than the threshold. What
// did not exist in base has no relative change: any time is beyond it.
func (r *GateResult) beyond() bool {
	switch {
	case r.NewNS <= r.BaseNS:
		return false
	case !r.Relative:
		return r.NewNS-r.BaseNS > float64(r.NS)
	case r.BaseNS == 0:
		return true
	}
	return r.Ratio > r.Gate.Ratio
}

// abstainsAll returns why no gate can be decided at all, "" if some may be.
func (c *comparison) abstainsAll() string {
	switch {
	case !c.Base.Complete || !c.New.Complete:
		return WhyIncomplete
	case c.Base.BusyNS == 0 || c.New.BusyNS == 0:
		return WhyEmpty
	case c.covered(0) < leastShared || c.covered(1) < leastShared:
		return WhyDifferent
	}
	return ""
}

// leastShared is the part of each side's time that must be in units whose like
// the other side has too. leastCovered is the part of a gate's time that must be
// in units that repeat.
const (
	leastShared  = 0.5
	leastCovered = 0.5
)

func (c *comparison) covered(side int) float64 {
	busy := []int64{c.Base.BusyNS, c.New.BusyNS}[side]
	common := []int64{c.Work.BaseCommonNS, c.Work.NewCommonNS}[side]
	if busy == 0 {
		return 0
	}
	return float64(common) / float64(busy)
}

// A gatePart is a part of the ledger as a gate sees it.
type gatePart struct {
	Place
	key, unit string
	evidence  *Evidence
	covered   float64 // part of its time that is in repeated units
	why       string
}

// gateParts returns the parts that a gate looks at.
func (c *comparison) gateParts(g Gate) []gatePart {
	if g.Named() {
		return c.namedParts(g)
	}
	parts := []gatePart{c.totalPart()}
	for _, p := range c.phases() {
		if p.Phase != "" && p.base > 0 && float64(p.base) >= gateShare*float64(c.Base.BusyNS) {
			parts = append(parts, c.part(levelNamed("phases"), p.Place))
		}
	}
	return parts
}

func levelNamed(name string) level {
	return levels[slices.IndexFunc(levels, func(l level) bool { return l.name == name })]
}

// namedParts returns the rows that a gate's names select, of the level that
// has all of its names.
func (c *comparison) namedParts(g Gate) []gatePart {
	name := "stages"
	switch {
	case g.Kernel != "":
		name = "kernels"
	case g.Category != "" && g.Phase != "":
		name = "parts"
	case g.Category != "":
		name = "categories"
	case g.Phase != "":
		name = "phases"
	}
	l := levelNamed(name)
	var parts []gatePart
	for _, r := range c.rows(l) {
		if g.selects(r.Place, c.names[r.Stage]) {
			parts = append(parts, c.part(l, r.Place))
		}
	}
	if len(parts) == 0 {
		return []gatePart{{Place: Place{Stage: -1}, key: "(none)", why: WhyNothing}}
	}
	slices.SortFunc(parts, func(a, b gatePart) int { return a.Place.compare(b.Place) })
	return parts
}

func (g *Gate) selects(p Place, stageName string) bool {
	return (g.Stage == "" || g.Stage == stageName || g.Stage == itoa(p.Stage)) &&
		(g.Phase == "" || g.Phase == p.Phase) && (g.Category == "" || g.Category == p.Category) &&
		(g.Kernel == "" || strings.Contains(p.Name, g.Kernel) || strings.Contains(p.NewName, g.Kernel))
}

func itoa(n int) string { return strconv.Itoa(n) }
