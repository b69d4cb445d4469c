package capture

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNsysOnline(t *testing.T) {
	t.Parallel()
	b := newBench(t).underNsys()
	b.options.Kind, b.options.Repeat = "images", 2
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"report.1.nsys-rep", "report.1.sqlite", "report.1_cuda_gpu_kern_sum.csv", "report.2.nsys-rep", "report.2.sqlite", "report.2_cuda_gpu_kern_sum.csv"}
	if got := b.files("report.*"); !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	command := strings.Join(r.Command, " ")
	for _, flag := range []string{"nsys profile", "--capture-range=cudaProfilerApi --capture-range-end=repeat", "--trace-fork-before-exec=true",
		"--cuda-graph-trace=node", `--profiler-config {"profiler":"cuda"}`} {
		if !strings.Contains(command, flag) {
			t.Errorf("%q is not in %q", flag, command)
		}
	}
	if strings.Contains(command, "torch_profiler") || r.Range != RangeAPI {
		t.Errorf("range %q, command %q", r.Range, command)
	}
}

// TestNsysAutoregressive pins that stages which never call cudaProfilerStart
// are captured from outside.
func TestNsysAutoregressive(t *testing.T) {
	t.Parallel()
	b := newBench(t).underNsys()
	b.options.Repeat = 2
	b.options.Env = append(b.options.Env, "TMPDIR="+t.TempDir())
	b.host.Environ = append(b.host.Environ, b.options.Env[len(b.options.Env)-1])
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	if r.Range != RangeSession || !strings.Contains(strings.Join(r.Command, " "), "nsys launch") {
		t.Errorf("range %q, command %q", r.Range, r.Command)
	}
	wantWarning(t, r, "do not call cudaProfilerStart")
	count(t, "reports", len(b.files("*.nsys-rep")), 2)
}

func TestNsysWithoutRange(t *testing.T) {
	t.Parallel()
	b := newBench(t, "no_range").underNsys()
	b.options.Range, b.options.Kind = RangeAPI, "images"
	_, err := b.run()
	wantError(t, err, Incomplete, "nsys did not write report.1.nsys-rep", "--range session")
}

func TestNsysWholeRun(t *testing.T) {
	t.Parallel()
	b := newBench(t).underNsys()
	b.options.Range = RangeWhole
	if _, err := b.run(); err != nil {
		t.Fatal(err)
	}
	count(t, "reports", len(b.files("report.1.nsys-rep")), 1)
}

func TestNsysDelay(t *testing.T) {
	t.Parallel()
	b := newBench(t).underNsys()
	b.options.Range, b.options.Delay, b.options.Duration = RangeDelay, 300*time.Millisecond, 100*time.Millisecond
	begun := time.Now()
	if _, err := b.run(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < 400*time.Millisecond {
		t.Errorf("it did not wait for the capture: %v", took)
	}
}

func TestNsysServerIgnoresInterrupt(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ignore_signals").underNsys()
	b.options.Kind, b.options.Timeouts.Exit = "images", 200*time.Millisecond
	if _, err := b.run(); err != nil {
		t.Fatal(err)
	}
	count(t, "nsys outlived its killed target: reports", len(b.files("*.nsys-rep")), 1)
}

// nsys 2025.3.1 leaves the number out where there was one range only.
func TestNsysUnnumberedReport(t *testing.T) {
	t.Parallel()
	b := newBench(t).underNsys()
	b.options.Kind = "images"
	b.host.Environ = append(b.host.Environ, "FAKE_UNNUMBERED=1")
	if _, err := b.run(); err != nil {
		t.Fatal(err)
	}
	count(t, "numbered reports", len(b.files("report.1.nsys-rep")), 1)
	count(t, "databases", len(b.files("report.1.sqlite")), 1)
}

func TestNsysExportFails(t *testing.T) {
	t.Parallel()
	b := newBench(t).underNsys()
	b.options.Kind = "images"
	b.host.Environ = append(b.host.Environ, "FAKE_EXPORT_FAILS=1")
	_, err := b.run()
	wantError(t, err, Failed, "export report 1", "nsys export", "exit status 1")
	if log := strings.Join(err.(*Error).Log, "\n"); !strings.Contains(log, "libdw.so.1") {
		t.Errorf("log: %q", log)
	}
	count(t, "half a database", len(b.files("*.sqlite")), 0)
	count(t, "reports", len(b.files("*.nsys-rep")), 1)
}

func TestNsysDropsSecrets(t *testing.T) {
	t.Parallel()
	b := newBench(t).underNsys()
	b.options.Kind, b.options.Range = "images", RangeWhole
	b.host.Environ = append(b.host.Environ, "HF_TOKEN=hf_abcdefghijkl", "SOME_API_KEY=sk-123456789", "TOKENIZERS_PARALLELISM=false")
	b.options.Command = append(b.options.Command, "--api-key", "sk-on-the-command-line")
	b.engine.Secrets = secretNames(b.host.Environ)
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	if log := strings.Join(tailLines(filepath.Join(b.options.Out, logName), 50), "\n"); !strings.Contains(log, "environment: TOKENIZERS_PARALLELISM\n") || strings.Contains(log, "environment: HF_TOKEN") {
		t.Errorf("the engine saw other variables: %s", log)
	}
	wantWarning(t, r, "HF_TOKEN, SOME_API_KEY (--keep-secrets")
	data, err := os.ReadFile(filepath.Join(b.options.Out, recordName))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hf_abcdefghijkl", "sk-123456789", "sk-on-the-command-line"} {
		if strings.Contains(string(data), secret) {
			t.Errorf("run.json holds %s", secret)
		}
	}
}

func TestTorchOffline(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offline("gzip_after="+b.alias("gzip"), "plain")
	b.options.Timeouts.Flush = 3 * time.Second
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	count(t, "traces", len(b.traces()), 1) // the gzip that outlived the script was waited for
	command := strings.Join(r.Command, " ")
	for _, flag := range []string{"--profiler-config", "--num-inference-steps 2", "--height 48"} {
		if !strings.Contains(command, flag) {
			t.Errorf("%q is not in %q", flag, command)
		}
	}
	if strings.Contains(command, "--width") || r.StepsAsked != 2 {
		t.Errorf("the script has no --width; steps asked %d: %q", r.StepsAsked, command)
	}
}

func TestOfflineByEnvironment(t *testing.T) {
	t.Parallel()
	b := newBench(t).offline()
	b.engine.Versions = map[string]string{"vllm_omni": "0.14.0"}
	b.options.Minimise = false
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	count(t, "traces", len(b.traces()), 1)
	if env := strings.Join(r.Env, " "); !strings.Contains(env, "VLLM_TORCH_PROFILER_DIR=") || !strings.Contains(env, "VLLM_PROFILER_MAX_ITERS=1") {
		t.Errorf("environment: %q", env)
	}
}

func TestOfflineFails(t *testing.T) {
	t.Parallel()
	b := newBench(t).offline("fail_late")
	_, err := b.run()
	wantError(t, err, ServerDied, "wait for the script to end", "exit status 4")
	count(t, "what was complete: traces", len(b.traces()), 1)
}

func TestNsysOffline(t *testing.T) {
	t.Parallel()
	b := newBench(t).offline().underNsys()
	b.engine.Flags = []string{"--profiler-config", "--num-inference-steps"}
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	count(t, "reports", len(b.files("report.1.nsys-rep")), 1)
	if r.Range != RangeAPI {
		t.Errorf("range %q", r.Range)
	}
}

func TestInterleaved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var compared [][2]Sessions
	b.host.Compare = func(_ context.Context, base, changed Sessions) error {
		compared = append(compared, [2]Sessions{base, changed})
		return nil
	}
	var variants []Variant
	for _, spec := range []string{"flash=--sdpa flash", "math=MODE='a b' --sdpa math"} {
		v, err := ParseVariant(spec)
		if err != nil {
			t.Fatal(err)
		}
		variants = append(variants, v)
	}
	plans, err := Interleave(b.options, variants, 3, b.engine)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, p := range plans {
		order = append(order, p.Options.Label)
	}
	if want := []string{"flash", "math", "math", "flash", "flash", "math"}; !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
	if _, err := RunAll(context.Background(), plans, b.host); err != nil {
		t.Fatal(err)
	}
	b.noProcesses()
	count(t, "comparisons", len(compared), 1)
	for i, label := range []string{"flash", "math"} {
		side := compared[0][i]
		count(t, "sessions of "+label, len(side.Dirs), 3)
		var r Record
		data, err := os.ReadFile(filepath.Join(side.Dirs[0], recordName))
		if err == nil {
			err = json.Unmarshal(data, &r)
		}
		if err != nil || r.Label != label || side.Label != label || !strings.HasSuffix(strings.Join(r.Command, " "), "}") {
			t.Errorf("%s: %v %+v", label, err, r.Command)
		}
		if i == 1 && !slices.Contains(r.Env, "MODE=a b") {
			t.Errorf("environment: %q", r.Env)
		}
	}
}
