package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// perfettoPage is the page that may fetch the trace, and nothing else may.
const perfettoPage = "https://ui.perfetto.dev"

// serve hands the file out once.
func (o *viewOptions) serve(ctx context.Context, l net.Listener, path string, std streams) error {
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	at := "/" + hex.EncodeToString(secret) + "/" + url.PathEscape(filepath.Base(path))
	host := l.Addr().String()
	link := perfettoPage + "/#!/?url=" + url.QueryEscape("http://"+host+at)
	handler := &fileOnce{path: path, host: host, at: at, fetched: make(chan struct{}, 1)}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	fmt.Fprintln(std.out, link)
	if !o.quiet && isTerminal(std.out) {
		openBrowser(ctx, link)
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		_ = server.Close()
		return interruptedError{ctx.Err()}
	case <-handler.fetched:
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}

// fileOnce serves one file under one path to one origin.
type fileOnce struct {
	path, host, at string
	fetched        chan struct{}
}

func (f *fileOnce) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	// The host is asked for because a page could have its own name point here.
	if r.Host != f.host || r.URL.EscapedPath() != f.at || origin != "" && origin != perfettoPage {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", perfettoPage)
	h.Set("Vary", "Origin")
	h.Set("Cache-Control", "no-store")
	switch r.Method {
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, HEAD")
		h.Set("Access-Control-Allow-Private-Network", "true")
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodGet, http.MethodHead:
	default:
		http.Error(w, "GET only", http.StatusMethodNotAllowed)
		return
	}
	// As it is stored: the page unpacks it.
	h.Set("Content-Type", "application/octet-stream")
	file, err := os.Open(f.path)
	if err != nil {
		http.Error(w, "the file is gone", http.StatusGone)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		http.Error(w, "the file is gone", http.StatusGone)
		return
	}
	count := &countedResponse{ResponseWriter: w}
	http.ServeContent(count, r, "", info.ModTime(), file)
	if r.Method == http.MethodGet && count.n >= info.Size() {
		select {
		case f.fetched <- struct{}{}:
		default:
		}
	}
}

type countedResponse struct {
	http.ResponseWriter
	n int64
}

func (c *countedResponse) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n += int64(n)
	return n, err
}

// openBrowser opens the link where there is a program for it; that there is
// none, or that it fails, is no error: the link has been printed.
func openBrowser(ctx context.Context, link string) {
	program := map[string]string{"darwin": "open", "linux": "xdg-open"}[runtime.GOOS]
	if program == "" || runtime.GOOS == "linux" && os.Getenv("DISPLAY")+os.Getenv("WAYLAND_DISPLAY") == "" {
		return
	}
	cmd := exec.CommandContext(ctx, program, link)
	if err := cmd.Start(); err == nil || !errors.Is(err, exec.ErrNotFound) {
		go func() { _ = cmd.Wait() }()
	}
}
