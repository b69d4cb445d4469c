package cli

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"
)

// Ctrl-C stops a command in the middle of its input, with exit code 130,
// nothing on stdout, and one line.
func TestInterrupt(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	interrupted(t, ctx, &endless{after: 1 << 20, then: stop})
}

// It also stops one that waits for an input that does not come.
func TestInterruptWhileWaiting(t *testing.T) {
	in, writer := io.Pipe()
	defer writer.Close()
	ctx, stop := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, stop)
	interrupted(t, ctx, in)
}

func interrupted(t *testing.T, ctx context.Context, in io.Reader) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	done := make(chan int, 1)
	go func() { done <- run(ctx, []string{"summarize", "-"}, streams{in, &stdout, &stderr}) }()
	select {
	case code := <-done:
		if code != exitInterrupted {
			t.Errorf("exit code %d, want %d", code, exitInterrupted)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("still reading 5 s after the interrupt")
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
