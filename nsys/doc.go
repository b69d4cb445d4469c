// Package nsys reads what NVIDIA Nsight Systems leaves behind (its reports, the
// SQLite files that `nsys export` makes of them, and what `nsys stats` prints)
// into the event model of package trace.
//
// Its one design decision: what differs between the versions of nsys is looked
// up in the file, not deduced from its version. The tables and columns that are
// read stand in one list (schema.go) with their alternatives and what to take
// where a column is missing; each export is probed once, and the readers of
// rows never ask which version wrote them.
//
// # What becomes what
//
//	CUPTI_ACTIVITY_KIND_KERNEL           Kernel, named by demangledName; grid, block and graph node in Detail
//	CUPTI_ACTIVITY_KIND_GRAPH_TRACE      Kernel "(CUDA graph 12)": one opaque row for each replay, counted
//	                                     as an opaque_graph defect, and dropped where the nodes were recorded too
//	CUPTI_ACTIVITY_KIND_MEMCPY, MEMSET   Memcpy, Memset, named as torch does: "Memcpy HtoD (Pinned -> Device)"
//	CUPTI_ACTIVITY_KIND_SYNCHRONIZATION  Sync on the stream's lane, named as torch does: "Stream Sync"
//	CUPTI_ACTIVITY_KIND_RUNTIME          Launch: runtime and driver calls, without their version ("_v7000")
//	NVTX_EVENTS                          Range, and Instant for marks
//	PROFILER_OVERHEAD, CUPTI_…_OVERHEAD  Overhead
//	OSRT_API, CUBLAS_EVENTS, CUDNN_EVENTS Other
//
// NVTX ranges of the default domain keep their text; those of another domain
// have its name in front ("NCCL:ncclAllReduce"), so that libraries' ranges can
// be told from the application's. Categories, colours and payloads are not kept.
// A range that was never closed lasts until the end of the capture and is
// counted as an unbalanced_range defect; since 2025 nsys closes them itself.
//
// Correlation IDs are per process: each lane knows its process, and the rows
// that nsys marks with ID 0 (unified memory) have none. One physical GPU is one
// trace.Device, also where several processes use it, wherever the file says so.
//
// Times are nanoseconds since the capture began and may be negative. The
// reader's origin makes them Unix time.
//
// # Neighbours
//
// The package opens files and runs nsys; it analyses nothing and knows no model
// or engine. Package trace/session says which files belong together, package
// trace/chrome writes the events as a Chrome trace.
package nsys
