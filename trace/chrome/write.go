package chrome

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"omnitrace/trace"
)

// Write writes t as a Chrome trace in Kineto's form, which Perfetto and
// chrome://tracing open and [NewReader] reads back: the same spans, names,
// lanes and links. Health is not written.
//
// GPU rows need a pid of their own in this form. Where several processes use
// GPUs, each gets a made-up one for each of its devices, and correlation IDs
// are made unique. The form knows no process of GPU rows: the entries of
// deviceProperties say it, with the GPU's UUID, in fields of their own.
//
// Viewers drop rows that overlap others of their lane in part. GPU work that
// does so, and what the profiler saw besides calls and ranges, goes on a lane
// beside; ranges and calls become pairs of asynchronous rows, which keep their
// thread. t must be sorted.
func Write(w io.Writer, t *trace.Trace) error {
	p := newWriter(w, t)
	p.head()
	p.metadata()
	p.events()
	p.nameLanes()
	return p.close()
}

// writerCategories are the categories of rows, by kind.
var writerCategories = map[trace.Kind]string{
	trace.Kernel: "kernel", trace.Memcpy: "gpu_memcpy", trace.Memset: "gpu_memset",
	trace.Launch: "cuda_runtime", trace.Sync: "cuda_sync", trace.Op: "cpu_op",
	trace.Range: "user_annotation", trace.GPURange: "gpu_user_annotation",
	trace.Frame: "python_function", trace.Overhead: "overhead",
	trace.Counter: "counter", trace.Instant: "instant", trace.Flow: "flow", trace.Other: "other",
}

type writer struct {
	out   *bufio.Writer
	t     *trace.Trace
	links trace.Links
	base  trace.Time
	begun bool
	names map[trace.NameID][]byte // as JSON
	used  []bool                  // tracks that have events
	pids  []string                // of each track, as JSON
	many  bool                    // several processes use GPUs
	lanes *writerLanes
}

func newWriter(w io.Writer, t *trace.Trace) *writer {
	p := &writer{out: bufio.NewWriterSize(w, 1<<18), t: t, links: trace.Link(t), base: WriteOrigin(t), names: map[trace.NameID][]byte{}}
	p.used = make([]bool, len(t.Tracks))
	working := map[int]bool{}
	for i := range t.Events {
		track := t.Events[i].Track
		p.used[track] = true
		if t.Tracks[track].Device >= 0 {
			working[t.Tracks[track].Process] = true
		}
	}
	p.many = len(working) > 1
	for _, track := range t.Tracks {
		p.pids = append(p.pids, p.pid(track))
	}
	p.lanes = newWriterLanes(p)
	return p
}

// gpuPIDs is where the made-up process IDs of GPU rows begin: above those of
// Linux (pid_max is at most 2^22).
const gpuPIDs = 1 << 23

func (p *writer) pid(track trace.Track) string {
	switch {
	case track.Device >= 0 && p.many:
		return strconv.Itoa(gpuPIDs + (track.Process+1)<<10 + track.Device)
	case track.Device >= 0:
		return strconv.FormatInt(p.t.Devices[track.Device].Index, 10)
	case track.Process < 0:
		return "-1"
	}
	return jsonNumber(p.t.Processes[track.Process].PID)
}

// jsonNumber returns text as JSON: bare if it is a number.
func jsonNumber(text string) string {
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return text
	}
	return string(quoted(text))
}

func quoted(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string can be encoded
	return bytes.TrimRight(b.Bytes(), "\n")
}

func (p *writer) head() {
	fmt.Fprintf(p.out, "{\n  \"schemaVersion\": 1,\n  \"deviceProperties\": [")
	written := map[string]bool{}
	for i, track := range p.t.Tracks {
		if track.Device < 0 || !p.used[i] || written[p.pids[i]] {
			continue
		}
		if len(written) > 0 {
			p.out.WriteString(",")
		}
		written[p.pids[i]] = true
		p.device(track, p.pids[i])
	}
	p.out.WriteString("\n  ],\n")
	if p.base != 0 {
		fmt.Fprintf(p.out, "  \"baseTimeNanoseconds\": %d,\n", p.base)
	}
	p.out.WriteString("  \"displayTimeUnit\": \"ms\",\n  \"traceEvents\": [")
}

// device writes what is known of a device, as [deviceProperty] reads it.
func (p *writer) device(track trace.Track, pid string) {
	d := p.t.Devices[track.Device]
	own := deviceProperty{ID: d.Index, Name: d.Name, Memory: d.MemoryBytes, UUID: d.UUID, Bus: d.Bus, GPUPID: pid}
	if track.Process >= 0 {
		own.Process = p.t.Processes[track.Process].PID
	}
	text, err := json.Marshal(own)
	if err == nil { // numbers and strings can be encoded
		fmt.Fprintf(p.out, "\n    %s", text)
	}
}

// row begins a row; what follows must end it.
func (p *writer) row() {
	if p.begun {
		p.out.WriteString(",")
	}
	p.begun = true
	p.out.WriteString("\n  ")
}

func (p *writer) metadata() {
	named := map[string]bool{}
	for i, track := range p.t.Tracks {
		pid := p.pids[i]
		if !p.used[i] {
			continue
		}
		if !named[pid] {
			named[pid] = true
			p.meta("process_name", pid, "0", "name", p.processName(track))
			p.meta("process_labels", pid, "0", "labels", labels(p.t, track))
		}
		if name := laneName(track); name != "" {
			p.meta("thread_name", pid, tid(track), "name", name)
		}
	}
}

func (p *writer) processName(track trace.Track) string {
	if track.Process >= 0 {
		return p.t.Processes[track.Process].Name
	}
	return ""
}

func labels(t *trace.Trace, track trace.Track) string {
	if track.Device >= 0 {
		return fmt.Sprintf("GPU %d", t.Devices[track.Device].Index)
	}
	return "CPU"
}

func (p *writer) meta(what, pid, tid, key, value string) {
	p.row()
	fmt.Fprintf(p.out, `{"ph": "M", "name": "%s", "pid": %s, "tid": %s, "args": {"%s": %s}}`, what, pid, tid, key, quoted(value))
}

func (p *writer) events() {
	for i := range p.t.Events {
		e := &p.t.Events[i]
		at := p.lanes.place(e)
		p.event(e, at, int64(i)+1)
		if l := p.links.Launch[i]; l >= 0 {
			call := &p.t.Events[l]
			p.flow(call, e, at.tid, int64(i)+1)
		}
	}
}

// event writes an event as one row, or as two where it overlaps others of its
// thread.
func (p *writer) event(e *trace.Event, at lanePlace, id int64) {
	p.row()
	fmt.Fprintf(p.out, `{"ph": "%s", "cat": "%s", "name": %s, "pid": %s, "tid": %s, "ts": %s`,
		at.phase, writerCategories[e.Kind], p.name(e.Name), p.pids[e.Track], at.tid, micros(e.Start-p.base))
	switch at.phase {
	case "X":
		fmt.Fprintf(p.out, `, "dur": %s`, micros(trace.Time(e.Len())))
	case "i":
		p.out.WriteString(`, "s": "t"`)
	default:
		fmt.Fprintf(p.out, `, "id": %d`, id)
	}
	p.args(e, p.t.Tracks[e.Track])
	p.out.WriteString("}")
	if at.phase == "b" {
		p.row()
		fmt.Fprintf(p.out, `{"ph": "e", "cat": "%s", "name": %s, "pid": %s, "tid": %s, "ts": %s, "id": %d}`,
			writerCategories[e.Kind], p.name(e.Name), p.pids[e.Track], at.tid, micros(e.End-p.base), id)
	}
}

func (p *writer) name(id trace.NameID) []byte {
	n, ok := p.names[id]
	if !ok {
		n = quoted(p.t.Names.Text(id))
		p.names[id] = n
	}
	return n
}

// micros writes nanoseconds as decimal microseconds, exactly.
func micros(t trace.Time) string {
	sign, n := "", int64(t)
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%03d", sign, n/1000, n%1000)
}

func (p *writer) args(e *trace.Event, track trace.Track) {
	var b bytes.Buffer
	add := func(format string, args ...any) {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, format, args...)
	}
	if track.Device >= 0 {
		add(`"device": %d, "stream": %d`, p.t.Devices[track.Device].Index, track.ID)
	}
	if e.Correlation != trace.NoCorrelation {
		add(`"correlation": %d`, p.correlation(e.Correlation, track))
	}
	d := p.t.Details[e.Detail]
	if d.Grid != [3]int32{} {
		add(`"grid": [%d, %d, %d], "block": [%d, %d, %d]`, d.Grid[0], d.Grid[1], d.Grid[2], d.Block[0], d.Block[1], d.Block[2])
	}
	if d.GraphNode != 0 {
		add(`"graph node id": %d`, d.GraphNode)
	}
	if d.Bytes != 0 {
		add(`"bytes": %d`, d.Bytes)
	}
	if b.Len() > 0 {
		fmt.Fprintf(p.out, `, "args": {%s}`, b.Bytes())
	}
}

// correlation makes the ID of one process unique in the file. Viewers read
// numbers as doubles, which are exact up to 2^53.
func (p *writer) correlation(id int64, track trace.Track) int64 {
	if !p.many {
		return id
	}
	return id + int64(track.Process+1)<<40
}

// ProcessCorrelation returns the ID, within its process, of which [Write] made
// a correlation.
func ProcessCorrelation(id int64) int64 {
	if id < 0 {
		return id
	}
	return id & (1<<40 - 1)
}

// flow draws the arrow from a launch call to what it launched, on lane tid.
func (p *writer) flow(call, gpu *trace.Event, lane string, id int64) {
	for _, end := range []struct {
		phase, tid string
		e          *trace.Event
	}{{`"s"`, tid(p.t.Tracks[call.Track]), call}, {`"f", "bp": "e"`, lane, gpu}} {
		p.row()
		fmt.Fprintf(p.out, `{"ph": %s, "id": %d, "pid": %s, "tid": %s, "ts": %s, "cat": "ac2g", "name": "ac2g"}`,
			end.phase, id, p.pids[end.e.Track], end.tid, micros(end.e.Start-p.base))
	}
}

func (p *writer) close() error {
	p.out.WriteString("\n  ]\n}\n")
	return p.out.Flush()
}

// WriteOrigin returns the time that the times in what [Write] writes of t count
// from.
func WriteOrigin(t *trace.Trace) trace.Time {
	if t.Clock != trace.ClockUnix || len(t.Events) == 0 {
		return 0
	}
	const second = 1e9
	return t.Events[0].Start / second * second
}
