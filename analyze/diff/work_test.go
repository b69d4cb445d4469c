package diff

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"omnitrace/analyze"
	"omnitrace/trace"
)

func units(rows []WorkRow, phase, kind string) int {
	n := 0
	for _, r := range rows {
		if r.Phase == phase && r.Kind == kind {
			n += r.Units
		}
	}
	return n
}

func (r *Result) table(name string) Table {
	i := slices.IndexFunc(r.Tables, func(t Table) bool { return t.Name == name })
	return r.Tables[i]
}

func (r *Result) row(t *testing.T, table, key string) Row {
	t.Helper()
	for _, row := range r.table(table).Rows {
		if row.Key == key {
			return row
		}
	}
	t.Fatalf("table %s has no row %s", table, key)
	return Row{}
}

// Two steps against eight of the same pipeline, which has two denoisers: a step
// of each, encode and decode are common, six steps are more work, and what is
// common did not change.
func TestMoreSteps(t *testing.T) {
	two, eight := sampled(t, "vllm-omni/wan_s2_a", nil), sampled(t, "vllm-omni/wan_s8_a", nil)
	r := Compare(runs(two), runs(eight), Options{Gates: gates(t, "3%")})
	checkLedger(t, r)
	checkMirror(t, r, Compare(runs(eight), runs(two), Options{}))
	w := r.Work
	if n := units(w.Common, "denoise", analyze.FirstStep) + units(w.Common, "denoise", analyze.ComputedStep); n != 2 {
		t.Errorf("%d common steps: %+v", n, w.Common)
	}
	if units(w.Common, "text_encode", analyze.Part) != 1 || units(w.Common, "vae_decode", analyze.Part) != 1 {
		t.Errorf("common work %+v", w.Common)
	}
	if units(w.OnlyNew, "denoise", analyze.ComputedStep) != 6 || len(w.OnlyNew) != 1 || len(w.OnlyBase) != 0 {
		t.Errorf("only base %+v, only new %+v", w.OnlyBase, w.OnlyNew)
	}
	first := r.Waterfall[0]
	if first.Effect != "work" || first.Units != 6 || first.Phase != "denoise" || first.DeltaNS*100 < r.Totals.DeltaNS*95 {
		t.Errorf("the waterfall begins with %+v of %d", first, r.Totals.DeltaNS)
	}
	// The steps' kernels take as long; what differs is how often the scheduler's
	// few small ones run in the first and the last step.
	denoise := r.row(t, "phases", "stage=0/phase=denoise")
	if abs(denoise.DurationNS)*100 > denoise.BaseNS || abs(denoise.LaunchesNS)*50 > denoise.BaseNS {
		t.Errorf("denoise: durations %d, launches %d of %d", denoise.DurationNS, denoise.LaunchesNS, denoise.BaseNS)
	}
	if r.Verdict != (Verdict{Abstained, WhyFewUnits}) || r.fails() {
		t.Errorf("verdict %v, gates %+v", r.Verdict, r.Gates)
	}
	if len(w.Differences()) != 1 || !strings.Contains(w.Differences()[0].Base, "2 steps") || !strings.Contains(w.Differences()[0].New, "8 steps") {
		t.Errorf("differences %+v", w.Differences())
	}
	steps := map[Link]int{}
	for _, row := range r.table("steps").Rows {
		if row.Unit != nil {
			steps[row.Unit.Link]++
		}
	}
	if steps[Common] != 2 || steps[OnlyNew] != 6 {
		t.Errorf("rows of steps %v", steps)
	}
}

// Twelve steps of which four come from a cache, against two requests of eight:
// computed steps meet computed ones, and what the cache saved stands apart.
func TestCachedSteps(t *testing.T) {
	cache, plain := sampled(t, "own/diffusion_cacheskip", nil), sampled(t, "own/diffusion_flash_1", nil)
	r := Compare(runs(cache), runs(plain), Options{Gates: gates(t, "3%")})
	checkLedger(t, r)
	checkMirror(t, r, Compare(runs(plain), runs(cache), Options{}))
	if n := units(r.Work.Common, "denoise", analyze.FirstStep) + units(r.Work.Common, "denoise", analyze.ComputedStep); n != 8 {
		t.Errorf("%d computed steps are common: %+v", n, r.Work.Common)
	}
	for _, p := range r.pairsOf(t) {
		if p.Link == Common && (p.Base.Kind == analyze.CachedStep) != (p.New.Kind == analyze.CachedStep) {
			t.Errorf("%+v is set against %+v", *p.Base, *p.New)
		}
	}
	if e := r.row(t, "phases", "stage=0/phase=denoise").Evidence; e == nil || e.Ratio > 0.01 || e.Ratio < -0.01 {
		t.Errorf("a computed step: %+v", e)
	}
	i := slices.IndexFunc(r.Waterfall, func(p Piece) bool { return p.Effect == "cache" })
	if i < 0 || r.Waterfall[i].Units != -2 || r.Waterfall[i].DeltaNS < 7_000_000 {
		t.Errorf("waterfall %+v", r.Waterfall)
	}
	// Four steps of 3.67 ms less what a cached one takes.
	if s := r.Work.Savings; len(s) != 1 || s[0].BaseSteps != 4 || s[0].NewSteps != 0 || s[0].BaseSavedNS < 14_500_000 || s[0].BaseSavedNS > 14_800_000 {
		t.Errorf("savings %+v", s)
	}
	if r.fails() || r.Verdict.Word != Unchanged {
		t.Errorf("%v %+v", r.Verdict, r.Gates)
	}
}

func (r *Result) pairsOf(t *testing.T) []UnitPair {
	t.Helper()
	var all []UnitPair
	for _, row := range r.table("steps").Rows {
		if row.Unit != nil {
			all = append(all, *row.Unit)
		}
	}
	return all
}

// A cache that is turned on for the same request is an improvement.
func TestCacheTurnedOn(t *testing.T) {
	cached := sampled(t, "own/diffusion_cacheskip", nil)
	computed := *cached // the same request with computed steps in the place of cached ones
	computed.Units = slices.Clone(cached.Units)
	computed.Digest = "computed"
	like := slices.IndexFunc(computed.Units, func(u analyze.UnitSample) bool { return u.Kind == analyze.ComputedStep })
	for i := range computed.Units {
		u := &computed.Units[i]
		if u.Kind == analyze.CachedStep {
			step := u.Step
			*u = computed.Units[like]
			u.Step = step
		}
	}
	r := Compare(runs(retotalled(&computed)), runs(cached), Options{})
	checkLedger(t, r)
	if r.Verdict != (Verdict{Improved, WhyChanged}) || len(r.Changes) == 0 || r.Changes[0].Cached != 4 {
		t.Errorf("%v %+v", r.Verdict, r.Changes)
	}
}

// Eight steps against four of the same run: no step changed, four are fewer.
func TestFewerSteps(t *testing.T) {
	s := sampled(t, flash[0], nil)
	eight, four := only(s, 0), cutSteps(s, 4)
	r := Compare(runs(eight), runs(four), Options{})
	checkLedger(t, r)
	if r.Totals.DurationNS != 0 || r.Totals.LaunchesNS != 0 || r.Totals.WorkNS != r.Totals.DeltaNS {
		t.Errorf("totals %+v", r.Totals)
	}
	if units(r.Work.OnlyBase, "denoise", analyze.ComputedStep) != 4 || len(r.Changes) > 0 {
		t.Errorf("%+v %+v", r.Work, r.Changes)
	}
}

// A stage that one side lacks is work of the other, and no change of the rest.
func TestMissingStage(t *testing.T) {
	all := sampled(t, "own/omni_stages01", nil)
	one := *all
	one.Stages, one.Digest = all.Stages[:1], "one"
	one.Units = slices.DeleteFunc(slices.Clone(all.Units), func(u analyze.UnitSample) bool { return u.Stage != all.Stages[0].Stage })
	r := Compare(runs(all), runs(retotalled(&one)), Options{Gates: gates(t, "3%", "stage=talker:2%")})
	checkLedger(t, r)
	if len(r.Changes) > 0 || r.Totals.DurationNS != 0 {
		t.Errorf("%+v %+v", r.Changes, r.Totals)
	}
	for _, row := range r.table("stages").Rows {
		if want := map[int]State{0: Same, 1: Removed}[row.Stage]; row.State != want {
			t.Errorf("stage %d is %s, want %s", row.Stage, row.State, want)
		}
	}
	if r.Verdict.Word != Abstained || r.Verdict.Why != WhyDifferent { // 59 % of the base's time is gone
		t.Errorf("verdict %v", r.Verdict)
	}
	for _, g := range r.Gates {
		if g.Outcome != Undecided {
			t.Errorf("gate %+v", g)
		}
	}
}

// A run without any work can be compared with anything.
func TestEmptyRun(t *testing.T) {
	full := sampled(t, flash[0], nil)
	nothing := sampled(t, flash[0], func(tr *trace.Trace) *trace.Trace {
		out := *tr
		out.Events = nil
		return &out
	})
	for _, r := range []*Result{
		Compare(runs(full), runs(nothing), Options{Gates: gates(t, "3%")}), Compare(runs(nothing), runs(full), Options{Gates: gates(t, "3%")}),
		Compare(nil, runs(full), Options{}), Compare(runs(full), nil, Options{}), Compare(nil, nil, Options{Gates: gates(t, "3%", "stage=0:1%")}),
	} {
		checkLedger(t, r)
		if r.Verdict.Word != Abstained || r.fails() {
			t.Errorf("%v %+v", r.Verdict, r.Gates)
		}
		for _, g := range r.Gates {
			if g.Outcome != Undecided {
				t.Errorf("gate %+v", g)
			}
		}
	}
	if r := Compare(runs(nothing), runs(nothing), Options{}); !r.Identical {
		t.Errorf("an empty run is not itself: %v", r.Verdict)
	}
}

// renamed returns a copy of t with other names of GPU work.
func renamed(t *trace.Trace, name func(string) string) *trace.Trace {
	out := *t
	header := *t.Header
	out.Header = &header
	header.Names = trace.Names{}
	out.Events = slices.Clone(t.Events)
	for i := range out.Events {
		e := &out.Events[i]
		text := t.Names.Text(e.Name)
		if e.Kind == trace.Kernel {
			text = name(text)
		}
		e.Name = header.Names.Intern(text)
	}
	trace.SortEvents(&out)
	return &out
}

// Kernels that have another name but the same place and category are the same
// ones: autotuning picked another tile, a template got another argument.
func TestRenamedKernels(t *testing.T) {
	const old, tile = "nvjet_sm90_tst_144x64_64x8_1x2_h_bz_bias_TNN", "nvjet_sm90_tst_128x128_64x6_2x1_v_bz_bias_TNN"
	base := sampled(t, flash[0], nil)
	new := sampled(t, flash[1], func(tr *trace.Trace) *trace.Trace {
		return renamed(tr, func(s string) string { return strings.Replace(s, old, tile, 1) })
	})
	r := Compare(runs(base), runs(new), Options{})
	checkLedger(t, r)
	row := r.row(t, "kernels", "stage=0/kernel="+old+"→"+tile)
	if row.State != Replaced || row.BaseCount != 768 || row.NewCount != 768 || row.Evidence == nil || row.Evidence.Significant {
		t.Errorf("%+v %+v", row, row.Evidence)
	}
	for _, row := range r.table("kernels").Rows {
		if row.State == New || row.State == Removed {
			t.Errorf("%s is %s", row.Key, row.State)
		}
	}
	checkMirror(t, r, Compare(runs(new), runs(base), Options{}))
}

// Where all kernels have other names, as after another compiler, they still
// stand in each other's place as long as categories tell what they are.
func TestAllKernelsRenamed(t *testing.T) {
	base := sampled(t, flash[0], nil)
	new := sampled(t, flash[1], func(tr *trace.Trace) *trace.Trace {
		return renamed(tr, func(s string) string { return s + "_v2" })
	})
	r := Compare(runs(base), runs(new), Options{Gates: gates(t, "3%")})
	checkLedger(t, r)
	replaced, all := 0, 0
	for _, row := range r.table("kernels").Rows {
		all++
		if row.State == Replaced && strings.TrimSuffix(row.NewName, "_v2") == row.Name {
			replaced++
		}
	}
	if replaced*10 < all*9 {
		t.Errorf("%d of %d kernels were found again", replaced, all)
	}
	if r.fails() || r.Verdict.Word != Unchanged {
		t.Errorf("%v %+v", r.Verdict, r.Changes)
	}
}

// Kernels of other categories are others: the steps are compared, and the rows
// say new and removed.
func TestDisjointKernels(t *testing.T) {
	base := sampled(t, flash[0], nil)
	new := sampled(t, flash[1], func(tr *trace.Trace) *trace.Trace {
		return renamed(tr, func(s string) string { return fmt.Sprintf("zz%dzz", len(s)) })
	})
	r := Compare(runs(base), runs(new), Options{Gates: gates(t, "3%")})
	checkLedger(t, r)
	for _, row := range r.table("kernels").Rows {
		if row.State != New && row.State != Removed && row.Category != "other" {
			t.Errorf("%s is %s", row.Key, row.State)
		}
	}
	if r.fails() || !r.decides("stage=0/phase=denoise") {
		t.Errorf("gates %+v", r.Gates)
	}
}

// A kernel that one side runs in another phase has moved.
func TestMovedKernel(t *testing.T) {
	run := func(label, phase string) []*analyze.Samples {
		b := newBuilder(label)
		index := func(name string) int {
			return slices.IndexFunc(b.s.Kernels, func(k analyze.KernelSample) bool { return k.Name == name })
		}
		for _, p := range []string{"text_encode", "vae_decode"} {
			pattern := analyze.PatternSample{Kernels: []int{index("softmax")}, Counts: []int{1}}
			ns := []int64{10}
			if p == phase {
				pattern.Kernels, pattern.Counts, ns = append(pattern.Kernels, index("norm")), append(pattern.Counts, 2), append(ns, 40)
				slices.Sort(pattern.Kernels)
			}
			b.add(analyze.UnitSample{Request: 0, Step: -1, Iteration: -1, Phase: p, Kind: analyze.Part, ExclusiveNS: ns}, pattern)
		}
		return runs(b.finish())
	}
	r := Compare(run("a", "text_encode"), run("b", "vae_decode"), Options{})
	checkLedger(t, r)
	if row := r.row(t, "kernels", "stage=0/kernel=norm"); row.State != Moved || row.Detail != "text_encode → vae_decode" {
		t.Errorf("%+v", row)
	}
}

// The time that a run loses between its kernels is no kernel's fault: the
// ledger is zero, and the idle time says where it went.
func TestIdleTimeGrew(t *testing.T) {
	base := sampled(t, flash[0], nil)
	slow := sampled(t, flash[0], func(tr *trace.Trace) *trace.Trace {
		var busy []trace.Span
		for _, e := range tr.Events {
			if e.Kind.GPU() {
				busy = append(busy, e.Span)
			}
		}
		whole := trace.UnionOf([]trace.Span{{Start: busy[0].Start, End: busy[len(busy)-1].End}})
		return stretch(tr, whole.Subtract(trace.UnionOf(busy)), 500)
	})
	r := Compare(runs(base), runs(slow), Options{Gates: gates(t, "1%")})
	checkLedger(t, r)
	if r.Totals.DeltaNS != 0 || r.Verdict.Word != Unchanged || r.fails() {
		t.Errorf("%v %+v", r.Verdict, r.Totals)
	}
	if d, b := r.Totals.IdleDeltaNS, r.Totals.BaseIdleNS; d < b*49/100 || d > b*51/100 {
		t.Errorf("idle time grew by %d of %d", d, b)
	}
	top := r.table("idle").Rows[0]
	if top.Name != "host_op" || top.Phase != "denoise" || top.DeltaNS <= 0 {
		t.Errorf("%+v", top)
	}
}

// A copy of a recording, shifted in time, is the same one.
func TestSameRecording(t *testing.T) {
	a := sampled(t, flash[0], nil)
	b := sampled(t, flash[0], func(tr *trace.Trace) *trace.Trace {
		out := *tr
		out.Events = slices.Clone(tr.Events)
		for i := range out.Events {
			out.Events[i].Start += 12345
			out.Events[i].End += 12345
		}
		return &out
	})
	if r := Compare(runs(a), runs(b), Options{Gates: gates(t, "0%")}); !r.Identical || r.Verdict.Word != Unchanged || r.fails() {
		t.Errorf("%v %+v", r.Verdict, r.Gates)
	}
	if r := Compare(runs(a), flashes(t)[1:2], Options{}); r.Identical {
		t.Error("another recording is taken for the same")
	}
}

// A trace that was cut short makes gates abstain: its times may be low.
func TestIncompleteRun(t *testing.T) {
	a, b := sampled(t, flash[0], nil), *sampled(t, flash[1], nil)
	b.Complete = false
	r := Compare(runs(a), runs(&b), Options{Gates: gates(t, "3%", "phase=denoise:3%")})
	for _, g := range r.Gates {
		if g.Outcome != Undecided || g.Why != WhyIncomplete {
			t.Errorf("%+v", g)
		}
	}
	if len(r.Gates) < 2 || len(r.Warnings) == 0 {
		t.Errorf("%+v %+v", r.Gates, r.Warnings)
	}
}

// The same kernels in other launch shapes work on another size: a step of that
// is no equal work, and nothing is said about speed.
func TestOtherSize(t *testing.T) {
	base := sampled(t, flash[0], nil)
	new := sampled(t, flash[0], func(tr *trace.Trace) *trace.Trace {
		out := *stretched(tr, func(e *trace.Event) bool { return e.Kind == trace.Kernel }, 3000)
		header := *out.Header
		out.Header = &header
		header.Details = slices.Clone(header.Details)
		for i := range header.Details {
			header.Details[i].Grid[0] *= 4
		}
		return &out
	})
	r := Compare(runs(base), runs(new), Options{Gates: gates(t, "3%")})
	checkLedger(t, r)
	if r.Verdict != (Verdict{Abstained, WhyDifferent}) || len(r.Changes) > 0 {
		t.Errorf("%v %+v", r.Verdict, r.Changes)
	}
	for _, g := range r.Gates {
		if g.Outcome != Undecided {
			t.Errorf("%+v", g)
		}
	}
	if len(r.Work.Differences()) == 0 || !strings.Contains(r.Work.Differences()[0].What, "launch shapes") {
		t.Errorf("%+v", r.Work.Differences())
	}
}

// What a file says of its stage does not matter where each side has one.
func TestSingleStagesAreTheSame(t *testing.T) {
	a, b := sampled(t, flash[0], nil), *sampled(t, flash[1], nil)
	b.Stages = []analyze.StageSample{{Stage: 3, Name: "stage3", NamedBy: "number", Replicas: 1, Ranks: 1}}
	b.Units = slices.Clone(b.Units)
	for i := range b.Units {
		b.Units[i].Stage = 3
	}
	r := Compare(runs(a), runs(&b), Options{Gates: gates(t, "stage=0:3%")})
	if r.Verdict.Word != Unchanged || len(r.Work.OnlyBase)+len(r.Work.OnlyNew) > 0 || r.Gates[0].Outcome != Holds {
		t.Errorf("%v %+v %+v", r.Verdict, r.Work, r.Gates)
	}
	// But a stage with another name is another stage.
	b.Stages[0].Name, b.Stages[0].NamedBy = "vocoder", "module"
	named := *a
	named.Stages = []analyze.StageSample{{Stage: 0, Name: "dit", NamedBy: "module", Replicas: 1, Ranks: 1}}
	if r := Compare(runs(&named), runs(&b), Options{}); r.Verdict.Word != Abstained || len(r.Work.Common) > 0 {
		t.Errorf("%v %+v", r.Verdict, r.Work)
	}
}
