package diff

import (
	"fmt"
	"maps"
	"slices"
)

// The grid of most kernels follows the size of what they work on. Where both
// sides run the same kernels and hardly any of them in a grid that the other
// side uses too, the sides work on something else: another resolution, batch or
// length. Steps of that are no equal work, however many there are.

// leastAlike is the part of the launches of kernels that both sides have whose
// launch shape the other side must have too. Autotuning and lengths that grow
// change a few shapes, another size changes nearly all.
const leastAlike = 0.5

// enoughLaunches is how many there must be for that to mean anything.
const enoughLaunches = 8

// compareShapes finds the phases whose common units work on other sizes.
func (c *comparison) compareShapes() {
	c.resized = map[scope]bool{}
	if c.otherRanks() {
		return // tensor parallelism changes all shapes of the same work
	}
	launches := [2]map[scope]map[int32]int64{{}, {}}
	for _, p := range c.pairs {
		if p.link != Common {
			continue
		}
		for side, u := range p.units() {
			s := scope{u.class.stage, u.class.phase}
			if launches[side][s] == nil {
				launches[side][s] = map[int32]int64{}
			}
			for _, cell := range u.cells {
				if k := &c.kernels.list[cell.kernel]; !k.Memory && k.Grid != [3]int32{} {
					launches[side][s][cell.kernel] += cell.count
				}
			}
		}
	}
	for s := range launches[0] {
		base, ok1 := c.alike(launches[0][s], launches[1][s])
		new, ok2 := c.alike(launches[1][s], launches[0][s])
		if ok1 && ok2 && min(base, new) < leastAlike {
			c.resized[s] = true
		}
	}
}

// alike returns the part of the launches, of kernels whose name the other side
// has, that are in a launch shape that it has.
func (c *comparison) alike(own, other map[int32]int64) (float64, bool) {
	names := map[string]bool{}
	for k := range other {
		names[c.kernels.list[k].Name] = true
	}
	same, all := int64(0), int64(0)
	for k, n := range own {
		if !names[c.kernels.list[k].Name] {
			continue
		}
		all += n
		if other[k] > 0 {
			same += n
		}
	}
	return float64(same) / float64(max(1, all)), all >= enoughLaunches
}

func (c *comparison) otherRanks() bool {
	var ranks [2]map[string]bool
	for i, s := range c.sides {
		ranks[i] = map[string]bool{}
		for _, run := range s.runs {
			for _, st := range run.Stages {
				ranks[i][fmt.Sprint(c.stage(st.Stage), st.Ranks/max(1, st.Replicas))] = true
			}
		}
	}
	return !maps.Equal(ranks[0], ranks[1])
}

// resizedPhases lists the phases that work on other sizes.
func (c *comparison) resizedPhases() []Place {
	var all []Place
	for s := range c.resized {
		all = append(all, Place{Stage: s.stage, Phase: s.phase})
	}
	slices.SortFunc(all, Place.compare)
	return all
}
