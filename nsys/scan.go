package nsys

import (
	"context"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"
)

// blockRows is the number of rows that travel together from the goroutine that
// reads the file to the one that makes events of them.
const blockRows = 4096

// blocks is how many blocks there are: one that is being converted, one that
// is being filled, and some between them to even out the two.
const blocks = 4

// A block is a run of rows of one table, as integers, row after row.
type block struct {
	table *table
	cells []int64
	texts []byte // what the text cells of this block refer to
	err   error  // why the table ends here; the rows before it are good
}

// text returns the text that a cell stands for.
func (b *block) text(cell int64) []byte { return b.texts[cell>>32 : cell>>32+cell&(1<<32-1)] }

// A plan is one SELECT: the rows of a table that an export has.
type plan struct {
	table *table
	sql   string
}

// plan writes the SELECT for t, and false where the export has no such table
// or lacks a column without which its rows mean nothing. A missing column is a
// constant in its place, so that the rows of all versions look alike. In a file
// that is cut off, columns that can't be NULL are, where a page is not all there.
func (d *database) plan(t *table) (plan, bool) {
	if d.columns[t.name] == nil {
		return plan{}, false
	}
	var list []string
	for i, c := range t.columns {
		if name, _ := d.pick(t.name, c); name == "" && c.needed {
			return plan{}, false
		}
		list = append(list, d.cell(t, i))
	}
	return plan{t, "SELECT " + strings.Join(list, ",") + " FROM " + quote(t.name)}, true
}

// cell writes the expression for column i of t.
func (d *database) cell(t *table, i int) string {
	c := t.columns[i]
	switch name, filled := d.pick(t.name, c); {
	case name == "":
		return fmt.Sprintf("(%d)", c.missing)
	case c.text || (filled && d.damage == ""):
		return quote(name)
	default:
		return fmt.Sprintf("ifnull(%s,(%d))", quote(name), c.missing)
	}
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// A scanner reads one planned table, ahead of the reader: stepping through
// SQLite and making events of the rows take about the same time.
type scanner struct {
	full  chan *block // filled, in file order; closed at the end
	empty chan *block // ready for use
	stop  context.CancelFunc
	done  chan struct{}
}

// scan starts reading a table over a connection, which the scanner owns.
func scan(ctx context.Context, conn *sqlite.Conn, p plan) *scanner {
	ctx, stop := context.WithCancel(ctx)
	s := &scanner{make(chan *block, blocks), make(chan *block, blocks), stop, make(chan struct{})}
	for range blocks {
		s.empty <- new(block)
	}
	conn.SetInterrupt(ctx.Done())
	go func() {
		defer close(s.done)
		defer conn.Close()
		defer close(s.full)
		s.table(ctx, conn, p)
	}()
	return s
}

// table reads the table to its end.
func (s *scanner) table(ctx context.Context, conn *sqlite.Conn, p plan) {
	stmt, _, err := conn.PrepareTransient(p.sql)
	if err == nil {
		defer stmt.Finalize()
	}
	for more := err == nil; ; {
		var b *block
		select {
		case b = <-s.empty:
		case <-ctx.Done():
			return
		}
		b.table, b.cells, b.texts, b.err = p.table, b.cells[:0], b.texts[:0], err
		if more {
			more, b.err = b.fill(stmt)
		}
		s.full <- b // has room for all blocks
		if !more {
			return
		}
	}
}

// fill steps through the result until the block is full.
func (b *block) fill(stmt *sqlite.Stmt) (more bool, err error) {
	columns := b.table.columns
	for range blockRows {
		if more, err := stmt.Step(); !more || err != nil {
			return false, err
		}
		for i := range columns {
			if columns[i].text {
				b.cells = append(b.cells, b.keep(stmt, i))
			} else {
				b.cells = append(b.cells, stmt.ColumnInt64(i))
			}
		}
	}
	return true, nil
}

// keep stores a text and returns the cell that refers to it: its place in the
// upper half, its length in the lower.
func (b *block) keep(stmt *sqlite.Stmt, column int) int64 {
	if stmt.ColumnIsNull(column) {
		return null
	}
	at, n := len(b.texts), stmt.ColumnLen(column)
	b.texts = append(b.texts, make([]byte, n)...)
	stmt.ColumnBytes(column, b.texts[at:])
	return int64(at)<<32 | int64(n)
}

// close stops the scan and waits until the file is closed.
func (s *scanner) close() {
	s.stop()
	<-s.done
}
