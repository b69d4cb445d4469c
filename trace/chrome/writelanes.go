package chrome

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"omnitrace/trace"
)

// Where lanes that the form has no number for lie: above the stream numbers of
// GPUs and below [overflow].
const (
	negativeLanes = 1 << 21 // streams with a negative number: viewers take it for 0
	waitLanes     = 1 << 22 // the waits of a stream, which overlap its work
)

// A laneKey is a lane as viewers tell them apart.
type laneKey struct{ pid, tid string }

// A lanePlace is where and how an event is written.
type lanePlace struct {
	tid   string // as JSON
	phase string // "X", "i", or "b" for a pair of asynchronous rows
}

// writerLanes gives events lanes on which viewers show them.
type writerLanes struct {
	w     *writer
	nests map[laneKey]*trace.Nest
	added map[laneKey]string // names of the lanes that no track has
	lane  []laneKey          // of each track
	plain []lanePlace        // of each track, where nothing overlaps
}

func newWriterLanes(w *writer) *writerLanes {
	l := &writerLanes{w: w, nests: map[laneKey]*trace.Nest{}, added: map[laneKey]string{}}
	for i, track := range w.t.Tracks {
		l.lane = append(l.lane, laneKey{w.pids[i], tid(track)})
		l.plain = append(l.plain, lanePlace{tid(track), "X"})
	}
	return l
}

// place decides where an event goes. Events must come in order.
func (l *writerLanes) place(e *trace.Event) lanePlace {
	at := l.plain[e.Track]
	if e.Kind == trace.Instant {
		at.phase = "i"
		return at
	}
	key, name, offset := l.lane[e.Track], "", 0
	if e.Kind == trace.Sync {
		key.tid, offset, name = "waits of "+key.tid, waitLanes, " · waits"
	}
	nest := l.nests[key]
	if nest == nil {
		nest = &trace.Nest{}
		l.nests[key] = nest
	}
	n := nest.Lane(e.Span)
	switch {
	case n == 0 && offset == 0:
		return at
	case !onDevice(e.Kind) && e.Kind != trace.Overhead && e.Kind != trace.Other:
		at.phase = "b"
		return at
	}
	return l.beside(e.Track, offset+n*overflow, name, n)
}

// beside returns a lane beside a track's own, and takes note of its name.
func (l *writerLanes) beside(id trace.TrackID, offset int, name string, n int) lanePlace {
	track := l.w.t.Tracks[id]
	tid := strconv.FormatInt(laneNumber(track)+int64(offset), 10)
	if n > 0 {
		name += fmt.Sprintf(" (%d)", n+1)
	}
	l.added[laneKey{l.w.pids[id], tid}] = cmp.Or(laneName(track), fmt.Sprintf("thread %d", track.ID)) + name
	return lanePlace{tid, "X"}
}

// nameLanes names the lanes that were added.
func (p *writer) nameLanes() {
	for _, key := range slices.SortedFunc(maps.Keys(p.lanes.added), func(a, b laneKey) int {
		return cmp.Or(cmp.Compare(a.pid, b.pid), cmp.Compare(a.tid, b.tid))
	}) {
		p.meta("thread_name", key.pid, key.tid, "name", p.lanes.added[key])
	}
}

// laneName returns what viewers call a track, "" for a thread without a name.
func laneName(track trace.Track) string {
	switch {
	case track.Name != "" || track.Device < 0:
		return track.Name
	case track.Text != "":
		return fmt.Sprintf("stream %d (%s)", track.ID, track.Text)
	}
	return fmt.Sprintf("stream %d", track.ID)
}

func tid(track trace.Track) string {
	if track.Text != "" && track.Device < 0 {
		return string(quoted(track.Text))
	}
	return strconv.FormatInt(laneNumber(track), 10)
}

func laneNumber(track trace.Track) int64 {
	if track.ID < 0 && track.Device >= 0 {
		return negativeLanes + track.ID
	}
	return track.ID
}
