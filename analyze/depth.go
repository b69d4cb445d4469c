package analyze

import (
	"slices"

	"omnitrace/analyze/rules"
	"omnitrace/trace"
)

// A Depth is how far into a run somebody looks. What lies deeper is not read:
// most rows of a capture are calls and ranges, and a table of kernels needs none.
// The zero Depth looks at everything.
type Depth uint8

const (
	// Attribution: requests, phases, steps and passes, and what the host did.
	Attribution Depth = iota
	// LaunchCalls: GPU work and the calls that launched it. All work is outside
	// of requests, phases, steps and passes.
	LaunchCalls
	// WorkAlone: GPU work. Whether work was launched in the file is not known,
	// and the totals that say so are null.
	WorkAlone
)

// DepthOf returns how far all of the analyses together look.
func DepthOf(analyses []Analysis) Depth {
	least := WorkAlone
	for _, a := range analyses {
		least = min(least, a.Depth)
	}
	return least
}

// Needs says which events tables of this depth are made of. At every depth they
// include those that name stages.
func (d Depth) Needs(r *rules.Rules) trace.Want {
	if d == Attribution {
		return TableNeeds(r)
	}
	want := trace.Want{
		Kinds: trace.GPUKinds | trace.KindsOf(trace.Range, trace.Frame),
		Keep: func(_ trace.Kind, name string) bool {
			_, ok := r.StageName(name)
			return ok
		},
	}
	if d == LaunchCalls {
		want.Kinds |= trace.KindsOf(trace.Launch)
		want.Owners = true
	}
	return want
}

// depth returns how far the table looks: as its dimensions and figures do.
func (g *grouping) depth() Depth {
	switch {
	case slices.ContainsFunc(g.dims, func(d dimension) bool { return d.attributed }):
		return Attribution
	case slices.ContainsFunc(g.figures, func(f figure) bool { return f.launched }):
		return LaunchCalls
	}
	return WorkAlone
}

// Depth returns how far the selection looks.
func (sel *Selection) Depth() Depth {
	switch {
	case len(sel.Requests)+len(sel.Steps)+len(sel.Iterations)+len(sel.Phases) > 0:
		return Attribution
	case len(sel.Ranges) > 0:
		return LaunchCalls
	}
	return WorkAlone
}
