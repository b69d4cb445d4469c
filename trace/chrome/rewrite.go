package chrome

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"omnitrace/trace"
)

// A Copying says which rows of a trace go into another one. Rows go over byte
// for byte except for what no viewer takes (NaN, raw control characters, bytes
// that are not UTF-8, negative IDs), which is repaired.
//
// Unless told otherwise, what is kept stays whole: of rows that refer to others (arrows, the two ends
// of a range, names of processes and threads), those are kept whose others are.
// They stand behind the rest, in the order of the file.
type Copying struct {
	// Keep decides about rows with a time, and may clip them. It is called by
	// several goroutines at a time. For a range whose ends are rows of their
	// own it is called once with the time between them.
	Keep func(*Row) bool
	// Near, where set, is false for times at which no arrow can have an end.
	Near func(trace.Time) bool
	// Measure, where set, is told the bytes of each kept row; like Keep.
	Measure func(r *Row, size int)
	// Edit, where set, changes each kept row; like Keep.
	Edit func(*Row)
	// Overlap, where set, returns the lane of a row: 0 for its own, else one
	// beside it, for what overlaps other rows without lying inside them. Ends
	// of arrows are asked for too, with their time.
	Overlap func(*Row) int
	// Names, where set, decides which rows that name and order processes and
	// threads are kept at all, by what they say: "process_name", …
	Names func(what string) bool
	// Origin is added to the file's times: [Origin] of its header.
	Origin trace.Time
	// Whole keeps rows that refer to others where they stand, even where those
	// are missing.
	Whole bool
	// Unknown keeps rows of sorts that the event model has no word for.
	Unknown bool
	// NoFlows drops all arrows.
	NoFlows bool
	// Tops copies the top-level values too.
	Tops bool
}

// Copied is what a [Document.Copy] did.
type Copied struct {
	Rows     int64 // in the source
	Kept     int64
	Clipped  int64
	Repaired int64
	Unsound  int64        // rows and values that could not be repaired
	Note     []byte       // the value of the top-level key [NoteKey], if there is one
	Health   trace.Health // of the source
	// Moved are the lanes that rows were moved to.
	Moved []MovedLane
	// Processes are those of the kept rows, sorted by ID.
	Processes []CopiedProcess
}

// A MovedLane is a lane for what overlaps other rows of a stream or thread.
type MovedLane struct {
	PID       string // as the source has it
	TID, From int64
	GPU       bool
}

// A CopiedProcess is a process ID with kept rows.
type CopiedProcess struct {
	PID string // as the source has it
	GPU bool   // it stands for a device
}

// NoteKey is the top-level key under which a document says how it was made.
const NoteKey = "omnitrace"

// Origin returns the time that is to be added to the times of a file that has
// been read to its end.
func Origin(h *trace.Header) trace.Time {
	if h.Clock != trace.ClockUnix {
		return 0
	}
	n, _ := integer([]byte(h.Meta["baseTimeNanoseconds"]))
	return trace.Time(n)
}

// A Document is a trace that is being written.
type Document struct {
	w      io.Writer
	state  documentState
	comma  string
	tops   []string // to be written behind the events
	failed error
}

type documentState uint8

const (
	inHead documentState = iota
	inRows
	closed
)

// NewDocument begins a trace. The first error of w ends it; Close returns it.
func NewDocument(w io.Writer) *Document {
	d := &Document{w: w}
	d.write("{")
	d.comma = "\n"
	return d
}

func (d *Document) write(text string) {
	if d.failed == nil {
		_, d.failed = io.WriteString(d.w, text)
	}
}

// Top writes a top-level value: in front of the events before there is one,
// else behind them. The value must be JSON.
func (d *Document) Top(key string, value []byte) {
	d.top(string(quoted(key))+": "+string(value), d.state != inHead)
}

func (d *Document) top(text string, tail bool) {
	if tail || d.state != inHead {
		d.tops = append(d.tops, text)
		return
	}
	d.write(d.comma + text)
	d.comma = ",\n"
}

func (d *Document) rows() {
	if d.state == inHead {
		d.write(d.comma + `"traceEvents": [`)
		d.state, d.comma = inRows, "\n"
	}
}

// Row writes one row, which must be a JSON object.
func (d *Document) Row(object []byte) {
	d.rows()
	d.write(d.comma)
	d.comma = ",\n"
	if d.failed == nil {
		_, d.failed = d.w.Write(object)
	}
}

// NameLane writes the name of a lane that rows of a process were moved to.
func (d *Document) NameLane(pid int64, m MovedLane) {
	of := "thread"
	if m.GPU {
		of = "stream"
	}
	d.Row(fmt.Appendf(nil, `{"ph":"M","name":"thread_name","pid":%d,"tid":%d,"args":{"name":"%s %d, overlapping"}}`, pid, m.TID, of, m.From))
	d.Row(fmt.Appendf(nil, `{"ph":"M","name":"thread_sort_index","pid":%d,"tid":%d,"args":{"sort_index":%d}}`, pid, m.TID, m.From))
}

// chunk writes rows that each stand behind ",\n".
func (d *Document) chunk(rows []byte) {
	if len(rows) == 0 {
		return
	}
	d.rows()
	if d.comma == "\n" {
		rows = rows[1:]
	}
	d.comma = ",\n"
	if d.failed == nil {
		_, d.failed = d.w.Write(rows)
	}
}

// Close ends the document. It does not close its writer.
func (d *Document) Close() error {
	d.rows()
	if d.state == inRows {
		d.write("\n]")
		for _, top := range d.tops {
			d.write(",\n" + top)
		}
		d.write("\n}\n")
		d.state = closed
	}
	return d.failed
}

// Copy copies rows of the uncompressed trace that src delivers. Memory grows
// with the kept rows by a few words each, and with the rows that refer to
// others; not with the file.
func (d *Document) Copy(src io.Reader, c Copying) (Copied, error) {
	return Options{}.Copy(d, src, c)
}

// Copy is [Document.Copy] with options.
func (o Options) Copy(d *Document, src io.Reader, c Copying) (Copied, error) {
	r := o.start(src, trace.Want{}, func() *batch { return &batch{copy: &copier{Copying: &c}} })
	defer r.Close()
	k := &copying{Copying: &c, d: d, lanes: map[[2]string]*lane{}, moved: map[MovedLane]bool{}}
	for d.failed == nil {
		r.recycle()
		p, ok := <-r.ordered
		if !ok {
			break
		}
		<-p.done
		r.last = p
		if r.join(p) {
			k.join(p)
			r.translate(p)
		}
	}
	if d.failed != nil {
		return Copied{}, d.failed
	}
	if _, err := r.finish(); err != nil && !errors.Is(err, io.EOF) {
		return Copied{}, err
	}
	k.settle()
	k.result.Rows, k.result.Health = r.header.Rows, r.header.Health
	return k.result, d.failed
}

// copying joins what the workers have copied.
type copying struct {
	*Copying
	d      *Document
	result Copied
	held   []heldRow
	moved  map[MovedLane]bool
	lanes  map[[2]string]*lane
}

// A lane is what was kept of one process and thread ID.
type lane struct {
	kept    bool
	gpu     bool // GPU work was kept
	anchors []anchor
	sorted  bool
	latest  []trace.Time // once sorted
}

func (k *copying) join(p *piece) {
	c := p.out.copy
	for _, t := range c.tops {
		switch {
		case t.key == NoteKey:
			_, value, _ := bytes.Cut([]byte(t.text), []byte(":"))
			k.result.Note = bytes.TrimSpace(value)
		case k.Tops:
			k.d.top(t.text, t.tail)
		}
	}
	k.d.chunk(c.out)
	k.result.Kept += c.kept
	k.result.Clipped += c.clipped
	k.result.Repaired += c.repaired
	k.result.Unsound += c.unsound
	lanes := make([]*lane, len(p.tracks))
	at := func(id trace.TrackID) *lane {
		if lanes[id] == nil {
			lanes[id] = k.lane(p.tracks[id].pid, p.tracks[id].tid)
		}
		return lanes[id]
	}
	for _, a := range c.anchors {
		l := at(a.track)
		l.kept, l.gpu = true, l.gpu || a.gpu
		if !k.Whole {
			l.anchors = append(l.anchors, a)
		}
	}
	for _, m := range c.moved {
		k.moved[m] = true
	}
	for _, h := range c.held {
		h.pid, h.tid = p.tracks[h.track].pid, p.tracks[h.track].tid
		k.held = append(k.held, h)
	}
}

func (k *copying) lane(pid, tid string) *lane {
	key := [2]string{pid, tid}
	l := k.lanes[key]
	if l == nil {
		l = &lane{}
		k.lanes[key] = l
	}
	return l
}

// settle writes the held rows that are kept: ranges, then arrows, then names.
func (k *copying) settle() {
	k.settleHalves()
	k.settleFlows()
	pids := map[string]bool{}
	for key, l := range k.lanes {
		if l.kept {
			pids[key[0]] = pids[key[0]] || l.gpu
		}
	}
	k.result.Moved = slices.SortedFunc(maps.Keys(k.moved), func(a, b MovedLane) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.TID, b.TID))
	})
	for _, pid := range slices.Sorted(maps.Keys(pids)) {
		k.result.Processes = append(k.result.Processes, CopiedProcess{pid, pids[pid]})
	}
	k.writeHeld(func(h *heldRow) bool {
		if h.phase != 'M' {
			return false
		}
		_, used := pids[h.pid]
		return used && (h.allThread || k.lane(h.pid, h.tid).kept) || h.pid == "" && h.allThread
	})
}

func (k *copying) writeHeld(keep func(*heldRow) bool) {
	for i := range k.held {
		if h := &k.held[i]; keep(h) {
			k.result.Kept++
			k.d.Row([]byte(h.text))
		}
	}
}

// settleHalves pairs the ends of ranges as reading does: by nesting on a
// thread or by ID, in time order.
func (k *copying) settleHalves() {
	var order []*heldRow
	for i := range k.held {
		if k.held[i].isHalf {
			order = append(order, &k.held[i])
		}
	}
	if len(order) == 0 {
		return
	}
	slices.SortStableFunc(order, func(a, b *heldRow) int { return cmp.Compare(a.half.event.Start, b.half.event.Start) })
	kept := map[*heldRow]bool{}
	open := map[string][]*heldRow{}
	for _, h := range order {
		stack := open[h.half.lane]
		switch n := len(stack); {
		case h.half.begin:
			open[h.half.lane] = append(stack, h)
		case n > 0:
			begin := stack[n-1]
			open[h.half.lane] = stack[:n-1]
			kept[begin] = k.keepRange(begin, h.half.event.Start)
			kept[h] = kept[begin]
		}
	}
	k.writeHeld(func(h *heldRow) bool { return h.isHalf && kept[h] })
}

func (k *copying) keepRange(begin *heldRow, end trace.Time) bool {
	row := Row{kind: begin.half.event.Kind, span: trace.Span{Start: begin.half.event.Start, End: end}, name: begin.name}
	row.span.Start += k.Origin
	row.span.End += k.Origin
	if !k.Keep(&row) {
		return false
	}
	l := k.lane(begin.pid, begin.tid)
	l.kept, l.sorted = true, false
	l.anchors = append(l.anchors, anchor{span: row.span})
	return true
}

// settleFlows keeps an arrow if both its ends are at kept rows.
func (k *copying) settleFlows() {
	const from, to = 1, 2
	ends := map[string]uint8{}
	isFlow := func(h *heldRow) bool { return h.phase == 's' || h.phase == 't' || h.phase == 'f' }
	anchored := make([]bool, len(k.held))
	for i := range k.held {
		h := &k.held[i]
		if !isFlow(h) {
			continue
		}
		if anchored[i] = k.lane(h.pid, h.tid).holds(h.time); anchored[i] {
			if h.phase == 's' {
				ends[h.id] |= from
			} else {
				ends[h.id] |= to
			}
		}
	}
	i := -1
	k.writeHeld(func(h *heldRow) bool {
		i++
		return isFlow(h) && anchored[i] && ends[h.id] == from|to
	})
}

// holds reports whether a kept row of the lane can be the end of an arrow: GPU
// work that starts at the time, or anything of a host thread that covers it.
func (l *lane) holds(t trace.Time) bool {
	if !l.sorted {
		l.sort()
	}
	i, found := slices.BinarySearchFunc(l.anchors, t, func(a anchor, t trace.Time) int { return cmp.Compare(a.span.Start, t) })
	return found || i > 0 && l.latest[i-1] >= t
}

// sort sorts the anchors by start and notes the latest end of those on the
// host up to each.
func (l *lane) sort() {
	slices.SortFunc(l.anchors, func(a, b anchor) int { return cmp.Compare(a.span.Start, b.span.Start) })
	l.latest = make([]trace.Time, len(l.anchors))
	end := trace.Time(math.MinInt64)
	for i, a := range l.anchors {
		if !a.gpu {
			end = max(end, a.span.End)
		}
		l.latest[i] = end
	}
	l.sorted = true
}

// Damage returns what was wrong with a source that a copy of it can't show.
func (c *Copied) Damage() []string {
	var lost []string
	for _, d := range c.Health.Defects() {
		if d.Kind.Severity() == trace.Lost {
			lost = append(lost, fmt.Sprintf("%s (%d)", d.Kind, d.Count))
		}
	}
	return lost
}
