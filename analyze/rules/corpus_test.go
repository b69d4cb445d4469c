package rules

import (
	"cmp"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// corpusDir returns the folder of the public traces, which is not part of the
// repository.
func corpusDir(t *testing.T) string {
	dir := os.Getenv("OMNITRACE_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no trace corpus at %s; OMNITRACE_CORPUS names it", dir)
	}
	return dir
}

// An expectation is what is known of a trace from how it was made.
type expectation struct {
	roles      map[Role]int // outermost frames and ranges of a role, per thread
	iterations map[Iteration]int
	process    Process
	stage      string // a name that modules or frames give
}

func iterationsOf(contextTokens, prefills, decodes, dummies int) map[Iteration]int {
	m := map[Iteration]int{}
	if prefills > 0 {
		m[Iteration{Prefill, 1, int64(contextTokens), 0, 0, Unknown}] = prefills
	}
	if decodes > 0 {
		m[Iteration{Decode, 0, 0, 1, 1, Unknown}] = decodes
	}
	if dummies > 0 {
		m[Iteration{Dummy, 0, 0, 0, 0, Unknown}] = dummies
	}
	return m
}

var worker = Process{Execution: Diffusion, Stage: -1, Replica: -1, Rank: 0, DP: -1, PP: -1, EP: -1}

func engine(stage int) Process {
	return Process{Stage: stage, Replica: 0, Rank: -1, DP: 0, PP: -1, EP: -1}
}

// The truths are the corpus's own: steps, CFG and requests that were asked
// for, tokens that were counted by the client.
var expectations = map[string]expectation{
	"vllm-omni/wan_s2_a":               {roles: wan(2, 2), process: worker},
	"vllm-omni/wan_s8_a":               {roles: wan(8, 2), process: worker},
	"vllm-omni/wan_s4_nocfg":           {roles: wan(4, 1), process: worker},
	"vllm-omni/qwenimage_online_s4":    {roles: map[Role]int{Request: 1, Denoise: 1, TextEncode: 2, VAEDecode: 1, Predict: 4, Branch: 8, Forward: 8, StepEnd: 4, Tick: 4}, process: worker},
	"vllm-omni/qwenimage_stepmode_s4":  {roles: map[Role]int{StepRange: 4, StepBegin: 4, TextEncode: 2, VAEDecode: 1, Predict: 4, Branch: 8, Forward: 8, StepEnd: 4}, process: worker},
	"vllm-omni/qwenimage_online_empty": {roles: map[Role]int{Request: 0, StepEnd: 0, Forward: 0}, process: worker},

	"own/diffusion_flash_1":    {roles: miniomni(2, 8, 8)},
	"own/diffusion_flash_2":    {roles: miniomni(2, 8, 8)},
	"own/diffusion_flash_3":    {roles: miniomni(2, 8, 8)},
	"own/diffusion_cacheskip":  {roles: miniomni(1, 12, 8)},
	"own/diffusion_nostack":    {roles: map[Role]int{Request: 1}},
	"own/omni_session/stage0":  {iterations: iterationsOf(256, 1, 7, 0), stage: "thinker"},
	"own/omni_session/stage1":  {iterations: iterationsOf(0, 0, 32, 0)},
	"own/omni_session/stage2":  {iterations: iterationsOf(32, 1, 0, 0), roles: token2wav, stage: "code2wav"},
	"own/omni_stages01/stage0": {iterations: iterationsOf(256, 3, 21, 0)},
	"own/omni_stages01/stage1": {iterations: iterationsOf(0, 0, 96, 0)},

	"vllm-omni/qwen25omni_online/20261124-040011/stage0": {iterations: iterationsOf(53, 1, 7, 2), process: engine(0), stage: "thinker"},
	"vllm-omni/qwen25omni_online/20261124-040011/stage1": {iterations: iterationsOf(0, 0, 0, 0), process: engine(1)},
	"vllm-omni/qwen25omni_online/20261124-040118/stage0": {iterations: iterationsOf(53, 1, 7, 2), process: engine(0), stage: "thinker"},
	"vllm-omni/qwen25omni_online/20261124-040118/stage1": {iterations: iterationsOf(55, 1, 23, 5), process: engine(1), stage: "talker"},
	"vllm-omni/qwen25omni_online/20261124-040118/stage2": {iterations: iterationsOf(24, 1, 0, 4), process: engine(2), stage: "code2wav", roles: token2wav},
	"vllm-omni/qwen25omni_stages02/stage0":               {iterations: iterationsOf(53, 1, 7, 2), process: engine(0), stage: "thinker"},
	"vllm-omni/qwen25omni_stages02/stage2":               {iterations: iterationsOf(24, 1, 0, 4), process: engine(2), stage: "code2wav", roles: token2wav},

	"torch/tracelens_xdit_flux_aiter":      {roles: map[Role]int{Request: 1, TextEncode: 1, VAEDecode: 1, Forward: 4, StepEnd: 4, Tick: 4}},
	"torch/tracelens_xdit_sd_3.5":          {roles: map[Role]int{Request: 1, TextEncode: 1, VAEDecode: 1, Forward: 4, StepEnd: 4, Tick: 4}},
	"torch/tracelens_vllm_decode_full":     {iterations: map[Iteration]int{{Decode, 0, 0, 32, 32, Unknown}: 1}},
	"torch/tracelens_b200__eager":          {iterations: map[Iteration]int{{Prefill, 1, 888, 0, 0, Unknown}: 1}},
	"torch/tracelens_sglang_prefilldecode": {iterations: map[Iteration]int{{Prefill, 15, 15360, 0, 0, Unknown}: 2}}, // two annotations of one pass
}

func wan(steps, branches int) map[Role]int {
	return map[Role]int{
		Request: 1, Denoise: 1, TextEncode: 1, VAEDecode: 1, StepBegin: steps, Predict: steps, StepEnd: steps, Tick: steps,
		Branch: steps * branches, Forward: steps * branches,
	}
}

func miniomni(requests, steps, computed int) map[Role]int {
	return map[Role]int{
		Request: requests, Denoise: requests, TextEncode: 2 * requests, VAEDecode: requests,
		Predict: requests * computed, Branch: 2 * requests * computed, Forward: 2 * requests * computed, StepEnd: requests * steps,
	}
}

// num_steps 10 is 9 intervals of 4 evaluations.
var token2wav = map[Role]int{Denoise: 1, StepBegin: 9, Branch: 36, Forward: 36, Vocode: 1}

func TestCorpus(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a gigabyte of traces")
	}
	dir := corpusDir(t)
	met := map[string]bool{}
	t.Run("traces", func(t *testing.T) {
		for _, path := range corpusTraces(t, dir) {
			name, _ := filepath.Rel(dir, path)
			key := expectationFor(filepath.ToSlash(name))
			met[key] = true
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				checkTrace(t, path, expectations[key])
			})
		}
	})
	for key := range expectations {
		if !met[key] {
			t.Errorf("no trace is meant by %q", key)
		}
	}
}

func corpusTraces(t *testing.T, dir string) []string {
	var paths []string
	for _, folder := range []string{"torch", "own", "vllm-omni"} {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".json.gz") {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// expectationFor finds the key all of whose segments occur in the path.
func expectationFor(path string) string {
	for key := range expectations {
		found := true
		for _, segment := range strings.Split(key, "/") {
			found = found && strings.Contains(path, segment)
		}
		if found {
			return key
		}
	}
	return ""
}

func checkTrace(t *testing.T, path string, want expectation) {
	events, process := readTrace(t, path)
	r := Default()
	checkOther(t, r, path, events)
	checkRoles(t, r, events, want.roles)
	if want.iterations != nil {
		got := map[Iteration]int{}
		for _, e := range events {
			if it, ok := r.ParseIteration(e.name); ok && e.cat == "user_annotation" && it.Phase != ProfilerStep {
				got[it]++
			}
		}
		if !maps.Equal(got, want.iterations) {
			t.Errorf("iterations are %v, want %v", got, want.iterations)
		}
	}
	if p, _ := r.ParseProcess(process); want.process != (Process{}) && p != want.process {
		t.Errorf("process %q is %+v, want %+v", process, p, want.process)
	}
	checkStage(t, r, events, want.stage)
}

// Two traces of the CPU, and two stages that had no work.
var withoutKernels = regexp.MustCompile(`cpu_only|distributed_info_unavailable|040011_stage[12]`)

// Less than 3 % of the kernel time of any trace may be of no category.
func checkOther(t *testing.T, r *Rules, path string, events []traceEvent) {
	byName, total, other := map[string]int64{}, int64(0), int64(0)
	for _, e := range events {
		if isKernel(e) {
			byName[e.name] += e.dur
		}
	}
	worst := ""
	for name, ns := range byName {
		total += ns
		if r.Category(name) == OtherCategory {
			other += ns
			if ns > byName[worst] {
				worst = name
			}
		}
	}
	if total == 0 && !withoutKernels.MatchString(path) {
		t.Error("no kernels were read")
	}
	if total > 0 && other*100 >= 3*total {
		t.Errorf("%d of %d ns of kernels are of no category; most is %q", other, total, worst)
	}
}

// Waits and records of events occupy a stream and do nothing.
func isKernel(e traceEvent) bool {
	waits := strings.HasPrefix(strings.ToLower(e.name), "event_")
	return !waits && (e.cat == "kernel" || e.cat == "mtia_ccp_events" || e.cat == "ascend")
}

func checkRoles(t *testing.T, r *Rules, events []traceEvent, want map[Role]int) {
	got := countOutermost(r, events)
	for role, n := range want {
		if got[role] != n {
			t.Errorf("%d %s, want %d", got[role], role, n)
		}
	}
	for _, role := range []Role{StepBegin, Predict, StepEnd, StepRange} {
		if want == nil && got[role] != 0 {
			t.Errorf("%d %s in a trace without a denoise loop", got[role], role)
		}
	}
}

// countOutermost counts the frames and ranges of each role that no other of
// the same role and thread holds.
func countOutermost(r *Rules, events []traceEvent) map[Role]int {
	type mark struct {
		traceEvent
		role Role
	}
	var marks []mark
	for _, e := range events {
		ask := r.Frame
		if e.cat == "user_annotation" {
			ask = r.Range
		} else if e.cat != "python_function" {
			continue
		}
		if role, ok := ask(e.name); ok {
			marks = append(marks, mark{e, role})
		}
	}
	slices.SortFunc(marks, func(a, b mark) int {
		return cmp.Or(cmp.Compare(a.thread, b.thread), cmp.Compare(a.start, b.start), cmp.Compare(b.dur, a.dur))
	})
	counts, ends := map[Role]int{}, map[string]int64{}
	for _, m := range marks {
		lane := m.thread + string(m.role)
		if end, open := ends[lane]; open && m.start < end {
			continue
		}
		ends[lane] = m.start + m.dur
		counts[m.role]++
	}
	return counts
}

func checkStage(t *testing.T, r *Rules, events []traceEvent, want string) {
	names := map[string]bool{}
	for _, e := range events {
		if name, ok := r.StageName(e.name); ok && e.cat == "python_function" {
			names[name] = true
		}
	}
	if want != "" && !names[want] {
		t.Errorf("stage names are %v, want %q among them", slices.Sorted(maps.Keys(names)), want)
	}
}
