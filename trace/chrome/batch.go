package chrome

import (
	"math"
	"strconv"
	"strings"

	"omnitrace/trace"
)

// A batch is what one scan of one piece found. Its IDs are those of the
// worker's lexicon; the reader translates them.
type batch struct {
	lex  *lexicon
	want trace.Want
	row  row     // scratch
	copy *copier // what copying takes from the rows, nil where they are read

	events []trace.Event
	held   []trace.Event // NPU tasks: kernels if their process turns out to be the hardware
	halves []half
	metas  []meta
	tops   []topValue
	rows   int64
	health trace.Health

	found   bool   // an array of events was seen
	foreign []byte // the first bytes of something that is not a trace
}

// A half is one end of a range whose ends are rows of their own.
type half struct {
	begin bool
	lane  string      // where its other half is: a thread, or an async ID
	event trace.Event // of an end only the time
	keep  bool        // the caller wants the range; known of begins, whose ends may lack name and category
}

// A meta is a process_name, process_labels or thread_name row.
type meta struct{ what, pid, tid, value string }

// A topValue is a key of the outermost object with the text of its value.
type topValue struct {
	key  string
	text []byte
}

// maxTop is the longest top-level value that is kept; longer ones (logs,
// settings of whole jobs) say nothing about the trace.
const maxTop = 1 << 20

func (b *batch) top(key, value []byte) {
	if len(value) <= maxTop {
		b.tops = append(b.tops, topValue{string(key), []byte(string(value))})
	}
}

// reset empties b for another piece, keeping its memory.
func (b *batch) reset() {
	b.copy.reset()
	*b = batch{
		lex: b.lex, want: b.want, copy: b.copy,
		events: b.events[:0], held: b.held[:0], halves: b.halves[:0],
		metas: b.metas[:0], tops: b.tops[:0],
	}
}

// phases says what to do with a row, by its "ph". The names are those of the
// Trace Event Format.
var phases = map[string]func(*batch, *row){
	"X": (*batch).complete,
	"B": (*batch).half, "E": (*batch).half,
	"b": (*batch).half, "e": (*batch).half, "n": (*batch).instant,
	"S": (*batch).ignore, "T": (*batch).ignore, "F": (*batch).ignore, "p": (*batch).ignore, // old async
	"i": (*batch).instant, "I": (*batch).instant, "R": (*batch).instant,
	"C": (*batch).counter,
	"s": (*batch).flow, "t": (*batch).flow, "f": (*batch).flow,
	"M": (*batch).meta,
	"N": (*batch).ignore, "O": (*batch).ignore, "D": (*batch).ignore, // objects
	"P": (*batch).ignore, "V": (*batch).ignore, "v": (*batch).ignore, // samples, memory dumps
	"(": (*batch).ignore, ")": (*batch).ignore, "c": (*batch).ignore, // contexts, clock sync
}

// take gives a row to what the batch is for.
func (b *batch) take(r *row, text []byte, strict bool) {
	if b.copy == nil {
		b.add(r)
		return
	}
	b.rows++
	b.copy.take(b, r, text, strict)
}

// add sorts one row into the batch.
func (b *batch) add(r *row) {
	b.rows++
	if len(r.ph.text) == 1 {
		// Nearly all rows; spares them the map.
		switch r.ph.text[0] {
		case 'X':
			b.complete(r)
			return
		case 's', 't', 'f':
			b.flow(r)
			return
		}
	}
	if f, ok := phases[r.ph.value()]; ok {
		f(b, r)
		return
	}
	if r.ph.text != nil || r.ts.text != nil {
		b.health.Add(trace.UnknownPhase, r.offset)
	}
}

func (b *batch) ignore(*row) {}

// complete takes a row that has a begin and a duration.
func (b *batch) complete(r *row) {
	kind := b.lex.kind(r.cat)
	if len(r.cat.text) == 0 && isTask(r.args) {
		b.gpu(r, trace.Kernel, true)
		return
	}
	switch {
	case !b.want.Has(kind):
	case onDevice(kind):
		b.gpu(r, kind, false)
	default:
		b.host(r, kind)
	}
}

// onDevice reports whether events of a kind lie on a device's lanes.
func onDevice(k trace.Kind) bool { return k.GPU() || k == trace.GPURange || k == trace.Sync }

func (b *batch) host(r *row, kind trace.Kind) {
	name, keep := b.lex.keep(r.name, kind, b.want.Keep)
	if !keep {
		return
	}
	span, ok := b.span(r)
	if !ok {
		return
	}
	e := trace.Event{
		Span: span, Correlation: trace.NoCorrelation,
		Name: name, Track: b.lex.hostTrack(r), Kind: kind,
	}
	if kind == trace.Launch {
		e.Correlation = b.args(r).correlation
	}
	b.events = append(b.events, e)
}

func (b *batch) gpu(r *row, kind trace.Kind, held bool) {
	span, ok := b.span(r)
	if !ok {
		return
	}
	a := b.args(r)
	e := trace.Event{
		Span: span, Correlation: a.correlation,
		Name: b.lex.name(r.name), Track: b.lex.gpuTrack(r, a), Detail: b.lex.detail(a.detail), Kind: kind,
	}
	switch {
	case !held:
		b.events = append(b.events, e)
	case !a.waits():
		b.held = append(b.held, e)
	}
}

// span reads ts and dur; a row without a usable ts is counted and dropped.
func (b *batch) span(r *row) (trace.Span, bool) {
	start, ok := b.time(r)
	if !ok {
		return trace.Span{}, false
	}
	if r.dur.text == nil {
		b.health.Add(trace.MissingDuration, r.offset)
		return trace.Span{Start: start, End: start}, true
	}
	d, status := nanoseconds(r.dur.text)
	switch {
	case status == numberBad:
		b.health.Add(trace.BadNumber, r.offset)
		d = 0
	case status == numberRange || start+d < start && d > 0:
		b.health.Add(trace.TimeOutOfRange, r.offset)
		return trace.Span{}, false
	case d < 0:
		b.health.Add(trace.NegativeDuration, r.offset)
		d = 0
	}
	if r.dur.quoted {
		b.health.Add(trace.NumberAsString, r.offset)
	}
	return trace.Span{Start: start, End: start + d}, true
}

func (b *batch) time(r *row) (trace.Time, bool) {
	if r.ts.text == nil {
		b.health.Add(trace.MissingTime, r.offset)
		return 0, false
	}
	t, status := nanoseconds(r.ts.text)
	switch status {
	case numberBad:
		b.health.Add(trace.BadNumber, r.offset)
		return 0, false
	case numberRange:
		b.health.Add(trace.TimeOutOfRange, r.offset)
		return 0, false
	}
	if r.ts.quoted {
		b.health.Add(trace.NumberAsString, r.offset)
	}
	return t, true
}

// point takes a row that is a moment.
func (b *batch) point(r *row, kind trace.Kind) {
	if !b.want.Has(kind) {
		return
	}
	if t, ok := b.time(r); ok {
		b.events = append(b.events, trace.Event{
			Span: trace.Span{Start: t, End: t}, Correlation: id(r),
			Name: b.lex.name(r.name), Track: b.lex.hostTrack(r), Kind: kind,
		})
	}
}

func (b *batch) flow(r *row) { b.point(r, trace.Flow) }

// counter takes a sample. Of a row with several values the first that is not 0 is read.
func (b *batch) counter(r *row) {
	n := len(b.events)
	if b.point(r, trace.Counter); len(b.events) == n {
		return
	}
	e := &b.events[n]
	walkArgs(r, func(_, v []byte) {
		value, err := strconv.ParseFloat(string(v), 64)
		if err == nil && e.Detail == 0 && !math.IsInf(value, 0) && !math.IsNaN(value) {
			e.Detail = b.lex.detail(trace.Detail{Value: value})
		}
	})
}

// instant also notices Kineto's word that its buffers ran over.
func (b *batch) instant(r *row) {
	if n := strings.ToLower(r.name.value()); strings.Contains(n, "dropped") || strings.Contains(n, "incomplete") {
		b.health.Add(trace.DroppedByProfiler, r.offset)
	}
	b.point(r, trace.Instant)
}

func id(r *row) int64 {
	if n, status := integer(r.id.text); status == numberOK {
		return n
	}
	return trace.NoCorrelation
}

func (b *batch) half(r *row) {
	t, ok := b.time(r)
	if !ok {
		return
	}
	h := half{event: trace.Event{Span: trace.Span{Start: t, End: t}, Correlation: trace.NoCorrelation}}
	switch r.ph.value() {
	case "B", "b":
		h.begin = true
		b.begin(&h, r)
	}
	switch r.ph.value() {
	case "B", "E":
		h.lane = "thread\x00" + r.pid.value() + "\x00" + r.tid.value()
	default:
		h.lane = "async\x00" + r.cat.value() + "\x00" + r.id.value()
	}
	b.halves = append(b.halves, h)
}

// begin fills in what a range is from the row that begins it.
func (b *batch) begin(h *half, r *row) {
	kind := b.lex.kind(r.cat)
	if kind == trace.Other {
		kind = trace.Range
	}
	if !b.want.Has(kind) {
		return
	}
	e := &h.event
	e.Kind = kind
	e.Name, h.keep = b.lex.keep(r.name, kind, b.want.Keep)
	switch {
	case !h.keep:
	case onDevice(kind):
		a := b.args(r)
		e.Correlation, e.Track, e.Detail = a.correlation, b.lex.gpuTrack(r, a), b.lex.detail(a.detail)
	case kind == trace.Launch:
		e.Correlation = b.args(r).correlation
		fallthrough
	default:
		e.Track = b.lex.hostTrack(r)
	}
}

// meta keeps the rows that name processes and threads.
func (b *batch) meta(r *row) {
	what := r.name.value()
	key := map[string]string{"process_name": "name", "process_labels": "labels", "thread_name": "name"}[what]
	if key == "" {
		return
	}
	walkArgs(r, func(k, v []byte) {
		if string(k) == key {
			b.metas = append(b.metas, meta{what, r.pid.value(), r.tid.value(), unquote(v)})
		}
	})
}
