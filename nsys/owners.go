package nsys

import (
	"fmt"

	"zombiezen.com/go/sqlite"

	"omnitrace/trace"
)

// owners are the correlation IDs of GPU work by process: which API calls
// launched something. IDs count up from 1 in each process, so a bit for each
// is little; pages leave room for any others.
type owners map[ownerPage]*[ownerBits / 64]uint64

// ownerBits is the number of IDs that a page stands for.
const ownerBits = 1 << 12

type ownerPage struct{ process, page int64 }

func (o owners) add(process, id int64) {
	k := ownerPage{processOf(process), id / ownerBits}
	p := o[k]
	if p == nil {
		p = new([ownerBits / 64]uint64)
		o[k] = p
	}
	bit := uint64(id) % ownerBits
	p[bit/64] |= 1 << (bit % 64)
}

func (o owners) has(process, id int64) bool {
	p := o[ownerPage{processOf(process), id / ownerBits}]
	bit := uint64(id) % ownerBits
	return p != nil && p[bit/64]>>(bit%64)&1 == 1
}

// launched reports whether a call of a process owns GPU work. Work of an
// unknown process may belong to any.
func (o owners) launched(process, id int64) bool {
	return o.has(process, id) || o.has(null, id)
}

// findOwners reads the correlation IDs of all GPU work: calls stand before the
// work that they launch, and most of those that launch none can be left out.
func (r *reader) findOwners(plans []plan) {
	r.owners = owners{}
	for _, p := range plans {
		if p.table.kinds&trace.GPUKinds == 0 {
			continue
		}
		columns := fmt.Sprintf("SELECT %s,%s FROM %s",
			r.db.cell(p.table, gpuProcess), r.db.cell(p.table, gpuCorrelation), quote(p.table.name))
		// A table that can't be read is reported when its rows are.
		_ = r.db.query(columns, func(s *sqlite.Stmt) { r.owners.add(s.ColumnInt64(0), s.ColumnInt64(1)) })
	}
}

// idle reports whether nobody needs to know of a call: its name explains
// nothing, and it launched nothing, or did so for the call around it. Most
// launches are a driver row inside a runtime row.
func (r *reader) idle(e *trace.Event, process int64) bool {
	if r.owners == nil || r.keeps(e.Name) {
		return false
	}
	if e.Correlation == trace.NoCorrelation || !r.owners.launched(process, e.Correlation) {
		return true
	}
	for int(e.Track) >= len(r.calls) {
		r.calls = append(r.calls, trace.Event{Correlation: trace.NoCorrelation})
	}
	if last := &r.calls[e.Track]; last.Correlation == e.Correlation && last.Covers(e.Span) {
		return true
	}
	r.calls[e.Track] = *e
	return false
}

// keeps asks once for each name whether the calls of that name are wanted,
// whatever they launched.
func (r *reader) keeps(name trace.NameID) bool {
	for int(name) >= len(r.kept) {
		r.kept = append(r.kept, unasked)
	}
	if r.kept[name] == unasked {
		r.kept[name] = no
		if r.want.Keep == nil || r.want.Keep(trace.Launch, r.header.Names.Text(name)) {
			r.kept[name] = yes
		}
	}
	return r.kept[name] == yes
}

// An answer is what was said about a name.
type answer int8

const (
	unasked answer = iota
	yes
	no
)
