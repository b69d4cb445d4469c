package diff

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"omnitrace/analyze"
)

// describeWork sums up which work is common, and what the sides' workloads are.
func (c *comparison) describeWork() {
	w := &c.Work
	lists := map[Link]*[]WorkRow{Common: &w.Common, Switched: &w.Switched, OnlyBase: &w.OnlyBase, OnlyNew: &w.OnlyNew}
	type sort struct {
		link         Link
		stage        int
		phase, kinds string
	}
	rows := map[sort]int{}
	for _, p := range c.pairs {
		u := p.any()
		k := sort{p.link, u.class.stage, u.class.phase, u.class.kind}
		list := lists[p.link]
		i, ok := rows[k]
		if !ok {
			i = len(*list)
			rows[k] = i
			*list = append(*list, WorkRow{Place: Place{Stage: u.class.stage, Phase: u.class.phase}, StageName: c.names[u.class.stage], Kind: u.class.kind})
		}
		r := &(*list)[i]
		r.Units++
		if p.base != nil {
			r.BaseNS += p.base.ns
		}
		if p.new != nil {
			r.NewNS += p.new.ns
		}
	}
	c.measureCommon()
	c.sign()
	for _, p := range c.resizedPhases() {
		w.Signature = append(w.Signature, Difference{
			What: "launch shapes of " + cmp.Or(p.Phase, unattributed) + " in stage " + itoa(p.Stage),
			Base: "one size", New: "another size", Work: true,
		})
	}
	c.measureSavings()
}

// measureSavings estimates what caches spared each side, by phase. The computed
// steps of both sides say what a step costs: a side may have computed none.
func (c *comparison) measureSavings() {
	type sums struct {
		computed []int64
		cached   [2][]int64
	}
	phases := map[scope]*sums{}
	for side, s := range c.sides {
		for _, u := range s.units {
			if !u.class.isStep() {
				continue
			}
			k := scope{u.class.stage, u.class.phase}
			if phases[k] == nil {
				phases[k] = &sums{}
			}
			if u.class.kind == analyze.CachedStep {
				phases[k].cached[side] = append(phases[k].cached[side], u.ns)
			} else {
				phases[k].computed = append(phases[k].computed, u.ns)
			}
		}
	}
	for k, s := range phases {
		if len(s.cached[0])+len(s.cached[1]) == 0 || len(s.computed) == 0 {
			continue
		}
		saved := func(side int) float64 {
			return float64(len(s.cached[side])) * (median(s.computed) - median(s.cached[side]))
		}
		c.Work.Savings = append(c.Work.Savings, Saving{
			Place: Place{Stage: k.stage, Phase: k.phase}, StageName: c.names[k.stage],
			BaseSteps: len(s.cached[0]), NewSteps: len(s.cached[1]), BaseSavedNS: saved(0), NewSavedNS: saved(1),
		})
	}
	slices.SortFunc(c.Work.Savings, func(a, b Saving) int { return a.Place.compare(b.Place) })
}

// measureCommon adds up each side's time in classes that the other side has.
func (c *comparison) measureCommon() {
	has := [2]map[class]bool{{}, {}}
	for i, s := range c.sides {
		for _, u := range s.units {
			has[i][u.class] = true
		}
	}
	sums := []*int64{&c.Work.BaseCommonNS, &c.Work.NewCommonNS}
	cached := map[*unit]bool{}
	for _, p := range c.pairs {
		if p.link == Switched {
			cached[p.base], cached[p.new] = true, true
		}
	}
	for i, s := range c.sides {
		for _, u := range s.units {
			if c.resized[scope{u.class.stage, u.class.phase}] {
				continue
			}
			if has[1-i][u.class] || cached[u] {
				*sums[i] += u.ns
			}
		}
	}
}

// sign compares the sides' signatures: what was asked of them, and on what.
func (c *comparison) sign() {
	var signed [2]signature
	names := map[string]bool{}
	for i := range c.sides {
		signed[i] = c.signature(&c.sides[i])
		for name := range signed[i] {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		base, new := signed[0][name], signed[1][name]
		c.Work.Signature = append(c.Work.Signature, Difference{
			What: cmp.Or(base.what, new.what), Base: cmp.Or(base.value, none), New: cmp.Or(new.value, none), Work: base.work || new.work,
		})
	}
}

const none = "none"

// A signature is what tells a workload from another, by the order in which it
// is shown.
type signature map[string]trait

type trait struct {
	what, value string
	work        bool
}

func (c *comparison) signature(s *side) signature {
	g := signature{}
	add := func(rank int, what string, work bool, values ...string) {
		g[fmt.Sprintf("%02d %s", rank, what)] = trait{what, strings.Join(values, ", "), work}
	}
	d := s.describe()
	add(0, "runs", false, itoa(len(s.runs)))
	add(1, "GPU", false, d.GPUs...)
	add(2, "profiler", false, d.Tools...)
	var stages, models []string
	settings := map[string][]string{}
	for _, r := range s.runs {
		models = append(models, r.Model)
		for k, v := range r.Settings {
			settings[k] = append(settings[k], v)
		}
		for _, st := range r.Stages {
			n := c.stage(st.Stage)
			stages = append(stages, fmt.Sprintf("%d %s", n, c.names[n]))
			add(20+n, "ranks of stage "+itoa(n), true, fmt.Sprintf("%d in %d replicas", st.Ranks, st.Replicas))
		}
	}
	add(3, "model", false, distinct(models)...)
	for k, v := range settings {
		add(4, k, false, distinct(v)...)
	}
	add(10, "stages", true, distinct(stages)...)
	s.signUnits(add)
	return g
}

// signUnits adds what the stages did.
func (s *side) signUnits(add func(int, string, bool, ...string)) {
	steps := map[int]map[string]int{} // number of requests by the shape of their steps
	for _, r := range s.requests() {
		stage := r.units[0].class.stage
		if shape := stepShape(r.steps()); shape != "" {
			if steps[stage] == nil {
				steps[stage] = map[string]int{}
			}
			steps[stage][shape]++
		}
	}
	for stage, shapes := range steps {
		add(20+stage, "requests × steps of stage "+itoa(stage), true, counted(shapes)...)
	}
	passes := map[int]map[string]int{}
	for _, u := range s.units {
		if u.class.kind == analyze.Pass {
			if passes[u.class.stage] == nil {
				passes[u.class.stage] = map[string]int{}
			}
			passes[u.class.stage][passShape(u)]++
		}
	}
	for stage, shapes := range passes {
		add(20+stage, "passes of stage "+itoa(stage), true, counted(shapes)...)
	}
}

func stepShape(steps []*unit) string {
	if len(steps) == 0 {
		return ""
	}
	cached, forwards := 0, map[int]bool{}
	for _, u := range steps {
		if u.class.kind == analyze.CachedStep {
			cached++
		} else {
			forwards[u.class.forwards] = true
		}
	}
	text := itoa(len(steps)) + " steps"
	if cached > 0 {
		text += " (" + itoa(cached) + " cached)"
	}
	for _, n := range slices.Sorted(maps.Keys(forwards)) {
		if n > 0 {
			text += " of " + itoa(n) + " calls"
		}
	}
	return text
}

func passShape(u *unit) string {
	c := u.class
	text := cmp.Or(c.phase, unattributed)
	if c.contextTokens > 0 {
		text += fmt.Sprintf(" of %d prompt tokens", c.contextTokens)
	}
	if c.generationRequests > 1 {
		text += fmt.Sprintf(" of %d requests", c.generationRequests)
	}
	return text
}

// counted lists shapes with how often each occurs.
func counted(shapes map[string]int) []string {
	var all []string
	for _, s := range slices.Sorted(maps.Keys(shapes)) {
		all = append(all, fmt.Sprintf("%d × %s", shapes[s], s))
	}
	return all
}

func distinct(values []string) []string {
	all := slices.Sorted(slices.Values(values))
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}
