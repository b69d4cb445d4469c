package diff

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"omnitrace/analyze"
)

// drawRun draws a small run: a few stages with requests of steps, passes and
// parts, and kernels whose times are anything.
func drawRun(t *rapid.T, label string) *analyze.Samples {
	b := newBuilder(label)
	for stage := range rapid.IntRange(0, 2).Draw(t, "stages") {
		if rapid.Bool().Draw(t, "diffusion") {
			for request := range rapid.IntRange(0, 3).Draw(t, "requests") {
				b.part(t, stage, request, "text_encode")
				for step := range rapid.IntRange(0, 7).Draw(t, "steps") {
					kind := analyze.ComputedStep
					switch {
					case rapid.IntRange(0, 4).Draw(t, "cached") == 0:
						kind = analyze.CachedStep
					case step == 0:
						kind = analyze.FirstStep
					}
					b.unit(t, analyze.UnitSample{Stage: stage, Request: request, Step: step, Iteration: -1, Phase: "denoise", Kind: kind, Forwards: 2})
				}
			}
			continue
		}
		for i := range rapid.IntRange(0, 7).Draw(t, "passes") {
			tokens := rapid.Int64Range(0, 1).Draw(t, "tokens")
			b.unit(t, analyze.UnitSample{Stage: stage, Request: -1, Step: -1, Iteration: i, Phase: "decode", Kind: analyze.Pass, GenerationTokens: tokens, GenerationRequests: tokens})
		}
		b.part(t, stage, -1, "")
	}
	return b.finish()
}

// A builder makes samples unit by unit.
type builder struct {
	s        *analyze.Samples
	patterns map[string]int
}

// kernels are what drawn units launch.
var kernels = []analyze.KernelSample{
	{Name: "gemm_a", Category: "gemm", Grid: [3]int32{8, 1, 1}, Block: [3]int32{128, 1, 1}},
	{Name: "gemm_a", Category: "gemm", Grid: [3]int32{9, 1, 1}, Block: [3]int32{128, 1, 1}},
	{Name: "gemm_b", Category: "gemm", Grid: [3]int32{8, 1, 1}, Block: [3]int32{128, 1, 1}},
	{Name: "norm", Category: "norm"},
	{Name: "softmax", Category: "attention"},
	{Name: "flash", Category: "attention"},
	{Name: "memcpy HtoD", Category: "memcpy", Memory: true},
}

func newBuilder(label string) *builder {
	sorted := slices.SortedFunc(slices.Values(kernels), analyze.KernelSample.Compare)
	span := int64(0)
	return &builder{&analyze.Samples{
		Schema: analyze.SamplesSchema, Label: label, Complete: true, Kernels: sorted, Digest: label,
		GPUs: []string{"card"}, Tools: []string{"chrome"}, Totals: analyze.SampleTotals{SpanNS: &span},
	}, map[string]int{}}
}

func (b *builder) part(t *rapid.T, stage, request int, phase string) {
	b.unit(t, analyze.UnitSample{Stage: stage, Request: request, Step: -1, Iteration: -1, Phase: phase, Kind: analyze.Part})
}

func (b *builder) unit(t *rapid.T, u analyze.UnitSample) {
	var p analyze.PatternSample
	for k := range b.s.Kernels {
		if n := rapid.IntRange(-2, 3).Draw(t, "count"); n > 0 {
			p.Kernels, p.Counts = append(p.Kernels, k), append(p.Counts, n)
			for range n {
				p.Sequence = append(p.Sequence, k)
			}
			u.ExclusiveNS = append(u.ExclusiveNS, rapid.Int64Range(0, 1_000_000).Draw(t, "ns"))
		}
	}
	if len(p.Kernels) == 0 {
		return
	}
	u.IdleNS = map[string]int64{"host_op": rapid.Int64Range(0, 1_000_000).Draw(t, "idle")}
	b.add(u, p)
}

func (b *builder) add(u analyze.UnitSample, p analyze.PatternSample) {
	text := fmt.Sprint(p.Kernels, p.Counts)
	n, ok := b.patterns[text]
	if !ok {
		n = len(b.s.Patterns)
		b.patterns[text] = n
		b.s.Patterns = append(b.s.Patterns, p)
	}
	u.Pattern = n
	b.s.Units = append(b.s.Units, u)
	b.s.Totals.BusyNS += u.Exclusive()
	for _, ns := range u.IdleNS {
		b.s.Totals.IdleNS += ns
	}
}

func (b *builder) finish() *analyze.Samples {
	stages := map[int]bool{}
	for _, u := range b.s.Units {
		if !stages[u.Stage] {
			stages[u.Stage] = true
			b.s.Stages = append(b.s.Stages, analyze.StageSample{Stage: u.Stage, Name: fmt.Sprint("stage", u.Stage), NamedBy: "number", Replicas: 1, Ranks: 1})
		}
	}
	return b.s
}

func drawSide(t *rapid.T, label string) []*analyze.Samples {
	var side []*analyze.Samples
	for i := range rapid.IntRange(0, 2).Draw(t, "runs") {
		side = append(side, drawRun(t, fmt.Sprint(label, i)))
	}
	return side
}

// The ledger is exact: the rows of every level add up to the totals, each row
// to its parts, the waterfall to the total change.
func TestLedgerIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, new := drawSide(t, "base"), drawSide(t, "new")
		for _, run := range slices.Concat(base, new) {
			if err := run.Check(); err != nil {
				t.Fatal(err)
			}
		}
		checkLedger(t, Compare(base, new, Options{Gates: []Gate{{Relative: true, Ratio: 0.03}}}))
	})
}

func checkLedger(t interface{ Errorf(string, ...any) }, r *Result) {
	sum := map[string]*Row{}
	for _, table := range r.Tables {
		s := &Row{}
		sum[table.Name] = s
		for _, row := range table.Rows {
			if row.DeltaNS != row.NewNS-row.BaseNS {
				t.Errorf("%s %s: delta %d of %d and %d", table.Name, row.Key, row.DeltaNS, row.BaseNS, row.NewNS)
			}
			if table.Name != "steps" && table.Name != "iterations" && row.DeltaNS != row.DurationNS+row.LaunchesNS+row.WorkNS {
				t.Errorf("%s %s: delta %d is not %d + %d + %d", table.Name, row.Key, row.DeltaNS, row.DurationNS, row.LaunchesNS, row.WorkNS)
			}
			s.BaseNS, s.NewNS, s.DeltaNS = s.BaseNS+row.BaseNS, s.NewNS+row.NewNS, s.DeltaNS+row.DeltaNS
			s.DurationNS, s.LaunchesNS, s.WorkNS = s.DurationNS+row.DurationNS, s.LaunchesNS+row.LaunchesNS, s.WorkNS+row.WorkNS
			checkFinite(t, table.Name+" "+row.Key, row.Evidence)
		}
	}
	want := Row{BaseNS: r.Totals.BaseNS, NewNS: r.Totals.NewNS, DeltaNS: r.Totals.DeltaNS,
		DurationNS: r.Totals.DurationNS, LaunchesNS: r.Totals.LaunchesNS, WorkNS: r.Totals.WorkNS}
	kernels, memory := sum["kernels"], sum["memory"]
	both := Row{BaseNS: kernels.BaseNS + memory.BaseNS, NewNS: kernels.NewNS + memory.NewNS, DeltaNS: kernels.DeltaNS + memory.DeltaNS,
		DurationNS: kernels.DurationNS + memory.DurationNS, LaunchesNS: kernels.LaunchesNS + memory.LaunchesNS, WorkNS: kernels.WorkNS + memory.WorkNS}
	if !sameSums(both, want) {
		t.Errorf("kernels and memory add up to %+v, want %+v", both, want)
	}
	for _, name := range []string{"stages", "phases", "parts", "categories"} {
		if !sameSums(*sum[name], want) {
			t.Errorf("%s add up to %+v, want %+v", name, *sum[name], want)
		}
	}
	if got := sum["idle"].DeltaNS; got != r.Totals.IdleDeltaNS {
		t.Errorf("idle rows add up to %d, want %d", got, r.Totals.IdleDeltaNS)
	}
	fall := int64(0)
	for _, p := range r.Waterfall {
		fall += p.DeltaNS
	}
	if fall != r.Totals.DeltaNS {
		t.Errorf("the waterfall adds up to %d, want %d", fall, r.Totals.DeltaNS)
	}
}

func sameSums(a, b Row) bool {
	return a.BaseNS == b.BaseNS && a.NewNS == b.NewNS && a.DeltaNS == b.DeltaNS &&
		a.DurationNS == b.DurationNS && a.LaunchesNS == b.LaunchesNS && a.WorkNS == b.WorkNS
}

func checkFinite(t interface{ Errorf(string, ...any) }, where string, e *Evidence) {
	if e == nil {
		return
	}
	for _, x := range []float64{e.BaseUnitNS, e.NewUnitNS, e.BaseNS, e.NewNS, e.LowNS, e.HighNS, e.DeltaNS, e.Ratio, e.P, e.Adjusted, e.Floor, e.Drift} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			t.Errorf("%s: %+v", where, *e)
		}
	}
}

// With the sides exchanged, every sign changes and nothing else.
func TestMirror(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, new := drawSide(t, "base"), drawSide(t, "new")
		checkMirror(t, Compare(base, new, Options{}), Compare(new, base, Options{}))
	})
}

var mirrorWords = map[Word]Word{Regressed: Improved, Improved: Regressed, Mixed: Mixed, Unchanged: Unchanged, Abstained: Abstained}

var mirrorStates = map[State]State{
	Same: Same, Slower: Faster, Faster: Slower, More: Fewer, Fewer: More, Replaced: Replaced, New: Removed, Removed: New, Moved: Moved,
}

func checkMirror(t interface{ Errorf(string, ...any) }, r, m *Result) {
	if mirrorWords[r.Verdict.Word] != m.Verdict.Word || r.Verdict.Why != m.Verdict.Why {
		t.Errorf("verdict %v, mirrored %v", r.Verdict, m.Verdict)
	}
	if r.Totals.DeltaNS != -m.Totals.DeltaNS || r.Totals.LaunchesNS != -m.Totals.LaunchesNS || r.Totals.WorkNS != -m.Totals.WorkNS || r.Totals.IdleDeltaNS != -m.Totals.IdleDeltaNS {
		t.Errorf("totals %+v, mirrored %+v", r.Totals, m.Totals)
	}
	if len(r.Changes) != len(m.Changes) {
		t.Errorf("%d changes, mirrored %d", len(r.Changes), len(m.Changes))
	} else {
		for i, c := range r.Changes {
			if o := m.Changes[i]; c.Place != o.Place || c.DeltaNS != -o.DeltaNS || c.P != o.P || c.Small != o.Small || c.Cached != -o.Cached {
				t.Errorf("change %+v, mirrored %+v", c, o)
			}
		}
	}
	for i, table := range r.Tables {
		if table.Name == "steps" || table.Name == "iterations" {
			continue // named by the base's units
		}
		rows := map[Place]Row{}
		for _, row := range m.Tables[i].Rows {
			if row.NewName != "" {
				row.Name, row.NewName = row.NewName, row.Name
			}
			rows[row.Place] = row
		}
		for _, row := range table.Rows {
			o, ok := rows[row.Place]
			if !ok || !opposite(row, o) {
				t.Errorf("%s %s: %+v %+v, mirrored %+v %+v", table.Name, row.Key, row, row.Evidence, o, o.Evidence)
			}
			delete(rows, row.Place)
		}
		if len(rows) > 0 {
			t.Errorf("%s: only the mirror has %+v", table.Name, rows)
		}
	}
}

func opposite(a, b Row) bool {
	if a.DeltaNS != -b.DeltaNS || a.BaseNS != b.NewNS || a.DurationNS != -b.DurationNS || a.LaunchesNS != -b.LaunchesNS || a.WorkNS != -b.WorkNS {
		return false
	}
	if mirrorStates[a.State] != b.State || (a.Evidence == nil) != (b.Evidence == nil) {
		return false
	}
	x, y := a.Evidence, b.Evidence
	return x == nil || x.P == y.P && x.Adjusted == y.Adjusted && x.DeltaNS == -y.DeltaNS && x.LowNS == -y.HighNS && x.Significant == y.Significant
}

// A run set against itself has changed nowhere.
func TestSameRunIsZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		side := drawSide(t, "a")
		r := Compare(side, side, Options{Gates: []Gate{{Relative: true, Ratio: 0}}})
		if len(side) > 0 && (!r.Identical || r.Verdict != Verdict{Unchanged, WhyIdentical}) {
			t.Errorf("verdict %v", r.Verdict)
		}
		for _, table := range r.Tables {
			for _, row := range table.Rows {
				if row.DeltaNS != 0 || row.State != Same || row.WorkNS != 0 {
					t.Errorf("%s %s: %+v", table.Name, row.Key, row)
				}
			}
		}
		for _, g := range r.Gates {
			if g.Outcome == Fails {
				t.Errorf("gate %+v", g)
			}
		}
		if len(r.Changes)+len(r.Waterfall)+len(r.Work.OnlyBase)+len(r.Work.OnlyNew)+len(r.Work.Differences()) > 0 {
			t.Errorf("%+v %+v %+v", r.Changes, r.Waterfall, r.Work)
		}
	})
}
