package capture

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ownSession puts a child into a session, and so a process group, of its own: a
// Ctrl-C on the terminal reaches only this process, which then stops the child
// in order. The child gets a termination signal should this process be killed.
func ownSession() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
}

// ownGroup is for short commands, whose starting thread may end before they do:
// a death signal would be tied to it.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }

func freeDisk(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// availableMemory is the kernel's estimate of what can be used without swapping.
func availableMemory() (int64, error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			kB, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kB << 10, err
		}
	}
	return 0, syscall.ENOTSUP
}

// processes lists what runs on this machine, without zombies. A process that
// ends while it is read is left out.
func processes() []process {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	list := make([]process, 0, len(dirs))
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil {
			continue
		}
		if p, ok := parseStat(pid, stat); ok {
			list = append(list, p)
		}
	}
	return list
}

// parseStat reads proc_pid_stat(5): "pid (comm) state ppid pgrp session … starttime".
// The name may hold spaces and parentheses, so fields count from the last one.
func parseStat(pid int, stat []byte) (process, bool) {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return process{}, false
	}
	f := strings.Fields(string(stat[end+1:]))
	if len(f) < 20 || f[0] == "Z" || f[0] == "X" {
		return process{}, false
	}
	number := func(i int) int { n, _ := strconv.Atoi(f[i]); return n }
	return process{pid: pid, name: string(stat[open+1 : end]), parent: number(1), group: number(2), session: number(3), started: f[19]}, true
}

// environMark reports whether a process was started with the variable. A process
// that renames itself may have overwritten its environment.
func environMark(pid int, mark string) bool {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && bytes.Contains(env, []byte(mark))
}

// title is the command line, which a vLLM process replaces by what it is:
// "VLLM::StageEngineCoreProc_stage0_replica0_DP0".
func title(pid int) string {
	data, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return strings.TrimSpace(strings.ReplaceAll(string(data), "\x00", " "))
}

// listener returns the processes that hold the listening TCP socket of a port:
// /proc/net/tcp names the socket's inode, /proc/PID/fd who has it open.
func listener(port int, among []process) []int {
	inodes := listeningInodes(port)
	var pids []int
	for _, p := range among {
		links, _ := filepath.Glob("/proc/" + strconv.Itoa(p.pid) + "/fd/*")
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil && inodes[target] {
				pids = append(pids, p.pid)
				break
			}
		}
	}
	return pids
}

func listeningInodes(port int) map[string]bool {
	const listen = "0A" // TCP_LISTEN
	suffix := ":" + strings.ToUpper(leftPad(strconv.FormatInt(int64(port), 16), 4))
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, _ := os.ReadFile(table)
		for line := range strings.Lines(string(data)) {
			f := strings.Fields(line)
			if len(f) > 9 && f[3] == listen && strings.HasSuffix(f[1], suffix) {
				inodes["socket:["+f[9]+"]"] = true
			}
		}
	}
	return inodes
}

func leftPad(s string, n int) string {
	return strings.Repeat("0", max(0, n-len(s))) + s
}
