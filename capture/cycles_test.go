package capture

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestHundredCycles is not parallel: it counts what this process holds.
func TestHundredCycles(t *testing.T) {
	if testing.Short() {
		t.Skip("100 cycles take seconds")
	}
	warm := newBench(t)
	if _, err := warm.run(); err != nil { // whatever is set up once
		t.Fatal(err)
	}
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	b := newBench(t)
	b.options.Repeat, b.options.Timeouts.Settle, b.options.Timeouts.Poll = 100, 5*time.Millisecond, 3*time.Millisecond
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	count(t, "rounds", len(r.Rounds), 100)
	count(t, "traces", len(b.traces()), 100)
	for range 10 {
		again := newBench(t)
		if _, err := again.run(); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		stacks := make([]byte, 1<<16)
		t.Errorf("%d goroutines, %d before\n%s", n, goroutines, stacks[:runtime.Stack(stacks, true)])
	}
	if n := openFiles(t); n > files {
		t.Errorf("%d open files, %d before", n, files)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc: open files cannot be counted")
	}
	return len(list)
}

// TestScriptDoesTheSame runs what --dry-run prints.
func TestScriptDoesTheSame(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"bash", "curl", "gzip", "setsid"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	b := newBench(t)
	b.options.Command = append(b.options.Command, "--fake-stages", "3")
	b.options.Stages, b.options.Warmup, b.options.Body.Prompt = []int{0, 2}, 1, `it's "quoted" $HOME`
	p, err := NewPlan(b.options, b.engine)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", strings.ReplaceAll(p.Script(), "sleep 1", "sleep 0.05"))
	cmd.Env = b.host.Environ
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, p.Script(), out)
	}
	b.noProcesses()
	count(t, "traces", len(b.traces()), 2)
	if log := strings.Join(tailLines(filepath.Join(b.options.Out, logName), 100), "\n"); strings.Count(log, `it's \"quoted\" $HOME`) != 2 {
		t.Errorf("the prompt did not arrive twice as it is: %s", log)
	}
}
