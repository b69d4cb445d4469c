package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"omnitrace/internal/unit"
	"omnitrace/trace/chrome"
	"omnitrace/trace/open"
	"omnitrace/trim"
)

// copy writes a job's file. Without a limit that is one pass over the input,
// with one as many as it takes to find the level of detail that fits.
func (o *trimOptions) copy(ctx context.Context, job *trimJob, std streams) error {
	if err := os.MkdirAll(filepath.Dir(job.out), 0o777); err != nil {
		return err
	}
	filter := trim.NewFilter(job.parts, o.Options)
	filter.Overlap, filter.ID = job.lane, job.id
	var measure *trim.Measure
	if o.limit < math.MaxInt64 {
		filter, measure = filter.Measured()
	}
	search := trim.NewSearch(measure, o.limit)
	var best *trimCopy
	for more := true; more; {
		c := &trimCopy{trimOptions: o, job: job, filter: filter.At(search.Level), level: search.Level}
		err := writeFile(job.out, func(w io.Writer) error {
			err := c.write(ctx, w, std)
			if err == nil && c.size > o.limit {
				return errTooLarge
			}
			return err
		})
		switch {
		case err == nil:
			best = c
		case !errors.Is(err, errTooLarge):
			return fmt.Errorf("trimming %s: %w", job.path, err)
		}
		if more = search.Tried(c.size); !more && best == nil {
			return fmt.Errorf("trimming %s: --max-size %s is too small: the smallest possible is %d bytes, the part's GPU work, its launches and marks alone; choose less of the run, or a compressed output", job.path, o.maxSize, c.size)
		}
	}
	best.say(std)
	return nil
}

var errTooLarge = errors.New("too large")

// A trimCopy is one attempt at a job.
type trimCopy struct {
	*trimOptions
	job    *trimJob
	filter *trim.Filter
	level  int
	size   int64
	result chrome.Copied
}

func (c *trimCopy) write(ctx context.Context, w io.Writer, std streams) error {
	bar := newProgress(std.err, sizeAt(c.job.path), !c.quiet)
	defer bar.done()
	plain, err := c.job.rows(ctx, bar)
	if err != nil {
		return err
	}
	defer plain.Close()
	count := &counted{Writer: w}
	packed, err := packer(count, c.job.out)
	if err != nil {
		return err
	}
	d := chrome.NewDocument(packed)
	if c.result, err = d.Copy(plain, c.filter.Copying(c.job.origin)); err != nil {
		return err
	}
	for _, m := range c.result.Moved {
		if pid, err := strconv.ParseInt(m.PID, 10, 64); err == nil {
			d.NameLane(pid, m)
		}
	}
	c.note(d)
	if err := d.Close(); err != nil {
		return err
	}
	err = packed.Close()
	c.size = count.n
	return cmp.Or(err, ctx.Err()) // whoever interrupts a copy wants none
}

// openRows opens a Chrome trace, decompressed.
func openRows(ctx context.Context, path string, bar *progress) (io.ReadCloser, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	plain, err := open.Reader(bar.reading(ctx, file))
	if err != nil {
		file.Close()
		return nil, err
	}
	return &opened{plain, func() error { return cmp.Or(plain.Close(), file.Close()) }}, nil
}

func sizeAt(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// say tells on stderr what the user should know of a copy.
func (c *trimCopy) say(std streams) {
	if c.quiet {
		return
	}
	fmt.Fprintf(std.err, "omnitrace: %s: %d of %d rows, %s", c.job.out, c.result.Kept, c.result.Rows, unit.Size.Exact(c.size))
	if n := c.result.Repaired; n > 0 {
		fmt.Fprintf(std.err, "; %d repaired", n)
	}
	if n := c.result.Unsound; n > 0 {
		fmt.Fprintf(std.err, "; %d beyond repair left out", n)
	}
	if c.level > 0 {
		fmt.Fprintf(std.err, "; dropped to fit: %s", strings.Join(trim.Shed(c.level), ", "))
	}
	fmt.Fprintln(std.err)
}

// counted counts the bytes written to it.
type counted struct {
	io.Writer
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n += int64(n)
	return n, err
}
