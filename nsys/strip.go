package nsys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"
)

// Exports say more than they show. With default settings nsys stores the
// environment of the profiled processes (META_DATA_CAPTURE, TARGET_INFO_SYSTEM_ENV),
// everything that they printed (StringIds, by way of ProcessStreams), command
// lines, host and user names, paths of modules, and the names of all processes
// of the machine. The lists below name what may stay; the rest is not copied.

// sharedTables are the tables that may be shared, as patterns of package path.
// Texts in them go, unless sharedTexts has their column.
var sharedTables = []string{
	"CUPTI_ACTIVITY_KIND_*", "CUDA_GRAPH_*", "CUDA_UM_*", "CUDA_GPU_MEMORY_*", "CUBLAS_EVENTS", "CUDNN_EVENTS",
	"NVTX_EVENTS", "OSRT_API", "PROFILER_OVERHEAD", "GPU_METRICS", "GPU_CONTEXT_SWITCH_EVENTS", "MPI_*",
	"TARGET_INFO_GPU", "TARGET_INFO_GPU_METRICS", "TARGET_INFO_CUDA_*", "TARGET_INFO_NVTX_CUDA_*",
	"TARGET_INFO_SESSION_START_TIME", "ANALYSIS_DETAILS", "ENUM_*",
}

// sharedTexts are the columns whose texts may be shared: names of ranges and
// streams that the program gave, names of GPUs, words for numbers, facts of
// chosen rows.
var sharedTexts = []string{
	"NVTX_EVENTS.text", "TARGET_INFO_GPU.name", "TARGET_INFO_GPU.uuid", "TARGET_INFO_GPU.busLocation", "TARGET_INFO_GPU.chipName",
	"TARGET_INFO_GPU_METRICS.metricName", "TARGET_INFO_NVTX_CUDA_*.name", "TARGET_INFO_SESSION_START_TIME.utcTime",
	"ENUM_*.name", "ENUM_*.label", "DIAGNOSTIC_EVENT.text",
	"META_DATA_*.*", "EXPORT_META_DATA.*", "TARGET_INFO_SYSTEM_ENV.name", "TARGET_INFO_SYSTEM_ENV.value",
}

// sharedRows are the tables of which some rows may be shared, by the patterns
// that the given column must match one of.
var sharedRows = []struct {
	table, column string
	patterns      []string // of SQL's GLOB
}{
	{"META_DATA_EXPORT", "name", exportFacts},
	{"EXPORT_META_DATA", "name", exportFacts},
	{"META_DATA_CAPTURE", "name", []string{"*CUDA_GRAPH_TRACE_OPTIONS:*", "CAPTURE_EVENT_TYPE", "*_TRIGGER", "RUN_DURATION_MS", "START_DELAY_MS"}},
	{"TARGET_INFO_SYSTEM_ENV", "name", []string{"NvDriverVersion", "CudaDriverVersion", "CpuCores", "CpuDescription", "CpuArchitecture"}},
	{"DIAGNOSTIC_EVENT", "text", []string{"Number of *", "*CUPTI events*", "CUPTI dropped *", "* GPU events were discarded*", "*allocate CUPTI buffers*"}},
}

var exportFacts = []string{
	"EXPORT_PRODUCT_*", "EXPORT_SCHEMA_VERSION*", "EXPORT_PLATFORM", "EXPORT_ARCH", "EXPORT_PARAM_TIME_NORMALIZE", "EXPORT_*_TIME_SHIFT",
}

// stringColumns are the columns that hold string IDs, in whatever table.
var stringColumns = []string{"nameId", "endNameId", "textId", "demangledName", "shortName", "mangledName"}

// processColumns are those that say whose a row is.
var processColumns = []string{"globalPid", "globalTid", "endGlobalTid"}

// Strip writes a copy of the export in to out that can be shown to others: it
// has the same events, without environment variables, process output, command
// lines, paths, host and user names, and processes that did nothing. What the
// program itself put into NVTX ranges and thread names stays.
//
// The copy is made beside out as out.tmp and renamed when it is complete; an
// existing file is replaced. What was left out comes back by sort, the most
// telling first.
func Strip(ctx context.Context, in, out string) (left []LeftOut, err error) {
	src, err := openDatabase(ctx, in)
	if err != nil {
		return nil, err
	}
	defer src.conn.Close()
	if src.damage != "" {
		return nil, src.unreadable(errors.New("a damaged file can't be stripped"))
	}
	tmp := out + ".tmp"
	if err := removeIfThere(tmp); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("stripping %s: %w", in, err), removeIfThere(tmp))
		}
	}()
	if left, err = src.copyTo(ctx, tmp); err != nil {
		return nil, err
	}
	return left, os.Rename(tmp, out)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// copyTo writes what may be shared to a new file, every row in its last form: a
// row that is changed or deleted later leaves its old bytes in the file.
func (d *database) copyTo(ctx context.Context, to string) (left []LeftOut, err error) {
	conn, err := sqlite.OpenConn(fileURI(to), sqlite.OpenReadWrite|sqlite.OpenCreate|sqlite.OpenURI)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	conn.SetInterrupt(ctx.Done())
	c := copier{from: d, to: conn}
	c.err = conn.CreateFunction("bare_name", &sqlite.FunctionImpl{NArgs: 1, Deterministic: true,
		Scalar: func(_ sqlite.Context, args []sqlite.Value) (sqlite.Value, error) {
			return sqlite.TextValue(bareName(args[0].Text())), nil
		}})
	c.run("PRAGMA journal_mode=OFF")
	c.run("PRAGMA synchronous=OFF")
	c.run("ATTACH " + literal(fileURI(d.path)+"?immutable=1&mode=ro") + " AS src")
	c.run("BEGIN")
	c.schema()
	c.tables()
	c.processes()
	c.strings()
	c.run("COMMIT")
	left = c.leftOut()
	return left, c.err
}

// A copier copies tables from one database to another, until an error.
type copier struct {
	from   *database
	to     *sqlite.Conn
	copied []string // tables so far
	err    error
}

func (c *copier) run(sql string) {
	if c.err == nil {
		c.err = query(c.to, sql, func(*sqlite.Stmt) {})
	}
}

// schema declares all tables before the first row, so that the declarations
// stand at the head of the file, where readers look for what it is.
func (c *copier) schema() {
	some := []string{"PROCESSES", "ThreadNames", "StringIds"}
	for _, s := range sharedRows {
		some = append(some, s.table)
	}
	for _, table := range c.from.tableNames() {
		if matches(table, sharedTables) || slices.Contains(some, table) {
			c.create(table)
		}
	}
}

// tables copies the tables of events and facts.
func (c *copier) tables() {
	for _, table := range c.from.tableNames() {
		if matches(table, sharedTables) {
			c.copy(table, "true")
		}
	}
	for _, some := range sharedRows {
		var any []string
		for _, p := range some.patterns {
			any = append(any, quote(some.column)+" GLOB "+literal(p))
		}
		if _, ok := c.from.columns[some.table][some.column]; ok {
			c.copy(some.table, strings.Join(any, " OR "))
		}
	}
}

// processes copies the names of the processes that have events, without what
// may be a path before them or arguments behind them, and of their threads.
func (c *copier) processes() {
	var whose []string
	for _, table := range c.copied {
		for _, column := range processColumns {
			if _, ok := c.from.columns[table][column]; ok {
				whose = append(whose, fmt.Sprintf("SELECT %s >> %d FROM %s", quote(column), threadBits, quote(table)))
			}
		}
	}
	if len(whose) == 0 {
		return
	}
	c.run("CREATE TEMP TABLE whose AS " + strings.Join(whose, " UNION "))
	if c.from.columns["PROCESSES"] != nil {
		c.copy("PROCESSES", fmt.Sprintf("globalPid >> %d IN whose", threadBits))
	}
	if c.from.columns["ThreadNames"] != nil {
		c.copy("ThreadNames", fmt.Sprintf("globalTid >> %d IN whose", threadBits))
	}
	c.run("DROP TABLE whose")
}

// bareName returns "server" for "/home/me/server --key …". Titles that programs
// give themselves ("VLLM::Worker TP0") lose what follows a blank too.
func bareName(name string) string {
	name, _, _ = strings.Cut(name, " ")
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// strings copies the strings that something copied refers to.
func (c *copier) strings() {
	var used []string
	for _, table := range c.copied {
		for _, column := range stringColumns {
			if _, ok := c.from.columns[table][column]; ok {
				used = append(used, fmt.Sprintf("SELECT %s FROM main.%s", quote(column), quote(table)))
			}
		}
	}
	if len(used) == 0 || c.from.columns["StringIds"] == nil {
		return
	}
	c.run("INSERT INTO main.StringIds SELECT * FROM src.StringIds WHERE id IN (" + strings.Join(used, " UNION ") + ")")
	c.copied = append(c.copied, "StringIds")
}

// copy copies the rows of a table that a condition holds for, in their order,
// with the texts that may be shared.
func (c *copier) copy(table, condition string) {
	var list []string
	for _, column := range c.columns(table) {
		list = append(list, column.shared(table))
	}
	c.run("INSERT INTO main." + quote(table) + " SELECT " + strings.Join(list, ",") + " FROM src." + quote(table) +
		" WHERE " + condition + " ORDER BY rowid")
	c.copied = append(c.copied, table)
}

// create makes a table with the columns of the original.
func (c *copier) create(table string) {
	var list []string
	for _, column := range c.columns(table) {
		list = append(list, column.definition())
	}
	c.run("CREATE TABLE main." + quote(table) + " (" + strings.Join(list, ", ") + ")")
}

func (c *copier) columns(table string) []columnInfo {
	columns, err := c.from.columnInfos(table)
	if c.err == nil {
		c.err = err
	}
	return columns
}

// A columnInfo is a row of SQLite's table_info.
type columnInfo struct {
	name, kind       string
	notNull, isRowID bool
}

func (c columnInfo) definition() string {
	s := quote(c.name) + " " + c.kind
	if c.notNull {
		s += " NOT NULL"
	}
	if c.isRowID {
		s += " PRIMARY KEY"
	}
	return s
}

// shared returns the expression by which a column is copied. SQLite does not
// hold values to their column's type, so that numbers are checked to be some.
func (c columnInfo) shared(table string) string {
	instead := "NULL"
	switch {
	case table == "PROCESSES" && c.name == "name":
		return "bare_name(name)"
	case matches(table+"."+c.name, sharedTexts):
		return quote(c.name)
	case c.notNull && c.number():
		instead = "0"
	case c.notNull:
		instead = "''"
	}
	if !c.number() {
		return instead
	}
	return fmt.Sprintf("iif(typeof(%s) IN ('text', 'blob'), %s, %[1]s)", quote(c.name), instead)
}

func (c columnInfo) number() bool { return c.kind == "INTEGER" || c.kind == "REAL" }

func (d *database) columnInfos(table string) ([]columnInfo, error) {
	var all []columnInfo
	err := d.query("SELECT name, type, \"notnull\", pk FROM pragma_table_info("+literal(table)+")", func(s *sqlite.Stmt) {
		c := columnInfo{s.ColumnText(0), "", s.ColumnBool(2), s.ColumnInt(3) == 1}
		// The declared type is text from the file: only known ones are repeated.
		for _, known := range []string{"INTEGER", "REAL", "TEXT", "BLOB"} {
			if strings.EqualFold(s.ColumnText(1), known) || (known == "INTEGER" && strings.EqualFold(s.ColumnText(1), "INT")) {
				c.kind = known
			}
		}
		all = append(all, c)
	})
	return all, err
}

func (d *database) tableNames() []string {
	var names []string
	for name := range d.columns {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func matches(name string, patterns []string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return false
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
