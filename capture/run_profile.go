package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// beginRound remembers what lies in the profiler's directory, so that what
// appears is the round's.
func (r *run) beginRound(round int) (err error) {
	r.round, r.ok, r.failed = round, 0, nil
	if dir := r.plan.Profiler.Traces; dir != "" {
		r.watch, err = newWatch(os.DirFS(dir), r.host.Complete, r.plan.Options.Timeouts.Settle)
	}
	return err
}

func (a startProfile) run(ctx context.Context, r *run, s Step) error {
	if err := r.beginRound(s.Round); err != nil {
		return err
	}
	flush := flushAction{Dir: r.plan.Profiler.Traces, Out: r.plan.Options.Out, Stages: a.Stages, Ranks: r.plan.Options.Ranks, Round: s.Round}
	r.close = stopProfile{Server: a.Server, Stages: a.Stages, Flush: flush}
	reply, err := r.client.post(ctx, s.Limit, a.Server+"/start_profile", stagesBody(a.Stages), "application/json")
	switch {
	case errors.Is(err, errTimedOut):
		r.warnf("/start_profile did not answer within %v; %s", s.Limit, hangDefect.text)
		return nil
	case err != nil && ctx.Err() == nil && r.endsWithin(time.Second):
		return r.died("it answered /start_profile")
	case err != nil:
		return err
	case !reply.ok():
		r.close, r.watch = nil, nil
		return startRefused(reply)
	}
	if problem := reply.profileProblem(); problem != "" {
		r.warnf("/start_profile: %s; the files will show what was recorded", problem)
	}
	return nil
}

// refusals are what a status of /start_profile means, and what to do.
var refusals = map[int]string{
	404: "start the server with --profiler-config (capture does, unless --via none); VLLM_TORCH_PROFILER_DIR opens no route since 0.18",
	401: "put the server's API key into the environment: --api-key-env NAME",
	403: "put the server's API key into the environment: --api-key-env NAME",
	422: "this version takes no list of stages: leave out --stages",
	400: "this version takes no list of stages: leave out --stages",
}

func startRefused(reply reply) error {
	remedy := refusals[reply.status]
	if remedy == "" {
		remedy = "the engine may have died: see the log"
	}
	return failure(NoProfiler, remedy, "/start_profile: status %d%s", reply.status, reply.words())
}

func (a stopProfile) run(ctx context.Context, r *run, s Step) error {
	r.close = nil
	posted, cancel := context.WithCancel(ctx)
	type result struct {
		reply reply
		err   error
	}
	answer := make(chan result, 1)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		reply, err := r.client.post(posted, 0, a.Server+"/stop_profile", stagesBody(a.Stages), "application/json")
		answer <- result{reply, err}
	}()
	defer func() { cancel(); <-finished }()
	patience := stopPatience(r.watch, a.Flush, s.Limit, r.plan.Options.Timeouts.Settle)
	tick := time.NewTicker(r.plan.Options.Timeouts.Poll)
	defer tick.Stop()
	for {
		select {
		case got := <-answer:
			return r.stopAnswered(ctx, got.reply, got.err)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		why, err := patience(time.Now())
		if err != nil {
			return err
		}
		if why != "" {
			r.warnf("/stop_profile %s; going on, the files decide", why)
			return nil
		}
	}
}

// settledStop is how many settle times all traces must have been complete
// before an answer of /stop_profile is given up: real servers answer seconds
// after the trace is whole, because they write tables.
const settledStop = 30

// stopPatience returns a function that says why not to wait any longer, ""
// while there is reason to.
func stopPatience(w *watch, f flushAction, limit, settle time.Duration) func(time.Time) (string, error) {
	begun := time.Now()
	return func(now time.Time) (string, error) {
		moved := begun
		if w != nil {
			s, err := w.look(now)
			if err != nil {
				return "", err
			}
			if s.moved.After(moved) {
				moved = s.moved
			}
			known := len(f.Stages) > 0 && len(s.waiting) == 0 && len(missing(s.complete, f.Stages, f.Ranks)) == 0
			if idle := now.Sub(moved); known && idle > settledStop*settle {
				return fmt.Sprintf("has not answered %v after all traces were complete", idle.Round(time.Second)), nil
			}
		}
		if idle := now.Sub(moved); idle > limit {
			return fmt.Sprintf("has not answered, and nothing was written for %v", idle.Round(time.Millisecond)), nil
		}
		return "", nil
	}
}

func (r *run) stopAnswered(ctx context.Context, reply reply, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && r.endsWithin(time.Second):
		return r.died("it had written the traces")
	case err != nil:
		r.warnf("/stop_profile: %v; the files will show what was recorded", err)
	case !reply.ok():
		r.warnf("/stop_profile: status %d%s; the files will show what was recorded", reply.status, reply.words())
	default:
		if problem := reply.profileProblem(); problem != "" {
			r.warnf("/stop_profile: %s; the files will show what was recorded", problem)
		}
	}
	return r.emptyRound()
}

// emptyRound is the error of an nsys round without a successful request; a
// torch round reports it once its traces are complete.
func (r *run) emptyRound() error {
	if r.watch == nil && r.ok == 0 {
		return r.failed
	}
	return nil
}
