package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func view(ctx context.Context, path string, std streams) error {
	o := &viewOptions{inputOptions: inputOptions{quiet: true}}
	if err := o.validate([]string{path}); err != nil {
		return err
	}
	return o.run(ctx, []string{path}, std)
}

// A folder is merged, a part of it trimmed, into a file that Perfetto reads and
// that is gone afterwards.
func TestViewPart(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, c := range []struct {
		stages []int
		name   string
	}{{nil, "omni_session.json.gz"}, {[]int{1}, "trace_rank0.json.gz"}} {
		o := &viewOptions{
			inputOptions:  inputOptions{quiet: true},
			selectOptions: selectOptions{stages: c.stages}, chosen: c.stages != nil,
		}
		args := []string{"../../testdata/omni_session"}
		if err := o.validate(args); err != nil {
			t.Fatal(err)
		}
		path, made, err := o.file(t.Context(), args, streams{out: io.Discard, err: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 || filepath.Base(path) != c.name {
			t.Errorf("%v: %s, %v", c.stages, path, err)
		}
		if err := os.RemoveAll(made); err != nil {
			t.Error(err)
		}
	}
}

// The server gives the file to Perfetto's page, to nothing else, and once.
func TestView(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b.json")
	if err := os.WriteFile(path, []byte(`{"traceEvents":[]}`), 0o666); err != nil {
		t.Fatal(err)
	}
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- view(t.Context(), path, streams{out: in, err: io.Discard}) }()
	link, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	query, ok := strings.CutPrefix(strings.TrimSpace(link), "https://ui.perfetto.dev/#!/?url=")
	if !ok {
		t.Fatal(link)
	}
	target, err := url.QueryUnescape(query)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := target[:strings.LastIndex(target, "/")] + "/other"
	for _, c := range []struct {
		url, method, origin, host string
		status                    int
	}{
		{elsewhere, "GET", "", "", 404},
		{target, "GET", "https://example.com", "", 404},
		{target, "GET", "https://ui.perfetto.dev", "evil.example:9001", 404},
		{target, "POST", "https://ui.perfetto.dev", "", 405},
		{target, "OPTIONS", "https://ui.perfetto.dev", "", 204},
		{target, "GET", "https://ui.perfetto.dev", "", 200},
	} {
		r, err := http.NewRequest(c.method, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", c.origin)
		r.Host = c.host
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != c.status {
			t.Errorf("%+v: status %d", c, answer.StatusCode)
		}
		if allowed := answer.Header.Get("Access-Control-Allow-Origin"); c.status < 300 && allowed != perfettoPage {
			t.Errorf("%+v: allows %q", c, allowed)
		}
		if c.status == 200 && string(body) != `{"traceEvents":[]}` {
			t.Errorf("served %q", body)
		}
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("still serving after the file was fetched")
	}
}

// Ctrl-C ends it.
func TestViewInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.json")
	if err := os.WriteFile(path, []byte(`[]`), 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := view(ctx, path, streams{out: io.Discard, err: io.Discard})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
