package capture

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

func (a flushAction) run(ctx context.Context, r *run, s Step) error {
	if r.watch == nil {
		return nil
	}
	seen, err := r.flushed(ctx, a, s.Limit)
	if err != nil {
		return err
	}
	r.watch = nil
	r.record.round(s.Round, seen.complete)
	r.host.logf("%d complete: %s", len(seen.complete), paths(seen.complete))
	if extra := unasked(seen.complete, a.Stages); len(extra) > 0 {
		r.warnf("stages %v were recorded although only %v were asked for: with --profiler-config on the command line this version ignores the choice; --via stages, or a profiler in the deployment file, respects it", extra, a.Stages)
	}
	if r.ok == 0 && r.failed != nil {
		return r.failed
	}
	return nil
}

// flushed waits until all that is expected is complete and nothing moves any
// more. Where the number of stages is not known it waits longer: the next one
// may only begin to write.
func (r *run) flushed(ctx context.Context, a flushAction, limit time.Duration) (sighting, error) {
	begun, settle := time.Now(), r.plan.Options.Timeouts.Settle
	quiet := settle
	if len(a.Stages) == 0 {
		quiet *= 3
	}
	for {
		dead := r.nobodyWrites() // asked before the look, which then sees all that was written
		now := time.Now()
		seen, err := r.watch.look(now)
		if err != nil {
			return seen, err
		}
		lacking := missing(seen.complete, a.Stages, a.Ranks)
		if len(seen.waiting) == 0 && len(lacking) == 0 && now.Sub(seen.moved) >= quiet && !r.compressing() {
			return seen, nil
		}
		idle := now.Sub(latest(begun, seen.moved))
		if idle > limit || dead && idle > 6*settle {
			return seen, r.incomplete(seen, lacking, idle)
		}
		select {
		case <-ctx.Done():
			return seen, context.Cause(ctx)
		case <-time.After(r.plan.Options.Timeouts.Poll):
		}
	}
}

// compressing reports whether a gzip that the engine started in the background
// is alive. It may not have created its output yet.
func (r *run) compressing() bool {
	c := r.running()
	return c != nil && slices.ContainsFunc(c.alive(), func(p process) bool { return p.name == "gzip" || p.name == "pigz" })
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// nobodyWrites reports whether everything that could still write a trace has
// ended. A server that was attached to is not ours to know.
func (r *run) nobodyWrites() bool {
	c := r.running()
	return c != nil && c.ended() && len(c.alive()) == 0
}

func (r *run) incomplete(seen sighting, lacking []string, idle time.Duration) error {
	r.watch = nil
	r.record.round(r.round, seen.complete)
	var parts []string
	if len(lacking) > 0 {
		parts = append(parts, "missing: "+strings.Join(lacking, ", "))
	}
	if len(seen.waiting) > 0 {
		parts = append(parts, "unfinished: "+strings.Join(seen.waiting, ", "))
	}
	if parts == nil {
		parts = append(parts, "a gzip is still at work")
	}
	kept := fmt.Sprintf("%d complete traces are kept", len(seen.complete))
	what := fmt.Errorf("nothing was written for %v; %s; %s", idle.Round(time.Millisecond), strings.Join(parts, "; "), kept)
	e := &Error{Kind: Incomplete, Err: what, Remedy: "did the stage get work, and did its worker report an error in the log? A slow disk needs --timeout flush=10m"}
	if c := r.running(); c != nil && c.ended() {
		e.Err = fmt.Errorf("%s has ended (%s); %w", r.what(), c.status(), what)
	}
	return e
}

func paths(list []traceFile) string {
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = t.path
	}
	return strings.Join(names, ", ")
}
