package capture

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A bench is one capture of the fake engine in a directory of its own.
type bench struct {
	t       *testing.T
	options Options
	engine  Engine
	host    Host
	mark    string

	mu       sync.Mutex
	progress []string
}

// newBench returns a capture of a torch profile of a server with the faults,
// with timeouts that suit a server that answers in milliseconds.
func newBench(t *testing.T, faults ...string) *bench {
	t.Helper()
	if len(processes()) == 0 {
		t.Skip("captures run on Linux: there is no process table here")
	}
	b := &bench{t: t, mark: "FAKE_TEST=" + rand.Text()}
	o := DefaultOptions()
	o.Out = filepath.Join(t.TempDir(), "session")
	o.Command = []string{os.Args[0], "serve", "tiny", "--port", strconv.Itoa(freePort(t)), "--fake", strings.Join(faults, ",")}
	o.Env = []string{fakeName + "=engine", b.mark}
	o.Warmup, o.Timeouts = 0, shortTimeouts()
	o.MinFree, o.MinMemory = 0, 0
	b.options = o
	b.engine = Engine{Versions: map[string]string{"vllm_omni": "0.26.0", "vllm": "0.26.0"}}
	b.host = Host{
		Environ: append(os.Environ(), fakeName+"=engine", "GOMAXPROCS=1"), NvidiaSMI: "no-such-program",
		Log: func(line string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.progress = append(b.progress, line)
		},
	}
	return b
}

func shortTimeouts() Timeouts {
	const ms = time.Millisecond
	return Timeouts{
		Ready: 5000 * ms, Start: 300 * ms, Request: 3000 * ms, Stop: 700 * ms, Flush: 600 * ms, Script: 5000 * ms, Report: 3000 * ms,
		Tool: 5000 * ms, Cleanup: 2000 * ms, Exit: 1500 * ms, Term: 200 * ms, Kill: 3000 * ms, Settle: 20 * ms, Poll: 10 * ms,
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// underNsys makes the capture one with nsys.
func (b *bench) underNsys() *bench {
	b.options.Tool = Nsys
	b.engine.Nsys = b.alias("nsys")
	return b
}

// alias returns the test binary under another name, which decides what it is.
func (b *bench) alias(name string) string {
	path := filepath.Join(b.t.TempDir(), name)
	if err := os.Symlink(os.Args[0], path); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (b *bench) offline(faults ...string) *bench {
	b.options.Offline = true
	b.options.Command = []string{os.Args[0], "--fake", strings.Join(faults, ",")}
	b.engine.Flags = []string{"--profiler-config", "--num-inference-steps", "--height", "--profiler-stages"}
	return b
}

func (b *bench) run() (*Record, error) { return b.runUntil(context.Background()) }

// runUntil runs the capture and fails the test when a process is left, run.json
// is not what Run returned, or a file under a final name is not whole.
func (b *bench) runUntil(ctx context.Context) (*Record, error) {
	b.t.Helper()
	p, err := NewPlan(b.options, b.engine)
	if err != nil {
		b.t.Fatalf("planning: %v", err)
	}
	record, err := Run(ctx, p, b.host)
	b.noProcesses()
	if record != nil {
		b.sameOnDisk(record)
		b.onlyWhole()
	}
	if b.t.Failed() {
		b.t.Logf("progress:\n%s\nlog:\n%s", strings.Join(b.progress, "\n"), strings.Join(tailLines(filepath.Join(b.options.Out, logName), 20), "\n"))
	}
	return record, err
}

func (b *bench) noProcesses() {
	b.t.Helper()
	for _, p := range processes() {
		if environMark(p.pid, b.mark) {
			b.t.Errorf("process %d is left: %s", p.pid, title(p.pid))
			_ = signalProcess(p.pid, 9)
		}
	}
}

func (b *bench) sameOnDisk(record *Record) {
	b.t.Helper()
	data, err := os.ReadFile(filepath.Join(b.options.Out, recordName))
	if err != nil {
		b.t.Fatal(err)
	}
	var onDisk Record
	if err := json.Unmarshal(data, &onDisk); err != nil {
		b.t.Fatalf("run.json: %v", err)
	}
	if onDisk.Schema != "omnitrace.run/v1" || len(onDisk.Phases) != len(record.Phases) || (onDisk.Error == nil) != (record.Error == nil) {
		b.t.Errorf("run.json differs from the record: %s", data)
	}
}

// onlyWhole asks gzip itself, not the code under test.
func (b *bench) onlyWhole() {
	b.t.Helper()
	for _, name := range b.files("*/*") {
		switch {
		case strings.HasSuffix(name, ".json.gz"):
			if out, err := exec.Command("gzip", "-t", filepath.Join(b.options.Out, name)).CombinedOutput(); err != nil {
				b.t.Errorf("%s stands under its final name: %s", name, out)
			}
		case strings.HasSuffix(name, ".tmp"):
			b.t.Errorf("%s is left", name)
		}
	}
}

func (b *bench) files(pattern string) []string {
	paths, _ := filepath.Glob(filepath.Join(b.options.Out, pattern))
	for i, p := range paths {
		paths[i], _ = filepath.Rel(b.options.Out, p)
	}
	return paths
}

func (b *bench) traces() []string { return b.files("*/trace_rank0.json.gz") }

// wantError checks kind, exit code, and that the one-line message holds each
// of the words.
func wantError(t *testing.T, err error, kind Kind, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("the run succeeded, want %v", kind)
	}
	if KindOf(err) != kind {
		t.Errorf("kind %v, want %v: %v", KindOf(err), kind, err)
	}
	want := map[Kind]int{Usage: 2, Interrupted: 130}
	if code, ok := want[kind]; !ok && ExitCode(err) != 1 || ok && ExitCode(err) != code {
		t.Errorf("exit code %d for %v", ExitCode(err), kind)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the message has several lines: %q", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is not in the message: %v", w, err)
		}
	}
}

func wantWarning(t *testing.T, r *Record, word string) {
	t.Helper()
	if !strings.Contains(strings.Join(r.Warnings, "\n"), word) {
		t.Errorf("no warning with %q in %q", word, r.Warnings)
	}
}

func count(t *testing.T, what string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d, want %d", what, got, want)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
