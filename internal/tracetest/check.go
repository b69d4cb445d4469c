package tracetest

import (
	"fmt"
	"testing"
	"time"
	"unicode/utf8"

	"omnitrace/trace"
)

// Check fails the test where [Validate] finds something.
func Check(tb testing.TB, t *trace.Trace) {
	tb.Helper()
	if err := Validate(t); err != nil {
		tb.Error(err)
	}
}

// Validate returns the first broken rule of a trace that has been read to its
// end and sorted, whatever the file held.
func Validate(t *trace.Trace) error {
	for i := range t.Events {
		if err := validEvent(t, i); err != nil {
			return fmt.Errorf("event %d of %d: %w", i, len(t.Events), err)
		}
	}
	for _, rule := range []func(*trace.Trace) error{validTracks, validHealth, validShares} {
		if err := rule(t); err != nil {
			return err
		}
	}
	if t.Rows < int64(len(t.Events)) {
		return fmt.Errorf("%d events out of %d rows", len(t.Events), t.Rows)
	}
	return nil
}

func validEvent(t *trace.Trace, i int) error {
	e := &t.Events[i]
	switch {
	case !trace.AllKinds.Has(e.Kind):
		return fmt.Errorf("kind %d", e.Kind)
	case e.End < e.Start:
		return fmt.Errorf("ends at %d, before its start %d", e.End, e.Start)
	case i > 0 && e.Start < t.Events[i-1].Start:
		return fmt.Errorf("starts at %d, before the one in front of it", e.Start)
	case int(e.Name) >= t.Names.Len(), int(e.Track) >= len(t.Tracks), int(e.Detail) >= len(t.Details):
		return fmt.Errorf("name %d, track %d or detail %d is out of range", e.Name, e.Track, e.Detail)
	case !utf8.ValidString(t.Names.Text(e.Name)):
		return fmt.Errorf("name %q is not UTF-8", t.Names.Text(e.Name))
	}
	onDevice := e.Kind.GPU() || e.Kind == trace.GPURange || e.Kind == trace.Sync
	if onDevice != (t.Tracks[e.Track].Device >= 0) {
		return fmt.Errorf("%v on device %d", e.Kind, t.Tracks[e.Track].Device)
	}
	return nil
}

func validTracks(t *trace.Trace) error {
	for i, track := range t.Tracks {
		switch {
		case track.Process < -1 || track.Process >= len(t.Processes):
			return fmt.Errorf("track %d: process %d of %d", i, track.Process, len(t.Processes))
		case track.Device < -1 || track.Device >= len(t.Devices):
			return fmt.Errorf("track %d: device %d of %d", i, track.Device, len(t.Devices))
		case !utf8.ValidString(track.Text) || !utf8.ValidString(track.Name):
			return fmt.Errorf("track %d: %q or %q is not UTF-8", i, track.Text, track.Name)
		}
	}
	if len(t.Details) == 0 || t.Details[0] != (trace.Detail{}) {
		return fmt.Errorf("detail 0 is not the empty one")
	}
	return nil
}

func validHealth(t *trace.Trace) error {
	for _, d := range t.Health.Defects() {
		if d.Count <= 0 || d.FirstOffset < -1 || d.Kind.Meaning() == "" {
			return fmt.Errorf("defect %+v", d)
		}
	}
	return nil
}

// sane bounds the times for which sums are checked; beyond it they need not
// fit 64 bits.
const sane = trace.Time(1 << 52)

// validShares checks busy against its parts: exclusive shares sum to it, and
// it is no longer than the extent and no longer than all durations.
func validShares(t *trace.Trace) error {
	devices := map[int][]trace.Event{}
	for _, e := range t.Events {
		if e.Kind.GPU() && -sane < e.Start && e.End < sane {
			d := t.Tracks[e.Track].Device
			devices[d] = append(devices[d], e)
		}
	}
	for d, events := range devices {
		busy := trace.Busy(events)
		var exclusive, sum time.Duration
		trace.Exclusive(events, func(_ int, d time.Duration) { exclusive += d })
		for _, e := range events {
			sum += e.Len()
		}
		extent, _ := trace.Extent(events)
		if exclusive != busy || busy > sum || busy > extent.Len() {
			return fmt.Errorf("device %d: exclusive %d, busy %d, sum %d, extent %d", d, exclusive, busy, sum, extent.Len())
		}
	}
	return nil
}
