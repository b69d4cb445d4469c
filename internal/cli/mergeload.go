package cli

import (
	"context"
	"errors"
	"io"
	"maps"
	"runtime/debug"
	"slices"

	"omnitrace/analyze"
	"omnitrace/analyze/rules"
	"omnitrace/merge"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/session"
)

// A captureReader analyses a capture so that few events are in memory at a time.
type captureReader struct {
	*loader
	o    *mergeOptions
	opts analyze.Options
	c    mergeCapture
	warn []analyze.Warning
}

// capture returns the parts of a capture. Traces of torch are read and analysed
// one by one; the processes of nsys captures, and their ranges, together: they
// are numbered through.
func (o *mergeOptions) capture(ctx context.Context, std streams, c mergeCapture) ([]merge.Part, error) {
	opts, err := o.options()
	if err != nil {
		return nil, err
	}
	opts.GPUMap, _ = parseStages("--gpu-map", o.gpuMap) // validated
	if err := describe(c.Session, &opts); err != nil {
		return nil, err
	}
	opts.ExpectSteps = 0 // of the run, and not of each trace
	size := int64(0)
	for _, f := range c.Files {
		size += f.Size
	}
	bar := newProgress(std.err, size, !o.quiet)
	defer bar.done()
	r := &captureReader{o: o, opts: opts, c: c, loader: &loader{
		std: std, want: analyze.TableNeeds(opts.Rules), bar: bar, nsys: o.nsys, quiet: o.quiet, whole: true,
	}}
	parts, err := r.read(ctx)
	warn(std, r.warn)
	return parts, err
}

func (r *captureReader) read(ctx context.Context) ([]merge.Part, error) {
	if len(r.c.Traces()) < 2 || tools[r.c.Files[0].Format] != tools[session.Chrome] {
		_, parts, err := r.analyse(ctx, r.c.Files, r.opts)
		return parts, err
	}
	var sketches []analyze.Input
	var parts []merge.Part
	for _, f := range r.c.Files {
		if !f.Counted() {
			sketches = append(sketches, analyze.Input{File: f})
			continue
		}
		inputs, one, err := r.analyse(ctx, []session.File{f}, r.opts)
		if inputs == nil {
			return nil, err
		}
		sketches, parts = append(sketches, inputs...), append(parts, one...)
		debug.FreeOSMemory() // the next one need not come on top of what this one left
	}
	if err := noneReadable(sketches); err != nil {
		return nil, err
	}
	whole, err := analyze.NewSession(sketches, r.opts)
	if err != nil {
		return nil, err
	}
	for _, w := range r.warn {
		if !slices.ContainsFunc(whole.Warnings, func(o analyze.Warning) bool { return o.Message == w.Message }) {
			whole.Warnings = append(whole.Warnings, w)
		}
	}
	r.warn = whole.Warnings
	return parts, r.identify(ctx, whole, parts)
}

// analyse reads and analyses some files. Of the inputs it leaves what tells
// which parts of the run they are.
func (r *captureReader) analyse(ctx context.Context, files []session.File, opts analyze.Options) ([]analyze.Input, []merge.Part, error) {
	inputs, err := r.loadFiles(ctx, session.Session{Files: files})
	if err != nil {
		return inputs, nil, err
	}
	s, err := analyze.NewSession(inputs, opts)
	if err != nil {
		return nil, nil, err
	}
	parts := merge.Parts(s, r.inputs(ctx, s))
	if len(r.c.Files) == len(files) {
		r.warn = s.Warnings
		return inputs, parts, nil
	}
	r.warn = append(r.warn, s.Warnings...)
	for i := range inputs {
		if inputs[i].Trace != nil {
			inputs[i].Trace = sketch(inputs[i].Trace)
		}
	}
	return inputs, parts, nil
}

// sketch returns what tells which part of a run a trace is: an event of each
// name of ranges and frames, and of each lane of GPU work.
func sketch(t *trace.Trace) *trace.Trace {
	type key struct {
		kind  trace.Kind
		name  trace.NameID
		track trace.TrackID
	}
	h := *t.Header
	h.Details = h.Details[:1:1]
	small := &trace.Trace{Header: &h}
	seen := map[key]bool{}
	for _, e := range t.Events {
		k := key{kind: e.Kind}
		switch {
		case e.Kind.GPU():
			k.track = e.Track
		case e.Kind == trace.Range || e.Kind == trace.Frame:
			k.name = e.Name
		default:
			continue
		}
		if !seen[k] {
			seen[k] = true
			e.Detail = 0
			small.Events = append(small.Events, e)
		}
	}
	return small
}

// identify gives each part its place in the whole capture. One whose name, which
// the other traces told, says how its passes run is analysed again.
func (r *captureReader) identify(ctx context.Context, whole *analyze.Session, parts []merge.Part) error {
	i := 0
	for _, src := range whole.Sources {
		if src.Trace == nil {
			continue
		}
		part := &parts[i]
		i++
		if e, ok := r.opts.Rules.StageExecution(src.StageName); ok && e == rules.Generation && part.StageName != src.StageName {
			opts := r.opts
			opts.StageMap = maps.Clone(opts.StageMap)
			if opts.StageMap == nil {
				opts.StageMap = map[int]string{}
			}
			opts.StageMap[part.Stage] = src.StageName
			at := slices.IndexFunc(r.c.Files, func(f session.File) bool { return f.Path == src.Path })
			_, again, err := r.analyse(ctx, r.c.Files[at:at+1], opts)
			if err != nil || len(again) != 1 {
				return errors.Join(err, ctx.Err())
			}
			*part = again[0]
		}
		part.Stage, part.StageName, part.Replica, part.Rank = src.Stage, src.StageName, src.Replica, src.Rank
		part.Card = whole.GPUMap[src.Stage]
	}
	return nil
}

// inputs returns how to read the sources of a session as Chrome traces: their
// files, or, of files in another format, their events.
func (r *captureReader) inputs(ctx context.Context, s *analyze.Session) func(int) merge.Input {
	files := map[string]*eventFile{}
	next := map[string]int{} // process of each file
	return func(i int) merge.Input {
		src := s.Sources[i]
		if src.Format == string(session.Chrome) {
			return merge.Input{
				Overlap: lanesOf(s.Overlaps(i)), Origin: chrome.Origin(src.Trace.Header),
				Open: r.o.opener(ctx, r.std, src.Path),
			}
		}
		f := files[src.Path]
		if f == nil {
			at := slices.IndexFunc(r.c.Files, func(f session.File) bool { return f.Path == src.Path })
			again := &loader{std: r.std, nsys: r.nsys, quiet: true}
			file := r.c.Files[at]
			f = &eventFile{read: func() (*trace.Trace, error) { return again.load(ctx, file) }}
			files[src.Path] = f
		}
		process := next[src.Path]
		next[src.Path]++
		return merge.Input{
			Origin: chrome.WriteOrigin(src.Trace),
			Open:   func() (io.ReadCloser, error) { return f.open(process) },
		}
	}
}

// An eventFile is a file that is no Chrome trace. It is read again when the
// first of its processes is copied: until then no event is kept, and all kinds
// are copied, not only those that an analysis needs.
type eventFile struct {
	read      func() (*trace.Trace, error)
	processes []*trace.Trace // nil for those that are copied
}

func (f *eventFile) open(process int) (io.ReadCloser, error) {
	if process >= len(f.processes) || f.processes[process] == nil {
		t, err := f.read()
		if err != nil {
			return nil, err
		}
		f.processes = trace.SplitWhole(t)
	}
	t := f.processes[process]
	f.processes[process] = nil
	return written(t), nil
}

// written returns t as a Chrome trace, which is written while it is read.
func written(t *trace.Trace) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(chrome.Write(w, t)) }()
	return r
}
