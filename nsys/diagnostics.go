package nsys

import (
	"regexp"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"

	"omnitrace/trace"
)

// dropped are nsys's words for GPU records that it did not get into the report
// (seen in its injection library, 2025.3), most telling first. The number is
// that of the records; a message without one counts as one. "Not all CUDA
// events might have been collected" is none of them: every capture that ends
// with its range says so.
var dropped = []*regexp.Regexp{
	regexp.MustCompile(`CUPTI dropped (\d+) records`),
	regexp.MustCompile(`incomplete CUPTI events dropped: (\d+)`),
	regexp.MustCompile(`(\d+) GPU events were discarded`),
	regexp.MustCompile(`(?i)couldn't allocate CUPTI buffers (\d+) times`),
	regexp.MustCompile(`Some CUPTI events might be missing`),
}

func droppedRecords(message string) int64 {
	for _, re := range dropped {
		switch m := re.FindStringSubmatch(message); len(m) {
		case 0:
		case 1:
			return 1
		default:
			n, _ := strconv.ParseInt(m[1], 10, 64)
			return n
		}
	}
	return 0
}

// diagnostics counts the records that nsys says it lost.
func (r *reader) diagnostics() {
	r.about.rows(r.db, "DIAGNOSTIC_EVENT", "text", func(s *sqlite.Stmt) {
		r.header.Health.AddN(trace.DroppedByProfiler, droppedRecords(s.ColumnText(0)), -1)
	})
}

// graphMode returns how CUDA graphs were recorded ("node", "graph"), as far as
// the capture's settings say. Their key has the number of the process in front
// up to 2025.
func (r *reader) graphMode() string {
	mode := ""
	r.about.rows(r.db, "META_DATA_CAPTURE", "name, value", func(s *sqlite.Stmt) {
		if strings.HasSuffix(s.ColumnText(0), "CUDA_GRAPH_TRACE_OPTIONS:MODE") {
			mode = strings.ToLower(s.ColumnText(1))
		}
	})
	return mode
}

// lastRow returns the highest row number of a table: the number of its rows,
// as nsys numbers them from 1 and deletes none. It is found without a scan.
func (r *reader) lastRow(table string) (n int64) {
	// An error here (a cut-off file lacks its last rows first) leaves 0.
	_ = r.db.query("SELECT ifnull(max(rowid), 0) FROM "+quote(table), func(s *sqlite.Stmt) { n = s.ColumnInt64(0) })
	return n
}
