package nsys

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"omnitrace/trace"
)

// stats reads inputs, given as names of testdata.
func stats(t testing.TB, kinds []trace.Kind, names ...string) (*trace.Trace, []*Table) {
	t.Helper()
	var inputs []Input
	for _, name := range names {
		inputs = append(inputs, Input{name, bytes.NewReader(testdata(t, name))})
	}
	return readStats(t, kinds, inputs...)
}

func readStats(t testing.TB, kinds []trace.Kind, inputs ...Input) (*trace.Trace, []*Table) {
	t.Helper()
	s := OpenStats(context.Background(), trace.Want{Kinds: trace.KindsOf(kinds...)}, inputs...)
	tr, err := trace.Read(s)
	if err != nil {
		t.Fatal(err)
	}
	return tr, s.Tables()
}

func text(name, content string) Input { return Input{name, strings.NewReader(content)} }

func statsFile(t testing.TB, path string) Input {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return Input{path, bytes.NewReader(data)}
}

// plainEvents lists events by what every input knows: kind, time relative to
// the first one's clock, and name.
func plainEvents(tr *trace.Trace, origin trace.Time, keep func(trace.Event) bool) []string {
	var all []string
	for _, e := range tr.Events {
		if keep == nil || keep(e) {
			all = append(all, fmt.Sprintf("%v %d %d %s", e.Kind, e.Start-origin, e.Len(), tr.Names.Text(e.Name)))
		}
	}
	slices.Sort(all)
	return all
}

func originOf(t testing.TB, path string) trace.Time {
	t.Helper()
	r, err := OpenSQLite(context.Background(), path, trace.Want{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return r.Origin()
}

// Rule: the unit in a column's title counts. Microseconds are exact; from
// milliseconds on nsys prints too few digits, which is told.
func TestUnits(t *testing.T) {
	gpu := []trace.Kind{trace.Kernel, trace.Memcpy, trace.Memset}
	ns, _ := stats(t, gpu, "graph_chatter.csv.gz")
	us, _ := stats(t, gpu, "graph_us_cuda_gpu_trace.json.gz")
	ms, _ := stats(t, gpu, "graph_ms_cuda_gpu_trace.csv.gz")
	if got, want := plainEvents(us, 0, nil), plainEvents(ns, 0, nil); !slices.Equal(got, want) || len(got) != 127 {
		t.Errorf("%d events in microseconds, %d in nanoseconds: %s", len(got), len(want), firstDifference(got, want))
	}
	if n := us.Health.Count(trace.RoundedTime); n != 0 {
		t.Errorf("%d times in microseconds called rounded", n)
	}
	if len(ms.Events) != 127 || ms.Health.Count(trace.RoundedTime) != 127 {
		t.Errorf("%d events in milliseconds, %d called rounded, want 127 of each", len(ms.Events), ms.Health.Count(trace.RoundedTime))
	}
	for _, e := range ms.Events {
		if e.Start%100 != 0 {
			t.Fatalf("%d ns from a time printed to 100 ns", e.Start)
		}
	}
}

// Rule: a title's spelling and unit, not the version, say what a column is.
func TestOldTitles(t *testing.T) {
	tr, _ := readStats(t, nil, text("gputrace.csv",
		"Start(sec),Duration(nsec),CorrId,GrdX,GrdY,GrdZ,BlkX,BlkY,BlkZ,Device,Ctx,Strm,Name\r\n"+
			"1.000000001,250,7,2,1,1,64,1,1,Tesla V100 (3),1,14,\"k(int, \"\"T\"\")\"\r\n"+
			"2.5,40,None,None,None,None,None,None,None,Tesla V100 (3),2,14,[CUDA memcpy DtoH]\r\n"))
	wantLines(t, plainEvents(tr, 0, nil), "kernel 1000000001 250 k(int, \"T\")", "memcpy 2500000000 40 Memcpy DtoH")
	if d := tr.Devices[0]; d.Index != 3 || d.Name != "Tesla V100" {
		t.Errorf("device %+v", d)
	}
	if e := tr.Events[0]; e.Correlation != 7 || tr.Details[e.Detail].Block != [3]int32{64, 1, 1} {
		t.Errorf("kernel %+v with %+v", e, tr.Details[e.Detail])
	}
}

// Rule: all that `nsys stats` prints may be kept in one file: chatter, empty
// and unknown reports, tables one after the other.
func TestChatter(t *testing.T) {
	tr, tables := stats(t, nil, "graph_chatter.csv.gz")
	var names []string
	for _, table := range tables {
		names = append(names, fmt.Sprint(table.Report, " ", len(table.Rows)))
	}
	wantLines(t, names, "cuda_api_sum 22", "cuda_gpu_kern_sum 2")
	if len(tr.Events) != 127 {
		t.Errorf("%d events, want 127", len(tr.Events))
	}
	if d, ok := tables[1].Duration(0, tables[1].Column("Total Time")); !ok || d != 2836113*time.Nanosecond {
		t.Errorf("total %v", d)
	}
}

// Rule: tables may follow each other without a line between, as in files that
// were put together; a text may have line breaks and quotes that nsys left as
// they are.
func TestTablesBackToBack(t *testing.T) {
	_, tables := readStats(t, nil, text("x.csv", strings.Join([]string{
		`Time (%),Total Time (ns),Instances,Style,Range`,
		`50.0,10,1,PushPop,":say "hi"`,
		`twice, "please"`,
		`now"`,
		`50.0,20,2,PushPop,":5" disk"`,
		`50.0,30,3,PushPop,":6" disk"`,
		`Total (MB),Count,Operation`,
		`1.5,3,[CUDA memset]`,
	}, "\n")+"\n"))
	if len(tables) != 2 || len(tables[0].Rows) != 3 || len(tables[1].Rows) != 1 {
		t.Fatalf("tables %v", tables)
	}
	wantLines(t, []string{tables[0].Rows[0][4], tables[0].Rows[1][4], tables[0].Rows[2][4]}, ":say \"hi\"\ntwice, \"please\"\nnow", `:5" disk`, `:6" disk`)
	if n, _ := tables[1].Bytes(0, 0); n != 1_500_000 {
		t.Errorf("%d bytes, want 1500000", n)
	}
}

// Rule: an empty report is no error; it is what nsys writes where it has no data.
func TestEmptyReports(t *testing.T) {
	tr, tables := readStats(t, nil, text("img.1_openmp_sum.csv", ""), text("o.json", "[]\n"), text("c.csv",
		"Processing [a.sqlite] with [/x/reports/um_sum.py]... \nSKIPPED: a.sqlite does not contain CUDA Unified Memory CPU page faults data.\n"))
	if len(tr.Events) != 0 || len(tables) != 0 {
		t.Errorf("%d events and %d tables from nothing", len(tr.Events), len(tables))
	}
}

// Rule: a file that was cut in a row keeps the rows before it and says so.
func TestCutReports(t *testing.T) {
	whole := testdata(t, "graph_chatter.csv.gz")
	head := bytes.Index(whole, []byte("Start (ns)"))
	cut := bytes.Index(whole, []byte(`"void addn`)) + 8
	tr, _ := readStats(t, nil, Input{"cut.csv", bytes.NewReader(whole[:cut])})
	if want := bytes.Count(whole[head:cut], []byte("\n")) - 1; len(tr.Events) != want || tr.Health.Count(trace.Truncated) != 1 {
		t.Errorf("CSV: %d events, truncated %d times; want %d and 1", len(tr.Events), tr.Health.Count(trace.Truncated), want)
	}
	whole = testdata(t, "graph_us_cuda_gpu_trace.json.gz")
	tr, _ = readStats(t, nil, Input{"cut.json", bytes.NewReader(whole[:len(whole)/2])})
	if want := bytes.Count(whole[:len(whole)/2], []byte("}")); len(tr.Events) != want || tr.Health.Count(trace.Truncated) != 1 {
		t.Errorf("JSON: %d events, truncated %d times; want %d and 1", len(tr.Events), tr.Health.Count(trace.Truncated), want)
	}
}

// Rule: bad rows are dropped and counted, by what is wrong with them.
func TestBadRows(t *testing.T) {
	tr, _ := readStats(t, nil, text("x.csv", strings.Join([]string{
		"Start (ns),Duration (ns),Name,Result,CorrID,Pid,Tid,T-Pri,Thread Name",
		"10,5,cudaMalloc,0,1,7,8,20,main",
		"zehn,5,cudaMalloc,0,2,7,8,20,main",
		",5,cudaMalloc,0,3,7,8,20,main",
		"20,-5,cudaMalloc,0,4,7,8,20,main",
		"30,,cudaMalloc,0,5,7,8,20,main",
		"9223372036854775807,5,cudaMalloc,0,6,7,8,20,main",
		"99999999999999999999,5,cudaMalloc,0,7,7,8,20,main",
		"40,5,cudaMalloc,0,8",
		"50,5,cudaMalloc_v3020,0,0,7,9,20,",
	}, "\n")+"\n"))
	wantLines(t, list(tr), "launch 10..15 pid 7 thread 8 c=1 cudaMalloc", "launch 20..20 pid 7 thread 8 c=4 cudaMalloc",
		"launch 30..30 pid 7 thread 8 c=5 cudaMalloc", "launch 50..55 pid 7 thread 9 c=- cudaMalloc")
	for kind, want := range map[trace.DefectKind]int64{
		trace.BadNumber: 2, trace.MissingTime: 1, trace.NegativeDuration: 1, trace.MissingDuration: 1, trace.TimeOutOfRange: 1, trace.BadEvent: 1,
	} {
		if n := tr.Health.Count(kind); n != want {
			t.Errorf("%d %s, want %d", n, kind, want)
		}
	}
}

// Rule: what is no output of nsys, or of a report that is not known, is refused
// with its name and what would do; beside known tables it is a defect.
func TestUnknownReports(t *testing.T) {
	const unknown = "Start (ns),Duration (ns),Event,Pid\n1,2,MPI_Send,3\n"
	for _, c := range []struct {
		input string
		say   []string
	}{
		{unknown, []string{"x.csv", "unknown report", `"Event"`, "cuda_gpu_trace"}},
		{"hello, world\n", []string{"no table", "hello, world", "--format csv"}},
		{" ** CUDA API Summary (cuda_api_sum):\n\n Time (%)  Total Time (ns)  Name\n --------  ---------------  ----\n     99.0        1,234,567  cudaFree\n", []string{"no table", "--format csv"}},
		{"\x1f\x8b\x08binary", []string{"no table"}},
	} {
		_, err := trace.Read(OpenStats(context.Background(), trace.Want{}, text("x.csv", c.input)))
		wantError(t, c.input, err, c.say...)
	}
	tr, tables := readStats(t, nil, text("x.csv", unknown+"\nTime (%),Total Time (ns),Name\n1.0,5,a\n"))
	if tr.Health.Count(trace.UnknownReport) != 1 || len(tables) != 1 {
		t.Errorf("unknown report counted %d times beside %d tables", tr.Health.Count(trace.UnknownReport), len(tables))
	}
}

// Rule: reports are known by today's names, whatever they were called.
func TestReportNames(t *testing.T) {
	for file, want := range map[string]string{
		"con16_gpukernsum.csv": "cuda_gpu_kern_sum", "img.1_cuda_gpu_mem_time_sum.csv": "cuda_gpu_mem_time_sum",
		"/a_sum/report1_cuda_gpu_trace_base.csv": "cuda_gpu_trace", "my_run_cuda_api_sum.json": "cuda_api_sum", "trace.csv": "",
	} {
		if got := reportOf(file); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	for line, want := range map[string]string{
		"Processing [a.sqlite] with [/opt/x/reports/gputrace.py]... ": "cuda_gpu_trace",
		"Processing [a b.sqlite] with [C:\\x\\cuda_api_sum.py](base)": "cuda_api_sum",
		" ** CUDA GPU Kernel Summary (cuda_gpu_kern_sum):":            "cuda_gpu_kern_sum",
		"[3/8] Executing 'nvtx_sum' stats report":                     "nvtx_sum",
		"Generating SQLite file a.sqlite from a.nsys-rep":             "",
	} {
		if got, _ := reportIn(line); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// Rule: whatever the input, reading ends, does not panic, and yields events
// whose indices are valid and whose spans are forward.
func FuzzStats(f *testing.F) {
	f.Add([]byte("Start (ns),Duration (ns),Name,CorrId,Strm,Device\n1,2,k,3,4,D (0)\n"))
	f.Add([]byte("Time (%),Total Time (ns),Name\n1.0,5,\"a\"\"b\"\n\n ** X (nvtx_sum):\n"))
	f.Add([]byte(`[{"Start (us)": 1.5, "End (us)": 2e3, "Name": "\u00e9\ud83d\ude00", "PID": 1, "TID": null}]`))
	f.Add(testdata(f, "graph_sec_cuda_kern_exec_trace.csv"))
	f.Add(testdata(f, "graph_us_nvtx_pushpop_trace.csv"))
	f.Add([]byte("Name,Projected Start (ns),Projected Duration (ns),Orig Start (ns),Orig Duration (ns),PID,TID\n\"a\nb\",1,2,3,4,5,6\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := OpenStats(context.Background(), trace.Want{}, Input{"fuzz_cuda_gpu_kern_sum.csv", bytes.NewReader(data)})
		tr, err := trace.Read(s)
		if err != nil {
			return
		}
		for _, e := range tr.Events {
			lane := tr.Tracks[e.Track]
			if e.End < e.Start || int(e.Detail) >= len(tr.Details) || int(e.Name) >= tr.Names.Len() ||
				lane.Process >= len(tr.Processes) || lane.Device >= len(tr.Devices) {
				t.Fatalf("bad event %+v on %+v", e, lane)
			}
		}
		for _, table := range s.Tables() {
			for _, row := range table.Rows {
				if len(row) != len(table.Columns) {
					t.Fatalf("row of %d cells in a table of %d columns", len(row), len(table.Columns))
				}
			}
		}
	})
}
