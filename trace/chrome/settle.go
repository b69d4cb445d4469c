package chrome

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"omnitrace/trace"
)

// settle does what needs the whole file and returns the events that had to
// wait for it.
func (b *builder) settle() []trace.Event {
	b.nameProcesses()
	b.nameDevices()
	b.assignProcess()
	return append(b.tasks(), b.pair()...)
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

// nameDevices reads Kineto's deviceProperties.
func (b *builder) nameDevices() {
	var properties []struct {
		ID     int64  `json:"id"`
		Name   string `json:"name"`
		Memory int64  `json:"totalGlobalMem"`
	}
	if json.Unmarshal([]byte(b.header.Meta["deviceProperties"]), &properties) != nil {
		return
	}
	for i := range b.header.Devices {
		d := &b.header.Devices[i]
		for _, p := range properties {
			if p.ID == d.Index {
				d.Name, d.MemoryBytes = p.Name, p.Memory
			}
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
			if t := &b.header.Tracks[i]; t.Device >= 0 {
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
	return slices.DeleteFunc(b.held, func(e trace.Event) bool {
		pid := b.keys[e.Track].pid
		return b.header.Processes[b.process(pid)].Name != hardware
	})
}

// pair joins the ends of ranges: B and E by their nesting on a thread, in time
// order; b and e by their id, wherever they end.
func (b *builder) pair() []trace.Event {
	slices.SortStableFunc(b.halves, func(x, y half) int { return cmp.Compare(x.event.Start, y.event.Start) })
	type lane struct {
		track trace.TrackID
		id    string
	}
	open := map[lane][]trace.Event{}
	var events []trace.Event
	for _, h := range b.halves {
		l := lane{track: h.event.Track}
		if h.id != "" {
			l = lane{id: h.id}
		}
		stack := open[l]
		switch {
		case h.phase == 'B' || h.phase == 'b':
			open[l] = append(stack, h.event)
		case len(stack) == 0:
			b.header.Health.Add(trace.UnbalancedRange, -1)
		default:
			e := stack[len(stack)-1]
			e.End = h.event.Start
			events = append(events, e)
			open[l] = stack[:len(stack)-1]
		}
	}
	for _, stack := range open {
		for _, e := range stack {
			b.header.Health.Add(trace.UnbalancedRange, -1)
			e.End = max(e.Start, b.end)
			events = append(events, e)
		}
	}
	b.halves = nil
	// Ranges left open come out of a map.
	slices.SortStableFunc(events, func(x, y trace.Event) int {
		return cmp.Or(cmp.Compare(x.Start, y.Start), cmp.Compare(y.End, x.End), cmp.Compare(x.Track, y.Track), cmp.Compare(x.Name, y.Name))
	})
	return events
}
