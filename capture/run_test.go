package capture

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"omnitrace/trace/session"
)

func TestTorchOnline(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.Command = append(b.options.Command, "--fake-stages", "3")
	b.options.Repeat, b.options.Warmup, b.options.Label = 2, 1, "base"
	b.options.Kind = "images"
	b.host.NvidiaSMI = b.alias("nvidia-smi")
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	if len(r.GPUs) != 1 || r.GPUs[0].After == nil || r.GPUs[0].Before.ClockSM != "1980" || r.Versions["driver"] != "580.159.04" ||
		r.Stages[2].GPU != "GPU-1b2c" || r.Stages[2].GPUBy != "only one GPU" {
		t.Errorf("GPUs: %+v, stages: %+v", r.GPUs, r.Stages)
	}
	found, err := session.Find(os.DirFS(b.options.Out), []string{"."})
	if err != nil || len(found.Sessions) != 2 || len(found.Sessions[1].Traces()) != 3 || found.Sessions[1].RunJSON != recordName {
		t.Errorf("as a session: %+v %v", found, err)
	}
	count(t, "traces", len(b.traces()), 6)
	count(t, "rounds", len(r.Rounds), 2)
	for _, round := range r.Rounds {
		count(t, "traces of the round", len(round.Traces), 3)
	}
	count(t, "stages", len(r.Stages), 3)
	count(t, "traces of stage 1", len(r.Stages[1].Traces), 2)
	count(t, "requests", len(r.Requests), 2)
	if q := r.Requests[0]; q.Status != 200 || q.LatencyNS <= 0 || q.Steps != 2 || !strings.Contains(string(q.Reported), "diffuse") {
		t.Errorf("request: %+v", q)
	}
	if r.StepsAsked != 2 || r.Label != "base" || r.Mode != "online" || r.Versions["vllm_omni"] != "0.26.0" {
		t.Errorf("record: %+v", r)
	}
	if i := slices.IndexFunc(r.Files, func(f FileRecord) bool { return strings.HasSuffix(f.Path, "trace_rank0.json.gz") }); i < 0 ||
		len(r.Files[i].SHA256) != 64 || r.Files[i].Stage == nil || *r.Files[i].Stage != 0 || r.Files[i].Bytes == 0 {
		t.Errorf("files: %+v", r.Files)
	}
	if !slices.Contains(r.Command, "--profiler-config") {
		t.Errorf("command: %q", r.Command)
	}
	for _, p := range r.Phases {
		if p.DurationNS < 0 || p.StartNS == 0 || p.Error != "" {
			t.Errorf("phase: %+v", p)
		}
	}
}

func TestTorchOnlineStages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.Command = append(b.options.Command, "--fake-stages", "3")
	b.options.Stages = []int{0, 2}
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	count(t, "traces", len(b.traces()), 2)
	if !slices.Contains(r.Command, "--stage-overrides") || slices.Contains(r.Command, "--profiler-config") {
		t.Errorf("0.26 respects stages only with a profiler for each: %q", r.Command)
	}
	if len(r.Warnings) != 0 {
		t.Errorf("warnings: %q", r.Warnings)
	}
}

func TestStagesIgnored(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ignore_stages")
	b.options.Command = append(b.options.Command, "--fake-stages", "3")
	b.options.Stages, b.options.Via = []int{0, 2}, ViaFlag
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	count(t, "traces", len(b.traces()), 3)
	wantWarning(t, r, "stages [1] were recorded although only [0 2] were asked for")
}

func TestMissingStage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.Command = append(b.options.Command, "--fake-stages", "2")
	b.options.Stages, b.options.Via = []int{0, 7}, ViaFlag
	b.options.Command = append(b.options.Command, "--fake", "ignore_stages")
	_, err := b.run()
	wantError(t, err, Incomplete, "wait until the traces are complete", "missing: stage 7 (0 of 1 ranks)", "2 complete traces are kept")
	count(t, "traces", len(b.traces()), 2)
}

func TestDiesBeforeReady(t *testing.T) {
	t.Parallel()
	b := newBench(t, "die_early")
	_, err := b.run()
	wantError(t, err, ServerDied, "wait until the server is ready", "exit status 3")
	e := err.(*Error)
	if !strings.Contains(strings.Join(e.Log, "\n"), "ValueError: no such model") {
		t.Errorf("the log's end is not shown: %q", e.Log)
	}
}

func TestNeverReady(t *testing.T) {
	t.Parallel()
	b := newBench(t, "never_ready")
	b.options.Timeouts.Ready = 300 * time.Millisecond
	_, err := b.run()
	wantError(t, err, NotReady, "/health was not ready after 300ms", "status 503", "--timeout ready=")
}

func TestHangsAtStop(t *testing.T) {
	t.Parallel()
	for _, stages := range [][]int{nil, {0}} {
		b := newBench(t, "hang_stop")
		b.options.Stages = stages
		r, err := b.run()
		if err != nil {
			t.Fatalf("stages %v: %v", stages, err)
		}
		wantWarning(t, r, "has not answered")
		count(t, "traces", len(b.traces()), 1)
	}
}

func TestHangsAtStart(t *testing.T) {
	t.Parallel()
	b := newBench(t, "hang_start")
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	wantWarning(t, r, "/start_profile did not answer within 300ms")
	count(t, "traces", len(b.traces()), 1)
}

func TestSuccessWithoutFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t, "lie")
	_, err := b.run()
	wantError(t, err, Incomplete, "missing: 1 of 1 traces", "nothing was written for", "did the stage get work")
}

func TestPartialGzipForSomeTime(t *testing.T) {
	t.Parallel()
	b := newBench(t, "background", "gzip_ms=1500") // longer than the flush timeout
	b.options.Timeouts.Flush = 3 * time.Second
	begun := time.Now()
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < 1500*time.Millisecond {
		t.Errorf("it did not wait for gzip: %v", took)
	}
	count(t, "traces", len(b.traces()), 1)
	count(t, "plain files", len(b.files("*/*.json")), 0)
	_ = r
}

func TestGzipNeverEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t, "stuck_gzip")
	b.options.Command = append(b.options.Command, "--fake-stages", "2")
	r, err := b.run()
	wantError(t, err, Incomplete, "gzip is at work on it", "1 complete traces are kept")
	count(t, "traces", len(b.traces()), 1)
	count(t, "partial files", len(b.files("*/*.partial")), 1)
	count(t, "the plain twin, which is whole", len(b.files("*/trace_rank0.json")), 1)
	if !slices.ContainsFunc(r.Files, func(f FileRecord) bool { return f.Partial }) {
		t.Errorf("run.json does not mark the partial file: %+v", r.Files)
	}
}

func TestPlainJSON(t *testing.T) {
	t.Parallel()
	b := newBench(t, "plain")
	b.options.Config = map[string]any{"torch_profiler_use_gzip": false}
	if _, err := b.run(); err != nil {
		t.Fatal(err)
	}
	count(t, "traces", len(b.files("*/trace_rank0.json")), 1)
}

func TestIgnoresInterrupt(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ignore_signals")
	b.options.Timeouts.Exit = 200 * time.Millisecond
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	wantWarning(t, r, "was killed")
	count(t, "traces", len(b.traces()), 1)
}

func TestGrandchildInAnotherSession(t *testing.T) {
	t.Parallel()
	b := newBench(t, "grandchild")
	b.options.Timeouts.Exit = 200 * time.Millisecond
	if _, err := b.run(); err != nil { // noProcesses is the test
		t.Fatal(err)
	}
}

// TestDaemonIsFamily: a process that left session and parent before anybody
// looked is known by its environment alone.
func TestDaemonIsFamily(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	env := append(os.Environ(), fakeName+"=daemon", b.mark)
	c, err := startChild([]string{os.Args[0]}, env, filepath.Join(t.TempDir(), "log"), "")
	if err != nil {
		t.Fatal(err)
	}
	<-c.done
	count(t, "family", len(c.alive()), 1)
	if used, err := c.stop(context.Background(), grace{50 * time.Millisecond, 50 * time.Millisecond, time.Second}, 10*time.Millisecond); err != nil || used != syscall.SIGKILL {
		t.Errorf("%v %v", used, err)
	}
	b.noProcesses()
}

func TestDiskLimit(t *testing.T) {
	t.Parallel()
	b := newBench(t, "bytes=3000")
	b.options.MaxDisk = 200_000
	_, err := b.run()
	wantError(t, err, DiskLow, "more than the 200.0 kB that it may", "--max-disk")
}

func TestDiskFullBeforeStart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.MinFree = 1 << 30
	b.host.FreeDisk = func(string) (int64, error) { return 5 << 20, nil }
	r, err := b.run()
	wantError(t, err, DiskLow, "5.2 MB are free", "less than 1.1 GB")
	if r != nil {
		t.Error("the run began")
	}
}

func TestMemoryLow(t *testing.T) {
	t.Parallel()
	b := newBench(t, "hang_request")
	b.options.MinMemory = 2 << 30
	begun := time.Now()
	b.host.Memory = func() (int64, error) {
		if time.Since(begun) > 500*time.Millisecond {
			return 1<<30 + 1, nil // low, and enough for the clean-up
		}
		return 64 << 30, nil
	}
	_, err := b.run()
	wantError(t, err, MemoryLow, "1.1 GB of host memory are available")
	count(t, "the profile was stopped early and kept: traces", len(b.traces()), 1)
}

func TestKilledInRequest(t *testing.T) {
	t.Parallel()
	b := newBench(t, "die_in_request")
	b.options.Kind = "images"
	r, err := b.run()
	wantError(t, err, ServerDied, "send request 1 of 1", "signal: killed", "out-of-memory killer")
	if len(r.Requests) != 1 || r.Requests[0].Error == "" {
		t.Errorf("the request is not recorded: %+v", r.Requests)
	}
}

func TestNoProfilingRoute(t *testing.T) {
	t.Parallel()
	b := newBench(t, "no_route")
	_, err := b.run()
	wantError(t, err, NoProfiler, "/start_profile: status 404", "--profiler-config")
}

func TestEngineDead(t *testing.T) {
	t.Parallel()
	b := newBench(t, "start_500")
	_, err := b.run()
	wantError(t, err, NoProfiler, "status 500", "EngineDeadError")
}

func TestWrongJSON(t *testing.T) {
	t.Parallel()
	b := newBench(t, "wrong_json")
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	wantWarning(t, r, "/start_profile: the reply is not what any known version sends: <html>")
	wantWarning(t, r, `/stop_profile: the reply is not what any known version sends: {"status": 7`)
	count(t, "traces", len(b.traces()), 1)
}

func TestAllRequestsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, "refuse_requests")
	_, err := b.run()
	wantError(t, err, RequestsFailed, "status 400", "prompt is required", "--requests")
	count(t, "traces", len(b.traces()), 1)
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	b := newBench(t, "hang_request")
	ctx, cancel := context.WithTimeout(context.Background(), 600*time.Millisecond)
	defer cancel()
	interrupted, stop := context.WithCancel(context.Background())
	go func() { <-ctx.Done(); stop() }()
	_, err := b.runUntil(interrupted)
	wantError(t, err, Interrupted, "interrupted")
	count(t, "the profile was stopped first: traces", len(b.traces()), 1)
}

func TestInterruptedTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t, "hang_request", "hang_stop", "ignore_signals")
	hurry := make(chan struct{})
	b.host.Hurry = hurry
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(500*time.Millisecond, cancel)
	time.AfterFunc(600*time.Millisecond, func() { close(hurry) })
	begun := time.Now()
	_, err := b.runUntil(ctx)
	wantError(t, err, Interrupted)
	if took := time.Since(begun); took > 1500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}

func TestTotalTimeout(t *testing.T) {
	t.Parallel()
	b := newBench(t, "hang_request")
	b.options.Timeouts.Total = 500 * time.Millisecond
	_, err := b.run()
	wantError(t, err, Failed, "send request 1 of 1", "longer than 500ms", "--timeout")
	count(t, "traces", len(b.traces()), 1)
}

func TestPanicLeavesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.host.Log = func(line string) {
		if strings.Contains(line, "send request") {
			panic("in a callback")
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("the panic was swallowed")
		}
		b.noProcesses()
	}()
	_, _ = b.run()
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := newBench(t)
	c, err := startChild(first.options.Command, append(os.Environ(), first.options.Env...), filepath.Join(t.TempDir(), "log"), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := c.stop(context.Background(), grace{time.Second, time.Second, time.Second}, 10*time.Millisecond); err != nil {
			t.Error(err)
		}
	}()
	taken, _ := port(first.options.Command)
	for !answers(taken) {
		time.Sleep(10 * time.Millisecond)
	}
	b.options.Command = first.options.Command
	_, err = b.run()
	wantError(t, err, Failed, "something listens on port", "--attach")
}

func TestCommandNotFound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.Command[0] = "no-such-program"
	_, err := b.run()
	wantError(t, err, Failed, "start the server", "no-such-program", "on the PATH")
}

func TestAttach(t *testing.T) {
	t.Parallel()
	server := newBench(t)
	traces := t.TempDir()
	command := append(slices.Clone(server.options.Command), "--profiler-config", `{"profiler":"torch","torch_profiler_dir":"`+traces+`"}`)
	c, err := startChild(command, append(os.Environ(), server.options.Env...), filepath.Join(t.TempDir(), "log"), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if c.ended() {
			t.Error("the attached server was stopped")
		}
		_, _ = c.stop(context.Background(), grace{time.Second, time.Second, time.Second}, 10*time.Millisecond)
	}()
	old := filepath.Join(traces, "20260101-000000_stage0_rank0_1767225600", "trace_rank0.json.gz")
	if err := os.MkdirAll(filepath.Dir(old), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old, []byte("half a gzip of an earlier run"), 0o644); err != nil {
		t.Fatal(err)
	}
	n, _ := port(command)
	b := newBench(t)
	b.options.Command, b.options.Attach, b.options.Traces = nil, "http://127.0.0.1:"+itoa(n), traces
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	count(t, "collected traces", len(b.traces()), 1)
	if r.Mode != "attach" || len(r.Command) != 0 {
		t.Errorf("record: %+v", r)
	}
	if _, err := os.Stat(old); err != nil {
		t.Error("a file of another run was touched")
	}
}
