package diff

import (
	"cmp"
	"maps"
	"slices"
)

// settle returns the row's state.
func (r *Row) settle(l *ledgerRow) State {
	switch {
	case r.State == Moved:
		return Moved
	case r.NewName != "":
		return Replaced
	case r.BaseCount == 0 && r.NewCount > 0:
		return New
	case r.NewCount == 0 && r.BaseCount > 0:
		return Removed
	case r.Name != "" && l.common[1].count > l.common[0].count:
		return More
	case r.Name != "" && l.common[1].count < l.common[0].count:
		return Fewer
	case r.Evidence == nil || !r.Evidence.Significant:
		return Same
	case r.Evidence.DeltaNS > 0:
		return Slower
	}
	return Faster
}

// markMoved finds kernels that one side runs in one place and the other in
// another: a stage, a phase, a kind of step.
func markMoved(rows []Row, by map[Place]*ledgerRow) {
	gone := map[string][]int{}
	for i := range rows {
		r := &rows[i]
		places := by[r.Place].places
		switch {
		case r.NewName != "":
		case r.BaseCount > 0 && r.NewCount > 0:
			if !overlap(places[0], places[1]) {
				r.State, r.Detail = Moved, where(places[0])+" → "+where(places[1])
			}
		case r.NewCount == 0:
			gone[r.Name] = append(gone[r.Name], i)
		}
	}
	for i := range rows {
		r := &rows[i]
		if r.BaseCount > 0 || r.NewName != "" || len(gone[r.Name]) != 1 {
			continue
		}
		from := &rows[gone[r.Name][0]]
		from.State, r.State = Moved, Moved
		from.Detail = "stage " + itoa(from.Stage) + " → stage " + itoa(r.Stage)
		r.Detail = from.Detail
	}
}

func overlap(a, b map[class]bool) bool {
	for p := range a {
		if b[p] {
			return true
		}
	}
	return false
}

// where names the first of places.
func where(places map[class]bool) string {
	first := slices.MinFunc(slices.Collect(maps.Keys(places)), class.compare)
	text := cmp.Or(first.phase, unattributed)
	if first.isStep() {
		text += " (" + first.kind + " step)"
	}
	return text
}
