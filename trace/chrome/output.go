package chrome

import (
	"fmt"
	"io"
)

// A Document is a trace that is being written.
type Document struct {
	w      io.Writer
	state  documentState
	comma  string
	tops   []string // to be written behind the events
	failed error
}

type documentState uint8

const (
	inHead documentState = iota
	inRows
	closed
)

// NewDocument begins a trace. The first error of w ends it; Close returns it.
func NewDocument(w io.Writer) *Document {
	d := &Document{w: w}
	d.write("{")
	d.comma = "\n"
	return d
}

func (d *Document) write(text string) {
	if d.failed == nil {
		_, d.failed = io.WriteString(d.w, text)
	}
}

// Top writes a top-level value: in front of the events before there is one,
// else behind them. The value must be JSON.
func (d *Document) Top(key string, value []byte) {
	d.top(string(quoted(key))+": "+string(value), d.state != inHead)
}

func (d *Document) top(text string, tail bool) {
	if tail || d.state != inHead {
		d.tops = append(d.tops, text)
		return
	}
	d.write(d.comma + text)
	d.comma = ",\n"
}

func (d *Document) rows() {
	if d.state == inHead {
		d.write(d.comma + `"traceEvents": [`)
		d.state, d.comma = inRows, "\n"
	}
}

// Row writes one row, which must be a JSON object.
func (d *Document) Row(object []byte) {
	d.rows()
	d.write(d.comma)
	d.comma = ",\n"
	if d.failed == nil {
		_, d.failed = d.w.Write(object)
	}
}

// NameLane writes the name of a lane that rows of a process were moved to.
func (d *Document) NameLane(pid int64, m MovedLane) {
	of := "thread"
	if m.GPU {
		of = "stream"
	}
	d.Row(fmt.Appendf(nil, `{"ph":"M","name":"thread_name","pid":%d,"tid":%d,"args":{"name":"%s %d, overlapping"}}`, pid, m.TID, of, m.From))
	d.Row(fmt.Appendf(nil, `{"ph":"M","name":"thread_sort_index","pid":%d,"tid":%d,"args":{"sort_index":%d}}`, pid, m.TID, m.From))
}

// chunk writes rows that each stand behind ",\n".
func (d *Document) chunk(rows []byte) {
	if len(rows) == 0 {
		return
	}
	d.rows()
	if d.comma == "\n" {
		rows = rows[1:]
	}
	d.comma = ",\n"
	if d.failed == nil {
		_, d.failed = d.w.Write(rows)
	}
}

// Close ends the document. It does not close its writer.
func (d *Document) Close() error {
	d.rows()
	if d.state == inRows {
		d.write("\n]")
		for _, top := range d.tops {
			d.write(",\n" + top)
		}
		d.write("\n}\n")
		d.state = closed
	}
	return d.failed
}
