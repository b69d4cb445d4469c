package nsys

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"omnitrace/trace"
)

// An Input is one output of `nsys stats`: a file, or what was printed. The name
// is that of the file; where its content names no report, its name may.
type Input struct {
	Name   string
	Reader io.Reader
}

// Stats reads outputs of `nsys stats`, CSV or JSON, of every generation of
// names. It is a [trace.Reader] of the reports that list events:
//
//	cuda_gpu_trace        kernels, copies and fills by stream; no process
//	cuda_api_trace        API calls by thread
//	cuda_kern_exec_trace  kernels and their calls; no stream, no copies
//	nvtx_pushpop_trace    ranges by thread
//	nvtx_gpu_proj_trace   GPU ranges, and the ranges that they are projected from
//
// Reports that repeat the events of another one are used only where that one is
// not among the inputs. The summaries (cuda_gpu_kern_sum, …) become [Stats.Tables].
//
// Times are relative to the start of the capture, which the reports don't give.
// GPU lanes belong to the process of the calls where those are of one only.
// CUDA graphs that were not recorded by node are in none of the reports.
type Stats struct {
	ctx    context.Context
	want   trace.Want
	header *trace.Header
	inputs []Input
	sheet  *sheet // of inputs[0], nil before it is begun
	events []trace.Event

	current  *report // of the table that is being read; nil for none
	summary  *Table  // the table that is being read; nil for none
	fields   fields
	instead  map[string][]trace.Event // kept back, by the report that would be better
	seen     map[string]bool          // event reports among the inputs
	tables   []*Table
	launches map[launch]int64 // calls of cuda_kern_exec_trace, numbered
	kernels  map[launch]bool  // kernels of cuda_kern_exec_trace

	// Of the current input:
	found   bool     // a table that is known
	unknown []string // titles of one that is not
	prose   string   // the first line that is neither a table nor nsys's talk

	useful  bool  // an input was a report, or an empty one
	problem error // of the first input that was neither

	lanes     map[string]trace.TrackID
	processes map[string]int
	devices   map[string]int
	details   map[trace.Detail]trace.DetailID
	key       []byte
	plainNames, callNames,
	copyNames, rangeNames *namer
}

// batchSize is how many events Next yields at a time, about.
const batchSize = 4096

// OpenStats reads outputs of `nsys stats` that describe one capture. It reads
// nothing yet: an input without a table in it makes Next return an error.
func OpenStats(ctx context.Context, want trace.Want, inputs ...Input) *Stats {
	s := &Stats{
		ctx: ctx, want: want, header: trace.NewHeader("nsys stats"), inputs: inputs,
		instead: map[string][]trace.Event{}, seen: map[string]bool{}, launches: map[launch]int64{}, kernels: map[launch]bool{},
		lanes: map[string]trace.TrackID{}, processes: map[string]int{}, devices: map[string]int{},
		details: map[trace.Detail]trace.DetailID{{}: 0},
	}
	s.header.Health.Add(trace.ClockMissing, -1)
	s.plainNames = newNamer(s.header, nil, plain)
	s.callNames = newNamer(s.header, nil, callName)
	s.copyNames = newNamer(s.header, nil, memoryOperation)
	s.rangeNames = newNamer(s.header, nil, func(name string) string { return strings.TrimPrefix(name, ":") })
	return s
}

// Tables returns the summaries among the inputs, in their order; complete
// after io.EOF.
func (s *Stats) Tables() []*Table { return s.tables }

// Header returns the header.
func (s *Stats) Header() *trace.Header { return s.header }

// Origin is 0: see [Stats].
func (s *Stats) Origin() trace.Time { return 0 }

// Close does nothing: the inputs are the caller's to close.
func (s *Stats) Close() error { return nil }

// Next returns the next events.
func (s *Stats) Next() ([]trace.Event, error) {
	s.events = s.events[:0]
	for len(s.events) < batchSize && len(s.inputs) > 0 {
		if err := s.ctx.Err(); err != nil {
			return nil, err
		}
		if s.sheet == nil {
			s.sheet = newSheet(s.inputs[0].Reader, s.inputs[0].Name, s)
		}
		switch err := s.sheet.next(); {
		case errors.Is(err, io.EOF):
			if err := s.endInput(); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, fmt.Errorf("reading %s: %w", s.inputs[0].Name, err)
		}
	}
	if len(s.inputs) == 0 {
		s.settle()
	}
	if len(s.events) == 0 {
		return nil, io.EOF
	}
	return s.events, nil
}

// endInput goes on to the next input. One without anything in it that nsys
// writes is a defect, and an error where no other has; an empty one is a report
// without data.
func (s *Stats) endInput() error {
	if err := s.strangeInput(); err == nil {
		s.useful = true
	} else {
		s.problem = cmp.Or(s.problem, err)
		if s.unknown == nil {
			s.header.Health.Add(trace.UnknownReport, -1)
		}
	}
	s.inputs, s.sheet = s.inputs[1:], nil
	s.current, s.found, s.unknown, s.prose = nil, false, nil, ""
	if len(s.inputs) == 0 && !s.useful {
		return s.problem
	}
	return nil
}

// strangeInput says what the current input is if it is no report.
func (s *Stats) strangeInput() error {
	name := s.inputs[0].Name
	switch {
	case s.found:
	case s.unknown != nil:
		return fmt.Errorf("reading %s: a table of an unknown report (columns %q); known are %s, and all summaries",
			name, s.unknown, strings.Join(eventReportNames(), ", "))
	case s.prose != "":
		return fmt.Errorf("reading %s: no table of `nsys stats` in it, but %q; make it with --format csv or json", name, s.prose)
	}
	return nil
}

func eventReportNames() []string {
	var names []string
	for _, r := range eventReports {
		names = append(names, r.name)
	}
	return names
}

// settle adds, once, the events of reports that nothing better was given for,
// and the process of GPU lanes where there is only one.
func (s *Stats) settle() {
	for _, r := range eventReports {
		if events := s.instead[r.instead]; r.instead != "" && len(events) > 0 {
			if !s.seen[r.instead] {
				s.events = append(s.events, events...)
			}
			delete(s.instead, r.instead)
		}
	}
	if len(s.header.Processes) != 1 {
		return
	}
	for i := range s.header.Tracks {
		s.header.Tracks[i].Process = 0
	}
}

// strange takes note of a line that belongs to no table.
func (s *Stats) strange(line string) {
	if s.prose == "" {
		s.prose = line[:min(len(line), 60)]
	}
}

// table begins a table.
func (s *Stats) table(name string, titles []string) {
	columns := make([]TableColumn, len(titles))
	for i, t := range titles {
		columns[i].Name, columns[i].Unit = splitTitle(t)
	}
	s.current, s.summary = nil, nil
	for i := range eventReports {
		if r := &eventReports[i]; s.fields.find(r, columns) {
			s.current, s.seen[r.name], s.found = r, true, true
			return
		}
	}
	if !strings.HasSuffix(name, "_sum") && !isSummary(columns) {
		s.unknown = titles
		s.header.Health.Add(trace.UnknownReport, -1)
		return
	}
	s.summary, s.found = &Table{Report: name, Columns: columns}, true
	s.tables = append(s.tables, s.summary)
}

// isSummary reports whether a table has totals or averages.
func isSummary(columns []TableColumn) bool {
	return slices.ContainsFunc(columns, func(c TableColumn) bool {
		return strings.HasPrefix(c.Name, "Total") || strings.HasSuffix(c.Name, "Avg") || c.Name == "Average"
	})
}

// row reads a row of the table that was begun last.
func (s *Stats) row(cells [][]byte) {
	switch {
	case s.current != nil:
		s.header.Rows++
		s.fields.cells, s.fields.rounded = cells, false
		s.current.read(s, &s.fields)
		if s.fields.rounded {
			s.header.Health.Add(trace.RoundedTime, -1)
		}
	case s.summary != nil:
		row := make([]string, len(cells))
		for i, c := range cells {
			row[i] = string(present(c))
		}
		s.summary.Rows = append(s.summary.Rows, row)
	}
}

// present returns a cell's text without what nsys 2022 wrote for nothing.
func present(cell []byte) []byte {
	if string(cell) == "None" {
		return nil
	}
	return bytes.TrimSpace(cell)
}

// add keeps an event, or keeps it back where another report may have it too.
func (s *Stats) add(e trace.Event) {
	if !s.want.Has(e.Kind) {
		return
	}
	if r := s.current; r.instead != "" && e.Kind != trace.GPURange {
		s.instead[r.instead] = append(s.instead[r.instead], e)
		return
	}
	s.events = append(s.events, e)
}
