package nsys

import (
	"fmt"

	"zombiezen.com/go/sqlite"

	"omnitrace/trace"
)

func (r *reader) call(row []int64) {
	e := r.onThread(row, trace.Launch, r.callNames.id(row[hostName]), correlation(row[callID]))
	if r.idle(&e, row[hostThread]) {
		r.last = max(r.last, e.End)
		return
	}
	r.add(e)
}

// host returns a converter for calls on host threads that launch nothing.
func host(kind trace.Kind) func(*reader, []int64) {
	return func(r *reader, row []int64) {
		r.add(r.onThread(row, kind, r.plainNames.id(row[hostName]), trace.NoCorrelation))
	}
}

func (r *reader) onThread(row []int64, kind trace.Kind, name trace.NameID, correlation int64) trace.Event {
	return trace.Event{
		Span:        r.span(row[hostStart], row[hostEnd]),
		Correlation: correlation,
		Name:        name,
		Track:       r.lanes.thread(row[hostThread]),
		Kind:        kind,
	}
}

// A domainKey is an NVTX domain: their numbers are those of a process.
type domainKey struct{ process, domain int64 }

// nvtx makes a range or mark of an NVTX row. A range that is closed by another
// thread belongs to the one that opened it.
func (r *reader) nvtx(row []int64) {
	kind, ok := nvtxTypes[row[nvtxType]]
	if !ok || !r.want.Has(kind) {
		return // names of threads, categories and domains are no events
	}
	e := trace.Event{
		Correlation: trace.NoCorrelation,
		Name:        r.nvtxName(row),
		Track:       r.lanes.thread(row[nvtxThread]),
		Kind:        kind,
	}
	switch {
	case kind == trace.Instant:
		e.Span = trace.Span{Start: trace.Time(row[nvtxStart]), End: trace.Time(row[nvtxStart])}
	case row[nvtxEnd] == null:
		r.header.Health.Add(trace.UnbalancedRange, -1)
		e.Start = trace.Time(row[nvtxStart])
		r.open = append(r.open, e)
		return
	default:
		e.Span = r.span(row[nvtxStart], row[nvtxEnd])
	}
	r.add(e)
}

// nvtxName spells a range: its text or registered string, behind the name of
// its domain unless that is the default one.
func (r *reader) nvtxName(row []int64) trace.NameID {
	n := r.domain(domainKey{processOf(row[nvtxThread]), row[nvtxDomain]})
	if row[nvtxText] == null {
		return n.id(row[nvtxTextID])
	}
	return n.text(r.block.text(row[nvtxText]))
}

func (r *reader) domain(k domainKey) *namer {
	if k.domain == 0 {
		return r.plainNames
	}
	n := r.domains[k]
	if n == nil {
		n = r.nameDomain(k, fmt.Sprintf("domain %d", k.domain))
	}
	return n
}

func (r *reader) nameDomain(k domainKey, name string) *namer {
	n := newNamer(r.header, r.strings, func(s string) string { return name + ":" + s })
	r.domains[k] = n
	return n
}

// findDomains reads the names of NVTX domains, which may stand behind their use.
func (r *reader) findDomains() {
	for i := range tables {
		if t := &tables[i]; t.name == "NVTX_EVENTS" {
			p, ok := r.db.plan(t)
			if !ok {
				return
			}
			sql := fmt.Sprintf("%s WHERE eventType = %d", p.sql, nvtxDomainCreate)
			_ = r.db.query(sql, r.foundDomain) // unreadable rows are reported when all are read
		}
	}
}

func (r *reader) foundDomain(s *sqlite.Stmt) {
	name := s.ColumnText(nvtxText)
	if name == "" {
		name = r.strings.text(s.ColumnInt64(nvtxTextID))
	}
	r.nameDomain(domainKey{processOf(s.ColumnInt64(nvtxThread)), s.ColumnInt64(nvtxDomain)}, valid([]byte(name), &r.header.Health))
}
