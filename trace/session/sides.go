package session

import (
	"path"
	"regexp"
)

// sides are the files that lie beside traces. They are known by name alone:
// some look like traces to a quick glance.
var sides = []*regexp.Regexp{
	regexp.MustCompile(`(?:^|/)run\.json$`),
	// vLLM and vLLM-Omni: key_averages as a table; the number is the local rank.
	regexp.MustCompile(`(?:^|/)profiler_out_(?P<rank>\d{1,6})\.txt$`),
	// vLLM-Omni 0.20+: op tables, folded stacks, torch's memory history.
	regexp.MustCompile(`(?:^|/)ops_rank(?P<rank>\d{1,6})\.xlsx$`),
	regexp.MustCompile(`(?:^|/)stacks_[a-z0-9]+_rank(?P<rank>\d{1,6})\.txt$`),
	regexp.MustCompile(`(?:^|/)memory_snapshot_rank(?P<rank>\d{1,6})\.pickle$`),
	// torch's execution trace (Chakra): a graph of ops without times.
	regexp.MustCompile(`(?:^|/)execution_trace_(?:rank(?P<rank>\d{1,6})|[^/]*)\.json(?:\.gz)?$`),
	// vLLM-Omni's orchestrator monitor.
	regexp.MustCompile(`(?:^|/)vllm_omni_orch_monitor_[^/]*\.json$`),
	// vLLM's proton profiler in its own format.
	regexp.MustCompile(`(?:^|/)proton_[^/]*\.hatchet$`),
	// torch_npu.
	regexp.MustCompile(`_ascend_pt/profiler_info(?:_(?P<rank>\d{1,6}))?\.json$`),
	regexp.MustCompile(`_ascend_pt/profiler_metadata\.json$`),
	regexp.MustCompile(`(?:^|/)ASCEND_PROFILER_OUTPUT/(?:[^/]+\.(?:csv|db)|communication[^/]*\.json)$`),
}

// sideFile reports whether name is one of sides, and the rank in it, else -1.
func sideFile(name string) (side bool, rank int) {
	for _, re := range sides {
		m := re.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		if i := re.SubexpIndex("rank"); i >= 0 && m[i] != "" {
			return true, number(m[i])
		}
		return true, -1
	}
	return false, -1
}

var (
	jsonName  = regexp.MustCompile(`\.json(?:\.gz|\.zst|\.zstd)?(?:\.tmp)?$`)
	traceName = regexp.MustCompile(`(?i:trace[^/]*\.json(?:\.gz|\.zst|\.zstd)?(?:\.tmp)?|\.(?:nsys-rep|qdrep|qdstrm|sqlite|pftrace|perfetto-trace|chrome_trace))$`)
)

// likeTrace reports whether a file of this name should be a trace: if it is
// not, that is worth a word.
func likeTrace(name string) bool {
	if traceName.MatchString(name) {
		return true
	}
	c := newClues()
	return jsonName.MatchString(name) && c.read(inFile, path.Base(name))
}
