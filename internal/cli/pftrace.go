package cli

import (
	"io"
	"strings"

	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/open"
	"omnitrace/trace/perfetto"
)

// packer returns a writer that takes a Chrome trace and writes into dst what
// the end of the file's name says. Perfetto's format needs all events at once:
// memory grows with what is written.
func packer(dst io.Writer, name string) (io.WriteCloser, error) {
	if !strings.HasSuffix(name, perfetto.Suffix) {
		return open.Writer(dst, name)
	}
	r, w := io.Pipe()
	p := &nativeWriter{PipeWriter: w, done: make(chan error, 1)}
	go func() {
		t, err := trace.Read(chrome.NewReader(r, trace.Want{Kinds: trace.AllKinds &^ trace.KindsOf(trace.Flow)}))
		if err == nil {
			err = perfetto.Write(dst, t)
		}
		r.CloseWithError(err)
		p.done <- err
	}()
	return p, nil
}

type nativeWriter struct {
	*io.PipeWriter
	done chan error
}

// Close ends the trace and waits for it to be written.
func (p *nativeWriter) Close() error {
	if err := p.PipeWriter.Close(); err != nil {
		return err
	}
	return <-p.done
}
