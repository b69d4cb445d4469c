package diff

import (
	"cmp"
	"fmt"
	"slices"

	"omnitrace/analyze"
)

// A Link says what two units are to each other.
type Link string

// The links.
const (
	Common   Link = "common"    // the same work
	Switched Link = "switched"  // a step that one side computes and the other takes from a cache
	OnlyBase Link = "only_base" // nothing like it on the other side
	OnlyNew  Link = "only_new"
)

// A pair sets a unit against its counterpart; nil for none.
type pair struct {
	base, new *unit
	link      Link
	// alike says that the requests of both have as many steps: only then does a
	// cached step replace a computed one.
	alike bool
}

func (p pair) units() [2]*unit { return [2]*unit{p.base, p.new} }

// any returns the base's unit, or the other where there is none.
func (p pair) any() *unit {
	if p.base != nil {
		return p.base
	}
	return p.new
}

// match pairs the units of both sides: requests with requests of the same
// shape, then steps and parts within them; passes by what they compute.
func (c *comparison) match() {
	base, new := c.sides[0].requests(), c.sides[1].requests()
	for _, p := range matchRequests(base, new) {
		c.matchSteps(p[0].steps(), p[1].steps())
		c.matchInOrder(p[0].rest(), p[1].rest())
	}
	// What is left, in requests without a counterpart too, may still be alike.
	c.matchInOrder(c.sides[0].units, c.sides[1].units)
	for i, link := range []Link{OnlyBase, OnlyNew} {
		for _, u := range c.sides[i].units {
			if u.paired {
				continue
			}
			p := pair{link: link}
			if i == 0 {
				p.base = u
			} else {
				p.new = u
			}
			c.pairs = append(c.pairs, p)
		}
	}
}

func (c *comparison) pair(base, new *unit, link Link) {
	base.paired, new.paired = true, true
	c.pairs = append(c.pairs, pair{base: base, new: new, link: link})
}

// A request is the units of one request of one run.
type request struct {
	shape string // stage, and how many units it has of each class
	units []*unit
}

func (r *request) steps() []*unit {
	return slices.DeleteFunc(slices.Clone(r.units), func(u *unit) bool { return !u.class.isStep() })
}

func (r *request) rest() []*unit {
	return slices.DeleteFunc(slices.Clone(r.units), func(u *unit) bool { return u.class.isStep() })
}

// requests returns the requests of a side in the order of its runs.
func (s *side) requests() []*request {
	type key struct{ run, stage, replica, request int }
	found := map[key]*request{}
	var all []*request
	for _, u := range s.units {
		if u.Request < 0 {
			continue
		}
		k := key{u.run, u.class.stage, u.Replica, u.Request}
		if found[k] == nil {
			found[k] = &request{}
			all = append(all, found[k])
		}
		found[k].units = append(found[k].units, u)
	}
	for _, r := range all {
		r.shape = shapeOf(r.units)
	}
	return all
}

// shapeOf describes a request by its stage and the number of its steps: cached
// and computed ones together, so that a request with a cache meets the same one
// without.
func shapeOf(units []*unit) string {
	steps := map[string]int{}
	for _, u := range units {
		if u.class.isStep() {
			steps[u.class.phase]++
		}
	}
	return fmt.Sprint(units[0].class.stage, units[0].class.name, steps) // maps print sorted
}

// matchRequests pairs requests of the same shape in their order, and then what
// is left of the same stage.
func matchRequests(base, new []*request) [][2]*request {
	var pairs [][2]*request
	taken := map[*request]bool{}
	match := func(key func(*request) string) {
		waiting := map[string][]*request{}
		for _, r := range new {
			if !taken[r] {
				waiting[key(r)] = append(waiting[key(r)], r)
			}
		}
		for _, r := range base {
			k := key(r)
			if taken[r] || len(waiting[k]) == 0 {
				continue
			}
			pairs = append(pairs, [2]*request{r, waiting[k][0]})
			taken[r], taken[waiting[k][0]] = true, true
			waiting[k] = waiting[k][1:]
		}
	}
	match(func(r *request) string { return r.shape })
	match(func(r *request) string { return fmt.Sprint(r.units[0].class.stage, r.units[0].class.name) })
	return pairs
}

// matchSteps pairs the steps of two requests: those of one class at the same
// place, then those at the same place of which one is cached, then those of
// one class at the same distance from the end (the last step is often like no
// other), then those of one class in their order.
func (c *comparison) matchSteps(base, new []*unit) {
	rounds := []struct {
		link  Link
		place func(steps int, u *unit) int
		fits  func(a, b class) bool
	}{
		{Common, fromStart, sameClass},
		{Switched, fromStart, switched},
		{Common, fromEnd, sameClass},
	}
	for _, r := range rounds {
		at := map[int][]*unit{}
		for _, b := range new {
			place := r.place(len(new), b)
			at[place] = append(at[place], b)
		}
		for _, a := range base {
			for _, b := range at[r.place(len(base), a)] {
				if !a.paired && !b.paired && r.fits(a.class, b.class) {
					c.pair(a, b, r.link)
					c.pairs[len(c.pairs)-1].alike = len(base) == len(new)
				}
			}
		}
	}
	c.matchInOrder(base, new)
}

func fromStart(_ int, u *unit) int   { return u.Step }
func fromEnd(steps int, u *unit) int { return steps - u.Step }
func sameClass(a, b class) bool      { return a == b }

// switched reports whether two classes differ in nothing but one being cached.
func switched(a, b class) bool {
	if (a.kind == analyze.CachedStep) == (b.kind == analyze.CachedStep) {
		return false
	}
	a.kind, b.kind, a.forwards, b.forwards, a.expert, b.expert = "", "", 0, 0, 0, 0
	return a == b
}

// matchInOrder pairs units of the same class in their order.
func (c *comparison) matchInOrder(base, new []*unit) {
	waiting := map[class][]*unit{}
	for _, u := range new {
		if !u.paired {
			waiting[u.class] = append(waiting[u.class], u)
		}
	}
	for _, u := range base {
		if w := waiting[u.class]; !u.paired && len(w) > 0 {
			c.pair(u, w[0], Common)
			waiting[u.class] = w[1:]
		}
	}
}

// sortPairs puts the pairs in the order of the pipeline.
func (c *comparison) sortPairs() {
	slices.SortStableFunc(c.pairs, func(x, y pair) int {
		a, b := x.any(), y.any()
		return cmp.Or(cmp.Compare(a.class.stage, b.class.stage), cmp.Compare(a.run, b.run), cmp.Compare(a.Replica, b.Replica),
			cmp.Compare(a.Request, b.Request), cmp.Compare(a.Iteration, b.Iteration), cmp.Compare(a.Step, b.Step), a.class.compare(b.class))
	})
}
