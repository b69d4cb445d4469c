package capture

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// markName is an environment variable that every process of a run inherits, so
// that a grandchild is found again after it left the session and lost its
// parent.
const markName = "OMNITRACE_CAPTURE"

// A process is one row of the process table.
type process struct {
	pid, parent, group, session int
	name                        string // comm, at most 15 characters
	started                     string // start time in clock ticks; with pid it names one process
}

// A child is a started command with everything that it starts. Its output goes
// straight to a file: a pipe would keep a reader alive for as long as any
// grandchild holds it, and would kill the server when this process dies.
type child struct {
	pid  int
	log  string // path of the file with its output
	mark string // environment entry of the whole family
	done chan struct{}
	err  error // how it ended; read after done

	mu      sync.Mutex
	family  map[int]process // as last seen alive
	foreign map[int]string  // start time of processes without the mark, which they never gain
	left    bool            // the child's session is empty: its number may come to name another
}

// startChild starts argv in a session of its own, with its output appended to
// the file log. A mark makes what it leaves behind a part of another family; ""
// makes a new one.
func startChild(argv, env []string, log, mark string) (*child, error) {
	if mark == "" {
		mark = markName + "=" + rand.Text()
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	c := &child{log: log, mark: mark, done: make(chan struct{}), family: map[int]process{}, foreign: map[int]string{}}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = append(slices.Clone(env), c.mark), out, out, ownSession()
	started := make(chan error)
	go func() {
		// The death signal of the child is tied to the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(c.done)
		if c.err = cmd.Start(); c.err == nil {
			c.pid = cmd.Process.Pid
		}
		started <- c.err
		if c.err == nil {
			c.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", argv[0], err)
	}
	return c, nil
}

// ended reports whether the child itself, not its family, is gone.
func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// status says how the child ended: "exit status 1", "signal: killed".
func (c *child) status() string {
	if c.err == nil {
		return "exit status 0"
	}
	return c.err.Error()
}

// alive lists the living members of the family by process id: whoever was a
// member before, carries the mark, is in the child's session or group, or has a
// member as parent. Looking often matters: a process that renames itself,
// leaves the session and loses its parent between two looks is the only one
// that can be missed.
func (c *child) alive() []process {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := processes()
	family, present := map[int]process{}, map[int]string{}
	for _, p := range all {
		present[p.pid] = p.started
		if c.belongs(p) {
			family[p.pid] = p
		}
	}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			_, in := family[p.pid]
			if _, parent := family[p.parent]; parent && !in {
				family[p.pid], grown = p, true
			}
		}
	}
	c.family = family
	c.left = c.left || c.ended() && !slices.ContainsFunc(all, c.inSession)
	maps.DeleteFunc(c.foreign, func(pid int, started string) bool { return present[pid] != started })
	return slices.SortedFunc(maps.Values(family), func(a, b process) int { return a.pid - b.pid })
}

func (c *child) inSession(p process) bool { return p.group == c.pid || p.session == c.pid }

// belongs decides by p alone, without its parent. The caller holds c.mu.
func (c *child) belongs(p process) bool {
	switch known, ok := c.family[p.pid]; {
	case p.pid == os.Getpid():
		return false
	case ok && known.started == p.started, !c.left && c.inSession(p):
		return true
	case c.foreign[p.pid] == p.started:
		return false
	case environMark(p.pid, c.mark):
		return true
	}
	c.foreign[p.pid] = p.started
	return false
}

// A grace is how long each signal has to work.
type grace struct{ interrupt, terminate, kill time.Duration }

// stop ends the child and its family: interrupt, then terminate, then kill. It
// returns the strongest signal that was needed (0 for none) and an error when
// something outlived all three. When ctx is done it kills at once. A family
// that is gone already costs one look at the process table.
func (c *child) stop(ctx context.Context, g grace, poll time.Duration) (syscall.Signal, error) {
	var used syscall.Signal
	for _, s := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, g.interrupt}, {syscall.SIGTERM, g.terminate}, {syscall.SIGKILL, g.kill}} {
		if s.signal != syscall.SIGKILL && ctx.Err() != nil {
			continue
		}
		if c.gone(nil) {
			break
		}
		used = s.signal
		if c.signalAndWait(ctx, s.signal, s.wait, min(poll, 50*time.Millisecond)) {
			break
		}
	}
	if left := c.alive(); len(left) > 0 || !c.ended() {
		return used, failure(Orphaned, "end it by hand, or look in dmesg for a hung driver", "process %s survived being killed", describe(left))
	}
	return used, nil
}

// signalAndWait signals each member once, a kill again to whoever appears, and
// reports whether all were gone within the limit.
func (c *child) signalAndWait(ctx context.Context, s syscall.Signal, limit, poll time.Duration) bool {
	sent := map[int]bool{}
	deadline := time.Now().Add(limit)
	for {
		if c.gone(func(p process) {
			if !sent[p.pid] || s == syscall.SIGKILL {
				sent[p.pid] = true
				_ = signalProcess(p.pid, s) // it may be gone by now
			}
		}) {
			return true
		}
		if time.Now().After(deadline) || s != syscall.SIGKILL && ctx.Err() != nil {
			return false
		}
		time.Sleep(poll)
	}
}

// gone reports whether nothing of the family lives, after showing each living
// member to see.
func (c *child) gone(see func(process)) bool {
	living := c.alive()
	if see != nil {
		for _, p := range living {
			see(p)
		}
	}
	if runtime.GOOS != "linux" && !c.ended() { // no process table
		if see != nil {
			see(process{pid: c.pid})
		}
		return false
	}
	return len(living) == 0 && c.ended()
}

func signalProcess(pid int, s syscall.Signal) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer func() { _ = p.Release() }()
	return p.Signal(s)
}

func describe(list []process) string {
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = fmt.Sprintf("%d (%s)", p.pid, p.name)
	}
	return strings.Join(words, ", ")
}
