package analyze

import (
	"omnitrace/analyze/rules"
	"omnitrace/trace"
)

// NeedsUnattributed says which events the tables of [Unattributed] are made of.
func NeedsUnattributed(*rules.Rules) trace.Want {
	return trace.Want{Kinds: trace.GPUKinds | trace.KindsOf(trace.Launch, trace.Range)}
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
