package capture

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func (a nsysStart) run(ctx context.Context, r *run, s Step) error {
	if err := r.beginRound(s.Round); err != nil {
		return err
	}
	if err := a.runWithin(ctx, r, s); err != nil {
		return err
	}
	r.close = nsysStop{r.plan.nsysTool("stop", "--session="+sessionName(r.plan.Options.Out))}
	return nil
}

func (a nsysStop) run(ctx context.Context, r *run, s Step) error {
	r.close = nil
	if err := a.runWithin(ctx, r, s); err != nil {
		return err
	}
	return r.emptyRound()
}

func (a interruptAction) run(ctx context.Context, r *run, s Step) error {
	r.record.sampleGPUs(ctx, r, false)
	t := r.plan.Options.Timeouts
	if a.UnderNsys {
		r.interruptUnderNsys(ctx, a.Port, s.Limit, t)
	}
	used, err := r.running().stop(ctx, grace{t.Exit, t.Term, t.Kill}, t.Poll)
	if used == syscall.SIGKILL {
		r.warnf("%s ignored the interrupt and the termination signal and was killed", r.what())
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// interruptUnderNsys ends the server and lets nsys, which sees its target end,
// write the reports. nsys itself gets no signal here.
func (r *run) interruptUnderNsys(ctx context.Context, port int, limit time.Duration, t Timeouts) {
	c := r.running()
	server := target(c, port)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		if server == 0 {
			break
		}
		_ = signalProcess(server, signal)
		gone := func() (bool, error) {
			return c.ended() || !slices.ContainsFunc(c.alive(), func(p process) bool { return p.pid == server }), nil
		}
		if r.await(ctx, limit, false, gone, func() error { return errTimedOut }) == nil {
			break
		}
		limit = t.Term
	}
	writing := func() (bool, error) { return c.ended(), nil }
	if err := r.await(ctx, t.Report, false, writing, func() error { return errTimedOut }); err != nil {
		r.warnf("nsys was still at work %v after its target had ended", t.Report)
	}
}

// target returns the server among an nsys family: who listens on the port,
// else the oldest process that is not nsys; 0 for none. A process that
// inherited the socket has a higher id than the one that opened it.
func target(c *child, port int) int {
	family := c.alive()
	if pids := listener(port, family); len(pids) > 0 {
		return slices.Min(pids)
	}
	for _, p := range family {
		if p.pid != c.pid && !strings.HasPrefix(p.name, "nsys") {
			return p.pid
		}
	}
	return 0
}

// unnumbered is what nsys 2025.3 calls the report of a capture range that was
// the only one, although --capture-range-end=repeat numbers the others. It is
// given its number, so that a session looks the same however many there are.
const unnumbered = reportBase + ".nsys-rep"

func (a reportsAction) run(ctx context.Context, r *run, s Step) error {
	want := make([]string, a.Count)
	for i := range want {
		want[i] = fmt.Sprintf("%s.%d.nsys-rep", reportBase, i+1)
	}
	w, err := newWatch(os.DirFS(a.Dir), nil, r.plan.Options.Timeouts.Settle)
	if err != nil {
		return err
	}
	var lacking []string
	return r.await(ctx, s.Limit, false, func() (bool, error) {
		dead := r.nobodyWrites()
		files, err := scan(w.fsys)
		if err != nil {
			return false, err
		}
		w.notice(files, time.Now())
		if dead && a.Count == 1 && files[unnumbered].size > 0 {
			return false, os.Rename(filepath.Join(a.Dir, unnumbered), filepath.Join(a.Dir, want[0]))
		}
		lacking = slices.DeleteFunc(slices.Clone(want), func(name string) bool { return files[name].size > 0 })
		rested := time.Since(w.moved) >= w.settle
		if rested && len(lacking) > 0 && dead {
			return false, a.lost(lacking)
		}
		return rested && len(lacking) == 0, nil
	}, func() error { return a.lost(lacking) })
}

func (a reportsAction) lost(lacking []string) error {
	remedy := "see the log for what nsys says"
	if a.Range == RangeAPI {
		remedy = "no worker called cudaProfilerStart: autoregressive stages do not in many versions; use --range session, or --range whole"
	}
	return failure(Incomplete, remedy, "nsys did not write %s", strings.Join(lacking, ", "))
}
