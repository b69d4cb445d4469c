package tracetest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"omnitrace/trace"
)

// rowForms are phase and category of the rows that hold each kind.
var rowForms = map[trace.Kind][2]string{
	trace.Other:    {"X", "ac2g"},
	trace.Kernel:   {"X", "kernel"},
	trace.Memcpy:   {"X", "gpu_memcpy"},
	trace.Memset:   {"X", "gpu_memset"},
	trace.Launch:   {"X", "cuda_runtime"},
	trace.Sync:     {"X", "cuda_sync"},
	trace.Op:       {"X", "cpu_op"},
	trace.Range:    {"X", "user_annotation"},
	trace.GPURange: {"X", "gpu_user_annotation"},
	trace.Frame:    {"X", "python_function"},
	trace.Overhead: {"X", "overhead"},
	trace.Counter:  {"C", "counter"},
	trace.Instant:  {"i", ""},
	trace.Flow:     {"s", "ac2g"},
}

// JSON writes t as the PyTorch profiler would, with times relative to base.
// GPU rows name no process: a reader finds it where only one process launches.
func JSON(t *trace.Trace, base trace.Time) string {
	rows := make([]string, len(t.Events))
	for i := range t.Events {
		rows[i] = Row(t, &t.Events[i], base)
	}
	return Document(rows, base)
}

// Document joins rows into a trace of the PyTorch profiler's layout.
func Document(rows []string, base trace.Time) string {
	text := "{\n  \"schemaVersion\": 1,\n  \"traceEvents\": [\n" + strings.Join(rows, ",\n") + "\n  ],\n" +
		"  \"traceName\": \"trace.json\""
	if base != 0 {
		text += fmt.Sprintf(",\n  \"baseTimeNanoseconds\": %d", base)
	}
	return text + "\n}\n"
}

// Row writes one event as an element of traceEvents.
func Row(t *trace.Trace, e *trace.Event, base trace.Time) string {
	var out strings.Builder
	track, form := t.Tracks[e.Track], rowForms[e.Kind]
	fmt.Fprintf(&out, `  {"ph": "%s", "cat": "%s", "name": %s, "pid": %s, "tid": %d, "ts": %s`,
		form[0], form[1], quote(t.Names.Text(e.Name)), pid(t, track), track.ID, Microseconds(e.Start-base))
	if form[0] == "X" {
		fmt.Fprintf(&out, `, "dur": %s`, Microseconds(e.End-e.Start))
	} else if e.Correlation != trace.NoCorrelation {
		fmt.Fprintf(&out, `, "id": %d`, e.Correlation)
	}
	if args := arguments(t, e, track); len(args) > 0 && form[0] == "X" {
		fmt.Fprintf(&out, `, "args": {%s}`, strings.Join(args, ", "))
	}
	out.WriteString("}")
	return out.String()
}

func pid(t *trace.Trace, track trace.Track) string {
	switch {
	case track.Device >= 0:
		return strconv.FormatInt(t.Devices[track.Device].Index, 10)
	case track.Process < 0:
		return quote("")
	}
	return t.Processes[track.Process].PID
}

func arguments(t *trace.Trace, e *trace.Event, track trace.Track) []string {
	var args []string
	add := func(format string, a ...any) { args = append(args, fmt.Sprintf(format, a...)) }
	if track.Device >= 0 {
		add(`"device": %d, "stream": %d`, t.Devices[track.Device].Index, track.ID)
	}
	if e.Correlation != trace.NoCorrelation {
		add(`"correlation": %d`, e.Correlation)
	}
	d := t.Details[e.Detail]
	if d.Bytes != 0 {
		add(`"bytes": %d`, d.Bytes)
	}
	if d.GraphNode != 0 {
		add(`"graph node id": %d`, d.GraphNode)
	}
	if d.Grid != [3]int32{} {
		add(`"grid": [%d, %d, %d]`, d.Grid[0], d.Grid[1], d.Grid[2])
	}
	if d.Block != [3]int32{} {
		add(`"block": [%d, %d, %d]`, d.Block[0], d.Block[1], d.Block[2])
	}
	return args
}

func quote(s string) string {
	text, _ := json.Marshal(s) // a string always can be
	return string(text)
}

// Microseconds writes a time as decimal microseconds, as profilers do.
func Microseconds(t trace.Time) string {
	sign, n := "", uint64(t)
	if t < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%03d", sign, n/1000, n%1000)
}
