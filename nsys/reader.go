package nsys

import (
	"context"
	"io"
	"os"
	"slices"
	"strconv"

	"omnitrace/trace"
)

// OpenSQLite opens an export that `nsys export --type sqlite` made, and reads
// the wanted kinds of events from it. nsys has neither python frames nor
// framework operators to ask [trace.Want.Keep] about.
//
// The file is only read, and nothing is created beside it. An error says that
// no event could be read: the file is empty, no export, being written, or cut
// off too early. A file that is damaged further in is read as far as it goes,
// with a truncated defect for each table that ends early.
//
// The tables are merged by start. Each is read in file order, which for nsys is
// nearly that of time: so are the events, but for ranges without an end, which
// come last. Header().Rows counts the rows of tables that were not wanted by
// their highest row number.
//
// Next returns ctx's error once ctx is done.
func OpenSQLite(ctx context.Context, path string, want trace.Want) (trace.Reader, error) {
	d, err := openDatabase(ctx, path)
	if err != nil {
		return nil, err
	}
	r := newReader(ctx, d, want)
	if err := r.start(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// A reader makes events of the rows of an export.
type reader struct {
	ctx     context.Context
	want    trace.Want
	db      *database
	header  *trace.Header
	events  []trace.Event // of the current batch
	yielded bool          // any event so far
	closed  bool

	strings *stringTable
	about   *about
	lanes   *lanes
	cursors []*cursor // of the tables that are not yet at their end
	block   *block    // that the current row is of
	expect  int64     // rows of the wanted tables

	plainNames, callNames *namer
	domains               map[domainKey]*namer
	memoryNames           map[[3]int64]trace.NameID
	details               map[trace.Detail]trace.DetailID
	recorded              map[launchKey]bool // graph launches whose nodes are in the file
	owners                owners             // nil where all calls are wanted
	calls                 []trace.Event      // the last one yielded, by track
	kept                  []answer           // of want.Keep about calls, by name
	open                  []trace.Event      // ranges without an end
	last                  trace.Time         // latest end so far
	problem               error              // why a table ended early
}

func newReader(ctx context.Context, d *database, want trace.Want) *reader {
	r := &reader{
		ctx: ctx, want: want, db: d, header: trace.NewHeader("nsys sqlite"), last: trace.Time(null),
		domains: map[domainKey]*namer{}, memoryNames: map[[3]int64]trace.NameID{},
		details: map[trace.Detail]trace.DetailID{{}: 0},
	}
	r.strings = newStringTable(d, &r.header.Health)
	r.about = readAbout(d, r.strings)
	r.lanes = newLanes(r.header, r.about, d)
	r.plainNames, r.callNames = newNamer(r.header, r.strings, plain), newNamer(r.header, r.strings, callName)
	return r
}

// start reads what must be known before the first row, and begins to scan.
func (r *reader) start() error {
	if r.db.damage != "" {
		r.header.Health.Add(trace.Truncated, -1)
	}
	r.describe()
	r.diagnostics()
	plans := r.plan()
	if r.want.Has(trace.Kernel) {
		r.findRecordedGraphs()
	}
	if r.want.Owners {
		r.findOwners(plans)
	}
	if r.want.Has(trace.Range) || r.want.Has(trace.Instant) {
		r.findDomains()
	}
	for _, p := range plans {
		conn, err := r.db.connect(r.ctx)
		if err != nil {
			return err
		}
		r.cursors = append(r.cursors, &cursor{scanner: scan(r.ctx, conn, p), width: len(p.table.columns)})
	}
	for _, c := range slices.Clone(r.cursors) {
		r.advance(c)
	}
	return nil
}

// plan chooses the tables to read and counts the rows of all.
func (r *reader) plan() []plan {
	var plans []plan
	var calls, work int64
	for i := range tables {
		t := &tables[i]
		p, ok := r.db.plan(t)
		if !ok {
			continue
		}
		rows := r.lastRow(t.name)
		switch {
		case r.want.Kinds != 0 && r.want.Kinds&t.kinds == 0:
			r.header.Rows += rows
		case rows > 0 || r.db.damage != "":
			plans = append(plans, p)
			r.expect += rows
			if t.kinds&trace.GPUKinds != 0 {
				work += rows
			}
			if t.kinds.Has(trace.Launch) {
				calls += rows
			}
		}
	}
	if r.want.Owners {
		// Most calls that launched nothing are left out; some are named as wanted.
		r.expect -= max(0, calls-work) * 3 / 4
	}
	return plans
}

// leastRow is less than any row of an event table takes in a file, in bytes.
const leastRow = 16

// Expect returns about how many events Next will yield, for callers that keep
// them: at most that many where all calls are wanted and row numbers have no gaps.
func (r *reader) Expect() int64 { return min(r.expect, r.db.size/leastRow) }

func (r *reader) Header() *trace.Header { return r.header }

// Origin is the Unix time of time 0: that of the session's start, less what
// `nsys export --ts-shift` or `--ts-normalize` added to all times. With
// --capture-range-end=repeat both are those of the range.
func (r *reader) Origin() trace.Time {
	if r.about.utc == null {
		return 0
	}
	return trace.Time(r.about.utc - r.about.number("EXPORT_CONFIG_TIME_SHIFT"))
}

func (r *reader) Next() ([]trace.Event, error) {
	switch {
	case r.closed:
		return nil, os.ErrClosed
	case r.ctx.Err() != nil:
		return nil, r.ctx.Err()
	}
	r.events = r.events[:0]
	for len(r.events) < batchSize && len(r.cursors) > 0 {
		c, until := r.first()
		for c.row != nil && c.row[0] <= until && len(r.events) < batchSize {
			r.convert(c)
		}
	}
	r.yielded = r.yielded || len(r.events) > 0
	if len(r.events) > 0 && r.ctx.Err() == nil {
		return r.events, nil
	}
	return r.finish()
}

// finish yields the ranges that were never closed, then the end.
func (r *reader) finish() ([]trace.Event, error) {
	switch {
	case r.ctx.Err() != nil:
		return nil, r.ctx.Err()
	case len(r.open) > 0:
		r.events = append(r.events[:0], r.open...)
		for i := range r.events {
			r.events[i].End = max(r.events[i].Start, r.end())
		}
		r.open = nil
		return r.events, nil
	case !r.yielded && r.problem != nil:
		return nil, r.problem
	case !r.yielded && r.strings.problem != nil:
		return nil, r.db.unreadable(r.strings.problem)
	}
	return nil, io.EOF
}

// end is the end of the capture: as nsys gives it, at least that of the last
// event that was read.
func (r *reader) end() trace.Time {
	if r.about.duration == null {
		return r.last
	}
	return max(r.last, trace.Time(r.about.duration+r.about.number("EXPORT_CONFIG_TIME_SHIFT")))
}

func (r *reader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	for _, c := range r.cursors {
		c.scanner.close()
	}
	r.strings.close()
	return r.db.conn.Close()
}

// describe fills the header with what the export says of itself.
func (r *reader) describe() {
	h, a := r.header, r.about
	if a.utc == null {
		h.Health.Add(trace.ClockMissing, -1)
	} else {
		h.Clock = trace.ClockUnix
	}
	for key, name := range map[string]string{
		"nsys_version": "EXPORT_PRODUCT_VERSION", "schema_version": "EXPORT_SCHEMA_VERSION",
	} {
		if v := a.meta[name]; v != "" {
			h.Meta[key] = v
		}
	}
	if a.duration != null {
		h.Meta["capture_ns"] = strconv.FormatInt(a.duration, 10)
	}
	if mode := r.graphMode(); mode != "" {
		h.Meta["cuda_graph_trace"] = mode
	}
	schema := version{a.number("EXPORT_SCHEMA_VERSION_MAJOR"), a.number("EXPORT_SCHEMA_VERSION_MINOR")}
	if schema.after(newest()) {
		h.Health.Add(trace.UnknownSchema, -1)
	}
	if a.problem != nil {
		h.Health.Add(trace.TruncatedMetadata, -1)
	}
}
