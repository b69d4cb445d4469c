package cli

import (
	"context"
	"io"
	"slices"

	"omnitrace/analyze"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/session"
)

// events reads what a file that is no Chrome trace has around a job's parts:
// memory grows with them and not with the file. All kinds are read, not only
// those that an analysis needs.
func (o *trimOptions) events(ctx context.Context, job *trimJob, std streams) error {
	src := job.source
	job.source = nil
	if src == nil {
		return nil
	}
	if src.Format == string(session.NsysStats) {
		job.use(src.Trace) // several files, and all of it has been read
		return nil
	}
	l := &loader{std: std, nsys: o.nsys, quiet: true, within: around(job.parts)}
	t, err := l.load(ctx, session.File{Path: src.Path, Format: session.Format(src.Format)})
	if err == nil {
		job.use(t)
	}
	return err
}

// use makes a job's rows those that are written of t.
func (j *trimJob) use(t *trace.Trace) {
	j.origin, j.id = chrome.WriteOrigin(t), chrome.ProcessCorrelation
	j.overlap = nil // what is written has overlaps on lanes of their own
	j.rows = func(ctx context.Context, _ *progress) (io.ReadCloser, error) {
		r := written(t)
		return &opened{(&progress{}).reading(ctx, r), r.Close}, nil
	}
}

// around returns a test for events that can belong to the parts.
func around(parts []analyze.Excerpt) func(trace.Kind, trace.Span) bool {
	if slices.ContainsFunc(parts, func(p analyze.Excerpt) bool { return p.All }) {
		return nil
	}
	var near analyze.Windows
	for _, p := range parts {
		near = append(append(near, p.Host...), p.GPU...)
	}
	near = near.Join()
	return func(kind trace.Kind, s trace.Span) bool { return kind == trace.Range || near.Touch(s) }
}

// A windowed reader yields only events that a test on their kind and time lets
// through. Its source must know its origin from the start, as those of nsys do.
type windowed struct {
	trace.Reader
	within func(trace.Kind, trace.Span) bool
}

func (w windowed) Next() ([]trace.Event, error) {
	origin := w.Origin()
	for {
		events, err := w.Reader.Next()
		if err != nil {
			return nil, err
		}
		kept := slices.DeleteFunc(events, func(e trace.Event) bool {
			return !w.within(e.Kind, trace.Span{Start: e.Start + origin, End: e.End + origin})
		})
		if len(kept) > 0 {
			return kept, nil
		}
	}
}
