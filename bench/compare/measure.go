//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// A result is what was measured on one file.
type result struct {
	file            string
	stored, plain   int64 // bytes
	events          int64
	gunzip, program time.Duration // medians
	ratio           float64       // median of the rounds' program / gunzip
	least, most     float64
	peak            int64 // bytes, the largest of all rounds
}

func (r result) String() string {
	const mb = 1e6
	return fmt.Sprintf("| %s | %.1f MB | %.0f MB | %d | %.2f s | %.2f s | **%.3f** (%.3f … %.3f) | %.0f MB |",
		filepath.Base(r.file), float64(r.stored)/mb, float64(r.plain)/mb, r.events,
		r.gunzip.Seconds(), r.program.Seconds(), r.ratio, r.least, r.most, float64(r.peak)/mb)
}

// compare runs both programs on file in turn. One round before the first that
// counts brings the file and the programs into the page cache, and is the only
// one whose outputs are looked at: the others go to the null device, for a pipe
// would slow gzip down.
func compare(program, file string, rounds int) (result, error) {
	info, err := os.Stat(file)
	if err != nil {
		return result{}, err
	}
	r := result{file: file, stored: info.Size()}
	var gunzips, programs []time.Duration
	var ratios []float64
	var plain counter
	var summary bytes.Buffer
	toPlain, toSummary := io.Writer(&plain), io.Writer(&summary)
	for i := range rounds + 1 {
		g, err := measure(toPlain, "gzip", "-dc", file)
		if err != nil {
			return r, err
		}
		p, err := measure(toSummary, program, "summarize", file, "--format", "json")
		if err != nil {
			return r, err
		}
		if i == 0 {
			toPlain, toSummary = nil, nil
			continue
		}
		gunzips, programs = append(gunzips, g.wall), append(programs, p.wall)
		ratios = append(ratios, p.wall.Seconds()/g.wall.Seconds())
		r.peak = max(r.peak, p.peak)
	}
	r.plain = int64(plain)
	if r.events, err = gpuEvents(summary.Bytes()); err != nil {
		return r, err
	}
	r.gunzip, r.program, r.ratio = median(gunzips), median(programs), median(ratios)
	r.least, r.most = slices.Min(ratios), slices.Max(ratios)
	return r, nil
}

// median returns the middle one, the lower of two. It sorts values.
func median[T ~int64 | ~float64](values []T) T {
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// A cost is what one run of a command took.
type cost struct {
	wall time.Duration
	peak int64 // bytes of resident memory
}

// measure runs a command whose output goes to w, the null device if nil.
//
// The kernel's peak of a process includes what its parent held when it forked,
// so this program must stay small: it keeps no output but a summary.
func measure(w io.Writer, name string, args ...string) (cost, error) {
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		return cost{}, fmt.Errorf("%s: %w", name, err)
	}
	c := cost{wall: time.Since(begin)}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.peak = int64(usage.Maxrss)
		if runtime.GOOS != "darwin" {
			c.peak <<= 10 // Linux and the BSDs count KiB, macOS bytes
		}
	}
	return c, nil
}

// A counter is the number of bytes that were written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
