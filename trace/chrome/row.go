package chrome

import (
	"bytes"
	"slices"
	"strconv"

	"omnitrace/trace"
)

// A Row is one row of a trace that is being copied. It is valid, and belongs
// to the function that it is given to, only during the call. Its strings may
// be kept.
type Row struct {
	kind   trace.Kind
	span   trace.Span
	origin trace.Time
	name   string // of a range whose ends are rows of their own; else in r

	b     *batch
	r     *row
	text  []byte
	args  *gpuArgs
	edits []edit
}

// An edit replaces text[at:end].
type edit struct {
	at, end int
	with    string
}

// Kind returns what the row is. Rows without a category that are tasks of an
// NPU are kernels.
func (r *Row) Kind() trace.Kind { return r.kind }

// Span returns the row's time on the clock of [Copying.Origin].
func (r *Row) Span() trace.Span { return r.span }

// Name returns the row's name.
func (r *Row) Name() string {
	if r.r == nil {
		return r.name
	}
	return r.b.lex.nameList[r.b.lex.name(r.r.name)]
}

// PID and TID return the row's process and thread as the file has them.
func (r *Row) PID() string { return r.lane().pid }

// TID is [Row.PID] for the thread.
func (r *Row) TID() string { return r.lane().tid }

func (r *Row) lane() trackKey {
	if r.r == nil {
		return trackKey{}
	}
	return r.b.lex.trackList[r.b.lex.hostTrack(r.r)]
}

// Correlation returns what ties GPU work to its launch call, or
// [trace.NoCorrelation].
func (r *Row) Correlation() int64 {
	if r.r == nil {
		return trace.NoCorrelation
	}
	return r.arguments().correlation
}

// Stream returns the device and the stream of a GPU row, numbered as in
// [trace.Device] and [trace.Track].
func (r *Row) Stream() (device, stream int64) {
	if r.r == nil {
		return -1, -1
	}
	a := r.arguments()
	if a.device == "" {
		device, _ = number64(r.PID())
	} else {
		device, _ = number64(a.device)
	}
	if a.stream == "" {
		stream, _ = number64(r.TID())
	} else {
		stream, _ = number64(a.stream)
	}
	return device, stream
}

func (r *Row) arguments() gpuArgs {
	if r.args == nil {
		a := r.b.args(r.r)
		r.args = &a
	}
	return *r.args
}

// Clip cuts the row's time down to span.
func (r *Row) Clip(span trace.Span) {
	cut := r.span.Intersect(span)
	if cut == r.span || r.r == nil || r.r.dur.text == nil {
		return
	}
	r.span = cut
	r.replace(r.r.ts.text, micros(cut.Start-r.origin))
	r.replace(r.r.dur.text, micros(trace.Time(cut.Len())))
}

// replace puts other text in the place of a part of the row. Parts share the
// row's memory up to its end, which tells where they are.
func (r *Row) replace(part []byte, with string) {
	at := cap(r.text) - cap(part)
	e := edit{at, at + len(part), with}
	i := slices.IndexFunc(r.edits, func(x edit) bool { return x.at >= at })
	switch {
	case i < 0:
		r.edits = append(r.edits, e)
	case r.edits[i].at == at:
		r.edits[i] = e
	default:
		r.edits = slices.Insert(r.edits, i, e)
	}
}

// edited reports whether a part of the row has been replaced.
func (r *Row) edited(part []byte) bool {
	at := cap(r.text) - cap(part)
	return slices.ContainsFunc(r.edits, func(e edit) bool { return e.at <= at && at < e.end })
}

// appendTo appends the row's text with its edits.
func (r *Row) appendTo(out []byte) []byte {
	at := 0
	for _, e := range r.edits {
		out = append(out, r.text[at:e.at]...)
		out = append(out, e.with...)
		at = e.end
	}
	return append(out, r.text[at:]...)
}

// SetPID puts the row on another process.
func (r *Row) SetPID(pid int64) {
	if r.r.pid.text != nil {
		r.replaceField(r.r.pid, pid)
	}
}

// Shift moves the row's time.
func (r *Row) Shift(by trace.Time) {
	if by == 0 || r.r.ts.text == nil {
		return
	}
	if t, status := nanoseconds(r.r.ts.text); status == numberOK {
		r.replace(r.r.ts.text, micros(t+by))
	}
}

// Renumber replaces the IDs by which rows refer to each other: those of arrows
// and of ranges across threads, and the arguments "correlation" and
// "External id".
func (r *Row) Renumber(unique func(id int64) int64) {
	if id := r.r.id; id.text != nil {
		r.replaceField(id, unique(idNumber(id)))
	}
	walkArgs(r.r, func(key, v []byte) {
		switch string(key) {
		case "correlation", "External id":
		default:
			return
		}
		if n, status := integer(bytes.Trim(v, `"`)); status == numberOK {
			r.replace(v, strconv.FormatInt(unique(n), 10))
		}
	})
}

// idNumber returns the number that an ID is, or one made of its text.
func idNumber(f field) int64 {
	text := f.value()
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return n
	}
	n, _ := number64(text)
	return n
}

// replaceField replaces a field's text, and its quotes where it has some.
func (r *Row) replaceField(f field, n int64) {
	text := f.text
	if f.quoted {
		at := cap(r.text) - cap(text)
		text = r.text[at-1 : at+len(text)+1]
	}
	r.replace(text, strconv.FormatInt(n, 10))
}
