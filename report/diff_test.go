package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"omnitrace/analyze"
	"omnitrace/analyze/diff"
)

// aRun returns a run of eight denoise steps with a gemm of about the given time
// in each, a copy, and an encoder before.
func aRun(label string, gemm int64, cached ...int) *analyze.Samples {
	span := int64(9_000_000)
	s := &analyze.Samples{
		Schema: analyze.SamplesSchema, Label: label, Digest: label, Complete: true, GPUs: []string{"H100"}, Tools: []string{"chrome"},
		Totals: analyze.SampleTotals{SpanNS: &span},
		Stages: []analyze.StageSample{{Stage: 0, Name: "dit", NamedBy: "module", Replicas: 1, Ranks: 1}},
		Kernels: []analyze.KernelSample{
			{Name: "void at::native::elementwise_kernel<128, 4>(int, F)", Category: "elementwise"},
			{Name: "nvjet_a|b", Category: "gemm"}, {Name: "memcpy HtoD", Category: "memcpy", Memory: true},
		},
		Patterns: []analyze.PatternSample{{Kernels: []int{0, 1, 2}, Counts: []int{4, 2, 1}}, {Kernels: []int{0}, Counts: []int{9}}},
	}
	add := func(u analyze.UnitSample) {
		u.IdleNS = map[string]int64{"host_op": 1000}
		s.Totals.BusyNS += u.Exclusive()
		s.Totals.IdleNS += 1000
		s.Units = append(s.Units, u)
	}
	add(analyze.UnitSample{Step: -1, Iteration: -1, Phase: "text_encode", Kind: analyze.Part, Pattern: 1, ExclusiveNS: []int64{900_000}})
	for step := range 8 {
		kind := analyze.ComputedStep
		if step == 0 {
			kind = analyze.FirstStep
		}
		jitter := int64(step * step % 7)
		u := analyze.UnitSample{Step: step, Iteration: -1, Phase: "denoise", Kind: kind, Forwards: 2, ExclusiveNS: []int64{400_000 + 100*jitter, gemm + 300*jitter, 2_000}}
		if step < len(cached) {
			u.Kind, u.Pattern, u.ExclusiveNS = analyze.CachedStep, 1, []int64{5_000}
		}
		add(u)
	}
	return s
}

func compared(base, new *analyze.Samples, gates ...string) *diff.Result {
	o := diff.Options{}
	for _, text := range gates {
		g, err := diff.ParseGate(text, nil)
		if err != nil {
			panic(err)
		}
		o.Gates = append(o.Gates, g)
	}
	return diff.Compare([]*analyze.Samples{base}, []*analyze.Samples{new}, o)
}

func rendered(t interface{ Fatal(...any) }, format string, r *diff.Result, o Options) string {
	f, err := DiffNamed(format)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := f.Write(&out, r, o); err != nil {
		t.Fatal(format, err)
	}
	return out.String()
}

// The JSON has the fields of its contract, with the figures of the result.
func TestDiffJSON(t *testing.T) {
	r := compared(aRun("a", 1_000_000), aRun("b", 1_100_000), "3%", "category=gemm:20%")
	var v struct {
		Schema, Verdict, Reason string
		Base, New               map[string]any
		Work                    map[string][]map[string]any
		Totals                  map[string]any
		Tables                  map[string][]map[string]any
		Gates                   []struct {
			Expression, Key, Reason string
			Holds                   *bool
		}
		Changes, Waterfall, Warnings []map[string]any
	}
	text := rendered(t, "json", r, Options{})
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	if v.Schema != "omnitrace.diff/v1" || v.Verdict != "regressed" || !strings.HasPrefix(v.Reason, "dit denoise gemm +10.0 % (1.001 ms → 1.101 ms a step)") {
		t.Errorf("%s %s %s", v.Schema, v.Verdict, v.Reason)
	}
	if v.Totals["delta_ns"] != 800_000.0 || v.Totals["span_delta_ns"] != 0.0 || v.Totals["idle_delta_ns"] != 0.0 {
		t.Errorf("totals %v", v.Totals)
	}
	for _, name := range []string{"stages", "phases", "steps", "iterations", "categories", "kernels", "memory"} {
		if v.Tables[name] == nil {
			t.Errorf("no table %s", name)
		}
	}
	row := v.Tables["kernels"][0]
	for field, want := range map[string]any{
		"key": "stage=0/kernel=nvjet_a|b", "name": "nvjet_a|b", "category": "gemm", "state": "slower",
		"delta_ns": 800_000.0, "base_count": 16.0, "new_count": 16.0, "significant": true, "why_null": nil,
	} {
		if row[field] != want {
			t.Errorf("%s is %v, want %v", field, row[field], want)
		}
	}
	for _, field := range []string{"base_ns", "new_ns", "delta_ratio", "low_ns", "high_ns", "p_value"} {
		if _, ok := row[field].(float64); !ok {
			t.Errorf("%s is %v", field, row[field])
		}
	}
	holds := map[string]string{}
	for _, g := range v.Gates {
		holds[g.Expression+" "+g.Key] = "undecided"
		if g.Holds != nil {
			holds[g.Expression+" "+g.Key] = fmt.Sprint(*g.Holds)
		}
	}
	want := map[string]string{
		"3% total": "undecided", "3% stage=0/phase=denoise": "false", "3% stage=0/phase=text_encode": "undecided",
		"category=gemm:20% stage=0/category=gemm": "true",
	}
	if fmt.Sprint(holds) != fmt.Sprint(want) {
		t.Errorf("gates %v, want %v", holds, want)
	}
	for _, row := range v.Tables["steps"] {
		if row["significant"] != nil || row["why_null"] == nil {
			t.Errorf("a single step is called %v", row)
		}
	}
}

// Text fits its width, has a sign on every change, and colours by direction
// only where it may.
func TestDiffText(t *testing.T) {
	r := compared(aRun("a", 1_000_000), aRun("b", 1_100_000), "3%")
	for _, w := range []int{40, 60, 80, 120, 200} {
		for line := range strings.Lines(rendered(t, "text", r, Options{Width: w})) {
			if width(strings.TrimRight(line, "\n")) > w {
				t.Errorf("width %d: %q", w, line)
			}
		}
	}
	text := rendered(t, "text", r, Options{Width: 120})
	for _, want := range []string{
		"regressed: dit denoise gemm +10.0 % (1.001 ms → 1.101 ms a step)",
		"gate 3% regressed · dit denoise: ",
		"changes · ", "waterfall · ", "dit denoise gemm: durations", "phases · ", "kernels · ", "+800", "~",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Error("colours where none are wanted")
	}
	if slower := rendered(t, "text", r, Options{Width: 120, Color: true}); !strings.Contains(slower, red) {
		t.Error("a regression is not red")
	}
	if faster := rendered(t, "text", compared(aRun("b", 1_100_000), aRun("a", 1_000_000)), Options{Color: true}); !strings.Contains(faster, green) || strings.Contains(faster, red) {
		t.Error("an improvement is not green alone")
	}
}

// Reasons name the work that differs, and the cache that was turned on.
func TestReason(t *testing.T) {
	a := aRun("a", 1_000_000)
	cached := aRun("c", 1_000_000, 0, 0, 0)
	short := aRun("d", 1_000_000)
	for _, u := range short.Units[5:] {
		short.Totals.BusyNS -= u.Exclusive()
	}
	short.Units = short.Units[:5]
	for _, c := range []struct {
		base, new *analyze.Samples
		want      string
	}{
		{a, a, `^both sides are the same recording$`},
		{a, aRun("b", 1_000_000), `^no part of the common work changed beyond noise$`},
		{a, cached, `^dit denoise -.* ms: 3 steps taken from a cache instead of computed`},
		{a, short, `on new: 4 fewer computed steps in dit denoise, which explains 100.0 % of the total change of -5.6`},
		{short, a, `on new: 4 more computed steps in dit denoise`},
	} {
		if got := Reason(compared(c.base, c.new)); !regexp.MustCompile(c.want).MatchString(got) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if got := Reason(diff.Compare(nil, []*analyze.Samples{a}, diff.Options{})); got != "base has no GPU work" && !strings.HasPrefix(got, "base has no GPU work;") {
		t.Errorf("%q", got)
	}
}

func TestDiffCSV(t *testing.T) {
	r := compared(aRun("a", 1_000_000), aRun("b", 1_100_000))
	records, err := csv.NewReader(strings.NewReader(rendered(t, "csv", r, Options{Tables: []string{"parts"}}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != 5 || records[0][0] != "key" || records[1][0] != "stage=0/phase=denoise/category=gemm" {
		t.Errorf("%v", records)
	}
	f, _ := DiffNamed("csv")
	if err := f.Write(new(bytes.Buffer), r, Options{Tables: []string{"parts", "kernels"}}); err == nil {
		t.Error("two tables in one CSV")
	}
}

// In Markdown every row of a table has as many cells as its head, whatever is
// in a name.
func TestDiffMarkdown(t *testing.T) {
	r := compared(aRun("a", 1_000_000), aRun("b", 1_100_000), "3%")
	text := rendered(t, "markdown", r, Options{})
	if !strings.HasPrefix(text, "**regressed** · base a → new b") || !strings.Contains(text, "- gate `3%` **regressed**: dit denoise") {
		t.Errorf("%s", text)
	}
	cells := 0
	for line := range strings.Lines(text) {
		n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if n > 0 && cells > 0 && n != cells {
			t.Errorf("%d cells and not %d: %q", n, cells, line)
		}
		cells = n
	}
}

// Whatever was compared, no output has a number that is none, and JSON is JSON.
func TestDiffOutputsAreSound(t *testing.T) {
	bad := regexp.MustCompile(`(?i)\b(nan|[+-]?inf)\b`)
	rapid.Check(t, func(t *rapid.T) {
		side := func(label string) []*analyze.Samples {
			var runs []*analyze.Samples
			for i := range rapid.IntRange(0, 2).Draw(t, "runs") {
				s := aRun(fmt.Sprint(label, i), rapid.Int64Range(0, 2_000_000).Draw(t, "gemm"), make([]int, rapid.IntRange(0, 8).Draw(t, "cached"))...)
				for u := range s.Units {
					for k := range s.Units[u].ExclusiveNS {
						if rapid.IntRange(0, 3).Draw(t, "zero") == 0 {
							s.Totals.BusyNS -= s.Units[u].ExclusiveNS[k]
							s.Units[u].ExclusiveNS[k] = 0
						}
					}
				}
				runs = append(runs, s)
			}
			return runs
		}
		r := diff.Compare(side("a"), side("b"), diff.Options{Gates: []diff.Gate{{Expression: "0%", Relative: true}, {Expression: "0ns", Phase: "denoise"}}})
		for _, f := range DiffFormats() {
			text := ""
			if f.Name == "html" { // whose scripts have code for such numbers
				data, err := json.Marshal(newDiffData(r, r.Tables, Options{}, 100))
				if err != nil {
					t.Fatal(err)
				}
				text = string(data)
			} else {
				text = rendered(t, f.Name, r, Options{})
			}
			if m := bad.FindString(text); m != "" {
				t.Fatalf("%s has %q", f.Name, m)
			}
			if f.Name == "json" && !json.Valid([]byte(text)) {
				t.Fatalf("not JSON: %s", text)
			}
		}
	})
}
