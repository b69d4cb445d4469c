package capture

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A run executes a plan.
type run struct {
	plan    Plan
	host    Host
	client  *client
	secrets redactor
	record  *Record
	foreign map[string]fileState // in the profiler's directory before the run: not ours

	mu    sync.Mutex
	child *child // read by the guard

	began  time.Time // when the child was started
	watch  *watch    // of the current round
	close  Action    // what closes the open capture; nil while none is open
	round  int
	ok     int   // requests of the round that succeeded
	failed error // why none did
}

// Run executes a plan and leaves the session in its output directory, with
// run.json, also when it fails: what was complete is kept, what was not is
// renamed to *.partial. It returns when nothing that it started runs any more.
// When ctx is cancelled the profiler is stopped and what it writes is waited
// for, for at most Timeouts.Cleanup. The record is nil only when the run could
// not begin.
func Run(ctx context.Context, p Plan, h Host) (record *Record, err error) {
	r, err := newRun(ctx, p, h.withDefaults())
	if err != nil {
		return nil, during("prepare", err)
	}
	returned := false
	defer func() {
		if !returned { // a panic: clean up, and let it go on
			err = errors.New("panic")
		}
		err = r.finish(ctx, err)
	}()
	steps, stop := r.guarded(ctx, limits{p.Options.MaxDisk, p.Options.MinFree, p.Options.MinMemory})
	defer stop()
	if total := p.Options.Timeouts.Total; total > 0 {
		var cancel context.CancelFunc
		steps, cancel = context.WithTimeoutCause(steps, total,
			failure(Failed, "allow more with --timeout", "the run took longer than %v", total))
		defer cancel()
	}
	err = r.steps(steps)
	returned = true
	return r.record, err
}

func newRun(ctx context.Context, p Plan, h Host) (*run, error) {
	o := p.Options
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(o.Out, recordName)); err == nil {
		return nil, failure(Usage, "choose another --out", "%s already holds a session", o.Out)
	}
	if p.Port != 0 && answers(p.Port) {
		return nil, failure(Failed, "stop it, give --port another number, or use it with --attach",
			"something listens on port %d already, and would be profiled in place of the new server", p.Port)
	}
	env := append(append([]string{}, h.Environ...), o.Env...)
	key := lookup(env, o.APIKeyEnv)
	r := &run{plan: p, host: h, client: newClient(key), secrets: newRedactor(env, o.Command)}
	r.record = newRecord(p, r.secrets)
	r.record.Git = gitState(ctx, h)
	if dir := p.Profiler.Traces; dir != "" {
		r.foreign, _ = scan(os.DirFS(dir)) // it may not exist yet
	}
	return r, r.room(limits{0, o.MinFree, o.MinMemory})
}

func answers(port int) bool {
	c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// lookup returns the last value of a variable in an environment.
func lookup(env []string, name string) (value string) {
	for _, e := range env {
		if n, v, ok := strings.Cut(e, "="); ok && n == name {
			value = v
		}
	}
	return value
}

func (r *run) steps(ctx context.Context) error {
	for i, s := range r.plan.Steps {
		name := s.Name
		if s.Round > 0 && r.plan.Options.Repeat > 1 {
			name = fmt.Sprintf("%s, round %d of %d", name, s.Round, r.plan.Options.Repeat)
		}
		r.host.logf("[%d/%d] %s", i+1, len(r.plan.Steps), name)
		begun := time.Now()
		err := s.Action.run(ctx, r, s)
		r.record.phase(name, s.Round, begun, err)
		if err != nil {
			return r.explain(ctx, name, err)
		}
	}
	return nil
}

// explain completes an error: the step, why the context ended, the end of the
// server's log and what it hints at.
func (r *run) explain(ctx context.Context, step string, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	err = during(step, err)
	var e *Error
	if errors.As(err, &e) && r.running() != nil && e.Kind != Interrupted && e.Log == nil {
		e.Log = r.secrets.texts(tailLines(filepath.Join(r.plan.Options.Out, logName), logTailLines))
		if hint := logHint(r.logText()); hint != "" && (e.Kind == ServerDied || e.Kind == NotReady || e.Kind == NoProfiler) {
			e.Remedy = hint
		}
	}
	return err
}

func (r *run) logText() string {
	return strings.Join(tailLines(filepath.Join(r.plan.Options.Out, logName), 400), "\n")
}

func (r *run) running() *child {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.child
}

func (r *run) warnf(format string, args ...any) {
	line := r.secrets.text(fmt.Sprintf(format, args...))
	r.record.Warnings = append(r.record.Warnings, line)
	r.host.logf("warning: %s", line)
}

// await looks every Poll until look says that it is done, the child ends (where
// withChild), the limit has passed or ctx is done. expired makes the error of
// the last but one.
func (r *run) await(ctx context.Context, limit time.Duration, withChild bool, look func() (bool, error), expired func() error) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(r.plan.Options.Timeouts.Poll)
	defer tick.Stop()
	var ended <-chan struct{}
	if c := r.running(); withChild && c != nil {
		ended = c.done
	}
	for {
		if done, err := look(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ended:
			return r.died("it was ready")
		case <-deadline.C:
			return expired()
		case <-tick.C:
		}
	}
}

// died is the error of a child that ended too early.
func (r *run) died(doing string) error {
	return failure(ServerDied, "the log above says why; if it does not, look in dmesg for the out-of-memory killer",
		"%s ended before %s (%s)", r.what(), doing, r.running().status())
}

func (r *run) what() string {
	if r.plan.Options.Offline {
		return "the script"
	}
	return "the server"
}
