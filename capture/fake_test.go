package capture

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test binary is also the server, the script, nsys and nvidia-smi: the
// environment variable says which. Options.Env carries it into a run.
const fakeName = "CAPTURE_FAKE"

func TestMain(m *testing.M) {
	programs := map[string]func([]string){"engine": fakeEngine, "sleeper": fakeSleeper, "daemon": fakeDaemon}
	name := os.Getenv(fakeName)
	if name == "" {
		os.Exit(m.Run())
	}
	aliases := map[string]func([]string){"nsys": fakeNsys, "nvidia-smi": fakeSMI, "gzip": fakeGzip}
	if alias := aliases[filepath.Base(os.Args[0])]; alias != nil {
		alias(os.Args[1:])
		return
	}
	programs[name](os.Args[1:])
}

// A fault list in --fake says what the engine does wrong.
type faults map[string]bool

func (f faults) value(name string) (string, bool) {
	for fault := range f {
		if v, ok := strings.CutPrefix(fault, name+"="); ok {
			return v, true
		}
	}
	return "", false
}

// An engine answers like a vLLM-Omni server, or works like its example scripts,
// and leaves files in the same layout, after the same detours.
type engine struct {
	faults faults
	config map[string]any
	stages int

	mu      sync.Mutex
	on      []int // stages being profiled
	session int
}

func fakeEngine(args []string) {
	command := append([]string{"engine"}, args...)
	if hasFlag(command, "--help") {
		fmt.Println("usage: engine [--profiler-config JSON] [--num-inference-steps N] [--height N] [--profiler-stages S ...]")
		return
	}
	e := &engine{faults: faults{}, stages: 1}
	list, _ := flagValue(command, "--fake")
	for fault := range strings.SplitSeq(list, ",") {
		e.faults[fault] = true
	}
	if v, ok := flagValue(command, "--fake-stages"); ok {
		e.stages, _ = strconv.Atoi(v)
	}
	e.configure(command)
	fmt.Println("engine starts:", strings.Join(args, " "))
	for _, name := range []string{"HF_TOKEN", "SOME_API_KEY", "TOKENIZERS_PARALLELISM"} {
		if os.Getenv(name) != "" {
			fmt.Println("environment:", name)
		}
	}
	e.misbehave()
	if len(args) > 0 && args[0] == "serve" {
		e.serve(command)
		return
	}
	e.offline()
}

func (e *engine) configure(command []string) {
	if v, ok := flagValue(command, "--profiler-config"); ok {
		check(json.Unmarshal([]byte(v), &e.config))
	}
	if v, ok := flagValue(command, "--stage-overrides"); ok {
		var overrides map[string]struct {
			Config map[string]any `json:"profiler_config"`
		}
		check(json.Unmarshal([]byte(v), &overrides))
		for _, o := range overrides {
			e.config = o.Config
		}
	}
	if dir := os.Getenv("VLLM_TORCH_PROFILER_DIR"); dir != "" {
		e.config = map[string]any{"profiler": "torch", "torch_profiler_dir": dir}
	}
}

func check(err error) {
	if err != nil {
		fmt.Println("engine:", err)
		os.Exit(9)
	}
}

func (e *engine) misbehave() {
	if e.faults["die_early"] {
		fmt.Println("Traceback: ValueError: no such model")
		os.Exit(3)
	}
	if e.faults["ignore_signals"] {
		signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
	}
	if e.faults["grandchild"] {
		fakeDaemon(nil)
	}
}

// fakeDaemon starts a sleeper in another session; as a program it then ends.
func fakeDaemon([]string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fakeName+"=sleeper")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	ready, err := cmd.StdoutPipe()
	check(err)
	check(cmd.Start())
	_, err = io.ReadFull(ready, make([]byte, 1))
	check(err)
}

// fakeSleeper is a grandchild that left the session and takes no hint.
func fakeSleeper([]string) {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
	fmt.Print(".") // ready
	time.Sleep(time.Minute)
}

func (e *engine) serve(command []string) {
	port, _ := flagValue(command, "--port")
	mux := http.NewServeMux()
	ready := time.Now().Add(50 * time.Millisecond)
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		if e.faults["never_ready"] || time.Now().Before(ready) {
			w.WriteHeader(503)
		}
	})
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"data":[{"id":"tiny"}]}`)
	})
	if e.config["profiler"] != nil && !e.faults["no_route"] {
		mux.HandleFunc("POST /start_profile", e.start)
		mux.HandleFunc("POST /stop_profile", e.stop)
	}
	for _, path := range []string{"/v1/chat/completions", "/v1/images/generations", "/v1/videos/sync"} {
		mux.HandleFunc("POST "+path, e.work)
	}
	server := &http.Server{Addr: "127.0.0.1:" + port, Handler: mux}
	if !e.faults["ignore_signals"] {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
		go func() { <-signals; _ = server.Close() }()
	}
	fmt.Println("listening on", server.Addr)
	fmt.Println("engine stops:", server.ListenAndServe())
}

func (e *engine) start(w http.ResponseWriter, r *http.Request) {
	var body struct{ Stages []int }
	_ = json.NewDecoder(r.Body).Decode(&body)
	e.mu.Lock()
	e.on = body.Stages
	if e.on == nil || e.faults["ignore_stages"] {
		e.on = nil
		for s := range e.stages {
			e.on = append(e.on, s)
		}
	}
	e.mu.Unlock()
	switch {
	case e.faults["hang_start"]:
		select {}
	case e.faults["start_500"]:
		http.Error(w, "EngineDeadError", 500)
	case e.faults["wrong_json"]:
		fmt.Fprint(w, "<html>profile</html>")
	}
}

func (e *engine) stop(w http.ResponseWriter, _ *http.Request) {
	e.mu.Lock()
	stages := e.on
	e.session++
	session := e.session
	e.mu.Unlock()
	switch {
	case e.faults["lie"]:
	case e.config["profiler"] == "cuda":
		e.report(session)
	default:
		for _, s := range stages {
			e.write(s, session)
		}
	}
	if e.faults["hang_stop"] {
		select {}
	}
	if e.faults["wrong_json"] {
		fmt.Fprint(w, `{"status": 7`)
		return
	}
	fmt.Fprint(w, `{"status":"SUCCESS"}`)
}

// report does what nsys does inside cudaProfilerStop.
func (e *engine) report(session int) {
	if out := os.Getenv("FAKE_NSYS_OUT"); out != "" && !e.faults["no_range"] {
		check(os.WriteFile(fmt.Sprintf("%s.%d.nsys-rep", out, session), []byte("report"), 0o644))
	}
}

// write leaves one stage's trace: a .json.tmp, the .json, an unfinished .json.gz
// beside it, and in the end the .json.gz alone.
func (e *engine) write(stage, session int) {
	root, _ := e.config["torch_profiler_dir"].(string)
	epoch := 1795492800 + 60*session
	name := fmt.Sprintf("%s_stage%d_rank0_%d", time.Unix(int64(epoch), 0).UTC().Format("20060102-150405"), stage, epoch)
	if e.stages == 1 {
		name = fmt.Sprintf("%s_stage_0_rep_0_diffusion_%d", time.Unix(int64(epoch), 0).UTC().Format("20060102-150405"), epoch)
	}
	dir := filepath.Join(root, name)
	check(os.MkdirAll(dir, 0o755))
	path := filepath.Join(dir, "trace_rank0.json")
	text := fmt.Appendf(nil, `{"traceEvents": [{"ph":"X","cat":"kernel","name":"gemm %s","ts":1.5,"dur":2,"pid":0,"tid":7}%4000s]}`+"\n", name, "")
	if v, ok := e.faults.value("bytes"); ok { // incompressible growth until the quota hits
		n, _ := strconv.Atoi(v)
		f, err := os.Create(path + ".tmp")
		check(err)
		for range n {
			_, err := f.Write(make([]byte, 1<<10))
			check(err)
			time.Sleep(time.Millisecond)
		}
	}
	check(os.WriteFile(path+".tmp", text, 0o644))
	check(os.Rename(path+".tmp", path))
	if e.faults["plain"] {
		return
	}
	compress := func() { e.compress(path, text, stage) }
	if e.faults["background"] {
		go compress()
		return
	}
	compress()
}

func (e *engine) compress(path string, text []byte, stage int) {
	f, err := os.Create(path + ".gz")
	check(err)
	z := gzip.NewWriter(f)
	_, err = z.Write(text[:len(text)/2])
	check(err)
	check(z.Flush())
	if v, ok := e.faults.value("gzip_ms"); ok {
		ms, _ := strconv.Atoi(v)
		time.Sleep(time.Duration(ms) * time.Millisecond)
	}
	if e.faults["stuck_gzip"] && stage == e.stages-1 {
		return
	}
	_, err = z.Write(text[len(text)/2:])
	check(err)
	check(z.Close())
	check(f.Close())
	check(os.Remove(path))
	check(os.WriteFile(filepath.Join(filepath.Dir(path), "profiler_out_0.txt"), []byte("table\n"), 0o644))
}

func (e *engine) work(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Println("request", r.URL.Path, r.Header.Get("Content-Type"), string(body))
	e.mu.Lock()
	on := e.on != nil
	e.mu.Unlock()
	switch {
	case e.faults["die_in_request"] && on:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Second)
	case e.faults["hang_request"] && on:
		time.Sleep(time.Minute)
	case e.faults["refuse_requests"]:
		http.Error(w, `{"error":"prompt is required"}`, 400)
		return
	}
	fmt.Fprint(w, `{"choices":[],"metrics":{"stage_durations":{"diffuse":0.25}}}`)
}

func (e *engine) offline() {
	if e.faults["fail_late"] {
		e.write(0, 1)
		fmt.Println("RuntimeError: after the trace")
		os.Exit(4)
	}
	for s := range e.stages {
		if e.config["profiler"] == "torch" {
			e.write(s, 1)
		}
	}
	if e.config["profiler"] == "cuda" {
		e.report(1)
	}
	if gzip, ok := e.faults.value("gzip_after"); ok { // in the background, as vLLM-Omni does; it outlives the script
		names, _ := filepath.Glob(filepath.Join(e.config["torch_profiler_dir"].(string), "*", "trace_rank0.json"))
		check(exec.Command(gzip, names...).Start())
	}
}

// fakeGzip takes its time before it creates anything.
func fakeGzip(names []string) {
	time.Sleep(300 * time.Millisecond)
	check(exec.Command("/bin/gzip", append([]string{"-f"}, names...)...).Run())
}

// fakeNsys knows profile, launch, start, stop, export, stats and --version, as
// far as a capture uses them.
func fakeNsys(args []string) {
	if args[0] == "--version" {
		fmt.Println("NVIDIA Nsight Systems version 2025.3.1.90-253135822126v0")
		return
	}
	flags, command := splitFlags(args[1:])
	out, _ := flagValue(flags, "--output")
	session, _ := flagValue(flags, "--session", "--session-new")
	state := filepath.Join(os.TempDir(), session)
	switch args[0] {
	case "profile", "launch":
		signal.Ignore(syscall.SIGINT) // it finishes its report first
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Env = append(os.Environ(), "FAKE_NSYS_OUT="+out)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		check(cmd.Start())
		_ = cmd.Wait()
		time.Sleep(100 * time.Millisecond)
		if os.Getenv("FAKE_UNNUMBERED") != "" {
			check(os.Rename(out+".1.nsys-rep", out+".nsys-rep"))
		}
		if !hasFlag(flags, "--capture-range") && args[0] == "profile" {
			check(os.WriteFile(out+".nsys-rep", []byte("report"), 0o644))
		}
	case "start":
		check(os.WriteFile(state, []byte(out), 0o644))
	case "stop":
		name, err := os.ReadFile(state)
		check(err)
		check(os.WriteFile(string(name)+".nsys-rep", []byte("report"), 0o644))
	case "export":
		check(os.WriteFile(out, []byte("sqlite"), 0o644))
		if os.Getenv("FAKE_EXPORT_FAILS") != "" {
			fmt.Println("importer: libdw.so.1 is missing")
			os.Exit(1)
		}
	case "stats":
		check(os.WriteFile(out+"_cuda_gpu_kern_sum.csv", []byte("Time (%)\n"), 0o644))
	}
}

// splitFlags takes leading --name=value words off.
func splitFlags(args []string) (flags, rest []string) {
	for i, a := range args {
		if !strings.HasPrefix(a, "-") {
			return args[:i], args[i:]
		}
	}
	return args, nil
}

func fakeSMI(args []string) {
	if hasFlag(args, "--query-compute-apps") {
		return
	}
	fmt.Println("0, NVIDIA H100 80GB HBM3, GPU-1b2c, 00000000:00:05.0, 81559, 580.159.04, 1980, 1980, 2619, 35, 120.50, 0x0000000000000000, 500")
}
