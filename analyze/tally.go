package analyze

import (
	"slices"

	"omnitrace/trace"
)

// A tally adds up work. Work of one device must come in a row, in time order.
type tally struct {
	count, kernels, unlaunched   int64
	inherited                    int64
	kernelNS, memcpyNS, memsetNS int64
	exclusiveNS, busyNS, bytes   int64
	sole                         int64   // kernels that are the only one of their launch
	launches                     []int32 // of the other kernels; with repetitions
	durations                    []int64 // of kernels and memory operations, where asked for
	wantDurations                bool

	span  trace.Span
	clock int32 // the clock that span is on: see Session.clock
	mixed bool  // work on clocks that can't be compared

	// The device that work comes from at present.
	device  int32
	extent  trace.Span
	covered trace.Time
	spansNS int64 // of the devices before it
}

func (t *tally) add(s *Session, w *Work) {
	t.place(s, w)
	ns := int64(w.Len())
	switch w.kind {
	case trace.Kernel:
		t.kernels++
		t.kernelNS += ns
		t.launch(w)
	case trace.Memcpy:
		t.memcpyNS += ns
	case trace.Memset:
		t.memsetNS += ns
	}
	t.count++
	if w.inherited {
		t.inherited++
	}
	t.exclusiveNS += w.Exclusive
	t.bytes += s.bytes(w)
	if t.wantDurations {
		t.durations = append(t.durations, ns)
	}
}

// place adds the work's span to those of its device and of the whole.
func (t *tally) place(s *Session, w *Work) {
	switch {
	case t.count == 0:
		t.span, t.clock = w.Span, s.clock(w)
		t.device, t.extent, t.covered = w.device, w.Span, w.Start
	case t.device != w.device:
		t.spansNS += int64(t.extent.Len())
		t.device, t.extent, t.covered = w.device, w.Span, w.Start
		t.mixed = t.mixed || s.clock(w) != t.clock
	}
	t.span = t.span.Union(w.Span)
	t.extent = t.extent.Union(w.Span)
	if w.End > t.covered {
		t.busyNS += int64(w.End - max(w.Start, t.covered))
		t.covered = w.End
	}
}

func (t *tally) launch(w *Work) {
	switch n := len(t.launches); {
	case w.launch < 0:
		t.unlaunched++
	case w.sole:
		t.sole++
	case n == 0 || t.launches[n-1] != w.launch: // a graph's kernels follow each other
		t.launches = append(t.launches, w.launch)
	}
}

// launchCount returns the number of distinct launch calls.
func (t *tally) launchCount() int64 {
	slices.Sort(t.launches)
	t.launches = slices.Compact(t.launches)
	return t.sole + int64(len(t.launches))
}

// idleNS is summed over the devices: what no GPU event covers between the
// first and the last of each.
func (t *tally) idleNS() int64 { return t.spansNS + int64(t.extent.Len()) - t.busyNS }

// clock returns a number for the clock that the work's times are on: -1 for
// Unix time, else that of its source, which no other source shares.
func (s *Session) clock(w *Work) int32 { return s.clockOf(s.source(w)) }

func (s *Session) clockOf(source int) int32 {
	if s.Sources[source].Clock == trace.ClockUnix {
		return -1
	}
	return int32(source)
}

// quantile returns the nearest rank: the value at index ceil(p·n) − 1 of the
// sorted durations, with p in hundredths.
func quantile(sorted []int64, percent int) int64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}
