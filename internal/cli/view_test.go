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

// The server gives the file to Perfetto's page, to nothing else, and once.
func TestView(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b.json")
	if err := os.WriteFile(path, []byte(`{"traceEvents":[]}`), 0o666); err != nil {
		t.Fatal(err)
	}
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- (&viewOptions{quiet: true}).run(t.Context(), path, streams{out: in, err: io.Discard}) }()
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
	err := (&viewOptions{quiet: true}).run(ctx, path, streams{out: io.Discard, err: io.Discard})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
