package capture

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// finish ends a run, however it went: the profiler is stopped first, because a
// killed profiler loses its trace; then everything that was started; then what
// is not whole is set aside and run.json is written. It returns err, or the
// first thing that went wrong here.
func (r *run) finish(ctx context.Context, err error) error {
	t := r.plan.Options.Timeouts
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.Cleanup)
	defer cancel()
	if r.host.Hurry != nil {
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			select {
			case <-r.host.Hurry:
				cancel()
			case <-stop:
			}
		}()
	}
	if err != nil {
		r.host.logf("stopping: %v", err)
		r.salvage(cleanup, err)
	}
	if len(r.record.GPUs) > 0 && r.record.GPUs[0].After == nil {
		r.record.sampleGPUs(cleanup, r, false)
	}
	err = keepFirst(err, r.stopChild(cleanup))
	err = keepFirst(err, r.tidy())
	if err == nil {
		err = r.callback(ctx)
	}
	r.record.sampleDriver(r.plan)
	r.record.stageTraces()
	r.record.onlyGPU()
	r.record.setError(err)
	err = keepFirst(err, during("list the files", r.record.addFiles(r.plan.Options.Out)))
	return keepFirst(err, during("write "+recordName, r.record.write(r.plan.Options.Out)))
}

func keepFirst(err, next error) error {
	if err != nil {
		return err
	}
	return next
}

// salvage stops an open profiler and waits for what it writes, after an error.
// A limit of half the room stays: what is left must hold run.json, and a disk
// that is full stays full.
func (r *run) salvage(ctx context.Context, cause error) {
	c := r.running()
	o := r.plan.Options
	dead := c != nil && c.ended()
	flushing := r.close == nil && (KindOf(cause) == DiskLow || KindOf(cause) == Incomplete)
	ctx, stop := r.guarded(ctx, limits{minFree: o.MinFree / 2, minMemory: o.MinMemory / 2})
	defer stop()
	if r.close != nil && !dead {
		step := Step{Name: "stop the profiler", Limit: o.Timeouts.Cleanup}
		if err := r.close.run(ctx, r, step); err != nil {
			r.warnf("stopping the profiler after the error: %v", err)
		}
	}
	if r.watch != nil && !flushing {
		step := r.plan.flush(r.round)
		step.Limit = o.Timeouts.Cleanup
		flush := step.Action.(flushAction)
		flush.Stages = nil // whatever there is
		if err := flush.run(ctx, r, step); err != nil {
			r.warnf("after the error: %v", err)
		}
	}
	if o.Tool == Nsys && c != nil && !c.ended() {
		t := o.Timeouts
		t.Report = t.Cleanup
		r.interruptUnderNsys(ctx, r.plan.Port, t.Exit, t)
	}
}

// stopChild ends whatever the run started and still lives.
func (r *run) stopChild(ctx context.Context) error {
	c := r.running()
	if c == nil {
		return nil
	}
	t := r.plan.Options.Timeouts
	_, err := c.stop(ctx, grace{t.Exit, t.Term, t.Kill}, t.Poll)
	return during("stop what was started", err)
}

// tidy sets aside what is not whole and collects traces that lie elsewhere.
// Files below another directory, which a running server may own, are left as
// they are: only complete ones are taken over.
func (r *run) tidy() error {
	out, dir := r.plan.Options.Out, r.plan.Profiler.Traces
	if dir == "" {
		return nil
	}
	files, err := scan(os.DirFS(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return during("look for traces", err)
	}
	for _, name := range sortedKeys(files) {
		if old, there := r.foreign[name]; there && old == files[name] {
			continue
		}
		whole := !isUnfinished(name) && (!isTrace(name) || r.host.Complete(os.DirFS(dir), name) == nil)
		path := filepath.Join(dir, filepath.FromSlash(name))
		switch {
		case dir != out && whole:
			err = takeOver(path, filepath.Join(out, filepath.FromSlash(name)))
		case dir == out && !whole:
			var to string
			if to, err = setAside(path); err == nil {
				r.warnf("%s is not whole: kept as %s", name, filepath.Base(to))
			}
		}
		if err != nil {
			return during("collect the traces", err)
		}
	}
	return nil
}

// takeOver makes a file appear in the session directory too: a second name
// where the disk is the same, else a copy.
func takeOver(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return writeFile(to, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}

func (r *run) callback(ctx context.Context) error {
	if r.host.Summarize == nil {
		return nil
	}
	return during("summarize the session", r.host.Summarize(ctx, r.plan.Options.Out))
}
