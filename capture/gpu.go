package capture

import (
	"context"
	"encoding/csv"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A GPU is one device as nvidia-smi describes it. Before is read when the
// server is ready, After when the last capture is closed.
type GPU struct {
	Index  int       `json:"index"`
	Name   string    `json:"name"`
	UUID   string    `json:"uuid"`
	BusID  string    `json:"bus_id,omitempty"`
	Memory int64     `json:"memory_bytes,omitempty"`
	Before *GPUState `json:"before,omitempty"`
	After  *GPUState `json:"after,omitempty"`
}

// A GPUState is what changes while a device works: a clock below its maximum
// or a throttle reason explains a slow run. Values are as nvidia-smi prints
// them, in its units.
type GPUState struct {
	ClockSM     string `json:"clock_sm_mhz,omitempty"`
	ClockMaxSM  string `json:"clock_max_sm_mhz,omitempty"`
	ClockMemory string `json:"clock_memory_mhz,omitempty"`
	Temperature string `json:"temperature_c,omitempty"`
	Power       string `json:"power_w,omitempty"`
	Throttle    string `json:"throttle_reasons,omitempty"` // bit mask, see nvidia-smi --help-query-gpu
	MemoryUsed  string `json:"memory_used_mib,omitempty"`
}

// gpuFields are the columns asked of nvidia-smi, in order, and where they go.
var gpuFields = []struct {
	query string
	set   func(*GPU, *GPUState, string)
}{
	{"index", func(g *GPU, _ *GPUState, v string) { g.Index, _ = strconv.Atoi(v) }},
	{"name", func(g *GPU, _ *GPUState, v string) { g.Name = v }},
	{"uuid", func(g *GPU, _ *GPUState, v string) { g.UUID = v }},
	{"pci.bus_id", func(g *GPU, _ *GPUState, v string) { g.BusID = v }},
	{"memory.total", func(g *GPU, _ *GPUState, v string) { mib, _ := strconv.ParseInt(v, 10, 64); g.Memory = mib << 20 }},
	{"driver_version", func(*GPU, *GPUState, string) {}},
	{"clocks.sm", func(_ *GPU, s *GPUState, v string) { s.ClockSM = v }},
	{"clocks.max.sm", func(_ *GPU, s *GPUState, v string) { s.ClockMaxSM = v }},
	{"clocks.mem", func(_ *GPU, s *GPUState, v string) { s.ClockMemory = v }},
	{"temperature.gpu", func(_ *GPU, s *GPUState, v string) { s.Temperature = v }},
	{"power.draw", func(_ *GPU, s *GPUState, v string) { s.Power = v }},
	// Renamed clocks_event_reasons in 2023; the old name is still answered.
	{"clocks_throttle_reasons.active", func(_ *GPU, s *GPUState, v string) { s.Throttle = v }},
	{"memory.used", func(_ *GPU, s *GPUState, v string) { s.MemoryUsed = v }},
}

const (
	driverColumn = 5
	smiLimit     = 10 * time.Second
)

// queryGPUs asks nvidia-smi. Without it, or without a GPU, the list is empty.
func queryGPUs(ctx context.Context, h Host) (gpus []GPU, driver string, err error) {
	names := make([]string, len(gpuFields))
	for i, f := range gpuFields {
		names[i] = f.query
	}
	out, err := h.output(ctx, smiLimit, h.Environ, h.NvidiaSMI, "--query-gpu="+strings.Join(names, ","), "--format=csv,noheader,nounits")
	if err != nil {
		return nil, "", err
	}
	return parseGPUs(out)
}

func parseGPUs(out string) (gpus []GPU, driver string, err error) {
	r := csv.NewReader(strings.NewReader(out))
	r.TrimLeadingSpace = true
	r.FieldsPerRecord = len(gpuFields)
	rows, err := r.ReadAll()
	if err != nil {
		return nil, "", err
	}
	for _, row := range rows {
		g := GPU{Before: &GPUState{}}
		for i, f := range gpuFields {
			if v := strings.TrimSpace(row[i]); !strings.HasPrefix(v, "[") { // [N/A], [Not Supported]
				f.set(&g, g.Before, v)
			}
		}
		gpus, driver = append(gpus, g), strings.TrimSpace(row[driverColumn])
	}
	return gpus, driver, nil
}

// sampleGPUs reads the GPUs' state before or after the captures. A machine
// without nvidia-smi has none to read, which is no warning.
func (r *Record) sampleGPUs(ctx context.Context, run *run, before bool) {
	if _, err := run.host.LookPath(run.host.NvidiaSMI); err != nil {
		return
	}
	gpus, driver, err := queryGPUs(ctx, run.host)
	if err != nil {
		run.warnf("reading the GPUs' state: %v", err)
		return
	}
	r.driver = driver
	if before || len(r.GPUs) != len(gpus) {
		r.GPUs = gpus
		return
	}
	for i := range gpus {
		r.GPUs[i].After = gpus[i].Before
	}
}

// sampleDriver puts the driver among the versions.
func (r *Record) sampleDriver(p Plan) {
	if r.driver == "" {
		return
	}
	versions := map[string]string{"driver": r.driver}
	for name, v := range p.Engine.Versions {
		versions[name] = v
	}
	r.Versions = versions
}

// stageTitle is what an engine process of vLLM-Omni calls itself.
var stageTitle = regexp.MustCompile(`(?:_stage|StageDiffusionProc-|DiffusionWorker-)(\d+)`)

// mapStages finds the processes of the stages by their titles, and which GPU
// each holds. With one GPU there is nothing to find.
func (r *Record) mapStages(ctx context.Context, run *run) {
	c := run.running()
	if c == nil || len(r.GPUs) == 0 {
		return
	}
	holds := map[int]string{}
	if out, err := run.host.output(ctx, smiLimit, run.host.Environ, run.host.NvidiaSMI, "--query-compute-apps=pid,gpu_uuid", "--format=csv,noheader"); err == nil {
		for line := range strings.Lines(out) {
			pid, uuid, _ := strings.Cut(strings.TrimSpace(line), ",")
			if n, err := strconv.Atoi(strings.TrimSpace(pid)); err == nil {
				holds[n] = strings.TrimSpace(uuid)
			}
		}
	}
	for _, p := range c.alive() {
		name := title(p.pid)
		m := stageTitle.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		n, _ := strconv.Atoi(m[1])
		if strings.Contains(name, "Diffusion") {
			n = 0 // the number is a rank: a diffusion model alone is stage 0
		}
		s := r.stage(n)
		s.Process = name
		if uuid := holds[p.pid]; uuid != "" {
			s.GPU, s.GPUBy = uuid, "process"
		}
	}
}

// onlyGPU gives each stage without a GPU the one that there is.
func (r *Record) onlyGPU() {
	if len(r.GPUs) != 1 {
		return
	}
	for i := range r.Stages {
		if s := &r.Stages[i]; s.GPU == "" {
			s.GPU, s.GPUBy = r.GPUs[0].UUID, "only one GPU"
		}
	}
}

// gitState describes the working directory; nil where it is not a repository.
func gitState(ctx context.Context, h Host) *Git {
	commit, err := h.output(ctx, smiLimit, h.Environ, "git", "rev-parse", "HEAD")
	if err != nil {
		return nil
	}
	changes, err := h.output(ctx, smiLimit, h.Environ, "git", "status", "--porcelain", "--untracked-files=no")
	return &Git{Commit: strings.TrimSpace(commit), Dirty: err == nil && strings.TrimSpace(changes) != ""}
}

// scriptSteps is the number of denoise steps that a script is started with.
func scriptSteps(p Plan) int {
	for _, s := range p.Steps {
		if a, ok := s.Action.(startAction); ok {
			v, _ := flagValue(a.Argv, minimisers[0].names...)
			n, _ := strconv.Atoi(v)
			return n
		}
	}
	return 0
}
