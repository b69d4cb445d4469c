package analyze_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"omnitrace/analyze"
	"omnitrace/analyze/rules"
	"omnitrace/internal/tracetest"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/open"
	"omnitrace/trace/session"
)

// sampleInputs reads a run of testdata.
func sampleInputs(t *testing.T, run string) []analyze.Input {
	t.Helper()
	found, err := session.Find(session.OS{}, []string{filepath.Join("..", "testdata", run)})
	if err != nil {
		t.Fatal(err)
	}
	newest, _ := found.Newest()
	var inputs []analyze.Input
	for _, f := range newest.Traces() {
		file, err := os.Open(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := open.Reader(file)
		if err != nil {
			t.Fatal(err)
		}
		tr, err := trace.Read(chrome.NewReader(plain, analyze.Needs(rules.Default())))
		if err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, analyze.Input{File: f, Trace: tr})
		plain.Close()
		file.Close()
	}
	return inputs
}

func newSession(t *testing.T, inputs []analyze.Input) *analyze.Session {
	t.Helper()
	s, err := analyze.NewSession(inputs, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// column returns the integers of a column, -1 for null.
func column(t analyze.Table, name string) []int64 {
	var all []int64
	for _, r := range t.Rows {
		n, ok := r.Cells[t.Column(name)].Int()
		if !ok {
			n = -1
		}
		all = append(all, n)
	}
	return all
}

// Samples are another view of the same work: units, kernels and idle time add
// up to what the tables of a summary say.
func TestSamplesAgreeWithTables(t *testing.T) {
	for _, run := range []string{"diffusion_nostack", "omni_session"} {
		s := newSession(t, sampleInputs(t, run))
		samples := s.Samples()
		if err := samples.Check(); err != nil {
			t.Fatal(err)
		}
		busy, idle := int64(0), int64(0)
		steps, passes := map[int]int64{}, map[int]int64{}
		kernels := map[string]int64{}
		for _, u := range samples.Units {
			busy += u.Exclusive()
			for _, ns := range u.IdleNS {
				idle += ns
			}
			switch {
			case u.Step >= 0:
				steps[u.Step] += u.Exclusive()
			case u.Kind == analyze.Pass && u.Stage == 0:
				passes[u.Iteration] += u.Exclusive()
			}
			p := samples.Patterns[u.Pattern]
			for i, k := range p.Kernels {
				if !samples.Kernels[k].Memory {
					kernels[samples.Kernels[k].Name] += int64(p.Counts[i])
				}
			}
			if p.Sequence != nil {
				want := map[int]int{}
				for _, k := range p.Sequence {
					want[k]++
				}
				for i, k := range p.Kernels {
					if want[k] != p.Counts[i] {
						t.Errorf("%s: a sequence has kernel %d %d times, its pattern %d times", run, k, want[k], p.Counts[i])
					}
				}
			}
		}
		sum := s.Summarize(analyze.All())
		table := func(name string) analyze.Table {
			return sum.Tables[slices.IndexFunc(sum.Tables, func(t analyze.Table) bool { return t.Name == name })]
		}
		stages := table("stages")
		if busy != stages.Sum("busy_ns") || busy != samples.Totals.BusyNS {
			t.Errorf("%s: units are busy for %d, stages for %d", run, busy, stages.Sum("busy_ns"))
		}
		if idle != stages.Sum("idle_ns") || idle != samples.Totals.IdleNS {
			t.Errorf("%s: units were waited for %d, stages are idle for %d", run, idle, stages.Sum("idle_ns"))
		}
		stepTable := table("steps")
		for i, n := range column(stepTable, "step") {
			if want := column(stepTable, "exclusive_ns")[i]; n >= 0 && steps[int(n)] != want {
				t.Errorf("%s: step %d has %d, want %d", run, n, steps[int(n)], want)
			}
		}
		passTable := table("iterations")
		for i, n := range column(passTable, "iteration") {
			if want := column(passTable, "exclusive_ns")[i]; n >= 0 && column(passTable, "stage")[i] == 0 && passes[int(n)] != want {
				t.Errorf("%s: pass %d has %d, want %d", run, n, passes[int(n)], want)
			}
		}
		kernelTable := table("kernels")
		counts := map[string]int64{}
		for i, r := range kernelTable.Rows {
			name, _ := r.Cells[kernelTable.Column("name")].Text()
			counts[name] += column(kernelTable, "count")[i]
		}
		if !reflect.DeepEqual(kernels, counts) {
			t.Errorf("%s: kernels differ from the table's", run)
		}
	}
}

// Samples survive a file, and do not depend on when or where a run happened.
func TestSamplesAreStable(t *testing.T) {
	inputs := sampleInputs(t, "diffusion_nostack")
	a := newSession(t, inputs).Samples()
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var b analyze.Samples
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, &b) {
		t.Error("samples change in a file")
	}
	moved := *inputs[0].Trace
	moved.Events = slices.Clone(moved.Events)
	for i := range moved.Events {
		moved.Events[i].Start += 1e15
		moved.Events[i].End += 1e15
	}
	if c := newSession(t, []analyze.Input{{File: inputs[0].File, Trace: &moved}}).Samples(); !reflect.DeepEqual(a, c) {
		t.Error("samples depend on the time of day")
	}
	moved.Events[slices.IndexFunc(moved.Events, func(e trace.Event) bool { return e.Kind == trace.Kernel })].End++
	if c := newSession(t, []analyze.Input{{File: inputs[0].File, Trace: &moved}}).Samples(); c.Digest == a.Digest {
		t.Error("another recording has the same digest")
	}
}

// Two kernels of one name and other launch shapes are kept apart, copies are
// named by direction, and what overlaps keeps both of its times.
func TestSamplesKeepKernelsApart(t *testing.T) {
	tr := tracetest.Must(t, `
		launch t=0 d=1 track=host/1 corr=1 "cudaLaunchKernel"
		launch t=2 d=1 track=host/1 corr=2 "cudaLaunchKernel"
		launch t=4 d=1 track=host/1 corr=3 "cudaMemcpyAsync"
		kernel t=10 d=10 track=gpu0/7 corr=1 grid=1,1,1 block=32,1,1 "gemm"
		kernel t=15 d=10 track=gpu0/8 corr=2 grid=2,1,1 block=32,1,1 "gemm"
		memcpy t=30 d=5 track=gpu0/7 corr=3 bytes=8 "Memcpy HtoD (Pageable -> Device)"`)
	samples := newSession(t, []analyze.Input{{Trace: tr}}).Samples()
	if len(samples.Kernels) != 3 || len(samples.Units) != 1 {
		t.Fatalf("%+v", samples)
	}
	u := samples.Units[0]
	type row struct {
		grid           int32
		memory         bool
		exclusive, gpu int64
	}
	var got []row
	for i, k := range samples.Patterns[u.Pattern].Kernels {
		kernel := samples.Kernels[k]
		got = append(got, row{kernel.Grid[0], kernel.Memory, u.ExclusiveNS[i], u.GPUNS[i]})
	}
	if want := []row{{1, false, 10, 10}, {2, false, 5, 10}, {0, true, 5, 5}}; !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if samples.Kernels[2].Name != "memcpy HtoD" || samples.Totals.IdleNS != 5 || u.Request != -1 || u.Kind != analyze.Part {
		t.Errorf("%+v %+v", samples, u)
	}
}
