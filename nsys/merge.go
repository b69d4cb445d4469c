package nsys

import (
	"fmt"
	"math"
	"slices"

	"omnitrace/trace"
)

// A cursor is the place in a table up to which its rows are events.
type cursor struct {
	scanner *scanner
	width   int    // cells of a row
	block   *block // nil before the first and at the end
	at      int    // of the row in the block's cells
	row     []int64
	cut     bool // the row before was where the file is cut off
}

// first returns the cursor whose row starts first, the one of the earlier table
// among equals, and until when its rows come before those of all others.
func (r *reader) first() (c *cursor, until int64) {
	c, until = r.cursors[0], math.MaxInt64
	for _, other := range r.cursors[1:] {
		if other.row[0] < c.row[0] {
			until = min(until, c.row[0])
			c = other
		} else {
			until = min(until, other.row[0])
		}
	}
	return c, until
}

// convert makes an event of a cursor's row, and moves it on.
func (r *reader) convert(c *cursor) {
	if r.sound(c) {
		r.block = c.block
		c.block.table.convert(r, c.row)
	}
	r.header.Rows++
	if c.at += c.width; c.at < len(c.block.cells) {
		c.row = c.block.cells[c.at : c.at+c.width : c.at+c.width]
		return
	}
	r.advance(c)
}

// sound reports whether a row can be used, by its first column, the start. A
// page that is cut in the middle reads as zeros behind the cut: its first rows
// have no start, and the one after them may be half there.
func (r *reader) sound(c *cursor) bool {
	start, behind := c.row[0], c.cut
	c.cut = start == null && r.db.damage != ""
	if start == null {
		r.header.Health.Add(trace.MissingTime, -1)
	}
	return start != null && !behind
}

// advance goes to the next block that has rows, or drops a cursor at its end.
func (r *reader) advance(c *cursor) {
	for {
		if c.block != nil {
			r.endBlock(c.block)
			c.scanner.empty <- c.block
		}
		c.block, c.row, c.at = <-c.scanner.full, nil, 0
		if c.block == nil {
			c.scanner.close()
			r.cursors = slices.DeleteFunc(r.cursors, func(o *cursor) bool { return o == c })
			return
		}
		if len(c.block.cells) > 0 {
			c.row = c.block.cells[:c.width:c.width]
			return
		}
	}
}

// endBlock takes note of a table that ended early.
func (r *reader) endBlock(b *block) {
	if b.err == nil || r.ctx.Err() != nil {
		return
	}
	r.header.Health.Add(trace.Truncated, -1)
	if r.problem == nil {
		r.problem = fmt.Errorf("reading %s of %s: %w; export or copy it again", b.table.name, r.db.path, b.err)
	}
}
