package diff

import (
	"cmp"
	"math/big"
	"slices"
	"strings"

	"omnitrace/analyze"
)

// A fineRow is a line of the ledger at its finest: one kernel in one phase. All
// tables are sums of fine rows, so they add up to the same totals.
type fineRow struct {
	Place
	sum    [2]figures // of all units of each side
	common [2]figures // of the units that have a counterpart
	work   int64      // new less base of the units that have none
	places [2]map[class]bool
}

type figures struct{ ns, count int64 }

func (f *figures) add(c cell) { f.ns += c.ns; f.count += c.count }

// fill builds the fine rows from the pairs.
func (c *comparison) fill() {
	c.assignRows()
	for _, p := range c.pairs {
		for side, u := range p.units() {
			if u == nil {
				continue
			}
			kind := class{stage: u.class.stage, phase: u.class.phase, kind: u.class.kind}
			for _, cell := range u.cells {
				r := c.fine[cell.row]
				r.sum[side].add(cell)
				r.places[side][kind] = true
				if p.link == Common {
					r.common[side].add(cell)
				} else {
					r.work += sign(side) * cell.ns
				}
			}
		}
	}
}

// sign is that of a side's figures in a delta.
func sign(side int) int64 { return int64(2*side - 1) }

// assignRows makes the fine rows and tells every cell its own. A place is a
// handful of strings, so each kernel of a phase is asked for its place once.
func (c *comparison) assignRows() {
	type kernelOf struct {
		side int
		scope
	}
	known := map[kernelOf][]int32{} // rows by kernel, counted from 1
	rows := map[Place]int32{}
	c.eachCell(func(side int, u *unit, cell *cell) {
		k := kernelOf{side, scope{u.class.stage, u.class.phase}}
		if known[k] == nil {
			known[k] = make([]int32, len(c.kernels.list))
		}
		row := &known[k][cell.kernel]
		if *row == 0 {
			place := c.place(side, u, cell.kernel)
			if rows[place] == 0 {
				c.fine = append(c.fine, &fineRow{Place: place, places: [2]map[class]bool{{}, {}}})
				rows[place] = int32(len(c.fine))
			}
			*row = rows[place]
		}
		cell.row = *row - 1
	})
	slices.SortFunc(c.fine, func(a, b *fineRow) int { return a.Place.compare(b.Place) })
	moved := make([]int32, len(c.fine))
	for i, r := range c.fine {
		moved[rows[r.Place]-1] = int32(i)
	}
	c.eachCell(func(_ int, _ *unit, cell *cell) { cell.row = moved[cell.row] })
}

func (c *comparison) eachCell(do func(side int, u *unit, cell *cell)) {
	for side, s := range c.sides {
		for _, u := range s.units {
			for i := range u.cells {
				do(side, u, &u.cells[i])
			}
		}
	}
}

// place returns the fine row that a kernel of a unit belongs to.
func (c *comparison) place(side int, u *unit, kernel int32) Place {
	k := &c.kernels.list[kernel]
	p := Place{Stage: u.class.stage, Phase: u.class.phase, Category: k.Category, Name: k.Name, Memory: k.Memory}
	if other, ok := c.renamed.of(side, u.class.stage, u.class.phase, kernel); ok {
		p.NewName = c.kernels.list[other].Name
		if side == 1 {
			p.Name, p.NewName = p.NewName, p.Name
		}
	}
	return p
}

func (p Place) compare(o Place) int {
	memory := 0
	if p.Memory != o.Memory {
		memory = 1
		if o.Memory {
			memory = -1
		}
	}
	return cmp.Or(cmp.Compare(p.Stage, o.Stage), cmp.Compare(p.Phase, o.Phase), memory, cmp.Compare(p.Category, o.Category),
		cmp.Compare(p.Name, o.Name), cmp.Compare(p.NewName, o.NewName))
}

// effects splits the change of common work into what durations and what
// numbers of launches contribute, in proportions that both sides agree about:
// launches are charged at the mean of the two sides' times for one.
func (r *fineRow) effects() (durations, launches int64) {
	b, n := r.common[0], r.common[1]
	delta := n.ns - b.ns
	switch {
	case b.count == n.count:
		return delta, 0
	case b.count == 0 || n.count == 0:
		return 0, delta
	}
	// (n.count − b.count) · (b.ns/b.count + n.ns/n.count) / 2, in one division
	mul := func(x, y int64) *big.Int { return new(big.Int).Mul(big.NewInt(x), big.NewInt(y)) }
	num := new(big.Int).Add(mul(b.ns, n.count), mul(n.ns, b.count))
	num.Mul(num, big.NewInt(n.count-b.count))
	launches = divide(num, mul(2*b.count, n.count))
	return delta - launches, launches
}

// divide returns a/b rounded to the nearest, halves away from zero, so that the
// quotient of -a is the opposite. b is positive.
func divide(a, b *big.Int) int64 {
	x := new(big.Int).Abs(a)
	x.Lsh(x, 1).Add(x, b)
	x.Quo(x, new(big.Int).Lsh(b, 1))
	if a.Sign() < 0 {
		x.Neg(x)
	}
	return x.Int64()
}

// A level is one table of the ledger: the part of a place that its rows keep.
type level struct {
	name, doc string
	keep      func(Place) (Place, bool)
	key       func(Place) string
}

var levels = []level{
	{"stages", "change of GPU time of each stage",
		func(p Place) (Place, bool) { return Place{Stage: p.Stage}, true },
		func(p Place) string { return key(p, false, false) }},
	{"phases", "change of GPU time of each phase",
		func(p Place) (Place, bool) { return Place{Stage: p.Stage, Phase: p.Phase}, true },
		func(p Place) string { return key(p, true, false) }},
	{"parts", "change of GPU time of each phase by sort of work",
		func(p Place) (Place, bool) { return Place{Stage: p.Stage, Phase: p.Phase, Category: p.Category}, true },
		func(p Place) string { return key(p, true, true) }},
	{"categories", "change of GPU time of each stage by sort of work; memory operations included",
		func(p Place) (Place, bool) { return Place{Stage: p.Stage, Category: p.Category}, true },
		func(p Place) string { return key(p, false, true) }},
	{"kernels", "change of each kernel of each stage",
		func(p Place) (Place, bool) { p.Phase = ""; return p, !p.Memory },
		func(p Place) string { return key(p, false, false) + "/kernel=" + p.names() }},
	{"memory", "change of copies and fills of each stage by direction",
		func(p Place) (Place, bool) { p.Phase = ""; return p, p.Memory },
		func(p Place) string { return key(p, false, false) + "/memory=" + p.names() }},
}

// unattributed is what rows are called that have no phase.
const unattributed = "(unattributed)"

func key(p Place, phase, category bool) string {
	var b strings.Builder
	b.WriteString("stage=")
	b.WriteString(itoa(p.Stage))
	if phase {
		b.WriteString("/phase=" + cmp.Or(p.Phase, unattributed))
	}
	if category {
		b.WriteString("/category=" + p.Category)
	}
	return b.String()
}

func (p Place) names() string {
	if p.NewName == "" {
		return p.Name
	}
	return p.Name + "→" + p.NewName
}

// table sums the fine rows up to a level.
func (c *comparison) table(l level) Table {
	t := Table{Name: l.name, Doc: l.doc}
	rows := map[Place]*ledgerRow{}
	var order []Place
	for _, f := range c.fine {
		p, ok := l.keep(f.Place)
		if !ok {
			continue
		}
		r := rows[p]
		if r == nil {
			r = &ledgerRow{Row: Row{Key: l.key(p), Place: p, StageName: c.names[p.Stage]}, places: [2]map[class]bool{{}, {}}}
			rows[p] = r
			order = append(order, p)
		}
		r.add(f)
	}
	for _, p := range order {
		r := rows[p]
		r.judge(c.evidence.of(l, p))
		t.Rows = append(t.Rows, r.Row)
	}
	switch l.name {
	case "kernels":
		markMoved(t.Rows, rows)
	case "stages", "phases":
		c.countWork(l, t.Rows)
	}
	adjust(t.Rows)
	for i := range t.Rows {
		t.Rows[i].State = t.Rows[i].settle(rows[t.Rows[i].Place])
	}
	rankRows(t.Rows)
	return t
}

// countWork fills in units and tokens.
func (c *comparison) countWork(l level, rows []Row) {
	index := map[Place]*Row{}
	for i := range rows {
		index[rows[i].Place] = &rows[i]
	}
	for side, s := range c.sides {
		for _, u := range s.units {
			p, _ := l.keep(Place{Stage: u.class.stage, Phase: u.class.phase})
			r := index[p]
			if r == nil {
				continue // a unit without any GPU work
			}
			tokens := int64(0)
			if u.class.kind == analyze.Pass {
				tokens = max(0, u.ContextTokens) + max(0, u.GenerationTokens)
			}
			if side == 0 {
				r.BaseWork, r.BaseTokens = r.BaseWork+1, r.BaseTokens+tokens
			} else {
				r.NewWork, r.NewTokens = r.NewWork+1, r.NewTokens+tokens
			}
		}
	}
}

// A ledgerRow is a row in the making.
type ledgerRow struct {
	Row
	common [2]figures
	uneven bool // a kernel of it is launched more or less often for the same work
	places [2]map[class]bool
}

func (r *ledgerRow) add(f *fineRow) {
	r.BaseNS += f.sum[0].ns
	r.NewNS += f.sum[1].ns
	r.DeltaNS += f.sum[1].ns - f.sum[0].ns
	r.BaseCount += f.sum[0].count
	r.NewCount += f.sum[1].count
	d, l := f.effects()
	r.DurationNS += d
	r.LaunchesNS += l
	r.WorkNS += f.work
	r.uneven = r.uneven || f.common[0].count != f.common[1].count
	for i := range r.places {
		r.common[i].ns += f.common[i].ns
		r.common[i].count += f.common[i].count
		for p := range f.places[i] {
			r.places[i][p] = true
		}
	}
}

// rankRows puts the largest change first, by size, and then the largest row.
func rankRows(rows []Row) {
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(abs(b.DeltaNS), abs(a.DeltaNS)),
			cmp.Compare(b.BaseNS+b.NewNS, a.BaseNS+a.NewNS), cmp.Compare(a.Key, b.Key))
	})
}

func abs(n int64) int64 { return max(n, -n) }
