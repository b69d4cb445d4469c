package nsys

import "omnitrace/trace"

// A version is that of nsys's export schema (EXPORT_SCHEMA_VERSION).
type version struct{ major, minor int64 }

func (v version) after(o version) bool {
	return v.major > o.major || (v.major == o.major && v.minor > o.minor)
}

// generations are the schemas that the reader was tried on, oldest first. The
// list is knowledge, not a switch: rows are read by the tables and columns that
// a file has. Only a schema behind the last of them is pointed out to the user.
var generations = []struct {
	schema  version
	product string
	differs string // from the one before, as far as this package reads it
}{
	{version{2, 9}, "2022.1", "EXPORT_META_DATA; tables for everything or only for what was traced; no ENUM_ tables, no diagnostics"},
	{version{3, 13}, "2024.5", "META_DATA_EXPORT, META_DATA_CAPTURE, DIAGNOSTIC_EVENT; greenContextId; CONFIG_TIME_SHIFT"},
	{version{3, 20}, "2025.3", "TARGET_INFO_CUDA_DEVICE; CUDA_GRAPH_NODE_EVENTS besides CUDA_GRAPH_EVENTS; open NVTX ranges end with the capture"},
	{version{3, 25}, "2026.2", "CUPTI_ACTIVITY_KIND_OVERHEAD; graphId of kernels; TARGET_INFO_GPU may be missing"},
}

// newest is the newest schema that is known.
func newest() version { return generations[len(generations)-1].schema }

// null stands for SQL's NULL and for the value of a column that an export does
// not have. nsys writes no such number: times and IDs stay far from it.
const null int64 = -1 << 63

// A column is one value that rows are read for.
type column struct {
	names   []string // what it was called, newest first
	missing int64    // stands in for NULL and for a missing column
	text    bool     // the value is text: see block.text
	needed  bool     // without it the table can't be read
}

// A table is one kind of rows: where they stand, what they become, and what is
// read of them. The columns are in the order of the constants that convert uses.
type table struct {
	name    string
	kinds   trace.Kinds
	columns []column
	convert func(*reader, []int64)
}

func need(name string) column               { return column{names: []string{name}, missing: null, needed: true} }
func may(missing int64, n ...string) column { return column{names: n, missing: missing} }

// Columns that all GPU tables begin with, and their places in a row.
const (
	gpuStart = iota
	gpuEnd
	gpuDevice
	gpuContext
	gpuStream
	gpuCorrelation
	gpuProcess
	gpuColumns
)

func gpuTable(more ...column) []column {
	return append([]column{
		need("start"), need("end"), may(0, "deviceId"), may(0, "contextId"), may(0, "streamId"),
		may(0, "correlationId"), may(null, "globalPid"),
	}, more...)
}

// The same for tables of host threads.
const (
	hostStart = iota
	hostEnd
	hostThread
	hostName
	hostColumns
)

func hostTable(more ...column) []column {
	return append([]column{need("start"), need("end"), may(null, "globalTid"), may(null, "nameId")}, more...)
}

// Further columns of single tables.
const (
	kernelName = gpuColumns + iota
	kernelGridX
	kernelGridY
	kernelGridZ
	kernelBlockX
	kernelBlockY
	kernelBlockZ
	kernelNode
)

const (
	copyBytes = gpuColumns + iota
	copyKind
	copySource
	copyTarget
)

const (
	setBytes = gpuColumns + iota
	setMemory
)

const (
	graphID  = gpuColumns
	syncType = gpuColumns
	callID   = hostColumns
)

const (
	nvtxStart = iota
	nvtxEnd
	nvtxThread
	nvtxType
	nvtxText
	nvtxTextID
	nvtxDomain
)

// tables are the tables that hold events, in the order in which they are read.
// GPU rows come before the calls that they belong to; nothing depends on it.
var tables = []table{
	{
		"CUPTI_ACTIVITY_KIND_KERNEL", trace.KindsOf(trace.Kernel), gpuTable(
			may(null, "demangledName", "shortName", "mangledName"),
			may(0, "gridX"), may(0, "gridY"), may(0, "gridZ"), may(0, "blockX"), may(0, "blockY"), may(0, "blockZ"),
			may(0, "graphNodeId")),
		(*reader).kernel,
	},
	{
		"CUPTI_ACTIVITY_KIND_GRAPH_TRACE", trace.KindsOf(trace.Kernel),
		gpuTable(may(null, "graphId", "graphExecId")), (*reader).graph,
	},
	{
		"CUPTI_ACTIVITY_KIND_MEMCPY", trace.KindsOf(trace.Memcpy), gpuTable(
			may(0, "bytes"), may(0, "copyKind"), may(null, "srcKind"), may(null, "dstKind")),
		(*reader).memcpy,
	},
	{
		"CUPTI_ACTIVITY_KIND_MEMSET", trace.KindsOf(trace.Memset), gpuTable(may(0, "bytes"), may(null, "memKind")),
		(*reader).memset,
	},
	{
		"CUPTI_ACTIVITY_KIND_SYNCHRONIZATION", trace.KindsOf(trace.Sync), gpuTable(may(0, "syncType")),
		(*reader).sync,
	},
	{
		"CUPTI_ACTIVITY_KIND_RUNTIME", trace.KindsOf(trace.Launch), hostTable(may(0, "correlationId")),
		(*reader).call,
	},
	{
		"NVTX_EVENTS", trace.KindsOf(trace.Range, trace.Instant), []column{
			need("start"), may(null, "end"), may(null, "globalTid"), need("eventType"),
			{names: []string{"text"}, missing: null, text: true}, may(null, "textId"), may(0, "domainId"),
		},
		(*reader).nvtx,
	},
	{"PROFILER_OVERHEAD", trace.KindsOf(trace.Overhead), hostTable(), host(trace.Overhead)},
	{"CUPTI_ACTIVITY_KIND_OVERHEAD", trace.KindsOf(trace.Overhead), hostTable(), host(trace.Overhead)},
	{"OSRT_API", trace.KindsOf(trace.Other), hostTable(), host(trace.Other)},
	{"CUBLAS_EVENTS", trace.KindsOf(trace.Other), hostTable(), host(trace.Other)},
	{"CUDNN_EVENTS", trace.KindsOf(trace.Other), hostTable(), host(trace.Other)},
}

// nodeTables are those whose rows can be nodes of a CUDA graph.
var nodeTables = []string{"CUPTI_ACTIVITY_KIND_KERNEL", "CUPTI_ACTIVITY_KIND_MEMCPY", "CUPTI_ACTIVITY_KIND_MEMSET"}

// exportTables hold a file's version, one row for each name and value. An
// SQLite file with neither of them is not an export.
var exportTables = []string{"META_DATA_EXPORT", "EXPORT_META_DATA"}

// nvtxTypes are the values of NVTX_EVENTS.eventType (ENUM_NSYS_EVENT_TYPE)
// that are read. Ranges of NVTXT files (70, 71) are those imported from text.
var nvtxTypes = map[int64]trace.Kind{
	34: trace.Instant, // NvtxMark
	59: trace.Range,   // NvtxPushPopRange
	60: trace.Range,   // NvtxStartEndRange
	65: trace.Instant, // NvtxtMark
	70: trace.Range,   // NvtxtPushPopRange
	71: trace.Range,   // NvtxtStartEndRange
}

// nvtxDomainCreate is the eventType whose text names a domain of its process.
const nvtxDomainCreate = 75
