package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A Host is the world outside of a run. The zero value is this machine, silent.
type Host struct {
	Environ  []string                        // nil: this process's
	LookPath func(string) (string, error)    // nil: exec.LookPath
	FreeDisk func(dir string) (int64, error) // bytes free for this user
	Memory   func() (int64, error)           // bytes of host memory available
	// Complete reports what is unfinished about a trace file; nil for a whole
	// one. nil: [Whole].
	Complete func(fsys fs.FS, path string) error
	// Log receives one line of progress a call, without a newline.
	Log func(line string)
	// Summarize prints the tables of a finished session; nil for none.
	Summarize func(ctx context.Context, dir string) error
	// Compare prints the difference between the sessions of two variants; nil
	// for none.
	Compare func(ctx context.Context, base, changed Sessions) error
	// Hurry, when closed, ends the run without waiting for anything: the answer
	// to a second Ctrl-C.
	Hurry <-chan struct{}
	// ReadFile reads what the kernel tells a doctor; nil: os.ReadFile.
	ReadFile func(string) ([]byte, error)
	// NvidiaSMI is the program that describes the GPUs; "" for nvidia-smi.
	NvidiaSMI string
}

// Sessions are the directories of one variant's runs, in the order in which
// they ran.
type Sessions struct {
	Label string
	Dirs  []string
}

func (h Host) withDefaults() Host {
	if h.Environ == nil {
		h.Environ = os.Environ()
	}
	if h.LookPath == nil {
		h.LookPath = exec.LookPath
	}
	if h.FreeDisk == nil {
		h.FreeDisk = freeDisk
	}
	if h.Memory == nil {
		h.Memory = availableMemory
	}
	if h.Complete == nil {
		h.Complete = Whole
	}
	if h.Log == nil {
		h.Log = func(string) {}
	}
	if h.ReadFile == nil {
		h.ReadFile = os.ReadFile
	}
	if h.NvidiaSMI == "" {
		h.NvidiaSMI = "nvidia-smi"
	}
	return h
}

func (h Host) logf(format string, args ...any) { h.Log(fmt.Sprintf(format, args...)) }

// output runs a short command and returns what it wrote to both streams. On a
// timeout its whole process group is killed.
func (h Host) output(ctx context.Context, limit time.Duration, env []string, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = env, &out, &out, ownGroup()
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	cmd.WaitDelay = time.Second // a grandchild may keep the pipe open
	err := cmd.Run()
	switch {
	case ctx.Err() == context.DeadlineExceeded:
		return out.String(), fmt.Errorf("%s: no end after %v", argv[0], limit)
	case err != nil:
		return out.String(), fmt.Errorf("%s: %w%s", argv[0], err, lastLine(out.String()))
	}
	return out.String(), nil
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	s = s[strings.LastIndexByte(s, '\n')+1:]
	if s == "" {
		return ""
	}
	return ": " + s
}

// writeFile writes through a temporary name, so that a crash leaves no half
// file under the final one.
func writeFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
