//go:build unix

package cli

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// signal NAME OUT COMMAND… runs a command that writes OUT, and sends it a signal
// while it is at it: OUT.tmp, which it writes first, is a pipe that holds it up.
// It requires the exit code that the signal should lead to.
func scriptSignal(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) < 3, "signal KILL|INT OUT COMMAND…")
	sig, code := syscall.SIGKILL, -1
	if args[0] == "INT" {
		sig, code = syscall.SIGINT, exitInterrupted
	}
	pipe := ts.MkAbs(args[1]) + ".tmp"
	ts.Check(syscall.Mkfifo(pipe, 0o600))
	cmd := exec.Command(lookPath(ts, args[2]), args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	ts.Check(cmd.Start())
	reader, err := os.Open(pipe) // waits for the command to open it too
	ts.Check(err)
	defer reader.Close()
	_, err = io.ReadFull(reader, make([]byte, 4096))
	ts.Check(err)
	ts.Check(cmd.Process.Signal(sig))
	_, err = io.Copy(io.Discard, reader)
	ts.Check(err)
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != code {
		ts.Fatalf("exit code %d, want %d", got, code)
	}
}

// lookPath finds a command of the script.
func lookPath(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, name); isProgram(path) {
			return path
		}
	}
	ts.Fatalf("no %s", name)
	return ""
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
