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
	file          string
	stored, plain int64 // bytes
	events        int64
	gunzip, full  time.Duration // medians of wall time
	ratio         spread        // full / gunzip, wall time
	added         spread        // full / without attribution, wall time
	addedCPU      spread        // the same in CPU time
	peak          int64         // bytes, the largest of all rounds
}

// A spread is the median of the rounds' ratios, and the outermost of them.
type spread struct{ median, least, most float64 }

func spreadOf(ratios []float64) spread {
	return spread{median(ratios), slices.Min(ratios), slices.Max(ratios)}
}

func (s spread) String() string {
	return fmt.Sprintf("**%.3f** (%.3f … %.3f)", s.median, s.least, s.most)
}

func (r result) String() string {
	const mb = 1e6
	return fmt.Sprintf("| %s | %.1f MB | %.0f MB | %d | %.2f s | %.2f s | %s | %s | %s | %.0f MB |",
		filepath.Base(r.file), float64(r.stored)/mb, float64(r.plain)/mb, r.events,
		r.gunzip.Seconds(), r.full.Seconds(), r.ratio, r.added, r.addedCPU, float64(r.peak)/mb)
}

// compare runs gzip, the program, and the program without attribution on file
// in turn. One round before the first that counts brings the file and the
// programs into the page cache, and is the only one whose outputs are looked
// at: the others go to the null device, for a pipe would slow gzip down.
func compare(program, file string, rounds int) (result, error) {
	info, err := os.Stat(file)
	if err != nil {
		return result{}, err
	}
	r := result{file: file, stored: info.Size()}
	var plain counter
	var summary bytes.Buffer
	if _, err := round(program, file, &plain, &summary); err != nil {
		return r, err
	}
	var all []turn
	for range rounds {
		t, err := round(program, file, nil, nil)
		if err != nil {
			return r, err
		}
		all = append(all, t)
		r.peak = max(r.peak, t.full.peak)
	}
	r.plain = int64(plain)
	if r.events, err = gpuEvents(summary.Bytes()); err != nil {
		return r, err
	}
	r.gunzip = median(each(all, func(t turn) time.Duration { return t.gunzip.wall }))
	r.full = median(each(all, func(t turn) time.Duration { return t.full.wall }))
	r.ratio = spreadOf(each(all, func(t turn) float64 { return t.full.wall.Seconds() / t.gunzip.wall.Seconds() }))
	r.added = spreadOf(each(all, func(t turn) float64 { return t.full.wall.Seconds() / t.bare.wall.Seconds() }))
	r.addedCPU = spreadOf(each(all, func(t turn) float64 { return t.full.cpu.Seconds() / t.bare.cpu.Seconds() }))
	return r, nil
}

// A turn is what one round took: gzip, the program, and the program without
// attribution.
type turn struct{ gunzip, full, bare cost }

func round(program, file string, plain, summary io.Writer) (turn, error) {
	var t turn
	var err error
	for _, m := range []struct {
		cost    *cost
		out     io.Writer
		command []string
	}{
		{&t.gunzip, plain, []string{"gzip", "-dc", file}},
		{&t.full, summary, []string{program, "summarize", file, "--format", "json"}},
		{&t.bare, nil, []string{program, "summarize", file, "--format", "json", "--table", "stages,devices,categories,kernels,memory"}},
	} {
		if *m.cost, err = measure(m.out, m.command[0], m.command[1:]...); err != nil {
			return t, err
		}
	}
	return t, nil
}

func each[T any](all []turn, of func(turn) T) []T {
	var values []T
	for _, t := range all {
		values = append(values, of(t))
	}
	return values
}

// median returns the middle one, the lower of two. It sorts values.
func median[T ~int64 | ~float64](values []T) T {
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// A cost is what one run of a command took.
type cost struct {
	wall, cpu time.Duration // CPU time of all cores, user and system
	peak      int64         // bytes of resident memory
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
	c := cost{wall: time.Since(begin), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
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
