package session

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A place is the sort of name that a pattern reads.
type place uint8

const (
	inDir place = 1 << iota
	inFile
	inProcess
)

// A pattern reads one path element or process name. Its groups have fixed
// names: stage, replica, dp, rank, local (rank, where "rank" is missing),
// range, instance (tells processes of equal rank apart), start (Unix s), stop
// (Unix time in any unit), wall and wallms (local time).
type pattern struct {
	in   place
	role Role // for the roles that names alone decide
	kind Kind
	re   *regexp.Regexp
}

// What follows the name of a Chrome trace: half-written and compressed forms.
const ext = `\.json(?:\.gz|\.zst|\.zstd)?(?:\.tmp)?$`

// patterns are tried in order; each adds what the ones before left open.
var patterns = []pattern{
	// vLLM since July 2026 (~0.26), capture_torch_profiler: one file per
	// captured graph in a directory of their own, written before any request.
	{inDir, Capture, Engine, regexp.MustCompile(`^capture_traces$`)},
	{inFile, Capture, Engine, regexp.MustCompile(`^graph_capture_rank_(?P<rank>\d+)\.(?P<stop>\d+)\.pt\.trace` + ext)},

	// vLLM 0.10.2+, and vLLM-Omni up to 0.17: the API server's own profile.
	{inFile, Frontend, Engine, regexp.MustCompile(`^(?P<instance>.+)\.async_llm\.(?P<stop>\d+)\.pt\.trace` + ext)},

	// vLLM-Omni 0.20+ (era D), a directory per start: local time, then
	// "stage{S}_rank{R}_{epoch}", "stage_{S}[_rep_{r}]_diffusion_{epoch}",
	// "diffusion[_rank{R}]_{epoch}" or whatever profile_prefix says. Each rank
	// takes its own time, so ranks of a stage may sit a second apart.
	{inDir, "", "", regexp.MustCompile(`^(?P<wall>\d{8}-\d{6})_`)},
	{inFile, "", "", regexp.MustCompile(`^trace_rank(?P<local>\d+)` + ext)},

	// vLLM-Omni 0.18+ (eras C and D), stages run by vLLM's engine. Era C puts
	// "_rank{local}" behind it in the file name. The "stage0_rank0_" of the
	// start also stands alone as a directory on NPUs (no epoch).
	{inDir | inFile, "", Engine, regexp.MustCompile(`(?:^|_)stage(?P<stage>\d+)_rank(?P<rank>\d+)(?:_(?P<start>\d{9,11})(?:_rank(?P<local>\d+))?)?(?:$|[._])`)},

	// vLLM-Omni diffusion stages: era B (0.14–0.17; "_rank_rank0" with the
	// engine used directly is no typing error here) and C as files, D as
	// directories, "_rep_" since May 2026.
	{inDir | inFile, "", Diffusion, regexp.MustCompile(`(?:^|_)stage_(?P<stage>\d+)(?:_rep_(?P<replica>\d+))?_diffusion(?:_(?P<start>\d{9,11}))?(?:_rank(?:_rank)?(?P<local>\d+))?(?:$|[._])`)},

	// vLLM-Omni 0.18+, the diffusion engine used without stages; on NPUs a
	// directory "diffusion_rank0".
	{inDir | inFile, "", Diffusion, regexp.MustCompile(`(?:^|\d_)diffusion(?:_rank(?P<rank>\d+))?_(?P<start>\d{9,11})(?:_rank(?P<local>\d+))?(?:$|[._])`)},
	{inDir, "", Diffusion, regexp.MustCompile(`^diffusion_rank(?P<rank>\d+)$`)},

	// torch_npu: {dir}/{host}_{pid}_{local time in ms}_ascend_pt/ASCEND_PROFILER_OUTPUT/trace_view.json.
	{inDir, "", "", regexp.MustCompile(`^(?P<instance>.+)_(?P<wallms>\d{17})_ascend_pt$`)},
	{inDir, "", "", regexp.MustCompile(`^ASCEND_PROFILER_OUTPUT$`)},

	// Plain vLLM; also the engine stages of vLLM-Omni up to 0.17. The number
	// is the time of the export: nanoseconds, in old torch milliseconds.
	// vLLM 0.16+, "dcp" and "ep" not in all of them, profile_prefix before it:
	{inFile, "", Engine, regexp.MustCompile(`^(?:(?P<instance>.+)_)?dp(?P<dp>\d+)_pp\d+_tp\d+(?:_dcp\d+)?(?:_ep\d+)?_rank(?P<rank>\d+)\.(?P<stop>\d+)\.pt\.trace` + ext)},
	{inFile, "", Engine, regexp.MustCompile(`^(?:(?P<instance>.+)_)?rank(?P<rank>\d+)\.(?P<stop>\d{13,19})\.pt\.trace` + ext)}, // its fallback
	// vLLM 0.11–0.15, and the CPU worker still:
	{inFile, "", Engine, regexp.MustCompile(`^(?P<instance>.+)-rank-(?P<rank>\d+)\.(?P<stop>\d{13,19})\.pt\.trace` + ext)},
	// vLLM up to 0.10 ("{host}_{pid}"), and torch's tensorboard handler anywhere:
	{inFile, "", "", regexp.MustCompile(`^(?P<instance>.+)[._](?P<stop>\d{13,19})\.pt\.trace` + ext)},

	// vLLM since August 2026, profiler "proton": a Chrome trace under another name.
	{inFile, "", Engine, regexp.MustCompile(`^proton_(?P<instance>.*pid\d+)_[0-9a-f]+_run\d+\.chrome_trace$`)},

	// nsys --capture-range-end=repeat: report.1.nsys-rep, report.2.nsys-rep, …,
	// the exports made of them, and what nsys stats -o writes.
	{inFile, "", "", regexp.MustCompile(`^.+\.(?P<range>\d{1,6})\.(?:nsys-rep|qdrep|sqlite)$`)},
	{inFile, "", "", regexp.MustCompile(`^.+\.(?P<range>\d{1,6})_` + statsReport + `\.(?:csv|json)$`)},

	// The Chrome traces that export makes of them.
	{inFile, "", "", regexp.MustCompile(`^.+\.(?P<range>\d{1,6})\.nsys` + ext)},

	// Hand-made folders and what other programs write: stage0/, rank_3/,
	// profile_trace_rank_0.json.gz, rank-34.Jul_15.pt.trace.json.gz, worker3_step_12.….
	{inDir, "", "", regexp.MustCompile(`^stage[-_]?(?P<stage>\d{1,4})$`)},
	{inDir, "", "", regexp.MustCompile(`^rank[-_]?(?P<rank>\d{1,6})$`)},
	{inFile, "", "", regexp.MustCompile(`(?:^|[-._])stage[-_]?(?P<stage>\d{1,4})(?:[-._]|$)`)},
	{inFile, "", "", regexp.MustCompile(`(?:^|[-._])rank[-_]?(?P<rank>\d{1,6})(?:[-._]|$)`)},
	{inFile, "", "", regexp.MustCompile(`^worker[-_]?(?P<rank>\d{1,6})(?:[-._]|$)`)},

	// Process titles: vLLM-Omni engine stages since May 2026, with one process
	// per stage; vLLM's workers; diffusion workers since May 2026. nsys keeps
	// 15 characters, which still tell the kind.
	{inProcess, "", Engine, regexp.MustCompile(`^VLLM::StageEngineCoreProc_stage(?P<stage>\d+)_replica(?P<replica>\d+)`)},
	{inProcess, "", Engine, regexp.MustCompile(`^VLLM::Worker(?:_DP(?P<dp>\d+))?_TP(?P<rank>\d+)(?:_EP\d+)?$`)},
	{inProcess, "", Engine, regexp.MustCompile(`^VLLM::(?:\w*_DP(?P<dp>\d+))?`)},
	{inProcess, "", Diffusion, regexp.MustCompile(`^vLLM-Omni::(?:DiffusionWorker|StageDiffusionProc)-(?P<rank>\d+)`)},
	{inProcess, "", Diffusion, regexp.MustCompile(`^vLLM-Omni::(?:Diff|StageDiff)`)},
}

// statsReport matches the report's name at the end of a file of nsys stats:
// cuda_gpu_kern_sum, in 2022 and before gpukernsum.
const statsReport = `(?:(?:cuda|nvtx|osrt|um|dx11|dx12|openmp|openacc|opengl|vulkan|wddm|syscall|mpi|nccl|network)_[a-z0-9_]+` +
	`|(?:gpu|cudaapi|kernexec|apigpu|nvtx|osrt|um|unifiedmemory|openmp|openacc|opengl|vulkan|wddm|dx)[a-z0-9]*(?:sum|trace|proj|totals?))`

// clues are what names say about a file.
type clues struct {
	Identity
	role     Role
	instance string
	at       stamp
	wall     string // as written, "20261124-040118"
}

func newClues() clues { return clues{Identity: unknown} }

// readPath reads the names of a file and of the directories above it.
func readPath(name string) clues {
	c, _ := readDirs(path.Dir(name))
	f := newClues()
	f.read(inFile, path.Base(name))
	c.merge(f, ByFileName)
	return c
}

// readDirs reads the names of dir and of those above it, as long as each tells
// something that none below it told, and returns the first that doesn't.
func readDirs(dir string) (c clues, run string) {
	c = newClues()
	for ; dir != "." && dir != "/" && dir != ".."; dir = path.Dir(dir) {
		d := newClues()
		if !d.read(inDir, path.Base(dir)) || c.knows(d) {
			break
		}
		c.merge(d, ByDirectory)
	}
	return c, dir
}

// read adds what name says and reports whether any pattern matched.
func (c *clues) read(in place, name string) bool {
	matched := false
	for i := range patterns {
		p := &patterns[i]
		if p.in&in == 0 {
			continue
		}
		m := p.re.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		matched = true
		o := clues{Identity: unknown, role: p.role}
		o.Kind = p.kind
		for i, group := range p.re.SubexpNames() {
			if group != "" && m[i] != "" {
				o.set(group, m[i])
			}
		}
		c.merge(o, "")
	}
	return matched
}

// set stores the text of a group of a pattern.
func (c *clues) set(group, text string) {
	switch group {
	case "stage":
		c.Stage = number(text)
	case "replica", "dp":
		c.Replica = number(text)
	case "rank":
		c.Rank = number(text)
	case "local":
		c.Rank = known(c.Rank, number(text))
	case "range":
		c.Range = number(text)
	case "instance":
		c.instance = text
	case "start":
		if t := unixTime(text); !t.IsZero() {
			c.Epoch = t.Unix()
			c.at = stamp{started, t}
		}
	case "stop":
		if t := unixTime(text); !t.IsZero() {
			c.at = stamp{stopped, t}
		}
	case "wall":
		c.wall = text
		c.at = wallStamp("20060102-150405", text)
	case "wallms":
		c.at = wallStamp("20060102150405.000", text[:14]+"."+text[14:])
	}
}

// knows reports whether c already has something that o tells.
func (c *clues) knows(o clues) bool {
	return c.Stage >= 0 && o.Stage >= 0 || c.Replica >= 0 && o.Replica >= 0 || c.Rank >= 0 && o.Rank >= 0 ||
		c.at.clock != unstamped && o.at.clock != unstamped || c.instance != "" && o.instance != ""
}

// merge takes from o what c does not know. Unix time is better than wall time.
func (c *clues) merge(o clues, by Source) {
	c.fill(o.Identity, by)
	if c.role == "" {
		c.role = o.role
	}
	if c.instance == "" {
		c.instance = o.instance
	}
	if c.wall == "" {
		c.wall = o.wall
	}
	if c.at.clock == unstamped || c.at.clock == wallClock && o.at.clock == started {
		c.at = o.at
	}
}

// number returns -1 for what is no sensible stage or rank.
func number(text string) int {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return -1
	}
	return int(n)
}

// unixTime reads Unix time in seconds, milliseconds, microseconds or
// nanoseconds: which one, the number of digits tells until the year 5138.
func unixTime(digits string) time.Time {
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil || n == 0:
		return time.Time{}
	case len(digits) <= 11:
		return time.Unix(n, 0).UTC()
	case len(digits) <= 14:
		return time.UnixMilli(n).UTC()
	case len(digits) <= 17:
		return time.UnixMicro(n).UTC()
	}
	return time.Unix(0, n).UTC()
}

func wallStamp(layout, text string) stamp {
	t, err := time.Parse(layout, text)
	if err != nil {
		return stamp{}
	}
	return stamp{wallClock, t}
}

var numbered = regexp.MustCompile(`((?:^|[-._])(?:stage|rep|replica|rank|worker)[-_]?)\d+`)

// stem returns name without what compression and unfinished writing add.
func stem(name string) string {
	name = strings.TrimSuffix(name, ".tmp")
	for _, suffix := range []string{".gz", ".zst", ".zstd"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

var nsysName = regexp.MustCompile(`^(?P<report>.+?)(?:\.(?P<range>\d{1,6}))?(?:\.(?:nsys-rep|qdrep|sqlite)|_` + statsReport + `\.(?:csv|json))$`)

// nsysTrace matches the Chrome traces that this program's export makes of captures
// in a folder.
var nsysTrace = regexp.MustCompile(`^(?P<report>.+?)(?:\.(?P<range>\d{1,6}))?\.nsys` + ext)

// capture returns the name of the report that a file is, or was made of, and
// the number of its range.
func capture(name string, format Format) (report, number string, ok bool) {
	re := nsysName
	if format == Chrome {
		re = nsysTrace
	}
	if m := re.FindStringSubmatch(name); m != nil {
		return m[1], m[2], true
	}
	return "", "", false
}

// family returns what the names of files of one session have in common where
// no name holds a time.
func family(name string, format Format) string {
	if report, _, ok := capture(name, format); ok {
		return report
	}
	return numbered.ReplaceAllString(bare(name), "${1}#")
}

// bare returns the name of a Chrome trace without its extensions.
func bare(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(stem(name), ".json"), ".pt.trace")
}
