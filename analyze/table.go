package analyze

// A Unit says what the integers of a column count. Nothing here is rounded or
// scaled: that is the report's work.
type Unit uint8

// The units.
const (
	Text           Unit = iota // names and words
	ID                         // a number that is a name: stage, rank, step; not added up
	Count                      // how many
	Nanoseconds                // durations
	Bytes                      // sizes
	Flag                       // 0 or 1: JSON prints false or true
	BytesPerSecond             // throughputs
)

// A Column describes one figure of every row of a table.
type Column struct {
	Name string // as in JSON, with the unit as suffix: "busy_ns"
	Unit Unit
	Doc  string // one line: what it is, and whether overlapping time counts twice
	// Wide columns are left out of the text output unless --wide is given;
	// every other format has them.
	Wide bool
	// Share columns are followed, in text, by their part of Row.Whole.
	Share bool
}

// A Value is one cell: an integer, a text, or null (not known, not applicable).
type Value struct {
	kind uint8
	int  int64
	text string
}

const (
	nullValue uint8 = iota
	intValue
	textValue
)

// Null is the value of what is not known. It is never written as 0.
var Null Value

// Int returns an integer value.
func Int[T ~int | ~int32 | ~int64 | ~uint8](n T) Value { return Value{kind: intValue, int: int64(n)} }

// Str returns a text value.
func Str(s string) Value { return Value{kind: textValue, text: s} }

// Known returns Int(n), or Null where n is negative: the form in which stages,
// ranks and steps that were not found are kept.
func Known(n int) Value {
	if n < 0 {
		return Null
	}
	return Int(n)
}

// IsNull reports whether v is [Null].
func (v Value) IsNull() bool { return v.kind == nullValue }

// Int returns v's integer, and false where v is not one.
func (v Value) Int() (int64, bool) { return v.int, v.kind == intValue }

// Text returns v's text, and false where v is not one.
func (v Value) Text() (string, bool) { return v.text, v.kind == textValue }

// A Row is one line of a table.
type Row struct {
	// Key names the row in a way that is stable from run to run, so that two
	// runs can be compared: "stage=0/category=gemm".
	Key   string
	Cells []Value // one for each column of the table
	// Whole is what the Share columns are a part of, in their unit; 0 hides
	// the share.
	Whole int64
}

// A Table is the result of one analysis. Rows are in their natural order
// (pipeline order, or largest first), the same on every run.
type Table struct {
	Name    string // "stages", as in JSON
	Doc     string // one line
	ShareOf string // what Row.Whole is: "of the stage's busy time"
	Columns []Column
	Rows    []Row
	// Top is the number of rows that text shows unless asked for another; 0
	// shows all.
	Top int
	// Brief tables answer where the time went: short outputs have only these.
	Brief bool
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

// Sum adds up the integers of the named column; nulls count nothing.
func (t *Table) Sum(name string) int64 {
	i, sum := t.Column(name), int64(0)
	if i < 0 {
		return 0
	}
	for _, r := range t.Rows {
		sum += r.Cells[i].int
	}
	return sum
}
