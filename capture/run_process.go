package capture

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

func (a startAction) run(ctx context.Context, r *run, _ Step) error {
	env := append(slices.Clone(r.host.Environ), a.Env...)
	env = slices.DeleteFunc(env, func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains(a.Unset, name)
	})
	if r.plan.Options.Offline {
		if err := r.beginRound(1); err != nil { // before the script can write anything
			return err
		}
		r.record.sampleGPUs(ctx, r, true)
	}
	c, err := startChild(a.Argv, env, a.Log, "")
	if err != nil {
		return &Error{Err: err, Remedy: "is it installed, and on the PATH?"}
	}
	r.mu.Lock()
	r.child = c
	r.mu.Unlock()
	r.began = time.Now()
	r.host.logf("process %d, log %s", c.pid, a.Log)
	return nil
}

func (a exitAction) run(ctx context.Context, r *run, s Step) error {
	c := r.running()
	select {
	case <-c.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(s.Limit):
		return failure(NotReady, "allow more with --timeout script=4h, or make the work smaller", "the script was still at work after %v", s.Limit)
	}
	if c.err != nil {
		return failure(ServerDied, "the log above says why", "the script failed: %s", c.status())
	}
	return nil
}

func (a untilAction) run(ctx context.Context, r *run, _ Step) error {
	select {
	case <-time.After(time.Until(r.began.Add(a.After))):
		return nil
	case <-r.running().done:
		return r.died("the capture was over")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (a execAction) run(ctx context.Context, r *run, s Step) error {
	c, err := startChild(a.Argv, r.host.Environ, a.Log, "")
	if err == nil {
		err = r.waitTool(ctx, c, s.Limit)
		t := r.plan.Options.Timeouts
		_, stopErr := c.stop(ctx, grace{0, t.Term, t.Kill}, t.Poll)
		err = errors.Join(err, stopErr)
	}
	return a.result(ctx, r, err)
}

// runWithin is run for a tool that leaves processes behind which the capture
// needs: they join the server's family, and end with it.
func (a execAction) runWithin(ctx context.Context, r *run, s Step) error {
	c, err := startChild(a.Argv, r.host.Environ, a.Log, r.running().mark)
	if err == nil {
		if err = r.waitTool(ctx, c, s.Limit); !c.ended() {
			_ = killGroup(c.pid)
			<-c.done
		}
	}
	return a.result(ctx, r, err)
}

func (r *run) waitTool(ctx context.Context, c *child, limit time.Duration) error {
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(limit):
		return fmt.Errorf("no end after %v", limit)
	}
}

func (a execAction) result(ctx context.Context, r *run, err error) error {
	if err == nil {
		return nil
	}
	if a.Makes != "" {
		_, _ = setAside(a.Makes)
	}
	name := strings.Join(a.Argv[:min(2, len(a.Argv))], " ")
	if a.Optional && ctx.Err() == nil {
		r.warnf("%s: %v", name, err)
		return nil
	}
	return &Error{
		Err: fmt.Errorf("%s: %w", name, err), Remedy: "its output is at the end of " + a.Log,
		Log: r.secrets.texts(tailLines(a.Log, logTailLines)),
	}
}
