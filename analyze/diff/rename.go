package diff

import (
	"cmp"
	"maps"
	"slices"

	"omnitrace/analyze"
)

// renames says which kernel took the place of which, by phase. Names of kernels
// are not stable: autotuning picks other tiles, Triton hashes its source,
// template arguments follow shapes. What is stable is the place in a unit's
// sequence, the sort of work, and often the launch shape.
type renames map[renameKey]int32

type renameKey struct {
	side   int // of kernel
	stage  int
	phase  string
	kernel int32
}

// of returns the kernel of the other side that stands in a kernel's place.
func (r renames) of(side, stage int, phase string, kernel int32) (int32, bool) {
	other, ok := r[renameKey{side, stage, phase, kernel}]
	return other, ok
}

// A scope is one phase of one stage: kernels are looked for nowhere else.
type scope struct {
	stage int
	phase string
}

// A swap is two kernels that may be the same one under two names.
type swap struct{ base, new int32 }

// rename finds the kernels that have another name on the other side.
func (c *comparison) rename() {
	c.renamed = renames{}
	alone := c.alone()
	votes := map[scope]map[swap]int{}
	for _, class := range c.sequenced() {
		s := scope{class.stage, class.phase}
		if len(alone[0][s]) == 0 || len(alone[1][s]) == 0 {
			continue
		}
		if votes[s] == nil {
			votes[s] = map[swap]int{}
		}
		base, new := c.sides[0].sequence(class), c.sides[1].sequence(class)
		c.align(base, new, func(x, y int32) {
			if alone[0][s][x] && alone[1][s][y] {
				votes[s][swap{x, y}]++
			}
		})
	}
	for s := range alone[0] {
		c.elect(s, votes[s])
		c.byShape(s, alone[0][s], alone[1][s])
	}
}

// alone returns, for each side, the kernels of each phase that only it has.
func (c *comparison) alone() [2]map[scope]map[int32]bool {
	var has [2]map[scope]map[int32]bool
	for i, side := range c.sides {
		has[i] = map[scope]map[int32]bool{}
		for _, u := range side.units {
			s := scope{u.class.stage, u.class.phase}
			if has[i][s] == nil {
				has[i][s] = map[int32]bool{}
			}
			for _, cell := range u.cells {
				has[i][s][cell.kernel] = true
			}
		}
	}
	var alone [2]map[scope]map[int32]bool
	for i := range has {
		alone[i] = map[scope]map[int32]bool{}
		for s, kernels := range has[i] {
			alone[i][s] = map[int32]bool{}
			for k := range kernels {
				if !has[1-i][s][k] {
					alone[i][s][k] = true
				}
			}
		}
	}
	return alone
}

// sequenced returns the classes of which both sides have kept a sequence.
func (c *comparison) sequenced() []class {
	has := [2]map[class]bool{{}, {}}
	for i, s := range c.sides {
		for _, u := range s.units {
			if u.sequence != nil {
				has[i][u.class] = true
			}
		}
	}
	maps.DeleteFunc(has[0], func(k class, _ bool) bool { return !has[1][k] })
	return slices.SortedFunc(maps.Keys(has[0]), class.compare)
}

func (s *side) sequence(k class) []int32 {
	for _, u := range s.units {
		if u.class == k && u.sequence != nil {
			return u.sequence
		}
	}
	return nil
}

// largestAlignment bounds the product of the lengths of two sequences.
const largestAlignment = 1 << 24

// align calls yield with the kernels that stand at the same place of two
// sequences, by the alignment that makes most of them alike.
func (c *comparison) align(base, new []int32, yield func(base, new int32)) {
	if slices.Compare(base, new) > 0 { // one alignment, whichever side is first
		c.align(new, base, func(x, y int32) { yield(y, x) })
		return
	}
	for len(base) > 0 && len(new) > 0 && base[0] == new[0] {
		base, new = base[1:], new[1:]
	}
	for len(base) > 0 && len(new) > 0 && base[len(base)-1] == new[len(new)-1] {
		base, new = base[:len(base)-1], new[:len(new)-1]
	}
	if len(base)*len(new) > largestAlignment {
		return
	}
	moves := c.score(base, new)
	for i, j := len(base), len(new); i > 0 && j > 0; {
		switch moves[i*(len(new)+1)+j] {
		case both:
			i, j = i-1, j-1
			yield(base[i], new[j])
		case skipBase:
			i--
		default:
			j--
		}
	}
}

// Moves of an alignment.
const (
	skipNew uint8 = iota
	skipBase
	both
)

// score fills the table of the best last move for all pairs of beginnings.
func (c *comparison) score(base, new []int32) []uint8 {
	width := len(new) + 1
	moves := make([]uint8, (len(base)+1)*width)
	last, row := make([]int32, width), make([]int32, width)
	for i := 1; i <= len(base); i++ {
		for j := 1; j <= len(new); j++ {
			best, move := row[j-1], skipNew
			if last[j] > best {
				best, move = last[j], skipBase
			}
			if like := c.likeness(base[i-1], new[j-1]); like > 0 && last[j-1]+like >= best {
				best, move = last[j-1]+like, both
			}
			row[j], moves[i*width+j] = best, move
		}
		last, row = row, last
		row[0] = 0
	}
	return moves
}

// likeness says how well two kernels would be the same one, 0 for not at all.
func (c *comparison) likeness(x, y int32) int32 {
	a, b := &c.kernels.list[x], &c.kernels.list[y]
	switch {
	case x == y:
		return 8
	case a.Memory != b.Memory || a.Category != b.Category:
		return 0
	case a.Name == b.Name:
		return 4
	case sameShape(a, b):
		return 3
	}
	return 2
}

func sameShape(a, b *analyze.KernelSample) bool {
	return a.Grid == b.Grid && a.Block == b.Block && a.Grid != [3]int32{}
}

// elect makes renames of the swaps that are each other's most frequent.
func (c *comparison) elect(s scope, votes map[swap]int) {
	order := slices.SortedFunc(maps.Keys(votes), func(x, y swap) int {
		return cmp.Or(cmp.Compare(votes[y], votes[x]),
			cmp.Compare(c.likeness(y.base, y.new), c.likeness(x.base, x.new)),
			cmp.Compare(min(x.base, x.new), min(y.base, y.new)), cmp.Compare(max(x.base, x.new), max(y.base, y.new)))
	})
	taken := [2]map[int32]bool{{}, {}}
	for _, w := range order {
		if !taken[0][w.base] && !taken[1][w.new] {
			c.swap(s, w)
		}
		taken[0][w.base], taken[1][w.new] = true, true
	}
}

// swap notes that one kernel took the place of another. Those that differ in
// launch shape alone share a row anyway.
func (c *comparison) swap(s scope, w swap) {
	if c.kernels.list[w.base].Name == c.kernels.list[w.new].Name {
		return
	}
	c.renamed[renameKey{0, s.stage, s.phase, w.base}] = w.new
	c.renamed[renameKey{1, s.stage, s.phase, w.new}] = w.base
}

// byShape pairs kernels that no sequence shows, where category and launch
// shape leave exactly one candidate on each side.
func (c *comparison) byShape(s scope, base, new map[int32]bool) {
	type look struct {
		category    string
		grid, block [3]int32
	}
	candidates := [2]map[look][]int32{{}, {}}
	for side, kernels := range []map[int32]bool{base, new} {
		for k := range kernels {
			kernel := &c.kernels.list[k]
			if _, done := c.renamed.of(side, s.stage, s.phase, k); !done && !kernel.Memory && kernel.Grid != [3]int32{} {
				l := look{kernel.Category, kernel.Grid, kernel.Block}
				candidates[side][l] = append(candidates[side][l], k)
			}
		}
	}
	for l, x := range candidates[0] {
		if y := candidates[1][l]; len(x) == 1 && len(y) == 1 {
			c.swap(s, swap{x[0], y[0]})
		}
	}
}
