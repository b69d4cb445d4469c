package chrome

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"omnitrace/trace"
)

// settle does what needs the whole file and returns the events that had to
// wait for it.
func (b *builder) settle() []trace.Event {
	b.translateLate()
	b.nameProcesses()
	b.nameDevices()
	b.assignProcess()
	return append(b.tasks(), b.pair()...)
}

func (b *builder) translateLate() {
	for i := range b.held {
		b.event(&b.held[i].thing, b.held[i].translation)
	}
	for i := range b.halves {
		h := &b.halves[i].thing
		b.end = max(b.end, h.event.End)
		if h.keep {
			b.event(&h.event, b.halves[i].translation)
		}
	}
}

// nameProcesses applies the process_name, process_labels and thread_name rows.
func (b *builder) nameProcesses() {
	threads := map[[2]string][]int{}
	for i, key := range b.keys {
		id := [2]string{key.pid, key.tid + key.stream} // a lane has one or the other
		threads[id] = append(threads[id], i)
	}
	for _, m := range b.metas {
		switch m.what {
		case "process_name":
			b.header.Processes[b.process(m.pid)].Name = m.value
		case "process_labels":
			b.header.Processes[b.process(m.pid)].Labels = m.value
		case "thread_name":
			for _, i := range threads[[2]string{m.pid, m.tid}] {
				b.header.Tracks[i].Name = strings.TrimSpace(m.value)
			}
		}
	}
	b.metas = nil
}

// A deviceProperty is an entry of Kineto's deviceProperties. The fields without
// a counterpart in Kineto are those that [Write] adds.
type deviceProperty struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Memory int64  `json:"totalGlobalMem"`

	UUID    string `json:"uuid,omitempty"`
	Bus     string `json:"busId,omitempty"`
	GPUPID  string `json:"gpu_pid,omitempty"` // of the rows of this GPU's work
	Process string `json:"process,omitempty"` // PID of the process whose work they are
}

// nameDevices reads deviceProperties.
func (b *builder) nameDevices() {
	var properties []deviceProperty
	if json.Unmarshal([]byte(b.header.Meta["deviceProperties"]), &properties) != nil {
		return
	}
	for key, i := range b.devices {
		d := &b.header.Devices[i]
		for _, p := range properties {
			if p.ID == d.Index && (p.GPUPID == "" || p.GPUPID == key.pid) {
				d.Name, d.MemoryBytes, d.UUID, d.Bus = p.Name, p.Memory, p.UUID, p.Bus
				b.owner(i, p.Process)
			}
		}
	}
}

// owner gives the lanes of a device to the process of a PID, if there is one.
func (b *builder) owner(device int, pid string) {
	if pid == "" {
		return
	}
	process := b.process(pid)
	for i := range b.header.Tracks {
		if t := &b.header.Tracks[i]; t.Device == device {
			t.Process = process
		}
	}
}

// assignProcess gives GPU lanes the process that launched their work. Kineto
// writes one file for each process but no process on GPU rows; in a merged
// file with several launching processes the question stays open.
func (b *builder) assignProcess() {
	if len(b.calling) != 1 {
		return
	}
	for p := range b.calling {
		for i := range b.header.Tracks {
			if t := &b.header.Tracks[i]; t.Device >= 0 && t.Process < 0 {
				t.Process = p
			}
		}
	}
}

// hardware is the process under which Ascend's profiler puts what ran on the
// NPU (msprof's trace_view.json).
const hardware = "Ascend Hardware"

// tasks returns the held NPU tasks that lie on the hardware's streams.
func (b *builder) tasks() []trace.Event {
	if !b.want.Has(trace.Kernel) {
		return nil
	}
	var tasks []trace.Event
	for _, task := range b.held {
		pid := b.keys[task.thing.Track].pid
		if b.header.Processes[b.process(pid)].Name == hardware {
			tasks = append(tasks, task.thing)
		}
	}
	return tasks
}

// pair joins the halves of ranges: B and E by their nesting on a thread, b and
// e by their ID wherever they end, both in time order.
func (b *builder) pair() []trace.Event {
	slices.SortStableFunc(b.halves, func(x, y late[half]) int {
		return cmp.Compare(x.thing.event.Start, y.thing.event.Start)
	})
	open := map[string][]half{}
	var events []trace.Event
	for _, x := range b.halves {
		h := x.thing
		stack := open[h.lane]
		switch n := len(stack); {
		case h.begin:
			open[h.lane] = append(stack, h)
		case n == 0:
			b.header.Health.Add(trace.UnbalancedRange, -1)
		default:
			open[h.lane] = stack[:n-1]
			events = stack[n-1].until(h.event.Start, events)
		}
	}
	for _, lane := range slices.Sorted(maps.Keys(open)) {
		for _, h := range open[lane] {
			b.header.Health.Add(trace.UnbalancedRange, -1)
			events = h.until(max(h.event.Start, b.end), events)
		}
	}
	return events
}

// until appends the range that h begins and that ends at t, if it is wanted.
func (h half) until(t trace.Time, events []trace.Event) []trace.Event {
	if !h.keep {
		return events
	}
	h.event.End = t
	return append(events, h.event)
}
