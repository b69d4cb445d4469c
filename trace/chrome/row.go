package chrome

import (
	"slices"

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
