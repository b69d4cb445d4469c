package nsys

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"

	"omnitrace/trace"
)

// corpus returns the path of a file of the public corpus and skips the test
// where it is not at hand.
func corpus(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("OMNITRACE_CORPUS")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "corpus")
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no corpus here (%v); set OMNITRACE_CORPUS to its folder", err)
	}
	return path
}

// exports lists the exports that the tests hold against SQL: those of testdata
// and those of the corpus, where it is at hand.
func exports(t *testing.T) []string {
	t.Helper()
	root := os.Getenv("OMNITRACE_CORPUS")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "corpus")
	}
	paths := testExports(t)
	for _, dir := range []string{"nsys", "vllm-omni/nsys"} {
		more, err := filepath.Glob(filepath.Join(root, dir, "*.sqlite"))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, more...)
	}
	return paths
}

// openSQL opens an export for the queries of a test.
func openSQL(t testing.TB, path string) *sqlite.Conn {
	t.Helper()
	conn, err := sqlite.OpenConn(fileURI(path)+"?immutable=1", sqlite.OpenReadOnly|sqlite.OpenURI)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// rows returns the rows of a query as texts, values separated by |, or nil
// where the export lacks a table or column of it.
func rows(t testing.TB, conn *sqlite.Conn, sql string) []string {
	t.Helper()
	stmt, _, err := conn.PrepareTransient(sql)
	if err != nil {
		if strings.Contains(err.Error(), "no such") {
			return nil
		}
		t.Fatal(err)
	}
	defer stmt.Finalize()
	var all []string
	for {
		more, err := stmt.Step()
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return all
		}
		cells := make([]string, stmt.ColumnCount())
		for i := range cells {
			cells[i] = stmt.ColumnText(i)
		}
		all = append(all, strings.Join(cells, "|"))
	}
}

func read(t testing.TB, path string, kinds ...trace.Kind) *trace.Trace {
	t.Helper()
	r, err := OpenSQLite(context.Background(), path, trace.Want{Kinds: trace.KindsOf(kinds...)})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := trace.Read(r)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// lines formats a map as sorted rows of "key|value".
func lines[K comparable](m map[K]string) []string {
	var all []string
	for k, v := range m {
		all = append(all, fmt.Sprintf("%v|%s", k, v))
	}
	slices.Sort(all)
	return all
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: got\n\t%s\nSQL says\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Rule: counts and sums of durations, per process, are those of plain SQL.
func TestCountsAndSums(t *testing.T) {
	for _, q := range []struct {
		kind trace.Kind
		sql  string
	}{
		{trace.Kernel, `SELECT (globalPid >> 24) & 0xFFFFFF, count(*), sum(end - start) FROM CUPTI_ACTIVITY_KIND_KERNEL GROUP BY globalPid`},
		{trace.Memcpy, `SELECT (globalPid >> 24) & 0xFFFFFF, count(*), sum(end - start) FROM CUPTI_ACTIVITY_KIND_MEMCPY GROUP BY globalPid`},
		{trace.Memset, `SELECT (globalPid >> 24) & 0xFFFFFF, count(*), sum(end - start) FROM CUPTI_ACTIVITY_KIND_MEMSET GROUP BY globalPid`},
		{trace.Sync, `SELECT (globalPid >> 24) & 0xFFFFFF, count(*), sum(end - start) FROM CUPTI_ACTIVITY_KIND_SYNCHRONIZATION GROUP BY globalPid`},
		{trace.Launch, `SELECT (globalTid >> 24) & 0xFFFFFF, count(*), sum(end - start) FROM CUPTI_ACTIVITY_KIND_RUNTIME GROUP BY globalTid & ~0xFFFFFF`},
		{trace.Other, `SELECT (globalTid >> 24) & 0xFFFFFF, count(*), sum(end - start) FROM OSRT_API GROUP BY globalTid & ~0xFFFFFF`},
		{trace.Range, `SELECT (globalTid >> 24) & 0xFFFFFF, count(*), sum(end - start) FROM NVTX_EVENTS WHERE eventType IN (59, 60) GROUP BY globalTid & ~0xFFFFFF`},
	} {
		for _, path := range exports(t) {
			if q.kind == trace.Kernel && graphOnly(t, path) {
				continue // its opaque rows are the subject of TestGraph…
			}
			t.Run(q.kind.String()+"/"+filepath.Base(path), func(t *testing.T) {
				tr := read(t, path, q.kind)
				count, sum := map[string]int{}, map[string]int64{}
				for _, e := range tr.Events {
					pid := tr.Processes[tr.Tracks[e.Track].Process].PID
					count[pid]++
					sum[pid] += int64(e.Len())
				}
				got := map[string]string{}
				for pid := range count {
					got[pid] = fmt.Sprintf("%d|%d", count[pid], sum[pid])
				}
				compare(t, "pid|count|sum", lines(got), rows(t, openSQL(t, path), q.sql))
			})
		}
	}
}

func graphOnly(t testing.TB, path string) bool {
	return len(rows(t, openSQL(t, path), `SELECT 1 FROM CUPTI_ACTIVITY_KIND_GRAPH_TRACE LIMIT 1`)) > 0
}

// Rule: kernels keep their demangled names and shapes; counts, sums, shortest
// and longest of each are those of SQL.
func TestKernelsByName(t *testing.T) {
	for _, path := range exports(t) {
		if graphOnly(t, path) {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			tr := read(t, path, trace.Kernel)
			type sums struct{ n, sum, min, max, blocks, threads int64 }
			by := map[string]sums{}
			for _, e := range tr.Events {
				s, ok := by[tr.Names.Text(e.Name)]
				d, x := int64(e.Len()), tr.Details[e.Detail]
				if !ok {
					s.min = d
				}
				s.n, s.sum, s.min, s.max = s.n+1, s.sum+d, min(s.min, d), max(s.max, d)
				s.blocks += int64(x.Grid[0]) * int64(x.Grid[1]) * int64(x.Grid[2])
				s.threads += int64(x.Block[0]) * int64(x.Block[1]) * int64(x.Block[2])
				by[tr.Names.Text(e.Name)] = s
			}
			got := map[string]string{}
			for name, s := range by {
				got[name] = fmt.Sprintf("%d|%d|%d|%d|%d|%d", s.n, s.sum, s.min, s.max, s.blocks, s.threads)
			}
			compare(t, "name|count|sum|min|max|blocks|threads", lines(got), rows(t, openSQL(t, path), `
				SELECT s.value, count(*), sum(end - start), min(end - start), max(end - start), sum(gridX * gridY * gridZ), sum(blockX * blockY * blockZ)
				FROM CUPTI_ACTIVITY_KIND_KERNEL JOIN StringIds s ON s.id = demangledName GROUP BY 1`))
		})
	}
}

// busySQL is the union of the GPU rows' spans: a row adds what lies behind the
// latest end of all rows before it.
const busySQL = `
	WITH gpu AS (%s),
	     ends AS (SELECT pid, device, start, end, max(end) OVER (
	         PARTITION BY pid, device ORDER BY start, end DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered FROM gpu)
	SELECT pid, device, sum(max(0, end - max(start, ifnull(covered, start)))) FROM ends GROUP BY 1, 2`

// Rule: the time in which a device was busy with a process is the union of
// the spans of its GPU rows.
func TestBusy(t *testing.T) {
	for _, path := range exports(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			tr := read(t, path, trace.Kernel, trace.Memcpy, trace.Memset)
			by := map[string][]trace.Event{}
			for _, e := range tr.Events {
				lane := tr.Tracks[e.Track]
				key := fmt.Sprintf("%s|%d", tr.Processes[lane.Process].PID, tr.Devices[lane.Device].Index)
				by[key] = append(by[key], e)
			}
			got := map[string]string{}
			for key, events := range by {
				got[key] = fmt.Sprint(int64(trace.Busy(events)))
			}
			conn := openSQL(t, path)
			var parts []string
			for _, name := range []string{"KERNEL", "MEMCPY", "MEMSET", "GRAPH_TRACE"} {
				part := "SELECT (globalPid >> 24) & 0xFFFFFF AS pid, deviceId AS device, start, end FROM CUPTI_ACTIVITY_KIND_" + name
				if rows(t, conn, part) != nil {
					parts = append(parts, part)
				}
			}
			compare(t, "pid|device|busy", lines(got), rows(t, conn, fmt.Sprintf(busySQL, strings.Join(parts, " UNION ALL "))))
		})
	}
}

// Rule: NVTX ranges have the text or the registered string of their row,
// behind the name of a domain that is not the default one.
func TestRangesByName(t *testing.T) {
	for _, path := range exports(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			tr := read(t, path, trace.Range)
			count, sum := map[string]int{}, map[string]int64{}
			for _, e := range tr.Events {
				count[tr.Names.Text(e.Name)]++
				sum[tr.Names.Text(e.Name)] += int64(e.Len())
			}
			got := map[string]string{}
			for name := range count {
				got[name] = fmt.Sprintf("%d|%d", count[name], sum[name])
			}
			compare(t, "name|count|sum", lines(got), rows(t, openSQL(t, path), `
				SELECT CASE WHEN n.domainId = 0 THEN '' ELSE ifnull(d.text, ds.value) || ':' END || ifnull(n.text, s.value), count(*), sum(n.end - n.start)
				FROM NVTX_EVENTS n LEFT JOIN StringIds s ON s.id = n.textId
				LEFT JOIN NVTX_EVENTS d ON d.eventType = 75 AND d.domainId = n.domainId AND d.globalTid >> 24 = n.globalTid >> 24
				LEFT JOIN StringIds ds ON ds.id = d.textId
				WHERE n.eventType IN (59, 60) GROUP BY 1`))
		})
	}
}

// Rule: copies and fills are named by direction and memory as torch names
// them, and carry their bytes.
func TestCopiesByName(t *testing.T) {
	const words = `CASE %s WHEN 0 THEN 'Pageable' WHEN 1 THEN 'Pinned' WHEN 2 THEN 'Device' WHEN 4 THEN 'Managed' ELSE 'Unknown' END`
	for _, path := range exports(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			tr := read(t, path, trace.Memcpy, trace.Memset)
			count, bytes := map[string]int{}, map[string]int64{}
			for _, e := range tr.Events {
				count[tr.Names.Text(e.Name)]++
				bytes[tr.Names.Text(e.Name)] += tr.Details[e.Detail].Bytes
			}
			got := map[string]string{}
			for name := range count {
				got[name] = fmt.Sprintf("%d|%d", count[name], bytes[name])
			}
			conn := openSQL(t, path)
			want := rows(t, conn, fmt.Sprintf(`SELECT 'Memcpy ' || CASE copyKind WHEN 1 THEN 'HtoD' WHEN 2 THEN 'DtoH' WHEN 8 THEN 'DtoD'
					WHEN 11 THEN 'Unified HtoD' WHEN 12 THEN 'Unified DtoH' END ||
				CASE WHEN srcKind = 7 THEN '' ELSE ' (' || %s || ' -> ' || %s || ')' END, count(*), sum(bytes)
				FROM CUPTI_ACTIVITY_KIND_MEMCPY GROUP BY 1`, fmt.Sprintf(words, "srcKind"), fmt.Sprintf(words, "dstKind")))
			want = append(want, rows(t, conn, fmt.Sprintf(`SELECT 'Memset (' || %s || ')', count(*), sum(bytes)
				FROM CUPTI_ACTIVITY_KIND_MEMSET GROUP BY 1`, fmt.Sprintf(words, "memKind")))...)
			compare(t, "name|count|bytes", lines(got), want)
		})
	}
}

// Rule: a kernel's launch call is looked for in its own process only, and is
// the outermost row with its correlation ID.
func TestLinksToLaunches(t *testing.T) {
	for _, path := range exports(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			tr := read(t, path, trace.Kernel, trace.Launch)
			links := trace.Link(tr)
			linked := map[string]string{}
			n := map[string]int{}
			for i, e := range tr.Events {
				if e.Kind == trace.Kernel && links.Launch[i] >= 0 {
					call := tr.Events[links.Launch[i]]
					if a, b := tr.Tracks[e.Track].Process, tr.Tracks[call.Track].Process; a != b {
						t.Fatalf("kernel of process %d linked to a call of process %d", a, b)
					}
					n[tr.Processes[tr.Tracks[e.Track].Process].PID]++
				}
			}
			for pid, n := range n {
				linked[pid] = fmt.Sprint(n)
			}
			conn := openSQL(t, path)
			from := "CUPTI_ACTIVITY_KIND_KERNEL"
			if graphOnly(t, path) {
				from = `(SELECT globalPid, correlationId FROM CUPTI_ACTIVITY_KIND_KERNEL UNION ALL SELECT globalPid, correlationId FROM CUPTI_ACTIVITY_KIND_GRAPH_TRACE)`
			}
			compare(t, "pid|linked kernels", lines(linked), rows(t, conn, `
				SELECT (globalPid >> 24) & 0xFFFFFF, count(*) FROM `+from+`
				WHERE (globalPid >> 24, correlationId) IN (SELECT globalTid >> 24, correlationId FROM CUPTI_ACTIVITY_KIND_RUNTIME) GROUP BY 1`))
		})
	}
}

// Rule: whatever is wanted, each wanted kind's events are the same.
func TestWantOnlyFilters(t *testing.T) {
	for _, path := range testExports(t) {
		all := read(t, path)
		for kind := range trace.Flow {
			some := read(t, path, kind)
			var want []string
			for _, e := range all.Events {
				if e.Kind == kind {
					want = append(want, describe(all, e))
				}
			}
			var got []string
			for _, e := range some.Events {
				got = append(got, describe(some, e))
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v: %d events alone, %d among all", path, kind, len(got), len(want))
			}
		}
	}
}

func describe(tr *trace.Trace, e trace.Event) string {
	lane := tr.Tracks[e.Track]
	device := trace.Device{Index: -1}
	if lane.Device >= 0 {
		device = tr.Devices[lane.Device]
	}
	return fmt.Sprint(e.Span, e.Correlation, tr.Names.Text(e.Name), lane.ID, device, tr.Processes[lane.Process], tr.Details[e.Detail])
}
