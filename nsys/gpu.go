package nsys

import (
	"fmt"

	"zombiezen.com/go/sqlite"

	"omnitrace/trace"
)

// Kinds of copies and memory, by ENUM_CUDA_MEMCPY_OPER and ENUM_CUDA_MEM_KIND
// (older exports have the numbers without the tables), in torch's words, so
// that a copy has one name whichever profiler saw it.
var (
	copyWords   = []string{"Unknown", "HtoD", "DtoH", "HtoA", "AtoH", "AtoA", "AtoD", "DtoA", "DtoD", "HtoH", "PtoP", "Unified HtoD", "Unified DtoH", "Unified DtoD"}
	memoryWords = []string{"Pageable", "Pinned", "Device", "Array", "Managed", "Device Static", "Managed Static", "Unknown"}
	// CUpti_ActivitySynchronizationType, in torch's words.
	syncWords = []string{"Unknown Sync", "Event Sync", "Stream Wait Event", "Stream Sync", "Context Sync"}
)

const unknownMemory = 7

func word(words []string, i int64) string {
	if i < 0 || i >= int64(len(words)) {
		return fmt.Sprintf("Unknown %d", i)
	}
	return words[i]
}

// memcpyName returns "Memcpy HtoD (Pinned -> Device)", without the brackets
// where both kinds of memory are unknown (unified memory, old exports).
func memcpyName(kind, source, target int64) string {
	name := "Memcpy " + word(copyWords, kind)
	if (source == null || source == unknownMemory) && (target == null || target == unknownMemory) {
		return name
	}
	return name + " (" + memoryName(source) + " -> " + memoryName(target) + ")"
}

func memsetName(kind int64) string {
	if kind == null {
		return "Memset"
	}
	return "Memset (" + memoryName(kind) + ")"
}

func memoryName(kind int64) string {
	if kind == null {
		kind = unknownMemory
	}
	return word(memoryWords, kind)
}

func (r *reader) kernel(row []int64) {
	d := trace.Detail{
		Grid:      [3]int32{int32(row[kernelGridX]), int32(row[kernelGridY]), int32(row[kernelGridZ])},
		Block:     [3]int32{int32(row[kernelBlockX]), int32(row[kernelBlockY]), int32(row[kernelBlockZ])},
		GraphNode: row[kernelNode],
	}
	r.gpuEvent(row, trace.Kernel, r.plainNames.id(row[kernelName]), d)
}

func (r *reader) memcpy(row []int64) {
	key := [3]int64{row[copyKind], row[copySource], row[copyTarget]}
	name, ok := r.memoryNames[key]
	if !ok {
		name = r.header.Names.Intern(memcpyName(row[copyKind], row[copySource], row[copyTarget]))
		r.memoryNames[key] = name
	}
	r.gpuEvent(row, trace.Memcpy, name, trace.Detail{Bytes: row[copyBytes]})
}

func (r *reader) memset(row []int64) {
	key := [3]int64{-1, row[setMemory]} // no copy is of kind -1
	name, ok := r.memoryNames[key]
	if !ok {
		name = r.header.Names.Intern(memsetName(row[setMemory]))
		r.memoryNames[key] = name
	}
	r.gpuEvent(row, trace.Memset, name, trace.Detail{Bytes: row[setBytes]})
}

// sync takes the device from the row's context: nsys writes 0 in all rows of
// this table, seen with 2026.2 on two GPUs.
func (r *reader) sync(row []int64) {
	row[gpuDevice] = r.lanes.deviceOf(row[gpuProcess], row[gpuContext], row[gpuDevice])
	r.gpuEvent(row, trace.Sync, r.header.Names.Intern(word(syncWords, row[syncType])), trace.Detail{})
}

// A launchKey is a launch call: correlation IDs are those of a process.
type launchKey struct{ process, correlation int64 }

// graph makes one opaque kernel of a replayed CUDA graph, unless its nodes are
// in the file.
func (r *reader) graph(row []int64) {
	if r.recorded[launchKey{row[gpuProcess], row[gpuCorrelation]}] {
		return
	}
	r.header.Health.Add(trace.OpaqueGraph, -1)
	r.gpuEvent(row, trace.Kernel, r.header.Names.Intern(fmt.Sprintf("(CUDA graph %d)", row[graphID])), trace.Detail{})
}

// findRecordedGraphs lists the launches of replays whose nodes are rows of
// their own. Only a file with rows of both sorts pays for the search.
func (r *reader) findRecordedGraphs() {
	const graphs = "CUPTI_ACTIVITY_KIND_GRAPH_TRACE"
	r.recorded = map[launchKey]bool{}
	if r.db.columns[graphs] == nil || r.lastRow(graphs) == 0 {
		return
	}
	for _, name := range nodeTables {
		if _, ok := r.db.columns[name]["graphNodeId"]; !ok {
			continue
		}
		sql := "SELECT DISTINCT globalPid, correlationId FROM " + name +
			" WHERE graphNodeId > 0 AND correlationId IN (SELECT correlationId FROM " + graphs + ")"
		// A table that can't be read is reported when its rows are.
		_ = r.db.query(sql, func(s *sqlite.Stmt) {
			r.recorded[launchKey{s.ColumnInt64(0), s.ColumnInt64(1)}] = true
		})
	}
}

// gpuEvent adds an event on a stream's lane.
func (r *reader) gpuEvent(row []int64, kind trace.Kind, name trace.NameID, detail trace.Detail) {
	r.add(trace.Event{
		Span:        r.span(row[gpuStart], row[gpuEnd]),
		Correlation: correlation(row[gpuCorrelation]),
		Name:        name,
		Track:       r.lanes.stream(streamKey{row[gpuProcess], row[gpuDevice], row[gpuContext], row[gpuStream]}),
		Detail:      r.detail(detail),
		Kind:        kind,
	})
}

// correlation maps nsys's 0, "no API call", to the model's word for it.
func correlation(id int64) int64 {
	if id == 0 {
		return trace.NoCorrelation
	}
	return id
}

func (r *reader) detail(d trace.Detail) trace.DetailID {
	id, ok := r.details[d]
	if !ok {
		id = trace.DetailID(len(r.header.Details))
		r.details[d] = id
		r.header.Details = append(r.header.Details, d)
	}
	return id
}

// span returns the span of a row, mended and counted where it is none.
func (r *reader) span(start, end int64) trace.Span {
	switch {
	case end == null:
		r.header.Health.Add(trace.MissingDuration, -1)
		end = start
	case end < start:
		r.header.Health.Add(trace.NegativeDuration, -1)
		end = start
	}
	return trace.Span{Start: trace.Time(start), End: trace.Time(end)}
}

func (r *reader) add(e trace.Event) {
	r.last = max(r.last, e.End)
	r.events = append(r.events, e)
}
