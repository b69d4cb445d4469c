package diff

import (
	"cmp"
	"slices"
)

// explained is the part of all changes that the waterfall shows piece by
// piece, in hundredths.
const explained = 90

// fall breaks the total change into pieces: for each phase and category what
// durations and numbers of launches contribute, and what work only one side
// did. The largest are kept until they explain most of it, and the rest is one
// piece, so that all add up to the total.
func (c *comparison) fall() {
	pieces := append(c.speedPieces(), c.workPieces()...)
	slices.SortStableFunc(pieces, func(a, b Piece) int {
		return cmp.Or(cmp.Compare(abs(b.DeltaNS), abs(a.DeltaNS)), a.Place.compare(b.Place), cmp.Compare(a.Effect, b.Effect), cmp.Compare(a.Kind, b.Kind))
	})
	all := int64(0)
	for _, p := range pieces {
		all += abs(p.DeltaNS)
	}
	shown := int64(0)
	for i, p := range pieces {
		if shown >= all/100*explained && shown > 0 {
			rest := Piece{Place: Place{Stage: -1}, Effect: "rest", Rows: len(pieces) - i}
			for _, p := range pieces[i:] {
				rest.DeltaNS += p.DeltaNS
			}
			c.Waterfall = append(c.Waterfall, rest)
			return
		}
		shown += abs(p.DeltaNS)
		c.Waterfall = append(c.Waterfall, p)
	}
}

func (c *comparison) speedPieces() []Piece {
	var pieces []Piece
	for _, r := range c.rows(levelNamed("parts")) {
		p := Piece{Place: r.Place, StageName: r.StageName}
		if r.DurationNS != 0 {
			p.Effect, p.DeltaNS = "durations", r.DurationNS
			p.Known = r.Evidence != nil && r.Evidence.Significant
			pieces = append(pieces, p)
		}
		if r.LaunchesNS != 0 {
			p.Effect, p.DeltaNS, p.Known = "launches", r.LaunchesNS, true
			pieces = append(pieces, p)
		}
	}
	return pieces
}

// workPieces returns a piece for each sort of unit that only one side has, and
// one for the steps of a phase of which one side computes and the other does
// not.
func (c *comparison) workPieces() []Piece {
	type sort struct {
		Place
		effect, kind string
	}
	sums := map[sort]*Piece{}
	var order []*Piece
	for _, p := range c.pairs {
		if p.link == Common {
			continue
		}
		u := p.any()
		s := sort{Place{Stage: u.class.stage, Phase: u.class.phase}, "work", u.class.kind}
		if p.link == Switched {
			s.effect, s.kind = "cache", ""
		}
		piece := sums[s]
		if piece == nil {
			piece = &Piece{Place: s.Place, StageName: c.names[s.Stage], Effect: s.effect, Kind: s.kind, Known: true}
			sums[s] = piece
			order = append(order, piece)
		}
		for side, u := range p.units() {
			if u == nil {
				continue
			}
			piece.DeltaNS += sign(side) * u.ns
			if p.link != Switched || u.class.kind == "cached" {
				piece.Units += int(sign(side))
			}
		}
	}
	var pieces []Piece
	for _, p := range order {
		if p.DeltaNS != 0 {
			pieces = append(pieces, *p)
		}
	}
	return pieces
}
