package report

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"

	"omnitrace/analyze"
	"omnitrace/internal/unit"
	"omnitrace/trace"
)

// pageData is what the page's scripts read. All figures are integers of base
// units; scales say how they are shown. Names are short because some stand in
// the page thousands of times.
type pageData struct {
	Tables    []pageTable    `json:"tables"`
	Timeline  *pageTimeline  `json:"timeline,omitempty"`
	Waterfall *pageWaterfall `json:"waterfall,omitempty"`
}

type pageTable struct {
	Name    string       `json:"name"`
	ShareOf string       `json:"shareOf"`
	Top     int          `json:"top"`
	Columns []pageColumn `json:"columns"`
	Rows    []pageRow    `json:"rows"`
	Total   int          `json:"total"`          // rows that the table has
	Rest    *pageRow     `json:"rest,omitempty"` // sum of those that are not in the page
}

// A pageColumn's unit is one of unitNames, or of diffUnits: "change" is of
// nanoseconds with a sign, "ratio" a part of base with a sign, "part" one of a
// whole, "p" a probability.
type pageColumn struct {
	Name   string     `json:"name"`
	Head   string     `json:"head"`
	Doc    string     `json:"doc"`
	Unit   string     `json:"unit"`
	Hidden bool       `json:"hidden,omitempty"`
	Share  bool       `json:"share,omitempty"`
	Scale  *pageScale `json:"scale,omitempty"`
}

// A pageScale is a [unit.Scale].
type pageScale struct {
	Symbol string `json:"symbol"`
	Exp    int    `json:"exp"`
	Digits int    `json:"digits"`
}

type pageRow struct {
	ID    string `json:"id,omitempty"`
	Whole int64  `json:"w,omitempty"`
	Loose bool   `json:"loose,omitempty"`
	Noise bool   `json:"noise,omitempty"` // its change may be chance
	Sure  bool   `json:"sure,omitempty"`  // the same work took longer or shorter by more than chance
	// Cells are integers, floats (of ratios and probabilities), texts, null, or, for a text that is too long, its
	// short form and itself.
	Cells []any `json:"c"`
}

// longestName bounds a name in the page, in bytes: the longest that compilers
// were seen to make have a few thousand.
const longestName = 4096

// shortName is the room that a name has in a table of the page.
const shortName = 64

func newPageData(s *analyze.Summary, tables []analyze.Table, o Options, rows int) *pageData {
	d := &pageData{Tables: []pageTable{}}
	for i := range tables {
		if len(tables[i].Rows) > 0 {
			d.Tables = append(d.Tables, newPageTable(&tables[i], o, rows))
		}
	}
	if s.Timeline != nil && len(s.Timeline.Lanes) > 0 {
		d.Timeline = newPageTimeline(s.Timeline)
	}
	return d
}

func newPageTable(t *analyze.Table, o Options, limit int) pageTable {
	name, total := t.Name, len(t.Rows)
	t = withLoose(t)
	g := &grid{table: t}
	g.lines, g.rest = cut(t, limit)
	p := pageTable{Name: name, ShareOf: t.ShareOf, Top: t.Top, Total: total}
	shown := visibleColumns(t, o)
	scales := g.scales(shown)
	// The columns that are hidden at first have no say in the units of the others.
	maps.Copy(scales, g.scales(hiddenColumns(t, shown)))
	short := make([]map[string]string, len(t.Columns))
	for i, c := range t.Columns {
		column := pageColumn{Name: c.Name, Head: heading(c), Doc: c.Doc, Unit: unitNames[c.Unit], Share: c.Share, Hidden: !slices.Contains(shown, i)}
		if scale, ok := scales[i]; ok {
			column.Scale = &pageScale{scale.Symbol, scale.Exp, scale.Digits}
		}
		p.Columns = append(p.Columns, column)
		short[i] = g.shortNames(i)
	}
	for _, l := range g.lines {
		row := pageRow{ID: rowID(name, l.Key), Whole: l.Whole, Loose: unattributed(l.Row)}
		for i := range t.Columns {
			row.Cells = append(row.Cells, pageCell(cell(l.Row, i), short[i]))
		}
		if l.sum {
			row.ID = ""
			p.Rest = &row
			continue
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

func hiddenColumns(t *analyze.Table, shown []int) []int {
	var hidden []int
	for i := range t.Columns {
		if !slices.Contains(shown, i) {
			hidden = append(hidden, i)
		}
	}
	return hidden
}

// shortNames returns the short forms of a column's texts.
func (g *grid) shortNames(column int) map[string]string {
	var names []string
	for _, l := range g.lines {
		if text, ok := cell(l.Row, column).Text(); ok {
			names = append(names, text)
		}
	}
	return shorten(names, shortName)
}

func pageCell(v analyze.Value, short map[string]string) any {
	if text, ok := v.Text(); ok {
		full := visible(text)
		if len(full) > longestName {
			full = prefix(full, longestName) + fmt.Sprintf("… (%s characters)", unit.Count(int64(len(text))))
		}
		if short[text] == full {
			return full
		}
		return []string{short[text], full}
	}
	n, ok := v.Int()
	switch {
	case !ok:
		return nil
	case n > exactNumber || n < -exactNumber:
		return strconv.FormatInt(n, 10)
	}
	return n
}

// exactNumber is the largest integer that a script's numbers hold exactly; the
// page has larger ones as text.
const exactNumber = 1<<53 - 1

// rowID returns the fragment that leads to a row: the table's name and the
// row's key, with everything escaped that has a meaning in an address. Long keys
// end in a hash of the whole (FNV-1a, 32 bits).
func rowID(table, key string) string {
	const longest = 160
	var b strings.Builder
	b.WriteString(table + "/")
	for _, c := range []byte(key) {
		if alphanumeric(c) || strings.IndexByte("=/_-.,", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	id := b.String()
	if len(id) <= longest {
		return id
	}
	h := fnv.New32a()
	h.Write([]byte(key))
	return fmt.Sprintf("%s~%08x", strings.TrimRight(id[:longest], "%"), h.Sum32())
}

type pageTimeline struct {
	Categories []string   `json:"categories"`
	Aligned    bool       `json:"aligned"`
	Lanes      []pageLane `json:"lanes"`
}

type pageLane struct {
	Name   string     `json:"name"`
	Detail string     `json:"detail"`
	Row    string     `json:"row"` // ID of its row in the table of devices
	Start  int64      `json:"start"`
	End    int64      `json:"end"`
	Busy   []int64    `json:"busy"` // of each stretch: the gap before it, its length, its busy time
	Phases []pageSpan `json:"phases"`
	Units  []pageUnit `json:"units"`
	Mix    []pageMix  `json:"mix"`
}

type pageMix struct {
	Phase string  `json:"phase"`
	Parts []int64 `json:"parts"` // as in pageUnit
}

type pageSpan struct {
	Name  string `json:"name"`
	Start int64  `json:"start"`
	End   int64  `json:"end"`
}

type pageUnit struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	Row     string   `json:"row"`
	First   int      `json:"first"`
	Last    int      `json:"last"`
	Count   int      `json:"count"`
	Request int      `json:"request"` // -1 where unknown
	Phase   string   `json:"phase,omitempty"`
	Cached  bool     `json:"cached,omitempty"`
	Startup string   `json:"startup,omitempty"`
	GPU     [2]int64 `json:"gpu"`
	Host    [2]int64 `json:"host"`
	Parts   []int64  `json:"parts"` // category and exclusive time, in turn
}

func newPageTimeline(t *analyze.Timeline) *pageTimeline {
	p := &pageTimeline{Aligned: t.Aligned}
	for _, c := range t.Categories {
		p.Categories = append(p.Categories, visible(c))
	}
	for i := range t.Lanes {
		p.Lanes = append(p.Lanes, newPageLane(&t.Lanes[i], laneDetail(t.Lanes, i)))
	}
	return p
}

// laneDetail says what tells a lane from the others of its stage.
func laneDetail(lanes []analyze.Lane, i int) string {
	var parts []string
	for _, d := range []struct {
		name string
		of   func(*analyze.Lane) int64
	}{
		{"replica", func(l *analyze.Lane) int64 { return int64(l.Replica) }},
		{"rank", func(l *analyze.Lane) int64 { return int64(l.Rank) }},
		{"device", func(l *analyze.Lane) int64 { return l.Device }},
	} {
		mine := d.of(&lanes[i])
		if slices.ContainsFunc(lanes, func(l analyze.Lane) bool { return l.Stage == lanes[i].Stage && d.of(&l) != mine }) {
			parts = append(parts, fmt.Sprintf("%s %d", d.name, mine))
		}
	}
	return strings.Join(parts, " · ")
}

func newPageLane(l *analyze.Lane, detail string) pageLane {
	p := pageLane{
		Name: visible(l.StageName), Detail: detail, Row: rowID("devices", l.Key), Start: int64(l.Extent.Start), End: int64(l.Extent.End),
		Busy: []int64{}, Phases: []pageSpan{}, Units: []pageUnit{},
	}
	at := trace.Time(0)
	for _, b := range l.Busy {
		p.Busy = append(p.Busy, int64(b.Start-at), int64(b.Len()), b.BusyNS)
		at = b.End
	}
	for _, ph := range l.Phases {
		p.Phases = append(p.Phases, pageSpan{ph.Phase, int64(ph.Start), int64(ph.End)})
	}
	for i := range l.Units {
		p.Units = append(p.Units, newPageUnit(&l.Units[i]))
	}
	for _, m := range l.Mix {
		p.Mix = append(p.Mix, pageMix{m.Phase, flatParts(m.Parts)})
	}
	return p
}

func newPageUnit(u *analyze.UnitSpan) pageUnit {
	return pageUnit{
		Kind: u.Kind, Name: u.String(), Row: rowID(u.Kind+"s", u.Key), First: u.First, Last: u.Last, Count: u.Count, Request: u.Request,
		Phase: u.Phase, Cached: u.Cached, Startup: u.Startup, Parts: flatParts(u.Parts),
		GPU: [2]int64{int64(u.GPU.Start), int64(u.GPU.End)}, Host: [2]int64{int64(u.Host.Start), int64(u.Host.End)},
	}
}

func flatParts(parts []analyze.CategoryTime) []int64 {
	flat := []int64{}
	for _, p := range parts {
		flat = append(flat, int64(p.Category), p.ExclusiveNS)
	}
	return flat
}
