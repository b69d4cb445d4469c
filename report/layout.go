package report

import (
	"slices"
	"strings"
)

const (
	defaultWidth = 120
	leastWidth   = 40
	gap          = 2 // columns between two fields
	comfortable  = 40
	legible      = 24
)

// A layout is a grid made to fit a width.
type layout struct {
	fields  []field
	stacked bool     // headings have their unit on a second line
	hidden  []string // headings of the fields for which there was no room
}

// fit makes fields fit limit columns, by steps that cost the reader more and
// more: names get shorter, headings take two lines, columns are left out (not if
// wide). What a step leaves free goes back to the names.
func fit(fields []field, limit int, wide bool) layout {
	l := layout{fields: slices.Clone(fields)}
	l.measure()
	l.narrow(limit, comfortable)
	l.stacked = l.width() > limit
	l.narrow(limit, legible)
	least := leastName
	if wide {
		least = comfortable // the line gets long anyway
	}
	for !wide && l.width() > limit && l.hide(false) {
	}
	l.narrow(limit, least)
	for !wide && l.width() > limit && l.hide(true) {
	}
	l.measure()
	l.narrow(limit, least)
	return l
}

// measure gives every name the room that it would like.
func (l *layout) measure() {
	for i := range l.fields {
		f := &l.fields[i]
		f.limit = 0
		for _, c := range f.cells {
			f.limit = max(f.limit, width(visible(c)))
		}
	}
}

// narrow takes room from the widest names until all fits or they are down to
// least columns, or to what their heading or the line for the rest needs.
func (l *layout) narrow(limit, least int) {
	for over := l.width() - limit; over > 0; over-- {
		widest := -1
		for i, f := range l.fields {
			floor := max(least, f.label, l.headingWidth(f))
			if f.name && f.limit > floor && (widest < 0 || f.limit > l.fields[widest].limit) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		l.fields[widest].limit--
	}
}

// hide leaves out one field: the last of those without any figure, else the
// last; of those that are needed only if all may go, and never the first. It
// reports whether there was one.
func (l *layout) hide(all bool) bool {
	pick := -1
	for i, f := range l.fields {
		if i == 0 || f.needed && !all {
			continue
		}
		if pick < 0 || f.empty || !l.fields[pick].empty {
			pick = i
		}
	}
	if pick < 0 {
		return false
	}
	name := l.fields[pick].heading
	if l.fields[pick].share {
		name += " of " + l.fields[pick-1].heading
	}
	l.hidden = slices.Insert(l.hidden, 0, name) // mostly from the right, so in reading order
	l.fields = slices.Delete(l.fields, pick, pick+1)
	return true
}

func (l *layout) width() int {
	total := gap * (len(l.fields) - 1)
	for _, f := range l.fields {
		total += max(f.limit, l.headingWidth(f))
	}
	return total
}

func (l *layout) headingWidth(f field) int {
	widest := 0
	for _, h := range l.headings(f) {
		widest = max(widest, width(h))
	}
	return widest
}

// headings returns the lines of a field's heading.
func (l *layout) headings(f field) []string {
	name, symbol := f.heading, ""
	if f.symbol != "" {
		symbol = "(" + f.symbol + ")"
	}
	switch {
	case l.stacked && symbol != "":
		return []string{name, symbol}
	case l.stacked && strings.Contains(name, " "):
		i := strings.LastIndexByte(name, ' ')
		return []string{name[:i], name[i+1:]}
	case symbol != "":
		return []string{name + " " + symbol}
	}
	return []string{name}
}

// header returns all headings, as high as the highest and standing on the rule.
func (l *layout) header() []string {
	height := 1
	for _, f := range l.fields {
		height = max(height, len(l.headings(f)))
	}
	var cells []string
	for _, f := range l.fields {
		h := l.headings(f)
		cells = append(cells, strings.Repeat("\n", height-len(h))+strings.Join(h, "\n"))
	}
	return cells
}

// texts returns a field's cells as they are printed.
func (f *field) texts() []string {
	if !f.name {
		return f.cells
	}
	short := shorten(f.cells, f.limit)
	var texts []string
	for _, c := range f.cells {
		texts = append(texts, short[c])
	}
	return texts
}
