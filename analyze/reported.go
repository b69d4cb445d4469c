package analyze

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"omnitrace/trace"
)

// Reported is what another program has computed of a capture whose events are
// not at hand: the summaries of `nsys stats`.
type Reported struct {
	Tables []Table // as that program has them, in base units
	Work   []ReportedWork
}

// ReportedWork is the sum of one kernel, or of one sort of copies or fills.
type ReportedWork struct {
	Name         string
	Kind         trace.Kind // Kernel, Memcpy or Memset
	Count, GPUNS int64      // GPUNS: concurrent work counts twice
}

// SummariesOnly reports whether nothing but summaries is known of the run's GPU
// work: then its totals are unknown, and it has no tables of its own.
func (s *Session) SummariesOnly() bool {
	some := false
	for _, src := range s.Sources {
		some = some || src.reportsOnly()
	}
	return some && len(s.work) == 0
}

// reportsOnly reports whether a source has summaries and no GPU work.
func (src *Source) reportsOnly() bool {
	if src.reported == nil || len(src.reported.Tables) == 0 || src.Trace == nil {
		return false
	}
	return !slices.ContainsFunc(src.Trace.Events, func(e trace.Event) bool { return e.Kind.GPU() })
}

// ReportedTables returns the summaries of all sources: those of one name in one
// table, which says whose each row is.
func (s *Session) ReportedTables() []Table {
	var all []Table
	for _, src := range s.Sources {
		if src.reported == nil {
			continue
		}
		for _, t := range src.reported.Tables {
			all = joinReported(all, src.ID, t)
		}
	}
	return all
}

func joinReported(all []Table, source string, t Table) []Table {
	own := t
	own.Columns = slices.Insert(slices.Clone(t.Columns), 0, text("source", "file that it is of"))
	own.Rows = nil
	for _, r := range t.Rows {
		own.Rows = append(own.Rows, Row{
			Key: keyOf("source", source) + "/" + r.Key, Cells: slices.Insert(slices.Clone(r.Cells), 0, Str(source)), Whole: r.Whole,
		})
	}
	for i := range all {
		if all[i].Name == own.Name && slices.Equal(all[i].Columns, own.Columns) {
			all[i].Rows = append(all[i].Rows, own.Rows...)
			return all
		}
	}
	for n := 2; slices.ContainsFunc(all, func(o Table) bool { return o.Name == own.Name }); n++ {
		own.Name = fmt.Sprintf("%s_%d", t.Name, n) // of other columns: another version of nsys
	}
	return append(all, own)
}

// warnReported says what summaries can't tell.
func (s *Session) warnReported() {
	for _, src := range s.Sources {
		if !src.reportsOnly() {
			continue
		}
		var names []string
		for _, t := range src.reported.Tables {
			names = append(names, t.Name)
		}
		s.Warnings = append(s.Warnings, Warning{"summaries_only", src.ID, fmt.Sprintf(
			"%s: only summaries by nsys (%s), shown as they are: without events nothing is known of stages, phases, steps, overlap or idle time; "+
				"give the report itself, or nsys stats -r cuda_gpu_trace,cuda_api_trace,nvtx_pushpop_trace", src.Path, strings.Join(names, ", "))})
	}
}

// ReportedSamples returns the sums by kernel that the summaries of the run give,
// as one unit of work. There are none where none of them is of GPU work.
func (s *Session) ReportedSamples() *Samples {
	out := s.Samples()
	sums := map[KernelSample]flatSum{}
	for _, src := range s.Sources {
		if src.reported == nil {
			continue
		}
		for _, w := range src.reported.Work {
			k := KernelSample{Name: w.Name, Category: s.Rules.Category(w.Name), Memory: w.Kind != trace.Kernel}
			if k.Memory {
				k.Name, k.Category = memoryName(w.Kind, w.Name), memoryCategories[w.Kind]
			}
			sums[k] = sums[k].plus(w.Count, w.GPUNS)
		}
	}
	return out.flat(sums)
}

// A flatSum adds up the work of a kernel.
type flatSum struct{ count, ns int64 }

func (f flatSum) plus(count, ns int64) flatSum { return flatSum{f.count + count, f.ns + ns} }

// Flat returns the run as one unit of work in which each kernel has the sum of
// its durations, whatever its launch shape: what can be set against summaries.
// Kernels or memory operations are left out where the other side has none.
func (s *Samples) Flat(kernels, memory bool) *Samples {
	sums := map[KernelSample]flatSum{}
	for i := range s.Units {
		u := &s.Units[i]
		p := &s.Patterns[u.Pattern]
		durations := u.GPUNS
		if durations == nil {
			durations = u.ExclusiveNS
		}
		for j, id := range p.Kernels {
			k := s.Kernels[id]
			k.Grid, k.Block = [3]int32{}, [3]int32{}
			if k.Memory && memory || !k.Memory && kernels {
				sums[k] = sums[k].plus(int64(p.Counts[j]), durations[j])
			}
		}
	}
	return s.flat(sums)
}

// Has reports whether the run has kernels, and whether it has memory operations.
func (s *Samples) Has() (kernels, memory bool) {
	for _, k := range s.Kernels {
		kernels, memory = kernels || !k.Memory, memory || k.Memory
	}
	return kernels, memory
}

// flat returns a copy of the run with one unit of the given work.
func (s *Samples) flat(sums map[KernelSample]flatSum) *Samples {
	out := *s
	out.Kernels, out.Patterns, out.Units = nil, nil, nil
	out.Totals, out.Digest = SampleTotals{}, ""
	out.Stages = []StageSample{{Name: "(whole run)", NamedBy: "number", Replicas: 1, Ranks: 1}}
	for k := range sums {
		out.Kernels = append(out.Kernels, k)
	}
	slices.SortFunc(out.Kernels, KernelSample.Compare)
	unit := UnitSample{Request: -1, Step: -1, Iteration: -1, Kind: Part}
	pattern := PatternSample{}
	h := sha256.New()
	for i, k := range out.Kernels {
		sum := sums[k]
		pattern.Kernels, pattern.Counts = append(pattern.Kernels, i), append(pattern.Counts, int(sum.count))
		unit.ExclusiveNS = append(unit.ExclusiveNS, sum.ns)
		out.Totals.BusyNS += sum.ns
		fmt.Fprintf(h, "%s\x00%d %d\n", k.Name, sum.count, sum.ns)
	}
	if len(out.Kernels) > 0 {
		out.Patterns, out.Units = []PatternSample{pattern}, []UnitSample{unit}
		out.Digest = hex.EncodeToString(h.Sum(nil))
	}
	return &out
}
