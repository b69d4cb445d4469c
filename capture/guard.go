package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// limits are what a guard watches. Zero values watch nothing.
type limits struct {
	maxDisk, minFree, minMemory int64
}

// guarded returns a context that is cancelled, with the reason as its cause,
// when the disk or the host's memory runs out. Profilers with python stacks
// have been seen to take 96 GiB of host memory a minute. As it looks at the
// machine anyway, it also keeps the list of the child's family fresh.
func (r *run) guarded(parent context.Context, l limits) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * r.plan.Options.Timeouts.Poll)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if c := r.running(); c != nil {
				c.alive()
			}
			if err := r.room(l); err != nil {
				cancel(err)
				return
			}
		}
	}()
	return ctx, func() { cancel(context.Canceled); <-done }
}

// room reports which limit is passed. What the host cannot tell is no limit.
func (r *run) room(l limits) error {
	out := r.plan.Options.Out
	if l.maxDisk > 0 {
		if used := r.used(); used > l.maxDisk {
			return failure(DiskLow, "profile fewer requests or steps, or allow more with --max-disk",
				"the session takes %s, more than the %s that it may", bytesText(used), bytesText(l.maxDisk))
		}
	}
	if free, err := r.host.FreeDisk(out); err == nil && free < l.minFree {
		return failure(DiskLow, "make room, or choose another disk with --out", "%s are free on the disk of %s, less than %s", bytesText(free), out, bytesText(l.minFree))
	} else if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return failure(DiskLow, "choose another --out", "asking for free space: %w", err)
	}
	if available, err := r.host.Memory(); err == nil && available < l.minMemory {
		return failure(MemoryLow, "profile fewer requests, or without python stacks (torch_profiler_with_stack false)",
			"%s of host memory are available, less than %s", bytesText(available), bytesText(l.minMemory))
	}
	return nil
}

// used is the size of everything in the session directory, and of the new
// traces where they are written elsewhere.
func (r *run) used() int64 {
	var sum int64
	files, _ := scan(os.DirFS(r.plan.Options.Out))
	for _, f := range files {
		sum += f.size
	}
	if dir := r.plan.Profiler.Traces; dir != "" && dir != r.plan.Options.Out {
		files, _ := scan(os.DirFS(dir))
		for name, f := range files {
			if _, old := r.foreign[name]; !old {
				sum += f.size
			}
		}
	}
	return sum
}

// bytesText writes a size with one decimal, in the decimal units of the
// command line.
func bytesText(n int64) string {
	size, unit := float64(n), "B"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if size < 1000 {
			break
		}
		size, unit = size/1000, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", size, unit)
}
