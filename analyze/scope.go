package analyze

import (
	"cmp"
	"slices"

	"omnitrace/trace"
)

// A scope is a stretch of time on a host thread with something that holds
// there: a request, a phase, a step. What a thread launches inside it belongs
// to it, whenever the GPU gets to it.
type scope struct {
	trace.Span
	value int32
}

// scopes are disjoint and sorted.
type scopes []scope

// at returns the value at time t, or -1.
func (s scopes) at(t trace.Time) int32 {
	if i := s.index(t); i >= 0 {
		return s[i].value
	}
	return -1
}

// index returns the position of the scope that t lies in, or -1.
func (s scopes) index(t trace.Time) int {
	i, found := slices.BinarySearchFunc(s, t, func(x scope, t trace.Time) int { return cmp.Compare(x.Start, t) })
	if !found {
		i--
	}
	if i >= 0 && s[i].Contains(t) {
		return i
	}
	return -1
}

// sortScopes sorts by start, longer ones first among equals. Those with the
// same span stay in the order in which they were added, outer ones first.
func sortScopes(s []scope) {
	if !slices.IsSortedFunc(s, scope.compare) {
		slices.SortStableFunc(s, scope.compare)
	}
}

func (a scope) compare(b scope) int {
	if a.Start != b.Start {
		return cmp.Compare(a.Start, b.Start)
	}
	return cmp.Compare(b.End, a.End)
}

// outermost returns the scopes that lie in no other one. Those that begin in
// another and outlast it (a range of another thread's making, or a damaged
// file) are cut off at its end.
func outermost(s []scope) scopes {
	sortScopes(s)
	var out scopes
	for _, x := range s {
		out = out.addOutermost(x)
	}
	return out
}

// addOutermost adds a scope that begins no earlier than those before it.
func (s scopes) addOutermost(x scope) scopes {
	if n := len(s); n > 0 {
		x.Start = max(x.Start, s[n-1].End)
	}
	if x.Start < x.End {
		s = append(s, x)
	}
	return s
}

// innermost deals time out to the scope that began last among those open:
// nested scopes cut holes into those around them.
func innermost(s []scope) scopes {
	sortScopes(s)
	var out scopes
	var open []scope
	at := trace.Time(0)
	emit := func(until trace.Time) {
		for len(open) > 0 && at < until {
			top := open[len(open)-1]
			end := min(top.End, until)
			out = out.add(scope{trace.Span{Start: at, End: end}, top.value})
			at = max(at, end)
			for len(open) > 0 && open[len(open)-1].End <= at {
				open = open[:len(open)-1]
			}
		}
	}
	for _, x := range s {
		emit(x.Start)
		at = x.Start
		open = append(open, x)
	}
	if len(open) > 0 {
		last := open[0].End
		for _, x := range open {
			last = max(last, x.End)
		}
		emit(last)
	}
	return out
}

// add appends x, joined to the last scope where it goes on from there.
func (s scopes) add(x scope) scopes {
	if x.Start >= x.End {
		return s
	}
	if n := len(s); n > 0 && s[n-1].End == x.Start && s[n-1].value == x.value {
		s[n-1].End = x.End
		return s
	}
	return append(s, x)
}
