//go:build !unix

package nsys

import "os/exec"

// Where there are no process groups, nsys alone is killed.

func ownGroup(*exec.Cmd) {}

func interruptGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }

func killGroup(*exec.Cmd) {}
