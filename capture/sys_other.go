//go:build !linux

package capture

import (
	"errors"
	"syscall"
)

// Captures run where the GPUs are, on Linux. Elsewhere the package builds, so
// that a plan can be printed, and only the direct child is supervised.

func ownSession() *syscall.SysProcAttr { return nil }

func ownGroup() *syscall.SysProcAttr { return nil }

func killGroup(pid int) error { return signalProcess(pid, syscall.SIGKILL) }

func freeDisk(string) (int64, error) { return 0, errors.ErrUnsupported }

func availableMemory() (int64, error) { return 0, errors.ErrUnsupported }

func processes() []process { return nil }

func environMark(int, string) bool { return false }

func title(int) string { return "" }

func listener(int, []process) []int { return nil }
