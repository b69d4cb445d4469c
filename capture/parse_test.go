package capture

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestReadRequests(t *testing.T) {
	t.Parallel()
	list, err := ReadRequests(strings.NewReader(`
# two chats and a video
{"path": "/v1/chat/completions", "body": {"messages": [], "extra_body": {"num_inference_steps": 4}}}
{"path": "/v1/images/generations", "body": {"prompt": "cat", "num_inference_steps": 3}}
{"path": "/v1/videos/sync", "form": {"prompt": "cat", "num_inference_steps": "2"}}
`))
	if err != nil {
		t.Fatal(err)
	}
	var steps []int
	for _, r := range list {
		steps = append(steps, r.steps())
	}
	if want := []int{4, 3, 2}; !slices.Equal(steps, want) {
		t.Errorf("steps %v, want %v", steps, want)
	}
	for text, word := range map[string]string{
		"":                                   "holds no request",
		`{"path": "/v1", "bdy": {}}`:         "line 1",
		"{\"path\": \"/v1\"}\nnonsense":      "line 2",
		`{"path": "http://else/v1"}`:         "must begin with one /",
		`{"path": "//else/v1"}`:              "must begin with one /",
		`{"path": "/a"} {"path": "/b"}`:      "more than one",
		`{"path": "/a", "form": {"n": 1.5}}`: "line 1",
	} {
		_, err := ReadRequests(strings.NewReader(text))
		wantError(t, err, Usage, word)
	}
}

func TestBuiltinRequests(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds() {
		r, ok := Builtin(kind, DefaultBody())
		if !ok || r.validate() != nil {
			t.Errorf("%s: %+v", kind, r)
		}
		body, contentType, err := r.payload()
		if err != nil || len(body) == 0 || contentType == "" {
			t.Errorf("%s: %q %q %v", kind, body, contentType, err)
		}
		small := kind == "images" || kind == "videos"
		if small != (r.steps() == 2) {
			t.Errorf("%s asks for %d steps", kind, r.steps())
		}
	}
	if _, ok := Builtin("smell", Body{}); ok {
		t.Error("an unknown kind has a request")
	}
}

func TestProfileReplies(t *testing.T) {
	t.Parallel()
	for body, problem := range map[string]bool{
		"":                     false, // vLLM's own route
		" \n":                  false,
		`{"status":"SUCCESS"}`: false, // vLLM-Omni since June 2026
		`[null, null]`:         false, // before that, one result a stage
		`[[{"supported": false, "error": "Profiling is not enabled"}]]`: true,
		`{"status":"FAILED"}`:            true,
		`{"error": {"message": "dead"}}`: true,
		`<html>`:                         true,
		`{"status": 7`:                   true,
	} {
		if got := (reply{status: 200, body: []byte(body)}).profileProblem(); (got != "") != problem {
			t.Errorf("%q: %q", body, got)
		}
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	// The name of a process may look like fields.
	line := "4711 (a) R 1 (b) S 17 18 19 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2\n"
	p, ok := parseStat(4711, []byte(line))
	if want := (process{4711, 17, 18, 19, "a) R 1 (b", "987654"}); !ok || p != want {
		t.Errorf("%+v %v, want %+v", p, ok, want)
	}
	for _, bad := range []string{"", "1 (x", "1 (x) Z 1 2 3", "1 (x) S 1 2", ")("} {
		if _, ok := parseStat(1, []byte(bad)); ok {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestParseGPUs(t *testing.T) {
	t.Parallel()
	gpus, driver, err := parseGPUs("0, NVIDIA H100 80GB HBM3, GPU-1b2c, 00000000:00:05.0, 81559, 580.159.04, 345, 1980, 2619, 35, [N/A], 0x0000000000000001, 500\n")
	if err != nil || len(gpus) != 1 || driver != "580.159.04" {
		t.Fatal(gpus, driver, err)
	}
	g := gpus[0]
	if g.Name != "NVIDIA H100 80GB HBM3" || g.UUID != "GPU-1b2c" || g.Memory != 81559<<20 || g.Before.ClockSM != "345" || g.Before.Power != "" || g.Before.Throttle != "0x0000000000000001" {
		t.Errorf("%+v %+v", g, g.Before)
	}
	if _, _, err := parseGPUs("Failed to initialize NVML: Driver/library version mismatch\n"); err == nil {
		t.Error("an error message was taken for a GPU")
	}
}

func TestRedactor(t *testing.T) {
	t.Parallel()
	r := newRedactor([]string{"HF_TOKEN=hf_0123456789", "MAX_TOKENS=1234567890", "AUTH=1"}, []string{"vllm", "--api-key", "sk-abcdefgh", "--api-key=sk-zyxwvuts", "--max-num-batched-tokens", "12345678"})
	got := r.text("hf_0123456789 sk-abcdefgh sk-zyxwvuts 1234567890 12345678 1")
	if want := "*** *** *** 1234567890 12345678 1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTailLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, "first\n"+strings.Repeat("x", logTailBytes)+"\nloading: 1%\rloading: 100%\r\n\nlast")
	if got, want := tailLines(path, 2), []string{"loading: 100%", "last"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := tailLines(path+"absent", 2); got != nil {
		t.Errorf("%q of a file that is not there", got)
	}
}

func TestHelpCommand(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"python3 miniomni.py offline --model x":        "python3 miniomni.py --help",
		"python3 -u run.py --model x":                  "python3 -u run.py --help",
		"python3 -m vllm_omni.cli.main serve m --omni": "python3 -m vllm_omni.cli.main serve --help",
		"vllm serve m --omni":                          "vllm serve --help",
		"./run.sh a b":                                 "./run.sh --help",
		"python3":                                      "python3 --help",
	} {
		if got := strings.Join(helpCommand(strings.Fields(command)), " "); got != want {
			t.Errorf("%q: %q, want %q", command, got, want)
		}
	}
}

func TestInterpreter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := Host{LookPath: func(name string) (string, error) { return filepath.Join(dir, name), nil }}
	for text, want := range map[string]string{
		"#!/opt/venv/bin/python3.12\nimport x": "/opt/venv/bin/python3.12",
		"#!/usr/bin/env python3\n":             "python3",
		"#!/bin/sh\n":                          "",
		"\x7fELF":                              "",
	} {
		write(t, filepath.Join(dir, "vllm"), text)
		if got := interpreter([]string{"vllm", "serve"}, h); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{"": "''", "a-b=/c.d": "a-b=/c.d", "a b": "'a b'", "it's": `'it'\''s'`, "$HOME": "'$HOME'", "{}": "'{}'"} {
		if got := quote(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

func FuzzReadRequests(f *testing.F) {
	f.Add(`{"path": "/v1/chat/completions", "body": {}}`)
	f.Add("# comment\n\n{\"path\": \"/v1\", \"form\": {\"a\": \"b\"}}")
	f.Add(`{"path": "/v1", "body": [1e999]}`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ReadRequests(strings.NewReader(text))
		if err != nil {
			if KindOf(err) != Usage && !strings.Contains(err.Error(), "token too long") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		for _, r := range list {
			if err := r.validate(); err != nil {
				t.Errorf("%q: %v", text, err)
			}
			if _, _, err := r.payload(); err != nil {
				t.Errorf("%q: %v", text, err)
			}
			_ = r.steps()
		}
	})
}

// FuzzSplitWords checks against the rule that quoting is undone: a quoted word
// comes back as it was.
func FuzzSplitWords(f *testing.F) {
	f.Add("a b", "c'd")
	f.Add("", "\\")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		got, err := splitWords(quote(a) + " " + quote(b))
		if err != nil || !slices.Equal(got, []string{a, b}) {
			t.Errorf("%q %q came back as %q, %v", a, b, got, err)
		}
		_, _ = splitWords(a) // no panic
	})
}

func FuzzReplies(f *testing.F) {
	f.Add([]byte(`{"status":"SUCCESS","metrics":{"a":1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := reply{status: 200, body: body}
		_, _, _ = r.profileProblem(), r.timings(), r.words()
		_, _ = parseStat(1, body)
		_, _, _ = parseGPUs(string(body))
	})
}
