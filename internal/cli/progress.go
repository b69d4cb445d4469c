package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// A progress shows how much of the inputs has been read, on terminals only.
// The nil progress shows nothing.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress returns a progress over total bytes of input files.
func newProgress(w io.Writer, total int64, show bool) *progress {
	if !show || !isTerminal(w) {
		return &progress{}
	}
	return &progress{progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetDescription("reading"),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetWidth(30),
	)}
}

// reading returns src with its bytes counted, which fails once ctx ends: that
// is how Ctrl-C reaches a reader in the middle of a gigabyte.
func (p *progress) reading(ctx context.Context, src io.Reader) io.Reader {
	return &watched{ctx, src, p}
}

// done removes the bar.
func (p *progress) done() {
	if p.bar != nil {
		p.bar.Finish()
	}
}

type watched struct {
	ctx context.Context
	src io.Reader
	p   *progress
}

func (w *watched) Read(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.src.Read(b)
	if w.p.bar != nil {
		w.p.bar.Add(n)
	}
	return n, err
}

// exporting returns what shows how far nsys is with an export, on terminals
// only; nil for nothing.
func exporting(w io.Writer, report string, show bool) func(percent int) {
	if !show || !isTerminal(w) {
		return nil
	}
	return func(percent int) {
		end := ""
		if percent == 100 {
			end = "\n"
		}
		fmt.Fprintf(w, "\romnitrace: nsys exports %s: %3d %%%s", filepath.Base(report), percent, end)
	}
}

// isTerminal reports whether w is a terminal.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// terminalWidth returns the columns of the terminal that w is, 0 for none.
func terminalWidth(w any) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
