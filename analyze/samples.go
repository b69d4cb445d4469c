package analyze

import "fmt"

// SamplesSchema names the form of [Samples] in files.
const SamplesSchema = "omnitrace.samples/v1"

// Samples are the exact figures of one run by unit of its work: what two runs
// are compared by. They hold no times of day and no pointers into traces, so a
// run that was read just now and one that was stored months ago are the same
// kind of thing. In files the field names are those of the json tags; they are
// added to, never renamed.
//
// Every nanosecond of the run's busy time is in exactly one unit, and there
// with exactly one kernel or memory operation.
type Samples struct {
	Schema   string            `json:"schema"` // SamplesSchema
	Label    string            `json:"label"`
	Model    string            `json:"model,omitempty"`
	GPUs     []string          `json:"gpus"`
	Tools    []string          `json:"tools"`    // formats of the traces: "chrome", …
	Settings map[string]string `json:"settings"` // what the traces say of profiler and versions
	Complete bool              `json:"complete"` // no source was cut off or half-written
	Digest   string            `json:"digest"`   // of all GPU work: equal where two runs are the same recording
	Totals   SampleTotals      `json:"totals"`
	Stages   []StageSample     `json:"stages"`
	Kernels  []KernelSample    `json:"kernels"`  // sorted by content
	Patterns []PatternSample   `json:"patterns"` // in the order of their first unit
	Units    []UnitSample      `json:"units"`    // in the order of the pipeline
}

// SampleTotals are figures of the whole run.
type SampleTotals struct {
	// BusyNS is the sum of all exclusive times: of a whole run its busy time.
	BusyNS int64  `json:"busy_ns"`
	IdleNS int64  `json:"idle_ns"`
	SpanNS *int64 `json:"span_ns"` // nil where the clocks of its parts can't be compared
}

// A StageSample is a stage that was recorded, whether it did any work or not.
type StageSample struct {
	Stage    int    `json:"stage"`
	Name     string `json:"name"`
	NamedBy  string `json:"named_by"`
	Replicas int    `json:"replicas"`
	Ranks    int    `json:"ranks"` // sources over all replicas
}

// A KernelSample is a kernel in one launch shape, or a direction of copying.
type KernelSample struct {
	Name     string   `json:"name"`
	Category string   `json:"category"`
	Memory   bool     `json:"memory,omitempty"` // a copy or fill and no kernel
	Grid     [3]int32 `json:"grid"`             // 0 where unknown
	Block    [3]int32 `json:"block"`
}

// A PatternSample is what a unit launches: units that launch the same share it.
type PatternSample struct {
	Kernels []int `json:"kernels"` // indices in Samples.Kernels, ascending
	Counts  []int `json:"counts"`  // how often each is launched
	// Sequence has all of them in the order in which the first device ran them.
	// It is kept for the first unit of each kind that is not too long.
	Sequence []int `json:"sequence,omitempty"`
}

// A UnitSample is one piece of work that can be set against its like: a denoise
// step, a scheduler pass, or what a request does in a phase outside of both. It
// is summed over the ranks that share the work.
type UnitSample struct {
	Stage     int    `json:"stage"`
	Replica   int    `json:"replica"`
	Request   int    `json:"request"`   // -1 for none
	Step      int    `json:"step"`      // of the request, -1 for none
	Iteration int    `json:"iteration"` // of the source, -1 for none
	Phase     string `json:"phase"`     // "" for none
	// Kind is "first", "computed" or "cached" for a step, "pass" for a scheduler
	// pass, "part" for the rest.
	Kind     string `json:"kind"`
	Expert   int    `json:"expert,omitempty"`   // of a step: 1 + which of several denoisers; 0 for the only one
	Forwards int    `json:"forwards,omitempty"` // of a step: calls of the denoiser, -1 where unknown
	Method   string `json:"method,omitempty"`   // how a step or pass was found
	Startup  string `json:"startup,omitempty"`  // start-up work that disturbed the step

	// What the pass works on, of passes and of what lies inside one.
	ContextRequests    int64 `json:"context_requests,omitempty"`
	ContextTokens      int64 `json:"context_tokens,omitempty"`
	GenerationRequests int64 `json:"generation_requests,omitempty"`
	GenerationTokens   int64 `json:"generation_tokens,omitempty"`

	// The figures of the pattern's kernels. GPUNS is nil where each is equal to
	// its exclusive time: nothing ran side by side.
	Pattern     int              `json:"pattern"`
	ExclusiveNS []int64          `json:"exclusive_ns"`
	GPUNS       []int64          `json:"gpu_ns,omitempty"`
	IdleNS      map[string]int64 `json:"idle_ns,omitempty"` // of the device before its work, by cause
}

// Kinds of units.
const (
	FirstStep    = "first"
	ComputedStep = "computed"
	CachedStep   = "cached"
	Pass         = "pass"
	Part         = "part"
)

// Exclusive returns the unit's share of the busy time.
func (u *UnitSample) Exclusive() int64 {
	sum := int64(0)
	for _, ns := range u.ExclusiveNS {
		sum += ns
	}
	return sum
}

// Check reports what is wrong with samples that come from a file: whoever uses
// them may index without looking.
func (s *Samples) Check() error {
	if s.Schema != SamplesSchema {
		return fmt.Errorf("schema is %q, want %q: write the baseline anew with this version", s.Schema, SamplesSchema)
	}
	for i := range s.Patterns {
		p := &s.Patterns[i]
		if len(p.Kernels) != len(p.Counts) {
			return fmt.Errorf("pattern %d has %d kernels and %d counts", i, len(p.Kernels), len(p.Counts))
		}
		for k, id := range p.Kernels {
			if id < 0 || id >= len(s.Kernels) || k > 0 && id <= p.Kernels[k-1] || p.Counts[k] < 0 {
				return fmt.Errorf("pattern %d: kernel %d is not one of the %d kernels, or out of order", i, id, len(s.Kernels))
			}
		}
		for _, id := range p.Sequence {
			if id < 0 || id >= len(s.Kernels) {
				return fmt.Errorf("pattern %d: its sequence has kernel %d of %d", i, id, len(s.Kernels))
			}
		}
	}
	return s.checkUnits()
}

// most is the largest sum that figures of a file may have: beyond it (292 years
// of GPU time in two runs) sums would overflow.
const most = int64(1) << 61

func (s *Samples) checkUnits() error {
	sum := int64(0)
	for i := range s.Units {
		u := &s.Units[i]
		if u.Pattern < 0 || u.Pattern >= len(s.Patterns) {
			return fmt.Errorf("unit %d: pattern %d is not one of %d", i, u.Pattern, len(s.Patterns))
		}
		n := len(s.Patterns[u.Pattern].Kernels)
		if len(u.ExclusiveNS) != n || u.GPUNS != nil && len(u.GPUNS) != n {
			return fmt.Errorf("unit %d has %d times for %d kernels", i, len(u.ExclusiveNS), n)
		}
		for _, ns := range u.ExclusiveNS {
			if ns < 0 || ns > most-sum {
				return fmt.Errorf("unit %d: %d ns is out of range", i, ns)
			}
			sum += ns
		}
		idle := int64(0)
		for cause, ns := range u.IdleNS {
			if ns < 0 || ns > most-idle {
				return fmt.Errorf("unit %d: %d ns of %q is out of range", i, ns, cause)
			}
			idle += ns
		}
	}
	if sum != s.Totals.BusyNS {
		return fmt.Errorf("the units add up to %d ns and not to busy_ns %d: the file was changed", sum, s.Totals.BusyNS)
	}
	return nil
}
