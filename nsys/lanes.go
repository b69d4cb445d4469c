package nsys

import (
	"fmt"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"

	"omnitrace/trace"
)

// nsys packs where something ran into one number, a "serialized GlobalId":
// hardware in bits 56…63, virtual machine in 48…55, process ID in 24…47 and
// thread ID in 0…23 (Nsight Systems documentation, SQLite schema reference).
// A globalPid is the same with thread 0.
const (
	threadBits = 24
	threadMask = 1<<threadBits - 1
	pidMask    = 1<<24 - 1
)

func processOf(global int64) int64 { return global &^ threadMask }
func pidOf(global int64) int64     { return global >> threadBits & pidMask }
func threadOf(global int64) int64  { return global & threadMask }

// noStream is the stream of work that waits for a whole context.
const noStream = 1<<32 - 1

// A streamKey is one stream as one process sees it.
type streamKey struct{ process, device, context, stream int64 }

// lanes gives tracks, processes and devices their places in the header, in the
// order in which rows first mention them.
type lanes struct {
	header    *trace.Header
	about     *about
	db        *database
	threads   map[int64]trace.TrackID
	streams   map[streamKey]trace.TrackID
	processes map[int64]int
	devices   map[deviceKey]int
	asked     map[[2]int64]int64 // answers of deviceOf, by process ID and context

	// Rows of one lane follow each other most of the time.
	lastThread             int64
	lastStream             streamKey
	threadLane             trace.TrackID
	streamLane             trace.TrackID
	haveThread, haveStream bool
}

func newLanes(h *trace.Header, a *about, d *database) *lanes {
	return &lanes{
		header: h, about: a, db: d, threads: map[int64]trace.TrackID{}, streams: map[streamKey]trace.TrackID{},
		processes: map[int64]int{}, devices: map[deviceKey]int{}, asked: map[[2]int64]int64{},
	}
}

// thread returns the track of a host thread.
func (l *lanes) thread(global int64) trace.TrackID {
	if l.haveThread && global == l.lastThread {
		return l.threadLane
	}
	id, ok := l.threads[global]
	if !ok {
		id = l.add(trace.Track{Process: l.process(global), Device: -1, ID: threadOf(global), Name: l.about.threads[global]})
		l.threads[global] = id
	}
	l.lastThread, l.threadLane, l.haveThread = global, id, true
	return id
}

// stream returns the track of a stream.
func (l *lanes) stream(k streamKey) trace.TrackID {
	if l.haveStream && k == l.lastStream {
		return l.streamLane
	}
	id, ok := l.streams[k]
	if !ok {
		id = l.add(l.newStream(k))
		l.streams[k] = id
	}
	l.lastStream, l.streamLane, l.haveStream = k, id, true
	return id
}

// newStream describes a stream. Stream numbers are those of a context: where a
// process has several on a device, or none (unified memory), streams say so.
func (l *lanes) newStream(k streamKey) trace.Track {
	t := trace.Track{Process: l.process(k.process), Device: l.device(k), ID: k.stream, Name: l.about.streams[k.named()]}
	var notes []string
	if k.stream == noStream {
		t.ID, notes = -1, append(notes, "all streams")
	}
	switch {
	case k.context == 0:
		notes = append(notes, "no context")
	case l.about.severalContexts(pidOf(k.process), k.device):
		notes = append(notes, fmt.Sprintf("context %d", k.context))
	}
	t.Text = strings.Join(notes, ", ")
	return t
}

// deviceOf returns the device of a context, device where the export does not
// say: contexts are listed since 2024, else one of its kernels is asked.
func (l *lanes) deviceOf(process, context, device int64) int64 {
	key := [2]int64{pidOf(process), context}
	if known, ok := l.about.contexts[key]; ok {
		return known
	}
	if known, ok := l.asked[key]; ok {
		return known
	}
	for _, column := range []string{"globalPid", "contextId", "deviceId"} {
		if _, ok := l.db.columns[nodeTables[0]][column]; !ok {
			return device
		}
	}
	// Unreadable rows are reported when all are read.
	_ = l.db.query("SELECT deviceId FROM "+nodeTables[0]+" WHERE globalPid = ? AND contextId = ? LIMIT 1",
		func(s *sqlite.Stmt) { device = s.ColumnInt64(0) }, process, context)
	l.asked[key] = device
	return device
}

// named returns the key by which TARGET_INFO_NVTX_CUDA_STREAM names a stream.
func (k streamKey) named() streamKey {
	k.process = pidOf(k.process)
	return k
}

func (l *lanes) add(t trace.Track) trace.TrackID {
	l.header.Tracks = append(l.header.Tracks, t)
	return trace.TrackID(len(l.header.Tracks) - 1)
}

// process returns the place of the process of a globalPid or globalTid, -1
// where the row names none.
func (l *lanes) process(global int64) int {
	if global == null {
		return -1
	}
	key := processOf(global)
	at, ok := l.processes[key]
	if !ok {
		at = len(l.header.Processes)
		l.processes[key] = at
		l.header.Processes = append(l.header.Processes, trace.Process{
			PID: strconv.FormatInt(pidOf(key), 10), Name: l.about.processName(key),
		})
	}
	return at
}

// A deviceKey tells devices apart: by GPU where the export says which one a
// process means by a number, else by process and number.
type deviceKey struct {
	gpu             *gpu
	process, device int64
}

func (l *lanes) device(k streamKey) int {
	d, key := trace.Device{Index: k.device}, deviceKey{process: processOf(k.process), device: k.device}
	switch g, sure := l.about.gpu(pidOf(k.process), k.device); {
	case sure:
		d.Name, d.UUID, d.Bus, d.MemoryBytes = g.name, g.uuid, g.bus, g.memory
		key = deviceKey{gpu: g}
	case g != nil:
		d.Name, d.MemoryBytes = g.name, g.memory
	}
	at, ok := l.devices[key]
	if !ok {
		at = len(l.header.Devices)
		l.devices[key] = at
		l.header.Devices = append(l.header.Devices, d)
	}
	return at
}
