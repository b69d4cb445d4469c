package trace

import "time"

// Time is a point in time in integer nanoseconds. Its origin is
// [Header.Clock]'s: Unix time where the file says so, else arbitrary.
type Time int64

// Sub returns t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// A Span is the half-open interval [Start, End). An event without a duration
// has Start == End.
type Span struct{ Start, End Time }

// Len returns the length of s.
func (s Span) Len() time.Duration { return time.Duration(s.End - s.Start) }

// Contains reports whether t lies in s.
func (s Span) Contains(t Time) bool { return s.Start <= t && t < s.End }

// Covers reports whether o lies wholly in s.
func (s Span) Covers(o Span) bool { return s.Start <= o.Start && o.End <= s.End }

// Intersect returns the part that s and o share; it is empty (Len 0) where
// they share nothing.
func (s Span) Intersect(o Span) Span {
	r := Span{max(s.Start, o.Start), min(s.End, o.End)}
	if r.End < r.Start {
		r.End = r.Start
	}
	return r
}

// Union returns the smallest span that covers both s and o.
func (s Span) Union(o Span) Span {
	return Span{min(s.Start, o.Start), max(s.End, o.End)}
}
