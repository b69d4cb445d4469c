package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"omnitrace/trace"
	"omnitrace/trace/session"
)

// A ProcessStage is the user's word for which stage a process is.
type ProcessStage struct {
	PID   string
	Stage int    // -1: a number of its own, in the order in which they are given
	Name  string // "" where the user gave a number
}

// byStageMap is what identified a stage that the user gave.
const byStageMap = "--stage-map"

// identifying returns the header that tells where an input belongs. nsys sees
// all processes that a server starts: where one of them has all GPU work, the
// others' names say nothing of it, and are not there unless their calls are read.
func identifying(in Input) *trace.Header {
	p := workingProcess(in.Trace)
	if p < 0 || in.File.Format == session.Chrome {
		return in.Trace.Header
	}
	h := *in.Trace.Header
	h.Processes = h.Processes[p : p+1]
	return &h
}

// describeProcess fills in whose GPU work a trace has, where that is one process.
func (src *Source) describeProcess(t *trace.Trace) {
	if p := workingProcess(t); p >= 0 {
		src.PID, src.Process = t.Processes[p].PID, t.Processes[p].Name
	}
}

// workingProcess returns the place of the process that all GPU work of t is of,
// -1 where there is none or it is not known.
func workingProcess(t *trace.Trace) int {
	seen := map[int]bool{}
	for i := range t.Events {
		if e := &t.Events[i]; e.Kind.GPU() {
			seen[t.Tracks[e.Track].Process] = true
		}
	}
	if len(seen) == 1 {
		for p := range seen {
			return p
		}
	}
	return -1
}

// placeProcesses gives the sources of processes that the user named their
// stages. Processes of one name or number are one stage.
func (s *Session) placeProcesses() {
	for i, n := range s.processNumbers() {
		p := s.Processes[i]
		found := false
		for _, src := range s.Sources {
			if src.counted() && src.PID == p.PID {
				src.Stage, src.IdentifiedBy, found = n, byStageMap, true
			}
		}
		switch {
		case !found:
			s.Warnings = append(s.Warnings, Warning{Code: "no_process", Message: fmt.Sprintf(
				"--stage-map names process %s, which has no GPU work here; those that have are %s", p.PID, cmp.Or(s.processList(), "not known"))})
		case p.Name != "":
			s.StageMap = maps.Clone(s.StageMap) // the caller's
			if s.StageMap == nil {
				s.StageMap = map[int]string{}
			}
			s.StageMap[n] = p.Name
		}
	}
}

// processNumbers returns the stage of each of the user's processes.
func (s *Session) processNumbers() []int {
	taken := map[int]bool{}
	byName := map[string]int{}
	for n, name := range s.StageMap {
		taken[n], byName[name] = true, n
	}
	for _, p := range s.Processes {
		taken[p.Stage] = true
	}
	numbers := make([]int, len(s.Processes))
	next := 0
	for i, p := range s.Processes {
		n, known := byName[p.Name]
		switch {
		case p.Name == "":
			n = p.Stage
		case !known:
			for taken[next] {
				next++
			}
			n, taken[next], byName[p.Name] = next, true, next
		}
		numbers[i] = n
	}
	return numbers
}

// processList names the processes with GPU work: "586 (VLLM::StageEngi)".
func (s *Session) processList() string {
	var all []string
	for _, src := range s.Sources {
		if src.PID != "" {
			all = append(all, src.processText())
		}
	}
	return strings.Join(slices.Compact(all), ", ")
}

func (src *Source) processText() string {
	if src.Process == "" {
		return src.PID
	}
	return fmt.Sprintf("%s (%s)", src.PID, src.Process)
}

// sharesFile reports whether another source is a part of the same file.
func (s *Session) sharesFile(src *Source) bool {
	return slices.ContainsFunc(s.Sources, func(o *Source) bool { return o != src && o.counted() && o.Path == src.Path })
}
