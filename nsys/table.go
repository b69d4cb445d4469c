package nsys

import (
	"strconv"
	"time"
)

// A Table is a summary as `nsys stats` printed it (cuda_gpu_kern_sum, …): the
// numbers are those of nsys, to the digits that it printed.
type Table struct {
	Report  string // the report's name of today, "cuda_gpu_kern_sum"; "" where the input does not say
	Columns []TableColumn
	Rows    [][]string // cells as printed, one for each column; "" where nsys had no value
}

// A TableColumn is a title without its unit.
type TableColumn struct {
	Name string // "Total Time"
	Unit string // "ns", "%", "MB", …; "" for none
}

// Column returns the index of the named column, or -1.
func (t *Table) Column(name string) int {
	for i, c := range t.Columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// Count returns the integer in a cell, and false where there is none.
func (t *Table) Count(row, column int) (int64, bool) {
	n, err := strconv.ParseInt(t.cell(row, column), 10, 64)
	return n, err == nil
}

// Duration returns the time in a cell, and false where there is none. It is as
// exact as it was printed: averages have parts of nanoseconds (rounded half to
// even), and in units above microseconds nsys prints four decimals.
func (t *Table) Duration(row, column int) (time.Duration, bool) {
	n, ok := t.base(row, column, "ns")
	return time.Duration(n), ok
}

// Bytes returns the size in a cell, and false where there is none. nsys prints
// three decimals of a megabyte.
func (t *Table) Bytes(row, column int) (int64, bool) { return t.base(row, column, "B") }

func (t *Table) base(row, column int, base string) (int64, bool) {
	if column < 0 || column >= len(t.Columns) {
		return 0, false
	}
	u, ok := units[t.Columns[column].Unit]
	if !ok || u.base != base {
		return 0, false
	}
	n, _, ok := u.parse([]byte(t.cell(row, column)))
	return n, ok
}

func (t *Table) cell(row, column int) string {
	if row < 0 || row >= len(t.Rows) || column < 0 || column >= len(t.Rows[row]) {
		return ""
	}
	return t.Rows[row][column]
}
