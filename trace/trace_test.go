package trace_test

import (
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"

	"omnitrace/trace"
)

// Events cost the garbage collector nothing, and memory little.
func TestEventIsSmall(t *testing.T) {
	e := reflect.TypeFor[trace.Event]()
	if e.Size() > 48 {
		t.Errorf("an event takes %d bytes", e.Size())
	}
	if hasPointers(e) {
		t.Error("an event holds a pointer")
	}
	if !hasPointers(reflect.TypeFor[trace.Track]()) {
		t.Error("the test finds no pointers")
	}
}

func hasPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if hasPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	case reflect.Array:
		return hasPointers(t.Elem())
	}
	return t.Kind() > reflect.Array || t.Kind() == reflect.UnsafePointer
}

func TestNames(t *testing.T) {
	var n trace.Names
	if n.Len() != 1 || n.Text(0) != "" || n.Text(7) != "" || n.Intern("") != 0 {
		t.Error("the zero value does not hold the empty name")
	}
	if id, ok := new(trace.Names).Lookup(""); id != 0 || !ok {
		t.Error("the zero value does not find the empty name")
	}
	a, b := n.Intern("a"), n.Intern("b")
	if a == b || a == 0 || n.Intern("a") != a || n.Text(b) != "b" || n.Len() != 3 {
		t.Errorf("a is %d, b is %d, %d names", a, b, n.Len())
	}
	if id, ok := n.Lookup("b"); id != b || !ok {
		t.Errorf("b is found as %d, %v", id, ok)
	}
	if _, ok := n.Lookup("c"); ok {
		t.Error("c was never interned")
	}
}

func TestKinds(t *testing.T) {
	s := trace.KindsOf(trace.Kernel, trace.Launch)
	if !s.Has(trace.Kernel) || s.Has(trace.Memcpy) || s.String() != "kernel,launch" {
		t.Errorf("set %v", s)
	}
	if trace.Kind(200).String() != "invalid" || trace.AllKinds.Has(trace.Flow+1) {
		t.Error("there are more kinds than Flow")
	}
	for k := trace.Other; k <= trace.Flow; k++ {
		if !trace.AllKinds.Has(k) || trace.GPUKinds.Has(k) != k.GPU() || k.String() == "" {
			t.Errorf("kind %v", k)
		}
	}
	for _, w := range []trace.Want{{}, {Kinds: trace.AllKinds}} {
		if !w.All() || !w.Has(trace.Frame) {
			t.Errorf("%+v is not all", w)
		}
	}
	if w := (trace.Want{Kinds: s}); w.All() || w.Has(trace.Frame) || !w.Has(trace.Launch) {
		t.Errorf("%+v is all", w)
	}
}

// Defects are counted by kind with the place of the first, in whatever order
// the parts of a file report them.
func TestHealth(t *testing.T) {
	var h, part trace.Health
	part.Add(trace.BadEvent, 5)
	part.Add(trace.NaNLiteral, -1)
	h.Add(trace.BadEvent, 900)
	h.Merge(part, 100)
	h.Add(trace.NaNLiteral, 50)
	h.AddN(trace.InvalidUTF8, 0, 7)
	h.AddN(trace.BadEvent, 3, -1)
	want := []trace.Defect{
		{Kind: trace.BadEvent, Count: 5, FirstOffset: 105},
		{Kind: trace.NaNLiteral, Count: 2, FirstOffset: 50},
	}
	if got := h.Defects(); !slices.Equal(got, want) {
		t.Errorf("defects %v, want %v", got, want)
	}
	if h.Count(trace.BadEvent) != 5 || h.Count(trace.Truncated) != 0 {
		t.Error("counts differ from the list")
	}
}

func TestHealthWorst(t *testing.T) {
	for _, c := range []struct {
		kinds []trace.DefectKind
		worst trace.Severity
	}{
		{nil, ""},
		{[]trace.DefectKind{trace.NaNLiteral}, trace.Info},
		{[]trace.DefectKind{trace.NegativeDuration, trace.NaNLiteral}, trace.Repaired},
		{[]trace.DefectKind{trace.NaNLiteral, trace.NegativeDuration}, trace.Repaired},
		{[]trace.DefectKind{trace.Truncated, trace.NegativeDuration, trace.NaNLiteral}, trace.Lost},
		{[]trace.DefectKind{trace.NegativeDuration, "unheard of"}, trace.Lost},
	} {
		var h trace.Health
		for _, k := range c.kinds {
			h.Add(k, 0)
		}
		if got := h.Worst(); got != c.worst {
			t.Errorf("%v: worst %q, want %q", c.kinds, got, c.worst)
		}
	}
}

func TestDefectKinds(t *testing.T) {
	kinds := trace.DefectKinds()
	if !slices.IsSorted(kinds) || !slices.Contains(kinds, trace.ClockMissing) {
		t.Errorf("kinds %v", kinds)
	}
	for _, k := range kinds {
		if s := k.Severity(); k.Meaning() == "" || s != trace.Info && s != trace.Repaired && s != trace.Lost {
			t.Errorf("%s: %s, %q", k, s, k.Meaning())
		}
	}
}

func TestDamageError(t *testing.T) {
	err := error(&trace.DamageError{Kind: trace.GzipTruncated, Err: io.ErrUnexpectedEOF})
	if !errors.Is(err, io.ErrUnexpectedEOF) || err.Error() == io.ErrUnexpectedEOF.Error() {
		t.Errorf("error %v", err)
	}
}
