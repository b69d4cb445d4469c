package trim_test

import (
	"bytes"
	"compress/zlib"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/perfetto"
)

// throughPerfetto writes files in Perfetto's format and reads them back.
func throughPerfetto(t *testing.T, files []file) []file {
	t.Helper()
	var out []file
	for _, f := range files {
		all, err := trace.Read(chrome.NewReader(bytes.NewReader(f.text), trace.Want{Kinds: trace.AllKinds &^ trace.KindsOf(trace.Flow, trace.Counter)}))
		if err != nil {
			t.Fatal(err)
		}
		var native bytes.Buffer
		if err := perfetto.Write(&native, all); err != nil {
			t.Fatal(err)
		}
		back := readPerfetto(t, native.Bytes())
		// The format has no place for the note, nor for cards' names.
		back.Meta[trace.NoteKey] = all.Meta[trace.NoteKey]
		out = append(out, file{File: f.File, trace: back})
	}
	return out
}

// A message is a decoded protobuf message: its fields by number, in order.
type message map[protowire.Number][]field

type field struct {
	number uint64
	bytes  []byte
}

func decode(t *testing.T, b []byte) message {
	t.Helper()
	m := message{}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		var f field
		switch typ {
		case protowire.VarintType:
			f.number, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		case protowire.Fixed64Type:
			f.number, n = protowire.ConsumeFixed64(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		m[num] = append(m[num], f)
		b = b[n:]
	}
	return m
}

func (m message) int(num protowire.Number) int64 {
	if f := m[num]; len(f) > 0 {
		return int64(f[len(f)-1].number)
	}
	return 0
}

func (m message) text(num protowire.Number) string {
	if f := m[num]; len(f) > 0 {
		return string(f[len(f)-1].bytes)
	}
	return ""
}

func (m message) sub(t *testing.T, num protowire.Number) message {
	if f := m[num]; len(f) > 0 {
		return decode(t, f[len(f)-1].bytes)
	}
	return nil
}

// A perfettoReader makes a trace of packets, by the fields' numbers in
// Perfetto's trace_packet.proto and what it imports. It knows what this program
// writes and no more.
type perfettoReader struct {
	*testing.T
	out       *trace.Trace
	processes map[int64]int // by PID
	byUUID    map[int64]int // processes by their track
	threads   map[int64]trace.TrackID
	last      int // the thread described last: lanes for what overlaps follow it
	names     map[int64]string
	sorts     map[int64]string // categories
	arguments map[int64]string // their names
	stages    map[int64]string // and queues
	contexts  map[int64]int64  // PID
	streams   map[[2]int64]trace.TrackID
	open      map[trace.TrackID]map[int64][]int // by UUID: events without an end
}

func readPerfetto(t *testing.T, b []byte) *trace.Trace {
	t.Helper()
	r := &perfettoReader{
		T: t, out: &trace.Trace{Header: trace.NewHeader("perfetto")},
		processes: map[int64]int{}, byUUID: map[int64]int{}, threads: map[int64]trace.TrackID{}, names: map[int64]string{}, sorts: map[int64]string{}, arguments: map[int64]string{},
		stages: map[int64]string{}, contexts: map[int64]int64{}, streams: map[[2]int64]trace.TrackID{}, open: map[trace.TrackID]map[int64][]int{},
	}
	r.packets(b)
	trace.SortEvents(r.out)
	return r.out
}

func (r *perfettoReader) packets(b []byte) {
	for _, f := range decode(r.T, b)[1] {
		r.packet(decode(r.T, f.bytes))
	}
}

func (r *perfettoReader) packet(p message) {
	if packed := p[50]; len(packed) > 0 {
		z, err := zlib.NewReader(bytes.NewReader(packed[0].bytes))
		if err != nil {
			r.Fatal(err)
		}
		b, err := io.ReadAll(z)
		if err != nil {
			r.Fatal(err)
		}
		r.packets(b)
	}
	if s := p.sub(r.T, 6); s != nil {
		for _, f := range s[1] {
			if clock := decode(r.T, f.bytes); clock.int(1) == 1 && clock.int(2) == 0 { // REALTIME
				r.out.Clock = trace.ClockUnix // times are that clock's
			}
		}
	}
	if d := p.sub(r.T, 60); d != nil {
		r.track(d)
	}
	if d := p.sub(r.T, 12); d != nil {
		r.intern(d)
	}
	at := trace.Time(p.int(8))
	if e := p.sub(r.T, 11); e != nil {
		r.event(at, e)
	}
	if e := p.sub(r.T, 53); e != nil {
		r.gpu(at, e)
	}
}

func (r *perfettoReader) process(pid int64, name string) int {
	i, ok := r.processes[pid]
	if !ok {
		i = len(r.out.Processes)
		r.processes[pid] = i
		r.out.Processes = append(r.out.Processes, trace.Process{PID: strconv.FormatInt(pid, 10)})
	}
	if name != "" {
		r.out.Processes[i].Name = name
	}
	return i
}

func (r *perfettoReader) track(d message) {
	uuid := d.int(1)
	if p := d.sub(r.T, 3); p != nil {
		r.byUUID[uuid] = r.process(p.int(1), p.text(6))
	}
	thread := d.sub(r.T, 4)
	switch {
	case thread != nil:
		r.last = len(r.out.Tracks)
		r.out.Tracks = append(r.out.Tracks, trace.Track{Process: r.process(thread.int(1), ""), Device: -1, ID: thread.int(2), Name: thread.text(5)})
		r.threads[uuid] = trace.TrackID(r.last)
	case strings.HasPrefix(d.text(2), "GPU "): // not a thread's
		r.last = -1
	case strings.HasSuffix(d.text(2), ", overlapping") && r.last >= 0:
		r.threads[uuid] = trace.TrackID(r.last)
	}
}

func (r *perfettoReader) intern(d message) {
	for _, kind := range []struct {
		num  protowire.Number
		into map[int64]string
	}{{1, r.sorts}, {2, r.names}, {3, r.arguments}, {24, r.stages}} {
		for _, f := range d[kind.num] {
			m := decode(r.T, f.bytes)
			kind.into[m.int(1)] = m.text(2)
		}
	}
	for _, f := range d[23] {
		m := decode(r.T, f.bytes)
		r.contexts[m.int(1)] = m.int(2)
	}
}

func (r *perfettoReader) event(at trace.Time, e message) {
	const begin, end, instant = 1, 2, 3
	uuid := e.int(11)
	track, ok := r.threads[uuid]
	if !ok {
		return
	}
	if r.open[track] == nil {
		r.open[track] = map[int64][]int{}
	}
	stack := r.open[track][uuid]
	if e.int(9) == end {
		r.out.Events[stack[len(stack)-1]].End = at
		r.open[track][uuid] = stack[:len(stack)-1]
		return
	}
	category := r.sorts[e.int(3)]
	i := slices.IndexFunc(kinds, func(k trace.Kind) bool { return k.String() == category })
	if i < 0 {
		r.Fatalf("category %q", category)
	}
	x := trace.Event{Span: trace.Span{Start: at, End: at}, Kind: kinds[i], Track: track, Correlation: trace.NoCorrelation, Name: r.out.Names.Intern(r.names[e.int(10)])}
	for _, f := range e[4] {
		if a := decode(r.T, f.bytes); r.arguments[a.int(1)] == "correlation" {
			x.Correlation = a.int(4)
		}
	}
	if e.int(9) == begin {
		r.open[track][uuid] = append(stack, len(r.out.Events))
	}
	r.out.Events = append(r.out.Events, x)
}

var kinds = []trace.Kind{
	trace.Launch, trace.Sync, trace.Op, trace.Range, trace.GPURange, trace.Frame, trace.Overhead, trace.Instant, trace.Other,
}

func (r *perfettoReader) gpu(at trace.Time, e message) {
	device := e.int(11)
	queue := r.stages[e.int(13)]
	n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(queue, "stream "), ", overlapping"), 10, 64)
	if err != nil {
		r.Fatalf("queue %q", queue)
	}
	track, ok := r.streams[[2]int64{device, n}]
	if !ok {
		track = trace.TrackID(len(r.out.Tracks))
		r.streams[[2]int64{device, n}] = track
		i := slices.IndexFunc(r.out.Devices, func(d trace.Device) bool { return d.Index == device })
		if i < 0 {
			i = len(r.out.Devices)
			r.out.Devices = append(r.out.Devices, trace.Device{Index: device})
		}
		r.out.Tracks = append(r.out.Tracks, trace.Track{Process: -1, Device: i, ID: n})
	}
	name := r.stages[e.int(14)]
	kind := trace.Kernel
	switch {
	case strings.HasPrefix(name, "Memcpy"):
		kind = trace.Memcpy
	case strings.HasPrefix(name, "Memset"):
		kind = trace.Memset
	}
	x := trace.Event{Span: trace.Span{Start: at, End: at + trace.Time(e.int(2))}, Kind: kind, Track: track, Correlation: trace.NoCorrelation, Name: r.out.Names.Intern(name)}
	if len(e[10]) > 0 {
		x.Correlation = e.int(10)
	}
	r.out.Events = append(r.out.Events, x)
}
