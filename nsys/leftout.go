package nsys

import (
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"
)

// A LeftOut is a sort of content that a stripped copy does not have.
type LeftOut struct {
	What   string   // in words: "what the processes printed"
	Tables []string // where the export had it, sorted
	Rows   int64    // rows that are not in the copy
}

// contents says what tables hold that is not shared, the most telling first.
// The last entry has all other tables.
var contents = []struct {
	what   string
	tables []string // patterns of package path
}{
	{"environment variables, command lines, host and user of the capture", []string{"META_DATA_CAPTURE"}},
	{"environment variables and facts of the host", []string{"TARGET_INFO_SYSTEM_ENV"}},
	{"what the processes printed", []string{"ProcessStreams", "ANALYSIS_FILE"}},
	{"host, user and paths of the export", exportTables},
	{"names of processes without events, and of their threads", []string{"PROCESSES", "ThreadNames"}},
	{"strings that no event uses", []string{"StringIds"}},
	{"messages of nsys that may name files", []string{"DIAGNOSTIC_EVENT"}},
	{"call stacks with the paths of modules", []string{"*CALLCHAIN*", "COMPOSITE_EVENTS", "SCHED_EVENTS", "PERF_EVENT*"}},
	{"other facts of the machine", []string{"TARGET_INFO_*", "*NIC*", "NET_*"}},
	{"other tables", []string{"*"}},
}

// leftOut counts the rows that were not copied.
func (c *copier) leftOut() []LeftOut {
	all := make([]LeftOut, len(contents))
	for _, table := range c.from.tableNames() {
		missing := c.rows("src", table)
		if slices.Contains(c.copied, table) {
			missing -= c.rows("main", table)
		}
		if missing == 0 {
			continue
		}
		for i, content := range contents {
			if matches(table, content.tables) {
				all[i].What = content.what
				all[i].Tables = append(all[i].Tables, table)
				all[i].Rows += missing
				break
			}
		}
	}
	return slices.DeleteFunc(all, func(l LeftOut) bool { return l.Rows == 0 })
}

func (c *copier) rows(database, table string) (n int64) {
	if c.err == nil {
		c.err = query(c.to, fmt.Sprintf("SELECT count(*) FROM %s.%s", database, quote(table)), func(s *sqlite.Stmt) { n = s.ColumnInt64(0) })
	}
	return n
}
