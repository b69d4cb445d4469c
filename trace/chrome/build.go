package chrome

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"omnitrace/trace"
)

// A builder turns batches, in document order, into the events and the header
// of the file.
type builder struct {
	want   trace.Want
	header *trace.Header
	origin trace.Time

	translations map[*lexicon]*translation
	tracks       map[trackKey]trace.TrackID
	details      map[trace.Detail]trace.DetailID
	keys         []trackKey // of the header's tracks
	processes    map[string]int
	devices      map[trackKey]int

	held    []late[trace.Event]
	halves  []late[half]
	metas   []meta
	found   bool
	foreign []byte
	calling map[int]bool // processes with launch calls
	end     trace.Time   // of the last event
	outer   []trace.Span // the last outermost event of each track
}

// A translation maps a lexicon's IDs to the file's; 0 is not translated yet.
type translation struct {
	lexNames   []string // as far as they are needed so far
	lexTracks  []trackKey
	lexDetails []trace.Detail

	names   []trace.NameID
	tracks  []trace.TrackID
	details []trace.DetailID
}

// A late thing waits for the end of the file with its lexicon's IDs: translated
// at the end of its piece, IDs would depend on where that is.
type late[T any] struct {
	*translation
	thing T
}

func newBuilder(want trace.Want) *builder {
	return &builder{
		want: want, header: trace.NewHeader(Format),
		translations: map[*lexicon]*translation{},
		tracks:       map[trackKey]trace.TrackID{},
		details:      map[trace.Detail]trace.DetailID{{}: 0},
		processes:    map[string]int{}, devices: map[trackKey]int{},
		calling: map[int]bool{},
	}
}

// Header implements [trace.Reader].
func (b *builder) Header() *trace.Header { return b.header }

// Origin implements [trace.Reader]: Kineto's times are relative to
// baseTimeNanoseconds, which often stands at the end of the file.
func (b *builder) Origin() trace.Time { return b.origin }

// translate moves a piece's batch into the file's IDs and returns its events,
// which stay in the batch's memory.
func (b *builder) translate(p *piece) []trace.Event {
	out := p.out
	t := b.translations[out.lex]
	if t == nil {
		t = &translation{}
		b.translations[out.lex] = t
	}
	t.grow(p)
	kept := out.events[:0]
	for i := range out.events {
		e := out.events[i]
		b.event(&e, t)
		if !b.want.Outermost.Has(e.Kind) || b.outermost(&e) {
			kept = append(kept, e)
		}
	}
	out.events = kept
	for _, e := range out.held {
		b.held = append(b.held, late[trace.Event]{t, e})
	}
	for _, h := range out.halves {
		b.halves = append(b.halves, late[half]{t, h})
	}
	for _, v := range out.tops {
		b.top(v.key, v.text)
	}
	b.metas = append(b.metas, out.metas...)
	b.header.Rows += out.rows
	b.header.Health.Merge(out.health, 0)
	b.found = b.found || out.found
	if out.foreign != nil {
		b.foreign = out.foreign
	}
	return out.events
}

func (t *translation) grow(p *piece) {
	t.lexNames, t.lexTracks, t.lexDetails = p.names, p.tracks, p.detail
	for len(t.names) < len(p.names) {
		t.names = append(t.names, 0)
	}
	for len(t.tracks) < len(p.tracks) {
		t.tracks = append(t.tracks, 0)
	}
	for len(t.details) < len(p.detail) {
		t.details = append(t.details, 0)
	}
}

// event translates one event that a batch has kept. The tables hold ID+1, so that 0 means none.
func (b *builder) event(e *trace.Event, t *translation) {
	name := &t.names[e.Name]
	if *name == 0 {
		*name = b.header.Names.Intern(t.lexNames[e.Name]) + 1
	}
	track := &t.tracks[e.Track]
	if *track == 0 {
		*track = b.track(t.lexTracks[e.Track]) + 1
	}
	detail := &t.details[e.Detail]
	if *detail == 0 {
		*detail = b.detail(t.lexDetails[e.Detail]) + 1
	}
	e.Name, e.Track, e.Detail = *name-1, *track-1, *detail-1
	b.end = max(b.end, e.End)
	if e.Kind == trace.Launch {
		b.calling[b.header.Tracks[e.Track].Process] = true
	}
}

// outermost reports whether e does not lie inside the last such event of its
// track.
func (b *builder) outermost(e *trace.Event) bool {
	for len(b.outer) <= int(e.Track) {
		b.outer = append(b.outer, trace.Span{Start: 1})
	}
	if last := &b.outer[e.Track]; !last.Covers(e.Span) {
		*last = e.Span
		return true
	}
	return false
}

func (b *builder) detail(d trace.Detail) trace.DetailID {
	id, ok := b.details[d]
	if !ok {
		id = trace.DetailID(len(b.header.Details))
		b.details[d] = id
		b.header.Details = append(b.header.Details, d)
	}
	return id
}

func (b *builder) track(key trackKey) trace.TrackID {
	t := trace.Track{Process: -1, Device: -1}
	if key.gpu {
		// Rows of one stream need not agree on tid (cuda_sync adds an offset),
		// and old rows have no arguments.
		if key.device == "" {
			key.device = key.pid
		}
		if key.stream == "" {
			key.stream = key.tid
		}
		key.tid = ""
		t.ID, t.Text = number64(key.stream)
	} else {
		t.ID, t.Text = number64(key.tid)
	}
	if id, ok := b.tracks[key]; ok {
		return id
	}
	if key.gpu {
		t.Device = b.device(key.pid, key.device)
	} else {
		t.Process = b.process(key.pid)
	}
	id := trace.TrackID(len(b.header.Tracks))
	b.tracks[key] = id
	b.header.Tracks = append(b.header.Tracks, t)
	b.keys = append(b.keys, key)
	return id
}

func (b *builder) process(pid string) int {
	i, ok := b.processes[pid]
	if !ok {
		i = len(b.header.Processes)
		b.processes[pid] = i
		b.header.Processes = append(b.header.Processes, trace.Process{PID: pid})
	}
	return i
}

// device returns the device of GPU rows with this pid and device argument.
// Rows of merged files may share the argument but not the pid: two devices.
func (b *builder) device(pid, device string) int {
	key := trackKey{pid: pid, device: device}
	i, ok := b.devices[key]
	if !ok {
		i = len(b.header.Devices)
		b.devices[key] = i
		index, _ := number64(device)
		b.header.Devices = append(b.header.Devices, trace.Device{Index: index})
	}
	return i
}

// number64 returns the number that text is or ends in ("stream 7"), else one
// made from its bytes; text is returned where it is more than the number.
func number64(text string) (int64, string) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, ""
	}
	i := strings.LastIndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if n, err := strconv.ParseInt(text[i+1:], 10, 64); err == nil {
		return n, text
	}
	h := fnv.New32a()
	h.Write([]byte(text))
	return int64(h.Sum32()), text
}

// topKeys are the top-level values that the header has fields for.
var topKeys = map[string]func(*builder, []byte){
	"baseTimeNanoseconds": func(b *builder, v []byte) {
		if n, status := integer(bytes.Trim(v, `"`)); status == numberOK && n != 0 {
			b.origin, b.header.Clock = trace.Time(n), trace.ClockUnix
		}
	},
	"traceName": func(b *builder, v []byte) { b.header.TraceName = unquote(v) },
	"distributedInfo": func(b *builder, v []byte) {
		var d struct {
			Rank  *int `json:"rank"`
			World *int `json:"world_size"`
		}
		if json.Unmarshal(v, &d) != nil {
			return
		}
		if d.Rank != nil {
			b.header.Rank = *d.Rank
		}
		if d.World != nil {
			b.header.World = *d.World
		}
	},
}

func (b *builder) top(key string, v []byte) {
	if f, ok := topKeys[key]; ok {
		f(b, v)
	}
	if key != "traceEvents" {
		b.header.Meta[key] = unquote(v)
	}
}

// readable returns an error if nothing in size bytes was a trace.
func (b *builder) readable(size int64) error {
	switch {
	case b.found || b.header.Rows > 0:
		return nil
	case b.foreign != nil:
		return fmt.Errorf("0: not a Chrome trace: it begins with %q; expected { or [", b.foreign)
	case size == 0 && b.header.Health.Worst() != "":
		return fmt.Errorf("0: not one byte could be decompressed; is the file still being written?")
	case size == 0:
		return fmt.Errorf("0: empty file; was the profiler stopped before it had flushed?")
	case b.header.Health.Count(trace.Truncated) > 0:
		return fmt.Errorf("%d: unexpected end before the first event; was the profiler stopped before it had flushed?", size)
	}
	return fmt.Errorf("%d: no traceEvents; is this a trace of the PyTorch profiler?", size)
}
