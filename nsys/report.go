package nsys

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"omnitrace/trace"
)

// ExportOptions say how a report is exported. The zero value will do.
type ExportOptions struct {
	Nsys  string // path of nsys; "" looks in PATH
	Cache string // folder of exports; "" is omnitrace/nsys in the user's cache folder
	// Progress, where set, is told how far nsys is, from 0 to 100, from another
	// goroutine, one call at a time.
	Progress func(percent int)
}

// exportGrace is how long nsys may take to clean up after an interrupt.
const exportGrace = 5 * time.Second

// OpenReport opens a .nsys-rep file: by way of [Export] and [OpenSQLite].
func OpenReport(ctx context.Context, report string, want trace.Want, o ExportOptions) (trace.Reader, error) {
	path, err := Export(ctx, report, o)
	if err != nil {
		return nil, err
	}
	return OpenSQLite(ctx, path, want)
}

// Export makes an SQLite file of a report with `nsys export`, and returns its
// path. It lies in a cache under the hash of the report's content, so that the
// same report, wherever it lies, is exported once. The cache is the user's alone:
// exports hold the environment of the profiled processes.
//
// When ctx is done, nsys is interrupted, and killed if it does not end.
func Export(ctx context.Context, report string, o ExportOptions) (string, error) {
	key, err := contentKey(ctx, report)
	if err != nil {
		return "", err
	}
	if o.Cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("finding a place for the export of %s: %w", report, err)
		}
		o.Cache = filepath.Join(user, "omnitrace", "nsys")
	}
	path := filepath.Join(o.Cache, key+".sqlite")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	nsys, err := findNsys(o.Nsys)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w; run this where nsys is, and read the file that it makes: nsys export --type sqlite -o %s %s",
			report, err, exportName(report), report)
	}
	if err := os.MkdirAll(o.Cache, 0o700); err != nil {
		return "", err
	}
	return path, runExport(ctx, nsys, report, path, o.Progress, exportGrace)
}

func exportName(report string) string {
	return strings.TrimSuffix(report, filepath.Ext(report)) + ".sqlite"
}

// contentKey hashes a report's content.
func contentKey(ctx context.Context, report string) (string, error) {
	f, err := os.Open(report)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, contextReader{ctx, f})
	switch {
	case err != nil:
		return "", fmt.Errorf("reading %s: %w", report, err)
	case n == 0:
		return "", fmt.Errorf("reading %s: the report is empty; nsys was stopped before it had written it", report)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:16]), nil
}

// A contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func findNsys(path string) (string, error) {
	if path == "" {
		found, err := exec.LookPath("nsys")
		if err != nil {
			return "", errors.New("nsys is not in PATH")
		}
		return found, nil
	}
	if _, err := exec.LookPath(path); err != nil {
		return "", fmt.Errorf("no nsys at %s: %w", path, err)
	}
	return path, nil
}

// runExport runs nsys into a temporary file beside path, and renames it.
func runExport(ctx context.Context, nsys, report, path string, progress func(int), grace time.Duration) error {
	tmp := fmt.Sprintf("%s.%d.tmp.sqlite", strings.TrimSuffix(path, ".sqlite"), os.Getpid())
	defer os.Remove(tmp) // nothing is there once it was renamed
	talk := &exportTalk{progress: progress}
	cmd := exec.CommandContext(ctx, nsys, "export", "--type=sqlite", "--force-overwrite=true", "--output="+tmp, report)
	cmd.Stdout, cmd.Stderr = talk, talk
	ownGroup(cmd)
	cmd.Cancel = func() error { return interruptGroup(cmd) }
	cmd.WaitDelay = grace
	err := cmd.Run()
	if ctx.Err() != nil {
		killGroup(cmd) // what nsys started, too
		return fmt.Errorf("exporting %s: %w", report, ctx.Err())
	}
	if err == nil {
		_, err = os.Stat(tmp) // some versions exit 0 without an export
	}
	if err != nil {
		return fmt.Errorf("exporting %s: nsys refused it: %w; it says %q; a report needs an nsys at least as new as the one that wrote it",
			report, err, talk.lastLine())
	}
	return os.Rename(tmp, path)
}

// exportTalk listens to nsys: for its progress, which is one long line, and for
// the last thing that it said, which tells what went wrong.
type exportTalk struct {
	progress func(int)
	tail     []byte
}

const talkTail = 2048

var percent = regexp.MustCompile(`(\d{1,3})%`)

func (t *exportTalk) Write(p []byte) (int, error) {
	if m := percent.FindAllSubmatch(p, -1); m != nil && t.progress != nil {
		if n, err := strconv.Atoi(string(m[len(m)-1][1])); err == nil && n <= 100 {
			t.progress(n)
		}
	}
	t.tail = append(t.tail, p...)
	if over := len(t.tail) - talkTail; over > 0 {
		t.tail = append(t.tail[:0], t.tail[over:]...)
	}
	return len(p), nil
}

func (t *exportTalk) lastLine() string {
	lines := bytes.FieldsFunc(t.tail, func(r rune) bool { return r == '\n' || r == '\r' })
	for len(lines) > 0 {
		last := bytes.TrimSpace(lines[len(lines)-1])
		if len(last) > 0 && !percent.Match(last) {
			return string(last)
		}
		lines = lines[:len(lines)-1]
	}
	return ""
}
