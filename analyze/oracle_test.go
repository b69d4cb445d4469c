package analyze

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"omnitrace/internal/oracle"
)

// Every table of a real trace holds what a slow, independent reading of the
// file gives, to the nanosecond.
func TestTablesAgainstOracle(t *testing.T) {
	for _, path := range corpusTraces(t, "torch", "own", "vllm-omni") {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			want := readSecond(t, path).Figures()
			s := run(t, Options{}, nil, path)
			sum := s.Summarize([]Analysis{Stages, Devices, Kernels, Memory})
			stages, devices, kernels, memory := &sum.Tables[0], &sum.Tables[1], &sum.Tables[2], &sum.Tables[3]
			compareDevices(t, devices, want)
			all := addUp(want)
			if len(want) > 0 {
				compareWhole(t, "stages", stages.Columns, stages.Rows[0].Cells, all)
			}
			compareWhole(t, "totals", TotalColumns(), sum.Totals.Cells, all)
			compareKernels(t, kernels, readSecond(t, path).File)
			compareMemory(t, memory, want)
		})
	}
}

// wholes are the figures that add up over devices, and the launches, of which
// one may feed several.
type wholes struct{ kernels, kernelNS, gpuNS, busyNS, spanNS, idleNS, unlaunched int64 }

func addUp(devices []oracle.Figures) (w wholes) {
	first, last := int64(0), int64(0)
	for i, d := range devices {
		w.kernels += d.Kernels
		w.kernelNS += d.KernelNS
		w.gpuNS += d.GPUNS
		w.busyNS += d.BusyNS
		w.idleNS += d.SpanNS - d.BusyNS
		w.unlaunched += d.Unlaunched
		if i == 0 {
			first, last = d.First, d.First+d.SpanNS
		}
		first, last = min(first, d.First), max(last, d.First+d.SpanNS)
	}
	w.spanNS = last - first
	return w
}

func compareWhole(t *testing.T, what string, columns []Column, cells []Value, want wholes) {
	t.Helper()
	for name, n := range map[string]int64{
		"kernels": want.kernels, "kernel_ns": want.kernelNS, "gpu_ns": want.gpuNS, "busy_ns": want.busyNS,
		"exclusive_ns": want.busyNS, "span_ns": want.spanNS, "idle_ns": want.idleNS, "unlaunched": want.unlaunched,
	} {
		i := slices.IndexFunc(columns, func(c Column) bool { return c.Name == name })
		if got, _ := cells[i].Int(); got != n {
			t.Errorf("%s: %s is %d, want %d", what, name, got, n)
		}
	}
}

func compareDevices(t *testing.T, devices *Table, want []oracle.Figures) {
	t.Helper()
	type device struct {
		index                                                           string
		kernels, kernelNS, gpuNS, busyNS, spanNS, idleNS, launches, not int64
	}
	var got, expected []device
	for i := range devices.Rows {
		of := func(column string) int64 { return cell(t, devices, i, column) }
		got = append(got, device{fmt.Sprint(of("device")), of("kernels"), of("kernel_ns"), of("gpu_ns"), of("busy_ns"),
			of("span_ns"), of("idle_ns"), of("launches"), of("unlaunched")})
	}
	for _, w := range want {
		expected = append(expected, device{w.Device, w.Kernels, w.KernelNS, w.GPUNS, w.BusyNS,
			w.SpanNS, w.SpanNS - w.BusyNS, w.Launches, w.Unlaunched})
	}
	order := func(a, b device) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	slices.SortFunc(got, order)
	slices.SortFunc(expected, order)
	if !slices.Equal(got, expected) {
		t.Errorf("devices\n got %v\nwant %v", got, expected)
	}
}

// compareKernels sorts the durations of each name and takes the ranks.
func compareKernels(t *testing.T, kernels *Table, file *oracle.File) {
	t.Helper()
	durations := map[string][]int64{}
	for _, a := range file.Activities {
		if a.What == "kernel" {
			durations[a.Name] = append(durations[a.Name], a.End-a.Start)
		}
	}
	if len(kernels.Rows) != len(durations) {
		t.Errorf("%d kernels, want %d", len(kernels.Rows), len(durations))
	}
	for i := range kernels.Rows {
		d := durations[cellText(t, kernels, i, "name")]
		if len(d) == 0 {
			t.Errorf("kernel %q is not in the file", cellText(t, kernels, i, "name"))
			continue
		}
		slices.Sort(d)
		sum := int64(0)
		for _, ns := range d {
			sum += ns
		}
		rank := func(p int) int64 { // ceil(p·n) - 1
			n := p * len(d)
			if n%100 != 0 {
				n += 100
			}
			return d[n/100-1]
		}
		for column, want := range map[string]int64{
			"count": int64(len(d)), "kernel_ns": sum, "min_ns": d[0], "max_ns": d[len(d)-1],
			"median_ns": rank(50), "p95_ns": rank(95),
		} {
			if got := cell(t, kernels, i, column); got != want {
				t.Errorf("%s: %s is %d, want %d", kernels.Rows[i].Key, column, got, want)
			}
		}
	}
}

// memoryRows are the names of copies and fills in the corpus and the rows that
// they belong to.
var memoryRows = map[string]string{
	"Memcpy DtoD (Device -> Device)":   "memcpy DtoD",
	"Memcpy DtoH (Device -> Host)":     "memcpy DtoH",
	"Memcpy DtoH (Device -> Pageable)": "memcpy DtoH",
	"Memcpy DtoH (Device -> Pinned)":   "memcpy DtoH",
	"Memcpy HtoD (Host -> Device)":     "memcpy HtoD",
	"Memcpy HtoD (Pageable -> Device)": "memcpy HtoD",
	"Memcpy HtoD (Pinned -> Device)":   "memcpy HtoD",
	"Memset (Device)":                  "memset",
	"Memset (Unknown)":                 "memset",
}

func compareMemory(t *testing.T, memory *Table, devices []oracle.Figures) {
	t.Helper()
	want := map[string]oracle.Stat{}
	for _, d := range devices {
		for name, m := range d.ByMemory {
			row, ok := memoryRows[name]
			if !ok {
				t.Errorf("%q: which direction is that?", name)
			}
			x := want[row]
			want[row] = oracle.Stat{Count: x.Count + m.Count, Sum: x.Sum + m.Sum, Bytes: x.Bytes + m.Bytes}
		}
	}
	for i := range memory.Rows {
		name := cellText(t, memory, i, "name")
		got := oracle.Stat{Count: cell(t, memory, i, "count"), Sum: cell(t, memory, i, "gpu_ns"), Bytes: cell(t, memory, i, "bytes")}
		if got != want[name] {
			t.Errorf("%s: %+v, want %+v", name, got, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("no rows for %v", want)
	}
}
