package capture

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A clinic answers a doctor as one machine would.
func clinic(t *testing.T, tools ...string) Host {
	b := &bench{t: t}
	paths := map[string]string{}
	for _, name := range tools {
		paths[name] = b.alias(name)
	}
	return Host{
		Environ: append(os.Environ(), fakeName+"=engine", "TMPDIR="+t.TempDir()),
		LookPath: func(name string) (string, error) {
			if strings.Contains(name, "/") {
				return name, nil
			}
			if p := paths[name]; p != "" {
				return p, nil
			}
			return "", errors.New("not found")
		},
		ReadFile: func(name string) ([]byte, error) {
			text, ok := map[string]string{
				"/proc/sys/kernel/perf_event_paranoid": "4\n",
				"/proc/self/status":                    "Name:\tx\nCapEff:\t00000000a80425fb\n", // a container's default
			}[name]
			if !ok {
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		},
		FreeDisk:  func(string) (int64, error) { return 100 << 30, nil },
		Memory:    func() (int64, error) { return 64 << 30, nil },
		NvidiaSMI: paths["nvidia-smi"],
	}
}

func findings(t *testing.T, o Options, h Host) map[string]Check {
	t.Helper()
	found := map[string]Check{}
	for _, c := range Doctor(context.Background(), o, h) {
		if c.Verdict != Good && c.Verdict != Skipped && c.Remedy == "" {
			t.Errorf("%s: %s without a remedy: %s", c.Name, c.Verdict, c.Detail)
		}
		found[c.Name] = c
	}
	return found
}

func wantVerdict(t *testing.T, c Check, v Verdict, word string) {
	t.Helper()
	if c.Verdict != v || !strings.Contains(c.Detail+" "+c.Remedy, word) {
		t.Errorf("%s: %s %q %q, want %s with %q", c.Name, c.Verdict, c.Detail, c.Remedy, v, word)
	}
}

func TestDoctorOnABareMachine(t *testing.T) {
	t.Parallel()
	h := clinic(t)
	h.NvidiaSMI = "nvidia-smi"
	h.FreeDisk = func(string) (int64, error) { return 10 << 20, nil }
	h.Environ = append(h.Environ, "CUDA_INJECTION64_PATH=/x/libToolsInjection64.so")
	o := DefaultOptions()
	o.NsysPath = filepath.Join(t.TempDir(), "no-nsys")
	f := findings(t, o, h)
	wantVerdict(t, f["nsys"], Problem, "does not tell its version")
	wantVerdict(t, f["gpu"], Problem, "--gpus all")
	wantVerdict(t, f["engine"], Notice, "no vllm is installed")
	wantVerdict(t, f["gzip"], Problem, "torch_profiler_use_gzip")
	wantVerdict(t, f["injection"], Notice, "CUDA_INJECTION64_PATH")
	wantVerdict(t, f["capabilities"], Notice, "--cap-add SYS_ADMIN")
	wantVerdict(t, f["disk"], Problem, "10.5 MB are free")
	wantVerdict(t, f["server"], Skipped, "no server")
}

func TestDoctorOnAGoodMachine(t *testing.T) {
	t.Parallel()
	h := clinic(t, "nsys", "nvidia-smi", "gzip")
	routes := http.NewServeMux()
	routes.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	routes.HandleFunc("POST /start_profile", func(http.ResponseWriter, *http.Request) { t.Error("the doctor started a profile") })
	server := httptest.NewServer(routes)
	defer server.Close()
	o := DefaultOptions()
	o.Attach = server.URL
	f := findings(t, o, h)
	wantVerdict(t, f["nsys"], Good, "version 2025.3.1")
	wantVerdict(t, f["gpu"], Good, "NVIDIA H100 80GB HBM3, driver 580.159.04")
	wantVerdict(t, f["gzip"], Good, "gzip")
	wantVerdict(t, f["disk"], Good, "107.4 GB")
	wantVerdict(t, f["server"], Good, "healthy")
	wantVerdict(t, f["profiling routes"], Good, "is there")
}

func TestDoctorFindsNoRoutes(t *testing.T) {
	t.Parallel()
	routes := http.NewServeMux()
	routes.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	server := httptest.NewServer(routes)
	defer server.Close()
	o := DefaultOptions()
	o.Attach = server.URL
	f := findings(t, o, clinic(t))
	wantVerdict(t, f["server"], Problem, "status 503")
	wantVerdict(t, f["profiling routes"], Problem, "--profiler-config")
	o.Attach, o.Command = "", []string{"vllm", "serve", "m", "--port", strings.TrimPrefix(server.URL, "http://127.0.0.1:")}
	wantVerdict(t, findings(t, o, clinic(t))["server"], Problem, "something answers")
}
