package session

import (
	"path"

	"omnitrace/trace"
)

// An Identity says which part of a run a file is. Numbers are -1 where nothing
// tells them.
type Identity struct {
	Stage   int
	Replica int // copy of the stage; with plain vLLM the data-parallel rank
	Rank    int // rank within the stage
	Range   int // number of an nsys capture range (report.2.nsys-rep), from 1
	// Epoch is the Unix time in seconds at which the profiler was started, as
	// the file's names say; 0 where they don't.
	Epoch int64
	Kind  Kind
	// By is what told the stage, or the rank where nothing told a stage.
	By Source
}

// A Kind is the sort of process that wrote a file.
type Kind string

// The kinds, as far as names tell them.
const (
	Diffusion Kind = "diffusion" // a diffusion worker
	Engine    Kind = "engine"    // a vLLM engine: an autoregressive or a generation stage
)

// A Source is where a part of an [Identity] comes from.
type Source string

// The sources, the most trusted first.
const (
	ByDirectory   Source = "directory"
	ByFileName    Source = "file name"
	ByTraceName   Source = "traceName"
	ByDistributed Source = "distributedInfo"
	ByProcessName Source = "process name"
)

var unknown = Identity{Stage: -1, Replica: -1, Rank: -1, Range: -1}

// Identify reads an identity from the elements of a slash-separated path.
func Identify(name string) Identity { return readPath(name).Identity }

// Refine returns id with what it does not know yet taken from inside the file:
// first from the path under which the profiler says it wrote the file, then
// from the process group, then from the process names where they agree. h must
// be complete (after io.EOF).
func (id Identity) Refine(h *trace.Header) Identity {
	if h.TraceName != "" {
		id.fill(Identify(path.Clean(h.TraceName)), ByTraceName)
	}
	rank := unknown
	rank.Rank = h.Rank
	id.fill(rank, ByDistributed)
	id.fill(readProcesses(h.Processes), ByProcessName)
	return id
}

// readProcesses returns what the names of the processes say. An nsys report
// holds several stages: what two of them contradict is nobody's.
func readProcesses(processes []trace.Process) Identity {
	id, first := unknown, true
	for _, p := range processes {
		c := newClues()
		if !c.read(inProcess, p.Name) {
			continue
		}
		if first {
			id, first = c.Identity, false
			continue
		}
		id.Stage = agreed(id.Stage, c.Stage)
		id.Replica = agreed(id.Replica, c.Replica)
		id.Rank = agreed(id.Rank, c.Rank)
		if id.Kind != c.Kind {
			id.Kind = ""
		}
	}
	return id
}

func agreed(a, b int) int {
	if a != b {
		return -1
	}
	return a
}

// fill takes from o what id does not know.
func (id *Identity) fill(o Identity, by Source) {
	if id.Stage < 0 && o.Stage >= 0 || id.By == "" && id.Rank < 0 && o.Rank >= 0 {
		id.By = by
	}
	id.Stage = known(id.Stage, o.Stage)
	id.Replica = known(id.Replica, o.Replica)
	id.Rank = known(id.Rank, o.Rank)
	id.Range = known(id.Range, o.Range)
	if id.Epoch == 0 {
		id.Epoch = o.Epoch
	}
	if id.Kind == "" {
		id.Kind = o.Kind
	}
}

func known(a, b int) int {
	if a < 0 {
		return b
	}
	return a
}
