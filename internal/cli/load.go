package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"omnitrace/analyze"
	"omnitrace/nsys"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/open"
	"omnitrace/trace/session"
)

// A loader reads the files of a session.
type loader struct {
	std   streams
	want  trace.Want
	bar   *progress
	nsys  string // path of nsys, "" to search
	quiet bool   // no progress of nsys
	// whole asks for all events of files in another format than Chrome's, those
	// of processes without GPU work too.
	whole bool
	// within, where set, decides which events of nsys are kept.
	within func(trace.Kind, trace.Span) bool

	reported sync.Map // by path: the *analyze.Reported of files that hold summaries
}

// formats are the inputs that can be read, by what package session calls them.
var formats = map[session.Format]func(context.Context, *loader, session.File) (*trace.Trace, error){
	session.Chrome:     loadChrome,
	session.NsysSQLite: loadSQLite,
	session.NsysReport: loadReport,
	session.NsysStats:  loadStats,
}

// stdin is the path that stands for standard input.
const stdin = "-"

// find looks for the sessions below the paths; "-" is a session of its own.
func find(paths []string) (session.Found, error) {
	if i := slices.Index(paths, stdin); i >= 0 {
		if len(paths) > 1 {
			return session.Found{}, usagef("standard input (-) can't be combined with other paths")
		}
		// Its size is not known before it is read; 1 says that it is not empty.
		file := session.File{Path: stdin, Format: session.Chrome, Role: session.Trace, State: session.Whole, Size: 1}
		file.Stage, file.Replica, file.Rank = -1, -1, -1
		return session.Found{Sessions: []session.Session{{ID: "stdin", Label: "standard input", Files: []session.File{file}}}}, nil
	}
	return session.Find(session.OS{}, paths)
}

// loadFiles reads the counted files of a session, several at a time, and
// returns an input for each file that is no side file. A file that can't be
// read is an input with an error; only when none can be, or when ctx ends, is
// that an error of the whole. When ctx ends it returns at once: a read that
// waits for its input can't be stopped and is left to the end of the process.
func (l *loader) loadFiles(ctx context.Context, s session.Session) ([]analyze.Input, error) {
	var inputs []analyze.Input
	for _, f := range s.Files {
		if f.Role != session.Side {
			inputs = append(inputs, analyze.Input{File: f})
		}
	}
	var wait sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range inputs {
		in := &inputs[i]
		if !in.File.Counted() {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		wait.Go(func() {
			defer func() { <-slots }()
			in.Trace, in.Err = l.load(ctx, in.File)
			if r, ok := l.reported.Load(in.File.Path); ok {
				in.Reported = r.(*analyze.Reported)
			}
		})
	}
	read := make(chan struct{})
	go func() {
		wait.Wait()
		close(read)
	}()
	select {
	case <-read:
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return l.byProcess(inputs), noneReadable(inputs)
}

// noneReadable returns the errors of the inputs if there is nothing else.
func noneReadable(inputs []analyze.Input) error {
	var failed []error
	for _, in := range inputs {
		if in.Trace != nil {
			return nil
		}
		if in.Err != nil {
			failed = append(failed, in.Err)
		}
	}
	if len(failed) == 0 {
		return errors.New("nothing to count: all files are frontend or graph-capture traces; profile a worker")
	}
	return failed[0]
}

// byProcess makes an input of each process of a file that several wrote: nsys
// puts all stages into one report.
func (l *loader) byProcess(inputs []analyze.Input) []analyze.Input {
	split := trace.SplitByProcess
	if l.whole {
		split = trace.SplitWhole
	}
	var all []analyze.Input
	for _, in := range inputs {
		if in.Trace == nil {
			all = append(all, in)
			continue
		}
		for i, part := range split(in.Trace) {
			own := in
			own.Trace = part
			if i > 0 {
				own.Reported = nil // of the whole file
			}
			all = append(all, own)
		}
	}
	return all
}

func (l *loader) load(ctx context.Context, file session.File) (*trace.Trace, error) {
	read, ok := formats[file.Format]
	if !ok {
		return nil, fmt.Errorf("reading %s: %s files can't be read yet", file.Path, file.Format)
	}
	t, err := read(ctx, l, file)
	switch {
	case err == nil:
		return t, nil
	case strings.Contains(err.Error(), file.Path): // package nsys names its files
		return nil, err
	}
	return nil, fmt.Errorf("reading %s: %w", file.Path, err)
}

func loadChrome(ctx context.Context, l *loader, file session.File) (*trace.Trace, error) {
	src, err := openFile(file.Path, l.std)
	if err != nil {
		return nil, cause(err)
	}
	defer src.Close()
	plain, err := open.Reader(l.bar.reading(ctx, src))
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	want := l.want
	if want.Kinds != 0 { // GPU work is of the process that launched it: the trace says so nowhere else
		want.Kinds |= trace.KindsOf(trace.Launch)
	}
	return trace.Read(chrome.NewReader(plain, want))
}

func loadSQLite(ctx context.Context, l *loader, file session.File) (*trace.Trace, error) {
	r, err := nsys.OpenSQLite(ctx, file.Path, l.wantNsys())
	if err != nil {
		return nil, err
	}
	return l.collect(r)
}

func loadReport(ctx context.Context, l *loader, file session.File) (*trace.Trace, error) {
	r, err := nsys.OpenReport(ctx, file.Path, l.wantNsys(), l.exportOptions(file.Path))
	if err != nil {
		return nil, err
	}
	return l.collect(r)
}

func (l *loader) wantNsys() trace.Want {
	if l.whole {
		return trace.Want{}
	}
	return l.want
}

func (l *loader) collect(r trace.Reader) (*trace.Trace, error) {
	if l.within != nil {
		r = windowed{r, l.within}
	}
	return trace.Read(r)
}

// exportOptions say how nsys exports a report, which can take minutes.
func (l *loader) exportOptions(report string) nsys.ExportOptions {
	return nsys.ExportOptions{Nsys: l.nsys, Progress: exporting(l.std.err, report, !l.quiet)}
}

// loadStats reads the reports about one capture as one trace.
func loadStats(ctx context.Context, l *loader, file session.File) (*trace.Trace, error) {
	var inputs []nsys.Input
	for _, path := range append([]string{file.Path}, file.Parts...) {
		src, err := openFile(path, l.std)
		if err != nil {
			return nil, cause(err)
		}
		defer src.Close()
		inputs = append(inputs, nsys.Input{Name: path, Reader: l.bar.reading(ctx, src)})
	}
	stats := nsys.OpenStats(ctx, l.wantNsys(), inputs...)
	t, err := trace.Read(stats)
	if tables := stats.Tables(); err == nil && len(tables) > 0 {
		l.reported.Store(file.Path, reportedBy(tables))
	}
	return t, err
}

// cause strips the operation and the path, which the message already has.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func openFile(path string, std streams) (io.ReadCloser, error) {
	if path == stdin {
		return io.NopCloser(std.in), nil
	}
	return os.Open(path)
}

// splitLabel takes "label=PATH" apart; a path that exists as it is has no label.
func splitLabel(arg string) (label, path string) {
	before, after, ok := strings.Cut(arg, "=")
	if !ok || strings.ContainsAny(before, "/\\") {
		return "", arg
	}
	if _, err := os.Stat(arg); err == nil {
		return "", arg
	}
	return before, after
}
