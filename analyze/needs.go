package analyze

import (
	"omnitrace/analyze/rules"
	"omnitrace/trace"
)

// ProfileNeeds says which events a profile is made of: those of a summary and the
// python frames of stacks, which are an eighth of all frames.
func ProfileNeeds(r *rules.Rules) trace.Want {
	w := Needs(r)
	keep := w.Keep
	w.Keep = func(kind trace.Kind, name string) bool {
		return kind == trace.Frame && r.InStack(name) || keep(kind, name)
	}
	return w
}

// TableNeeds is Needs for those who make tables and nothing else: of the API
// calls, only those that launched work or explain idle time.
func TableNeeds(r *rules.Rules) trace.Want {
	want := Needs(r)
	want.Owners = true
	return want
}

// Needs says which events of a trace the tables of a summary are made of.
func Needs(r *rules.Rules) trace.Want {
	return trace.Want{
		Kinds:     trace.GPUKinds | trace.KindsOf(trace.Launch, trace.Range, trace.Frame, trace.Op, trace.Overhead),
		Outermost: trace.KindsOf(trace.Op),
		Keep: func(kind trace.Kind, name string) bool {
			if kind == trace.Op || r.Call(name) != rules.OrdinaryCall {
				return true
			}
			if role, ok := r.Frame(name); ok && role != rules.Wait {
				return true
			}
			_, ok := r.StageName(name)
			return ok
		},
	}
}
