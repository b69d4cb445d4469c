package perfetto

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"omnitrace/trace"
)

// Fields of InternedData and GpuRenderStageEvent, and values of enumerations.
const (
	internedContexts       = 23
	internedSpecifications = 24

	stageID         = 1
	stageDuration   = 2
	stageContext    = 5
	stageSubmission = 10
	stageGPU        = 11
	stageQueue      = 13
	stageName       = 14
	stageLaunch     = 21

	categoryCompute = 2
	apiCUDA         = 4
	apiHIP          = 5
)

// queue writes a lane of a stream as GPU render stage events.
func (b *body) queue(track *trace.Track, lane int, events []int32) {
	if len(events) == 0 {
		return
	}
	b.queues++
	// Names of queues and of work share their IDs: odd and even ones.
	q := queue{body: b, id: 2*b.queues + 1, gpu: b.gpu(track.Device), caller: b.callerOf(track, events), name: b.queueName(track, lane)}
	for _, i := range events {
		q.stage(i)
	}
}

func (b *body) queueName(track *trace.Track, lane int) string {
	name := fmt.Sprintf("stream %d", track.ID)
	if b.Label != "" {
		name = fmt.Sprintf("%s · GPU %d · %s", b.Label, b.t.Devices[track.Device].Index, name)
	}
	if lane > 0 {
		name += ", overlapping"
	}
	return name
}

// gpu returns the number of a device's GPU: its own index or, where several
// traces have a GPU 0 each, one of the file's.
func (b *body) gpu(device int) uint64 {
	d := &b.t.Devices[device]
	if b.Card == nil {
		return uint64(uint32(d.Index))
	}
	id, _ := b.cards.of(b.Card(d))
	return id - 1
}

type queue struct {
	*body
	caller
	id, gpu uint64
	name    string
	begun   bool
}

// stage writes one event of GPU work. Its name is that of its stage, which
// Perfetto's tables of kernels group by.
func (q *queue) stage(i int32) {
	e := &q.t.Events[i]
	name, fresh := q.stages.of(q.t.Names.Text(e.Name))
	name *= 2
	q.send(needsState, func(m *message) {
		m.number(packetTimestamp, q.at(e.Start))
		if fresh || !q.begun {
			m.message(packetInterned, func(m *message) { q.intern(m, name, fresh, e) })
			q.begun = true
		}
		m.message(packetGPUStage, func(m *message) {
			m.number(stageID, q.work[i])
			m.number(stageDuration, uint64(e.Len()))
			m.number(stageContext, q.id)
			if e.Correlation != trace.NoCorrelation {
				m.number(stageSubmission, uint64(uint32(e.Correlation)))
			}
			m.number(stageGPU, q.gpu)
			m.number(stageQueue, q.id)
			m.number(stageName, name)
			launchShape(m, &q.t.Details[e.Detail])
		})
	})
}

// A caller is what launched the work of a stream.
type caller struct {
	process int // index, -1 where unknown
	api     uint64
}

// apis are how the names of launch calls begin.
var apis = []struct {
	prefix string
	api    uint64
}{{"hip", apiHIP}, {"cu", apiCUDA}}

// callerOf returns who launched the first of the events that has a launch: GPU
// rows often do not say whose they are.
func (b *body) callerOf(track *trace.Track, events []int32) caller {
	c := caller{process: track.Process}
	for _, i := range events {
		if call := b.links.Launch[i]; call >= 0 {
			e := &b.t.Events[call]
			c.process = b.t.Tracks[e.Track].Process
			for _, a := range apis {
				if strings.HasPrefix(b.t.Names.Text(e.Name), a.prefix) {
					c.api = a.api
				}
			}
			break
		}
	}
	return c
}

func (q *queue) intern(m *message, name uint64, fresh bool, e *trace.Event) {
	if !q.begun {
		entry(m, internedSpecifications, q.id, q.name)
		m.message(internedContexts, func(m *message) {
			m.number(1, q.id)
			m.number(2, q.pid(q.caller.process))
			m.number(3, q.api)
		})
	}
	if fresh {
		m.message(internedSpecifications, func(m *message) {
			m.number(1, name)
			m.text(2, q.t.Names.Text(e.Name))
			if e.Kind == trace.Kernel {
				m.number(4, categoryCompute)
			}
		})
	}
}

// launchShape writes the grid and the block of a kernel.
func launchShape(m *message, d *trace.Detail) {
	if d.Grid == [3]int32{} {
		return
	}
	m.message(stageLaunch, func(m *message) {
		for field, dims := range [][3]int32{d.Grid, d.Block} {
			m.message(protowire.Number(field+1), func(m *message) {
				for axis, n := range dims {
					m.number(protowire.Number(axis+1), uint64(uint32(n)))
				}
			})
		}
	})
}
