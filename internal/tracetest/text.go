package tracetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"omnitrace/trace"
)

// Unknown is the pid of a lane whose process the file does not say.
const Unknown = "?"

// Parse reads events, one a line:
//
//	KIND t=START [d=DURATION] track=LANE [pid=PID] [corr=ID] [bytes=N] [node=ID] [grid=X,Y,Z] [block=X,Y,Z] "NAME"
//
// KIND is [trace.Kind]'s name with an underscore for a space. Times are in
// nanoseconds. LANE is host/THREAD or gpuDEVICE/STREAM. PID is 1 by default, ?
// for unknown; devices of different PIDs differ. Empty lines and lines that
// begin with # are skipped. The events of the result are sorted.
func Parse(text string) (*trace.Trace, error) {
	p := parser{
		t:     &trace.Trace{Header: trace.NewHeader("text")},
		lanes: map[string]trace.TrackID{}, devices: map[string]int{}, processes: map[string]int{},
		details: map[trace.Detail]trace.DetailID{{}: 0},
	}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := p.event(line); err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", i+1, line, err)
		}
	}
	p.t.Rows = int64(len(p.t.Events))
	trace.SortEvents(p.t)
	return p.t, nil
}

// Must is [Parse] for texts that a test knows to be right.
func Must(tb testing.TB, text string) *trace.Trace {
	tb.Helper()
	t, err := Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

type parser struct {
	t         *trace.Trace
	lanes     map[string]trace.TrackID
	devices   map[string]int
	processes map[string]int
	details   map[trace.Detail]trace.DetailID
}

func (p *parser) event(line string) error {
	fields, quoted, ok := strings.Cut(line, ` "`)
	if !ok {
		return errors.New("no name")
	}
	name, err := strconv.Unquote(`"` + quoted)
	if err != nil {
		return err
	}
	word, rest, _ := strings.Cut(fields, " ")
	kind, err := kindOf(word)
	if err != nil {
		return err
	}
	e := trace.Event{Kind: kind, Name: p.t.Names.Intern(name), Correlation: trace.NoCorrelation}
	lane, pid := "", "1"
	var duration trace.Time
	var d trace.Detail
	for _, field := range strings.Fields(rest) {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "track":
			lane = value
		case "pid":
			pid = value
		case "grid":
			d.Grid, err = triple(value)
		case "block":
			d.Block, err = triple(value)
		default:
			number, ok := map[string]*int64{
				"t": (*int64)(&e.Start), "d": (*int64)(&duration), "corr": &e.Correlation,
				"bytes": &d.Bytes, "node": &d.GraphNode,
			}[key]
			if !ok {
				return fmt.Errorf("unknown field %q", key)
			}
			*number, err = strconv.ParseInt(value, 10, 64)
		}
		if err != nil {
			return err
		}
	}
	e.End = e.Start + duration
	e.Detail = p.detail(d)
	e.Track, err = p.lane(lane, pid)
	p.t.Events = append(p.t.Events, e)
	return err
}

func kindOf(word string) (trace.Kind, error) {
	for k := trace.Other; trace.AllKinds.Has(k); k++ {
		if kindWord(k) == word {
			return k, nil
		}
	}
	return 0, fmt.Errorf("unknown kind %q", word)
}

func kindWord(k trace.Kind) string { return strings.ReplaceAll(k.String(), " ", "_") }

func triple(s string) (t [3]int32, err error) {
	_, err = fmt.Sscanf(s, "%d,%d,%d", &t[0], &t[1], &t[2])
	return t, err
}

func (p *parser) detail(d trace.Detail) trace.DetailID {
	id, ok := p.details[d]
	if !ok {
		id = trace.DetailID(len(p.t.Details))
		p.details[d] = id
		p.t.Details = append(p.t.Details, d)
	}
	return id
}

func (p *parser) lane(lane, pid string) (trace.TrackID, error) {
	if id, ok := p.lanes[pid+" "+lane]; ok {
		return id, nil
	}
	on, number, _ := strings.Cut(lane, "/")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("lane %q", lane)
	}
	track := trace.Track{Process: p.process(pid), Device: -1, ID: n}
	if index, ok := strings.CutPrefix(on, "gpu"); ok {
		if track.Device, err = p.device(index, pid); err != nil {
			return 0, err
		}
	} else if on != "host" {
		return 0, fmt.Errorf("lane %q", lane)
	}
	id := trace.TrackID(len(p.t.Tracks))
	p.lanes[pid+" "+lane] = id
	p.t.Tracks = append(p.t.Tracks, track)
	return id, nil
}

func (p *parser) process(pid string) int {
	if pid == Unknown {
		return -1
	}
	i, ok := p.processes[pid]
	if !ok {
		i = len(p.t.Processes)
		p.processes[pid] = i
		p.t.Processes = append(p.t.Processes, trace.Process{PID: pid})
	}
	return i
}

func (p *parser) device(index, pid string) (int, error) {
	n, err := strconv.ParseInt(index, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("device %q", index)
	}
	i, ok := p.devices[pid+" "+index]
	if !ok {
		i = len(p.t.Devices)
		p.devices[pid+" "+index] = i
		p.t.Devices = append(p.t.Devices, trace.Device{Index: n})
	}
	return i, nil
}

// Format writes the events of t as [Parse] reads them, each line complete and
// lines of equal start in an order of their own: two traces that mean the same
// have the same text.
func Format(t *trace.Trace) string {
	type line struct {
		start trace.Time
		text  string
	}
	lines := make([]line, len(t.Events))
	for i := range t.Events {
		lines[i] = line{t.Events[i].Start, Event(t, &t.Events[i])}
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.text, b.text))
	})
	var out strings.Builder
	for _, l := range lines {
		out.WriteString(l.text + "\n")
	}
	return out.String()
}

// Event writes one event of t as a line without its end.
func Event(t *trace.Trace, e *trace.Event) string {
	var out strings.Builder
	track, d := t.Tracks[e.Track], t.Details[e.Detail]
	fmt.Fprintf(&out, "%s t=%d d=%d track=%s", kindWord(e.Kind), e.Start, e.Len(), lane(t.Header, track))
	if track.Process < 0 {
		out.WriteString(" pid=" + Unknown)
	} else if pid := t.Processes[track.Process].PID; pid != "1" {
		out.WriteString(" pid=" + pid)
	}
	if e.Correlation != trace.NoCorrelation {
		fmt.Fprintf(&out, " corr=%d", e.Correlation)
	}
	if d.Bytes != 0 {
		fmt.Fprintf(&out, " bytes=%d", d.Bytes)
	}
	if d.GraphNode != 0 {
		fmt.Fprintf(&out, " node=%d", d.GraphNode)
	}
	if d.Grid != [3]int32{} {
		fmt.Fprintf(&out, " grid=%d,%d,%d", d.Grid[0], d.Grid[1], d.Grid[2])
	}
	if d.Block != [3]int32{} {
		fmt.Fprintf(&out, " block=%d,%d,%d", d.Block[0], d.Block[1], d.Block[2])
	}
	fmt.Fprintf(&out, " %q", t.Names.Text(e.Name))
	return out.String()
}

func lane(h *trace.Header, t trace.Track) string {
	id := strconv.FormatInt(t.ID, 10)
	if t.Device < 0 {
		return "host/" + id
	}
	return fmt.Sprintf("gpu%d/%s", h.Devices[t.Device].Index, id)
}
