package nsys

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"omnitrace/trace"
)

// pairs are exports with the event reports that nsys made of the same capture.
func pairs(t *testing.T) map[string]struct {
	export string
	inputs []Input
} {
	type pair = struct {
		export string
		inputs []Input
	}
	node := export(t, "node")
	all := map[string]pair{
		"node csv":  {node, []Input{{"node_stats.csv", bytes.NewReader(testdata(t, "node_stats.csv.gz"))}}},
		"node json": {node, []Input{{"node_stats.json", bytes.NewReader(testdata(t, "node_stats.json.gz"))}}},
	}
	t.Run("corpus", func(t *testing.T) {
		for _, c := range []struct{ name, export, dir, reports string }{
			{"2022.4", "nsys/pipit_saxpy-mpi-cuda_nsys_perlmutter0.sqlite", "nsys/stats/gen-nsys2022.4_saxpy-mpi/saxpy_", "gputrace cudaapitrace nvtxpptrace kernexectrace"},
			{"2023.4", "nsys/pipit_perlmutter-cloverleaf-cuda.sqlite", "nsys/stats/gen-nsys2023.4_cloverleaf/clover_", "cuda_gpu_trace cuda_api_trace nvtx_pushpop_trace cuda_kern_exec_trace"},
		} {
			p := pair{export: corpus(t, c.export)}
			for report := range strings.FieldsSeq(c.reports) {
				p.inputs = append(p.inputs, statsFile(t, corpus(t, c.dir+report+".csv")))
			}
			all[c.name] = p
		}
	})
	return all
}

// Rule: the reports of a capture give the events that its export gives, to the
// nanosecond: GPU work, API calls, push/pop ranges, with the same names.
func TestReportsEqualExport(t *testing.T) {
	for name, p := range pairs(t) {
		t.Run(name, func(t *testing.T) {
			kinds := []trace.Kind{trace.Kernel, trace.Memcpy, trace.Memset, trace.Launch, trace.Range}
			fromReports, _ := readStats(t, kinds, p.inputs...)
			fromExport := read(t, p.export, kinds...)
			got := plainEvents(fromReports, 0, nil)
			// The only ranges that nvtx_pushpop_trace leaves out are those of start and end.
			startEnd := rows(t, openSQL(t, p.export), `SELECT text FROM NVTX_EVENTS WHERE eventType = 60`)
			want := plainEvents(fromExport, originOf(t, p.export), func(e trace.Event) bool {
				return e.Kind != trace.Range || !slices.Contains(startEnd, fromExport.Names.Text(e.Name))
			})
			if !slices.Equal(got, want) {
				t.Errorf("%d events from reports, %d from the export; first that differ: %s", len(got), len(want), firstDifference(got, want))
			}
			if len(want) == 0 {
				t.Error("nothing to compare")
			}
		})
	}
}

func firstDifference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] + " and " + b[i]
		}
	}
	return "one is the beginning of the other"
}

// Rule: kernels are linked to their calls from reports as they are from the
// export of the same capture.
func TestReportsLinkLaunches(t *testing.T) {
	for name, p := range pairs(t) {
		fromReports, _ := readStats(t, []trace.Kind{trace.Kernel, trace.Launch}, p.inputs...)
		if len(fromReports.Processes) > 1 {
			continue // cuda_gpu_trace does not say whose a kernel is
		}
		got, want := launchNames(fromReports), launchNames(read(t, p.export, trace.Kernel, trace.Launch))
		if !slices.Equal(got, want) {
			t.Errorf("%s: %s", name, firstDifference(got, want))
		}
	}
}

func launchNames(tr *trace.Trace) []string {
	var all []string
	for i, l := range trace.Link(tr).Launch {
		if tr.Events[i].Kind == trace.Kernel {
			call := "none"
			if l >= 0 {
				call = fmt.Sprint(tr.Names.Text(tr.Events[l].Name), tr.Events[l].Len())
			}
			all = append(all, tr.Names.Text(tr.Events[i].Name)+" by "+call)
		}
	}
	slices.Sort(all)
	return all
}

// Rule: cuda_kern_exec_trace alone gives the kernels of cuda_gpu_trace, each
// once and linked; beside cuda_gpu_trace it adds nothing.
func TestKernExecTrace(t *testing.T) {
	whole := string(testdata(t, "node_stats.csv.gz"))
	from := strings.Index(whole, "API Start (ns)")
	exec := whole[from : from+strings.Index(whole[from:], "\n\n")]
	alone, _ := readStats(t, []trace.Kind{trace.Kernel, trace.Launch}, text("exec.csv", exec))
	both, _ := readStats(t, []trace.Kind{trace.Kernel}, text("exec.csv", exec), Input{"all", strings.NewReader(whole)})
	keep := func(e trace.Event) bool { return e.Kind == trace.Kernel }
	if got, want := plainEvents(alone, 0, keep), plainEvents(both, 0, keep); !slices.Equal(got, want) || len(got) != 50 {
		t.Errorf("%d kernels alone, %d beside cuda_gpu_trace, want 50: %s", len(got), len(want), firstDifference(got, want))
	}
	for i, l := range trace.Link(alone).Launch {
		if alone.Events[i].Kind == trace.Kernel && l < 0 {
			t.Fatalf("kernel %d is not linked", i)
		}
	}
}

// sums adds up a trace by name and kind, for comparison with a summary.
type sums struct {
	count, total, min, max, bytes int64
}

func byName(tr *trace.Trace, name func(trace.Event) string) map[string]sums {
	all := map[string]sums{}
	for _, e := range tr.Events {
		s, ok := all[name(e)]
		d := int64(e.Len())
		if !ok {
			s.min = d
		}
		s.count, s.total, s.min, s.max = s.count+1, s.total+d, min(s.min, d), max(s.max, d)
		s.bytes += tr.Details[e.Detail].Bytes
		all[name(e)] = s
	}
	return all
}

// summaries are exports with the summaries that nsys made of the same capture.
func summaries(t *testing.T) map[string][]Input {
	all := map[string][]Input{}
	for _, r := range []string{"cuda_api_sum", "cuda_gpu_kern_sum", "cuda_gpu_mem_size_sum", "cuda_gpu_mem_time_sum", "nvtx_sum"} {
		file := "qwenimage_" + r + ".csv"
		all[export(t, "qwenimage")] = append(all[export(t, "qwenimage")], Input{file, bytes.NewReader(testdata(t, file))})
	}
	t.Run("corpus", func(t *testing.T) {
		for dir, path := range map[string]string{
			"nsys/stats/gen-nsys2022.4_saxpy-mpi/saxpy_":   "nsys/pipit_saxpy-mpi-cuda_nsys_perlmutter0.sqlite",
			"nsys/stats/gen-nsys2023.4_cloverleaf/clover_": "nsys/pipit_perlmutter-cloverleaf-cuda.sqlite",
		} {
			for _, r := range []string{"cudaapisum", "cuda_api_sum", "gpukernsum", "cuda_gpu_kern_sum", "gpumemsizesum", "cuda_gpu_mem_size_sum", "gpumemtimesum", "cuda_gpu_mem_time_sum", "nvtxsum"} {
				if data, err := os.ReadFile(corpus(t, "nsys") + strings.TrimPrefix(dir, "nsys") + r + ".csv"); err == nil {
					all[corpus(t, path)] = append(all[corpus(t, path)], Input{dir + r + ".csv", bytes.NewReader(data)})
				}
			}
		}
	})
	return all
}

// Rule: what the reader makes of an export adds up to what nsys itself prints
// of it, to the digits that it prints.
func TestSummariesAgree(t *testing.T) {
	compared := map[string]int{}
	for path, inputs := range summaries(t) {
		_, tables := readStats(t, nil, inputs...)
		for _, table := range tables {
			name := func(tr *trace.Trace) func(trace.Event) string {
				return func(e trace.Event) string { return tr.Names.Text(e.Name) }
			}
			switch table.Report {
			case "cuda_gpu_kern_sum":
				tr := read(t, path, trace.Kernel)
				compared[table.Report] += agree(t, table, byName(tr, name(tr)), "Name", "Instances", plain)
			case "cuda_api_sum":
				tr := read(t, path, trace.Launch)
				compared[table.Report] += agree(t, table, byName(tr, name(tr)), "Name", "Num Calls", callName)
			case "nvtx_sum":
				tr := read(t, path, trace.Range)
				compared[table.Report] += agree(t, table, byName(tr, name(tr)), "Range", "Instances", func(s string) string { return strings.TrimPrefix(s, ":") })
			case "cuda_gpu_mem_time_sum", "cuda_gpu_mem_size_sum":
				tr := read(t, path, trace.Memcpy, trace.Memset)
				direction := func(e trace.Event) string {
					op, _, _ := strings.Cut(tr.Names.Text(e.Name), " (")
					return op
				}
				compared[table.Report] += agree(t, table, byName(tr, direction), "Operation", "Count", func(s string) string { return memoryOperation(s + "\x00\x00") })
			}
		}
	}
	for _, r := range []string{"cuda_gpu_kern_sum", "cuda_api_sum", "nvtx_sum", "cuda_gpu_mem_time_sum", "cuda_gpu_mem_size_sum"} {
		if compared[r] == 0 {
			t.Errorf("nothing compared with %s", r)
		}
	}
}

// agree compares a table with sums by name. Rows that nsys tells apart by more
// than the name (grid, version of a call) are added up first.
func agree(t *testing.T, table *Table, want map[string]sums, nameColumn, countColumn string, spell func(string) string) int {
	t.Helper()
	got := map[string]sums{}
	for i := range table.Rows {
		name := spell(table.Rows[i][table.Column(nameColumn)])
		s, ok := got[name]
		count, _ := table.Count(i, table.Column(countColumn))
		total, isTime := table.Duration(i, table.Column("Total Time"))
		size, isSize := table.Bytes(i, table.Column("Total"))
		if !isTime && !isSize {
			t.Fatalf("%s: row %d has no total", table.Report, i)
		}
		s.count, s.total, s.bytes = s.count+count, s.total+int64(total), s.bytes+size
		shortest, _ := table.Duration(i, table.Column("Min"))
		longest, _ := table.Duration(i, table.Column("Max"))
		if s.max = max(s.max, int64(longest)); !ok || int64(shortest) < s.min {
			s.min = int64(shortest)
		}
		got[name] = s
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d names, want %d", table.Report, len(got), len(want))
	}
	for name, g := range got {
		w := want[name]
		if table.Report == "cuda_gpu_mem_size_sum" {
			if g.count != w.count || g.bytes-w.bytes > 500 || w.bytes-g.bytes > 500 {
				t.Errorf("%s of %s: nsys says %d copies of %d bytes, we %d of %d", table.Report, name, g.count, g.bytes, w.count, w.bytes)
			}
			continue
		}
		w.bytes = 0
		if g != w {
			t.Errorf("%s of %s: nsys says %+v, we %+v", table.Report, name, g, w)
		}
	}
	return len(got)
}
