package nsys

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"zombiezen.com/go/sqlite"
)

// The first bytes of the files that nsys writes.
const (
	sqliteMagic = "SQLite format 3\x00"
	reportMagic = "NVIDIA Tegra Profiler Report"
)

// A database is an export, opened only for reading, and what tables it has.
type database struct {
	path    string
	conn    *sqlite.Conn
	columns map[string]map[string]bool // by table and column: is NULL ruled out?
	damage  string                     // how the file is cut off, "" where it is whole
	size    int64                      // of the file in bytes
}

// openDatabase opens the export at path. The file is not written to, and no
// lock, journal or shared memory is made beside it.
func openDatabase(ctx context.Context, path string) (*database, error) {
	size, damage, err := checkFile(path)
	if err != nil {
		return nil, err
	}
	d := &database{path: path, size: size, damage: damage}
	if d.conn, err = d.connect(ctx); err != nil {
		return nil, err
	}
	if err := d.probe(); err != nil {
		d.conn.Close()
		return nil, err
	}
	return d, nil
}

// connect opens one more connection. "immutable" tells SQLite that nobody
// changes the file: it takes no locks and looks for no journal.
func (d *database) connect(ctx context.Context) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(fileURI(d.path)+"?immutable=1", sqlite.OpenReadOnly|sqlite.OpenURI)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", d.path, err)
	}
	if d.damage != "" {
		// Only so does SQLite open a file that is shorter than it says.
		if err := query(conn, "PRAGMA writable_schema=ON", func(*sqlite.Stmt) {}); err != nil {
			conn.Close()
			return nil, d.unreadable(err)
		}
	}
	conn.SetInterrupt(ctx.Done())
	return conn, nil
}

func fileURI(path string) string {
	return (&url.URL{Scheme: "file", Opaque: url.PathEscape(path)}).String()
}

// checkFile looks at the file from outside, for the errors that SQLite would
// report in words that help nobody. It returns the file's size, and how it is
// cut off, if it is.
func checkFile(path string) (size int64, damage string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, "", err
	}
	var head [100]byte
	n, err := io.ReadFull(f, head[:])
	switch {
	case info.IsDir():
		return 0, "", fmt.Errorf("opening %s: is a directory, not an nsys export", path)
	case n == 0:
		return 0, "", fmt.Errorf("opening %s: the file is empty; did `nsys export` end early? run it again", path)
	case strings.HasPrefix(string(head[:n]), reportMagic):
		return 0, "", fmt.Errorf("opening %s: an nsys report, not an SQLite file; run `nsys export --type sqlite` on it", path)
	case !strings.HasPrefix(string(head[:n]), sqliteMagic):
		return 0, "", fmt.Errorf("opening %s: not an SQLite file (it begins with %q); was it made by `nsys export --type sqlite`?", path, head[:min(n, 16)])
	case err != nil:
		return 0, "", fmt.Errorf("opening %s: cut off after %d bytes; export or copy it again", path, n)
	}
	if err := checkIdle(path, &head); err != nil {
		return 0, "", err
	}
	if whole := fileSize(&head); info.Size() < whole {
		return info.Size(), fmt.Sprintf("%d of %d bytes", info.Size(), whole), nil
	}
	return info.Size(), "", nil
}

// fileSize returns the size that an SQLite file's header declares: page size
// at offset 16 (1 means 65536), pages at 28; sqlite.org/fileformat2.html.
func fileSize(head *[100]byte) int64 {
	page := int64(binary.BigEndian.Uint16(head[16:]))
	if page == 1 {
		page = 1 << 16
	}
	return page * int64(binary.BigEndian.Uint32(head[28:]))
}

// checkIdle refuses a file that is being written, or whose latest content
// still stands in a journal beside it.
func checkIdle(path string, head *[100]byte) error {
	for _, journal := range []struct{ suffix, remedy string }{
		{"-wal", "close the program that writes it, or fold it in: sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)'"},
		{"-journal", "wait until `nsys export` is done, or run it again"},
	} {
		if info, err := os.Stat(path + journal.suffix); err == nil && info.Size() > 0 {
			return fmt.Errorf("opening %s: part of its content is still in %s%s (%d bytes); %s", path, path, journal.suffix, info.Size(), journal.remedy)
		}
	}
	// A file in WAL mode (2 at offset 18) has its writers' log beside it, and
	// asking after locks would create one.
	if head[18] == 2 || !locked(path) {
		return nil
	}
	return fmt.Errorf("opening %s: locked by another program that writes it; wait until it is done, or read a copy", path)
}

// locked asks SQLite, without "immutable", whether somebody writes the file.
// Other errors (a directory that can hold no locks) say nothing about that.
func locked(path string) bool {
	conn, err := sqlite.OpenConn(fileURI(path), sqlite.OpenReadOnly|sqlite.OpenURI)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetBusyTimeout(0)
	err = query(conn, "PRAGMA schema_version", func(*sqlite.Stmt) {})
	code := sqlite.ErrCode(err).ToPrimary()
	return code == sqlite.ResultBusy || code == sqlite.ResultLocked
}

// probe lists the tables and columns, and refuses what is no export.
func (d *database) probe() error {
	d.columns = map[string]map[string]bool{}
	err := d.query(`SELECT m.name, c.name, c."notnull" OR c.pk FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'`,
		func(s *sqlite.Stmt) {
			name := s.ColumnText(0)
			if d.columns[name] == nil {
				d.columns[name] = map[string]bool{}
			}
			d.columns[name][s.ColumnText(1)] = s.ColumnBool(2)
		})
	if err != nil {
		return d.unreadable(err)
	}
	for _, name := range exportTables {
		if d.columns[name] != nil {
			return nil
		}
	}
	for i := range tables {
		if d.columns[tables[i].name] != nil {
			return nil
		}
	}
	return fmt.Errorf("opening %s: an SQLite file, but not an nsys export: none of its %d tables is known", d.path, len(d.columns))
}

// unreadable words an error that came before the first event.
func (d *database) unreadable(err error) error {
	if d.damage != "" {
		return fmt.Errorf("opening %s: cut off, only %s are there; export or copy it again: %w", d.path, d.damage, err)
	}
	return fmt.Errorf("opening %s: %w; is the file damaged?", d.path, err)
}

// pick returns the first of a column's names that the table has, and whether
// its values are never NULL.
func (d *database) pick(table string, c column) (name string, filled bool) {
	for _, name := range c.names {
		if filled, ok := d.columns[table][name]; ok {
			return name, filled
		}
	}
	return "", false
}

func (d *database) query(sql string, row func(*sqlite.Stmt), args ...int64) error {
	return query(d.conn, sql, row, args...)
}

// query runs sql and calls row for each row of its result.
func query(conn *sqlite.Conn, sql string, row func(*sqlite.Stmt), args ...int64) error {
	stmt, _, err := conn.PrepareTransient(sql)
	if err != nil {
		return err
	}
	defer stmt.Finalize()
	for i, a := range args {
		stmt.BindInt64(i+1, a)
	}
	for {
		switch more, err := stmt.Step(); {
		case err != nil:
			return err
		case !more:
			return nil
		}
		row(stmt)
	}
}
