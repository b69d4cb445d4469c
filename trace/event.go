package trace

import "math"

// NameID, TrackID and DetailID index [Header.Names], [Header.Tracks] and
// [Header.Details]. They mean nothing outside their own trace.
type (
	NameID   uint32
	TrackID  uint32
	DetailID uint32
)

// NoCorrelation marks an event that carries no correlation ID. It is the
// smallest value so that such events sort before all others.
const NoCorrelation int64 = math.MinInt64

// An Event is one row of a trace. It holds no pointers and takes 40 bytes.
type Event struct {
	Span
	// Correlation ties GPU work to the launch call that asked for it. It is
	// meaningful only within one process of one file ([Track.Process]), may be
	// reused there, and one launch may own many kernels (a graph replay).
	Correlation int64
	Name        NameID
	Track       TrackID
	Detail      DetailID // 0: none
	Kind        Kind
}

// A Detail is what only some GPU events and counters carry. Equal details are
// stored once.
type Detail struct {
	Grid, Block [3]int32 // launch shape of a kernel, 0 where unknown
	GraphNode   int64    // node of the CUDA graph that a kernel was replayed from, 0 for none
	Bytes       int64    // bytes moved or set by a memcpy or memset
	Value       float64  // of a counter, in its own unit; finite
}

// A Track is a lane of the timeline: a host thread, or one stream of one
// device as one process sees it.
type Track struct {
	Process int    // index in Header.Processes, -1 where the file does not say
	Device  int    // index in Header.Devices, -1 for a host thread
	ID      int64  // thread ID or stream number; a stable number made up from Text for others
	Text    string // the ID as the file has it, where it is not a number
	Name    string // thread name, "" where the file gives none
}

// A Process is a host process.
type Process struct {
	PID    string // as the file has it; Chrome traces use strings too ("Spans")
	Name   string // the process title, often cut to 15 characters by nsys
	Labels string // "CPU", "GPU 0", …
}

// A Device is one GPU or NPU as one file sees it. Indices are those of the
// process: with CUDA_VISIBLE_DEVICES several processes have a device 0 each.
// Two devices are the same card only where UUID or Bus say so.
type Device struct {
	Index       int64 // as kernels name it
	Name        string
	UUID        string // "" where the file does not say
	Bus         string // PCI bus ID, "" where the file does not say
	MemoryBytes int64
}

// Clock says what Time 0 is.
type Clock string

// The clocks.
const (
	ClockUnknown Clock = "unknown" // an arbitrary origin: spans are right, files can't be put side by side
	ClockUnix    Clock = "unix"    // nanoseconds since 1970
)
