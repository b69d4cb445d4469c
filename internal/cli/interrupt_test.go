package cli

import (
	"bytes"
	"context"
	"testing"
	"time"
)

// Ctrl-C stops a command in the middle of its input, with exit code 130,
// nothing on stdout, and one line.
func TestInterrupt(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	in := &endless{after: 1 << 20, then: stop}
	var stdout, stderr bytes.Buffer
	done := make(chan int)
	go func() { done <- run(ctx, []string{"summarize", "-"}, streams{in, &stdout, &stderr}) }()
	select {
	case code := <-done:
		if code != exitInterrupted {
			t.Errorf("exit code %d, want %d", code, exitInterrupted)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("still reading 10 s after the interrupt")
	}
	if stdout.Len() > 0 || stderr.String() != "omnitrace: interrupted\n" {
		t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
	}
}

// endless is a trace that never ends; it calls then once so many bytes were
// read.
type endless struct {
	read  int
	after int
	then  func()
}

func (r *endless) Read(p []byte) (int, error) {
	const head = `{"traceEvents": [`
	const event = `{"ph": "X", "cat": "kernel", "name": "k", "pid": 0, "tid": 7, "ts": 1, "dur": 1}, `
	for i := range p {
		if at := r.read + i; at < len(head) {
			p[i] = head[at]
		} else {
			p[i] = event[(at-len(head))%len(event)]
		}
	}
	if r.read += len(p); r.read > r.after && r.then != nil {
		r.then()
		r.then = nil
	}
	return len(p), nil
}
