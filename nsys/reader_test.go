package nsys

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"omnitrace/trace"
)

// small is an export with the tables of a capture of two processes, in the
// columns that matter.
const small = `
	CREATE TABLE META_DATA_EXPORT (name TEXT, value TEXT);
	INSERT INTO META_DATA_EXPORT VALUES ('EXPORT_PRODUCT_VERSION', '2025.3.2.0'), ('EXPORT_SCHEMA_VERSION', '3.20.3'),
		('EXPORT_SCHEMA_VERSION_MAJOR', '3'), ('EXPORT_SCHEMA_VERSION_MINOR', '20'), ('EXPORT_CONFIG_TIME_SHIFT', '1000');
	CREATE TABLE TARGET_INFO_SESSION_START_TIME (utcEpochNs INTEGER, utcTime TEXT, localTime TEXT);
	INSERT INTO TARGET_INFO_SESSION_START_TIME VALUES (1700000000000000000, '', '');
	CREATE TABLE ANALYSIS_DETAILS (globalVid INTEGER, duration INTEGER, startTime INTEGER, stopTime INTEGER);
	INSERT INTO ANALYSIS_DETAILS VALUES (0, 9000, 77000, 86000);
	CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT);
	INSERT INTO StringIds VALUES (1, 'gemm(float *)'), (2, 'cudaGraphLaunch_v10000'), (3, 'registered'), (4, 'worker'), (5, CAST(x'62c3' AS TEXT));
	CREATE TABLE PROCESSES (globalPid INTEGER, pid INTEGER, name TEXT);
	INSERT INTO PROCESSES VALUES (16777216, 1, 'VLLM::StageEngi'), (33554432, 2, 'VLLM::StageEngi');
	CREATE TABLE ThreadNames (nameId INTEGER, priority INTEGER, globalTid INTEGER);
	INSERT INTO ThreadNames VALUES (3, 0, 16777217), (4, 0, 16777217);
	CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INTEGER NOT NULL, end INTEGER NOT NULL, deviceId INTEGER, contextId INTEGER, streamId INTEGER,
		correlationId INTEGER, globalPid INTEGER, demangledName INTEGER, graphNodeId INTEGER);
	CREATE TABLE CUPTI_ACTIVITY_KIND_GRAPH_TRACE (start INTEGER, end INTEGER, deviceId INTEGER, contextId INTEGER, streamId INTEGER,
		correlationId INTEGER, globalPid INTEGER, graphId INTEGER, graphExecId INTEGER);
	CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME (start INTEGER, end INTEGER, eventClass INTEGER, globalTid INTEGER, correlationId INTEGER, nameId INTEGER);
	CREATE TABLE NVTX_EVENTS (start INTEGER NOT NULL, end INTEGER, eventType INTEGER, text TEXT, globalTid INTEGER, endGlobalTid INTEGER,
		textId INTEGER, domainId INTEGER);
	CREATE TABLE DIAGNOSTIC_EVENT (timestamp INTEGER, text TEXT);
`

// list formats events one a line: kind, start, end, pid, lane, correlation, name.
func list(tr *trace.Trace) []string {
	var all []string
	for _, e := range tr.Events {
		lane := tr.Tracks[e.Track]
		where := fmt.Sprintf("thread %d", lane.ID)
		if lane.Device >= 0 {
			where = fmt.Sprintf("gpu %d stream %d", tr.Devices[lane.Device].Index, lane.ID)
		}
		correlation := "-"
		if e.Correlation != trace.NoCorrelation {
			correlation = fmt.Sprint(e.Correlation)
		}
		all = append(all, fmt.Sprintf("%v %d..%d pid %s %s c=%s %s", e.Kind, e.Start, e.End, tr.Processes[lane.Process].PID, where, correlation, tr.Names.Text(e.Name)))
	}
	return all
}

// readRelative reads an export whose times stay relative to time 0.
func readRelative(t testing.TB, path string, kinds ...trace.Kind) *trace.Trace {
	t.Helper()
	tr := read(t, path, kinds...)
	if tr.Clock == trace.ClockUnix {
		origin := trace.Time(1700000000000000000 - 1000)
		for i := range tr.Events {
			tr.Events[i].Start -= origin
			tr.Events[i].End -= origin
		}
	}
	return tr
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Rule: a replay is one opaque kernel where its nodes were not recorded, and
// its nodes alone where they were: never both. The correlation ID that decides
// is that of a process.
func TestGraphReplaysCountOnce(t *testing.T) {
	path := makeExport(t, small+`
		INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (100, 150, 0, 1, 7, 5, 16777216, 1, 42), (150, 190, 0, 1, 7, 5, 16777216, 1, 43);
		INSERT INTO CUPTI_ACTIVITY_KIND_GRAPH_TRACE VALUES (100, 190, 0, 1, 7, 5, 16777216, 12, 13), (200, 300, 0, 1, 7, 5, 33554432, 12, 13),
			(300, 400, 0, 1, 7, 6, 16777216, 12, 13);`)
	tr := readRelative(t, path, trace.Kernel)
	wantLines(t, list(tr),
		"kernel 100..150 pid 1 gpu 0 stream 7 c=5 gemm(float *)",
		"kernel 150..190 pid 1 gpu 0 stream 7 c=5 gemm(float *)",
		"kernel 200..300 pid 2 gpu 0 stream 7 c=5 (CUDA graph 12)",
		"kernel 300..400 pid 1 gpu 0 stream 7 c=6 (CUDA graph 12)")
	if n := tr.Health.Count(trace.OpaqueGraph); n != 2 {
		t.Errorf("%d opaque graphs counted, want 2", n)
	}
	if d := tr.Details[tr.Events[0].Detail]; d.GraphNode != 42 {
		t.Errorf("graph node %d, want 42", d.GraphNode)
	}
}

// Rule: on a real capture without nodes each replay is one kernel with the
// times of its row, linked to its launch call.
func TestRealGraphReplays(t *testing.T) {
	path := export(t, "graph")
	tr := read(t, path, trace.Kernel, trace.Launch)
	links := trace.Link(tr)
	opaque, sum, linked := 0, int64(0), 0
	for i, e := range tr.Events {
		if strings.HasPrefix(tr.Names.Text(e.Name), "(CUDA graph ") {
			opaque++
			sum += int64(e.Len())
			if l := links.Launch[i]; l >= 0 && tr.Names.Text(tr.Events[l].Name) == "cudaGraphLaunch" {
				linked++
			}
		}
	}
	got := fmt.Sprintf("%d|%d|%d", opaque, sum, linked)
	compare(t, "replays|sum|linked", []string{got}, rows(t, openSQL(t, path),
		`SELECT count(*), sum(end - start), count(*) FROM CUPTI_ACTIVITY_KIND_GRAPH_TRACE`))
	if n := tr.Health.Count(trace.OpaqueGraph); n != int64(opaque) || n == 0 {
		t.Errorf("%d opaque graphs counted, %d kernels of them", n, opaque)
	}
}

// Rule: a range without an end lasts until the end of the capture; one that
// another thread ends belongs to the thread that began it; marks are instants;
// texts go before string IDs; a domain that is named later is named too.
func TestRanges(t *testing.T) {
	path := makeExport(t, small+`INSERT INTO NVTX_EVENTS VALUES
		(-50, 10, 59, 'negative', 16777217, NULL, NULL, 0),
		(20, 30, 60, 'handed over', 16777217, 16777218, NULL, 0),
		(40, NULL, 59, 'open', 16777218, NULL, NULL, 0),
		(50, NULL, 34, 'mark', 16777217, NULL, NULL, 0),
		(60, 70, 59, NULL, 33554433, NULL, 3, 1),
		(60, 70, 59, 'both', 16777217, NULL, 3, 0),
		(80, 90, 59, NULL, 16777217, NULL, 3, 1),
		(81, 85, 59, NULL, 16777217, NULL, 99, 0),
		(82, 84, 59, NULL, 16777217, NULL, 5, 0),
		(5, NULL, 75, 'NCCL', 33554433, NULL, NULL, 1);`)
	tr := readRelative(t, path, trace.Range, trace.Instant)
	wantLines(t, list(tr),
		"range -50..10 pid 1 thread 1 c=- negative",
		"range 20..30 pid 1 thread 1 c=- handed over",
		"range 40..10000 pid 1 thread 2 c=- open",
		"instant 50..50 pid 1 thread 1 c=- mark",
		"range 60..70 pid 1 thread 1 c=- both",
		"range 60..70 pid 2 thread 1 c=- NCCL:registered",
		"range 80..90 pid 1 thread 1 c=- domain 1:registered",
		"range 81..85 pid 1 thread 1 c=- (unknown name 99)",
		"range 82..84 pid 1 thread 1 c=- b\uFFFD")
	if u, i := tr.Health.Count(trace.UnbalancedRange), tr.Health.Count(trace.InvalidUTF8); u != 1 || i != 1 {
		t.Errorf("%d unbalanced ranges and %d bad texts counted, want 1 and 1", u, i)
	}
	if tr.Tracks[0].Name != "worker" {
		t.Errorf("thread is called %q, want its last name, worker", tr.Tracks[0].Name)
	}
}

// Rule: time 0 is the session's start, less what the export added to all times.
// With ts-normalize that is the whole of it: times are Unix times already.
func TestOrigin(t *testing.T) {
	for _, c := range []struct {
		name, script string
		origin       trace.Time
		clock        trace.Clock
	}{
		{"shifted", small, 1700000000000000000 - 1000, trace.ClockUnix},
		{"normalized", small + `UPDATE META_DATA_EXPORT SET value = '1700000000000000000' WHERE name = 'EXPORT_CONFIG_TIME_SHIFT'`, 0, trace.ClockUnix},
		{"no start time", small + `DROP TABLE TARGET_INFO_SESSION_START_TIME`, 0, trace.ClockUnknown},
	} {
		r, err := OpenSQLite(context.Background(), makeExport(t, c.script), trace.Want{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Origin() != c.origin || r.Header().Clock != c.clock {
			t.Errorf("%s: origin %d on clock %s, want %d on %s", c.name, r.Origin(), r.Header().Clock, c.origin, c.clock)
		}
		r.Close()
	}
}

// Rule: the same capture exported plainly, shifted and normalized is on one
// clock. The figures are those of three exports of one report by nsys 2025.3:
// a kernel at 917139800, 918139800 and 1795513474728852424.
func TestShiftsOfOneReport(t *testing.T) {
	const utc = 1795513473811712624
	for shift, start := range map[int64]int64{0: 917139800, 1000000: 918139800, utc: 1795513474728852424} {
		path := makeExport(t, fmt.Sprintf(small+`
			UPDATE META_DATA_EXPORT SET value = '%d' WHERE name = 'EXPORT_CONFIG_TIME_SHIFT';
			UPDATE TARGET_INFO_SESSION_START_TIME SET utcEpochNs = %d;
			INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (%d, %d, 0, 1, 7, 5, 16777216, 1, NULL)`, shift, int64(utc), start, start+10))
		if tr := read(t, path, trace.Kernel); tr.Events[0].Start != utc+917139800 {
			t.Errorf("shift %d: kernel at %d, want %d", shift, tr.Events[0].Start, int64(utc+917139800))
		}
	}
}

// Rule: an export that lacks tables and columns gives what it has.
func TestOldSchema(t *testing.T) {
	path := makeExport(t, `
		CREATE TABLE EXPORT_META_DATA (name TEXT, value TEXT);
		CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT);
		INSERT INTO StringIds VALUES (7, 'short');
		CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INT, end INT, shortName INT);
		INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (10, 20, 7), (30, NULL, 7), (50, 40, 8);
		CREATE TABLE CUPTI_ACTIVITY_KIND_MEMCPY (start INT, end INT, copyKind INT, bytes INT);
		INSERT INTO CUPTI_ACTIVITY_KIND_MEMCPY VALUES (5, 6, 1, 64), (6, 7, 77, 64);
		CREATE TABLE NVTX_EVENTS (end INT, text TEXT);
		INSERT INTO NVTX_EVENTS VALUES (1, 'has no start');`)
	tr := read(t, path)
	var got []string
	for _, e := range tr.Events {
		got = append(got, fmt.Sprint(e.Kind, " ", e.Span, " ", tr.Names.Text(e.Name), " ", tr.Tracks[e.Track].Process))
	}
	wantLines(t, got, "memcpy {5 6} Memcpy HtoD -1", "memcpy {6 7} Memcpy Unknown 77 -1", "kernel {10 20} short -1", "kernel {30 30} short -1", "kernel {50 50} (unknown name 8) -1")
	for kind, want := range map[trace.DefectKind]int64{trace.MissingDuration: 1, trace.NegativeDuration: 1, trace.ClockMissing: 1} {
		if n := tr.Health.Count(kind); n != want {
			t.Errorf("%d %s, want %d", n, kind, want)
		}
	}
}

// Rule: a newer schema is read as far as it is known, and pointed out once.
func TestNewerSchema(t *testing.T) {
	known := readRelative(t, makeExport(t, small)).Health.Count(trace.UnknownSchema)
	newer := readRelative(t, makeExport(t, small+`UPDATE META_DATA_EXPORT SET value = '4' WHERE name = 'EXPORT_SCHEMA_VERSION_MAJOR';
		ALTER TABLE CUPTI_ACTIVITY_KIND_KERNEL ADD COLUMN quantumState TEXT;
		INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (1, 2, 0, 1, 7, 5, 16777216, 1, NULL, 'up')`))
	if known != 0 || newer.Health.Count(trace.UnknownSchema) != 1 || len(newer.Events) != 1 {
		t.Errorf("unknown_schema %d times for a known one, %d for a newer one with %d events; want 0, 1, 1",
			known, newer.Health.Count(trace.UnknownSchema), len(newer.Events))
	}
}

// Rule: the schemas of the corpus are known, and all that is known is in order.
func TestGenerations(t *testing.T) {
	for i := 1; i < len(generations); i++ {
		if !generations[i].schema.after(generations[i-1].schema) {
			t.Errorf("generation %s is not behind %s", generations[i].product, generations[i-1].product)
		}
	}
	for _, path := range exports(t) {
		if n := read(t, path, trace.Memset).Health.Count(trace.UnknownSchema); n != 0 {
			t.Errorf("%s: schema is not known", path)
		}
	}
}

// Rule: what nsys says it dropped is counted; that something "might" be missing
// at the end of a capture range is not. The messages are nsys 2025.3's.
func TestDroppedRecords(t *testing.T) {
	path := makeExport(t, small+`INSERT INTO DIAGNOSTIC_EVENT VALUES
		(0, 'CUPTI dropped 17 records. Some CUPTI events might be missing.'),
		(0, 'Number of incomplete CUPTI events dropped: 5. Incomplete events appear when …'),
		(0, 'Number of CUPTI events produced: 	9, CUPTI buffers: 1 of 2. Some CUPTI events might be missing. To make sure …'),
		(0, 'Number of CUPTI events produced: 	14220, CUPTI buffers: 50.'),
		(0, 'Not all CUDA events might have been collected.');`)
	if n := read(t, path).Health.Count(trace.DroppedByProfiler); n != 17+5+1 {
		t.Errorf("%d records dropped, want 23", n)
	}
	if n := read(t, export(t, "qwenimage")).Health.Count(trace.DroppedByProfiler); n != 0 {
		t.Errorf("%d records dropped from a good capture", n)
	}
}

// Rule: devices are one where the export says which GPU a process means, also
// under different numbers, and apart where it does not. Waits lie on the device
// of their context: nsys writes 0 for all of them.
func TestDevices(t *testing.T) {
	const gpus = `CREATE TABLE TARGET_INFO_GPU (id INTEGER, cuDevice INTEGER, name TEXT, uuid TEXT, busLocation TEXT, totalMemory INTEGER);
		INSERT INTO TARGET_INFO_GPU VALUES (0, 1, 'A', 'AA-0', '0:1', 10), (1, 0, 'B', 'BB-1', '0:2', 20), (2, 0, 'Basic Display', '0000-00', '', 0);
		INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (1, 2, 0, 1, 7, 5, 16777216, 1, NULL), (3, 4, 1, 1, 7, 5, 33554432, 1, NULL), (5, 6, 0, 2, 7, 6, 33554432, 1, NULL);
		CREATE TABLE CUPTI_ACTIVITY_KIND_SYNCHRONIZATION (start INTEGER, end INTEGER, deviceId INTEGER, contextId INTEGER, streamId INTEGER, globalPid INTEGER, syncType INTEGER);
		INSERT INTO CUPTI_ACTIVITY_KIND_SYNCHRONIZATION VALUES (7, 8, 0, 1, 7, 33554432, 3), (8, 9, 0, 1, 4294967295, 33554432, 4);`
	sure := read(t, makeExport(t, small+gpus+`CREATE TABLE TARGET_INFO_CUDA_DEVICE (gpuId INTEGER, cudaId INTEGER, pid INTEGER);
		INSERT INTO TARGET_INFO_CUDA_DEVICE VALUES (0, 0, 1), (0, 1, 2), (1, 0, 2)`))
	wantLines(t, devices(sure), "0 A GPU-aa-0 0:1 10", "0 B GPU-bb-1 0:2 20")
	wantLines(t, deviceOfEvents(sure), "0", "0", "1", "0", "0")
	unsure := read(t, makeExport(t, small+gpus))
	wantLines(t, devices(unsure), "0 B   20", "1 A   10", "0 B   20")
	wantLines(t, deviceOfEvents(unsure), "0", "1", "2", "1", "1")
	if tr := read(t, export(t, "node"), trace.Kernel); len(tr.Devices) != 1 || len(tr.Processes) != 2 {
		t.Errorf("two processes on one GPU: %d devices of %d processes", len(tr.Devices), len(tr.Processes))
	}
}

func devices(tr *trace.Trace) []string {
	var all []string
	for _, d := range tr.Devices {
		all = append(all, fmt.Sprintf("%d %s %s %s %d", d.Index, d.Name, d.UUID, d.Bus, d.MemoryBytes))
	}
	return all
}

func deviceOfEvents(tr *trace.Trace) []string {
	var all []string
	for _, e := range tr.Events {
		all = append(all, fmt.Sprint(tr.Tracks[e.Track].Device))
	}
	return all
}
