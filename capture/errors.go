package capture

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// A Kind says what ended a run. Each has its own remedy; the exit code is 1 for
// all but Usage (2) and Interrupted (130).
type Kind uint8

// The kinds.
const (
	Failed         Kind = iota // anything without a kind of its own
	Usage                      // the options contradict each other
	NotReady                   // the server was not ready in time
	ServerDied                 // the server or script ended before its work was done
	NoProfiler                 // the server has no profiling routes, or they failed
	RequestsFailed             // no request of a round succeeded
	Incomplete                 // traces or reports are missing or half-written
	DiskLow                    // the disk, or the space allowed for the run, is used up
	MemoryLow                  // the host's memory is nearly used up
	Interrupted                // the caller cancelled the run
	Orphaned                   // a process survived being killed
)

var kindNames = [...]string{"failed", "usage", "not_ready", "server_died", "no_profiler", "requests_failed",
	"incomplete", "disk_low", "memory_low", "interrupted", "orphaned"}

// String returns the kind as written in run.json.
func (k Kind) String() string { return kindNames[k] }

// An Error is why a run ended early: during which step, the cause, what to try,
// and the last lines of the server's log (secrets removed), oldest first.
type Error struct {
	Kind   Kind
	During string // "wait until the server is ready"
	Err    error
	Remedy string
	Log    []string
}

// Error returns one line: step, cause, remedy.
func (e *Error) Error() string {
	var b strings.Builder
	if e.During != "" {
		b.WriteString(e.During + ": ")
	}
	b.WriteString(e.Err.Error())
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func failure(k Kind, remedy, format string, args ...any) *Error {
	return &Error{Kind: k, Err: fmt.Errorf(format, args...), Remedy: remedy}
}

// during names the step in err, which becomes an *Error if it was none.
func during(step string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Err: err}
		if errors.Is(err, context.Canceled) {
			e.Kind, e.Err = Interrupted, errors.New("interrupted")
		}
	}
	if e.During == "" {
		e.During = step
	}
	return e
}

// KindOf returns the kind of err, Failed where it has none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Failed
}

// ExitCode returns the process's exit code for the result of a run: 0, 1, 2 for
// contradictory options, 130 for an interrupted run.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	switch KindOf(err) {
	case Usage:
		return 2
	case Interrupted:
		return 130
	default:
		return 1
	}
}
