package capture

import (
	"context"
	"errors"
	"fmt"
	"time"
)

func (a readyAction) run(ctx context.Context, r *run, s Step) error {
	last := "no answer yet"
	err := r.await(ctx, s.Limit, true, func() (bool, error) {
		reply, err := r.client.get(ctx, 5*time.Second, a.URL)
		switch {
		case err != nil:
			last = err.Error()
		case reply.status == 200:
			return true, nil
		default:
			last = fmt.Sprintf("status %d%s", reply.status, reply.words())
		}
		return false, nil
	}, func() error {
		return failure(NotReady, "allow more with --timeout ready=40m; a second server on the same GPU waits for the first without a word",
			"%s was not ready after %v: %s", a.URL, s.Limit, last)
	})
	if err == nil {
		r.record.sampleGPUs(ctx, r, true)
		r.record.mapStages(ctx, r)
	}
	return err
}

func (a sendAction) run(ctx context.Context, r *run, s Step) error {
	body, contentType, err := a.Request.payload()
	if err != nil {
		return err
	}
	reply, err := r.client.post(ctx, s.Limit, a.Server+a.Request.Path, body, contentType)
	if !a.Warmup || err != nil {
		r.record.request(a, s.Round, reply, err)
	}
	switch {
	case err != nil && ctx.Err() == nil && r.endsWithin(time.Second):
		return r.died("it answered " + a.Request.Path)
	case errors.Is(err, errTimedOut):
		return failure(RequestsFailed, "allow more with --timeout request=1h, or ask for less work", "%s: no answer after %v", a.Request.Path, s.Limit)
	case err != nil:
		return failure(RequestsFailed, "does the server run there?", "%s: %w", a.Request.Path, err)
	case !reply.ok():
		r.warnf("%s: status %d%s", a.Request.Path, reply.status, reply.words())
		if !a.Warmup {
			r.failed = failure(RequestsFailed, "send one that the model takes: --request KIND, --prompt, or a file with --requests",
				"no request of round %d succeeded: %s: status %d%s", s.Round, a.Request.Path, reply.status, reply.words())
		}
	case !a.Warmup:
		r.ok++
	}
	return nil
}

// endsWithin reports whether the child is gone, or goes within the time: the
// end of a connection is seen before the end of the process.
func (r *run) endsWithin(limit time.Duration) bool {
	c := r.running()
	if c == nil {
		return false
	}
	select {
	case <-c.done:
		return true
	case <-time.After(limit):
		return false
	}
}
