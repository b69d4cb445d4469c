package trace

import "strings"

// Kind says what sort of thing an event is, whatever the profiler called it.
type Kind uint8

// The kinds. Only [Kernel], [Memcpy] and [Memset] are GPU work.
const (
	Other    Kind = iota // anything the model has no word for
	Kernel               // a kernel running on a device
	Memcpy               // a copy running on a device
	Memset               // a fill running on a device
	Launch               // a CUDA, HIP, XPU, … runtime or driver call on a host thread
	Sync                 // a profiler's synchronisation row on a device lane (cuda_sync, cuda_event); not GPU work
	Op                   // a framework operator on a host thread (cpu_op)
	Range                // a named range on a host thread (user_annotation, NVTX)
	GPURange             // a range's shadow on a device lane (gpu_user_annotation); not GPU work
	Frame                // a python frame on a host thread
	Overhead             // the profiler's own work
	Counter              // a sampled value
	Instant              // a point in time
	Flow                 // an arrow's end
	kinds
)

var kindNames = [kinds]string{
	"other", "kernel", "memcpy", "memset", "launch", "sync", "op", "range",
	"gpu range", "frame", "overhead", "counter", "instant", "flow",
}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return "invalid"
}

// GPU reports whether events of kind k occupy a device.
func (k Kind) GPU() bool { return k == Kernel || k == Memcpy || k == Memset }

// Kinds is a set of kinds.
type Kinds uint32

// Sets that callers ask readers for.
const (
	GPUKinds = Kinds(1<<Kernel | 1<<Memcpy | 1<<Memset)
	AllKinds = Kinds(1<<kinds - 1)
)

// KindsOf returns the set of the given kinds.
func KindsOf(ks ...Kind) Kinds {
	var s Kinds
	for _, k := range ks {
		s |= 1 << k
	}
	return s
}

// Has reports whether k is in s.
func (s Kinds) Has(k Kind) bool { return s&(1<<k) != 0 }

// String lists the kinds in s, for messages.
func (s Kinds) String() string {
	var names []string
	for k := range kinds {
		if s.Has(k) {
			names = append(names, k.String())
		}
	}
	return strings.Join(names, ",")
}
