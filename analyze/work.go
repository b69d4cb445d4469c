package analyze

import (
	"slices"
	"strings"
	"time"

	"omnitrace/analyze/rules"
	"omnitrace/trace"
)

// Work is one GPU event of the run with everything that was found out about
// it. It holds no pointers.
type Work struct {
	trace.Span
	Exclusive int64 // its share of the device's busy time, in ns
	Bytes     int64 // moved or set

	source   int32 // index in Session.Sources
	device   int32 // index in Session.devices
	name     int32 // in Session.names
	category int32 // in Session.categories
	launch   int32 // the session's ID of the launch call, -1 for none in the file
	stream   int32 // the lane in its source's trace
	detail   int32 // in the Details of its source's trace: the launch shape

	// What it was launched in; -1 for none.
	request   int32
	phase     int32 // in phaseNames
	step      int32 // index in Session.steps
	iteration int32 // index in Session.iterations

	kind      trace.Kind
	inherited bool // assigned by what surrounds it, not by its own launching thread
}

// addWork appends the GPU events of a source, device by device.
func (s *Session) addWork(i int, src *Source) {
	if !src.counted() {
		return
	}
	t := src.Trace
	src.Links = trace.Link(t)
	src.launch = s.launches
	s.launches += int32(len(t.Events))
	name := s.namer(t)
	from := len(s.work)
	devices := gpuEvents(t)
	total := 0
	for _, index := range devices {
		total += len(index)
	}
	s.work = slices.Grow(s.work, total)
	for d, index := range devices {
		if len(index) == 0 {
			continue
		}
		s.devices = append(s.devices, device{source: i, info: t.Devices[d]})
		events := make([]trace.Event, len(index))
		for k, j := range index {
			events[k] = t.Events[j]
		}
		trace.Exclusive(events, func(k int, share time.Duration) {
			w := s.newWork(i, index[k], share)
			w.name, w.category = name(&events[k])
			s.work = append(s.work, w)
		})
	}
	if !s.Unattributed {
		s.attribute(i, from)
	}
}

// gpuEvents returns, for each device of t, the positions of its GPU events.
func gpuEvents(t *trace.Trace) [][]int32 {
	index := make([][]int32, len(t.Devices))
	for i := range t.Events {
		if e := &t.Events[i]; e.Kind.GPU() {
			if d := t.Tracks[e.Track].Device; d >= 0 {
				index[d] = append(index[d], int32(i))
			}
		}
	}
	return index
}

// newWork returns the work of event j of source i, which belongs to the
// session's last device.
func (s *Session) newWork(i int, j int32, share time.Duration) Work {
	src := s.Sources[i]
	e := &src.Trace.Events[j]
	w := Work{
		Span: e.Span, Exclusive: int64(share), Bytes: src.Trace.Details[e.Detail].Bytes,
		source: int32(i), device: int32(len(s.devices) - 1), launch: -1,
		stream: int32(e.Track), detail: int32(e.Detail), request: -1, phase: -1, step: -1, iteration: -1, kind: e.Kind,
	}
	if l := src.Links.Launch[j]; l >= 0 {
		w.launch = src.launch + l
	}
	return w
}

// namer returns a function that gives a GPU event of t its name and category
// in the session. Kernels keep their names; copies and fills are named by
// direction, whatever the profiler called them.
func (s *Session) namer(t *trace.Trace) func(*trace.Event) (name, category int32) {
	type named struct {
		kind trace.Kind
		name trace.NameID
	}
	type label struct{ name, category int32 }
	known := map[named]label{}
	return func(e *trace.Event) (int32, int32) {
		k := named{e.Kind, e.Name}
		l, ok := known[k]
		if !ok {
			text := t.Names.Text(e.Name)
			category := s.Rules.Category(text)
			if e.Kind != trace.Kernel {
				text, category = memoryName(e.Kind, text), memoryCategories[e.Kind]
			}
			l = label{int32(s.names.Intern(text)), int32(s.categories.Intern(category))}
			known[k] = l
		}
		return l.name, l.category
	}
}

var memoryCategories = map[trace.Kind]string{
	trace.Memcpy: rules.MemcpyCategory, trace.Memset: rules.MemsetCategory,
}

// directions are how profilers call the ends of a copy: Kineto on CUDA, on
// ROCm, and nsys.
var directions = []struct{ in, direction string }{
	{"htod", "HtoD"}, {"dtoh", "DtoH"}, {"dtod", "DtoD"}, {"htoh", "HtoH"}, {"ptop", "PtoP"},
	{"hosttodevice", "HtoD"}, {"devicetohost", "DtoH"}, {"devicetodevice", "DtoD"}, {"hosttohost", "HtoH"},
	{"host-to-device", "HtoD"}, {"device-to-host", "DtoH"}, {"device-to-device", "DtoD"}, {"peer-to-peer", "PtoP"},
	{"htoa", "HtoA"}, {"atoh", "AtoH"}, {"atod", "AtoD"}, {"dtoa", "DtoA"}, {"atoa", "AtoA"},
}

// memoryName names a copy by its direction, and a fill.
func memoryName(kind trace.Kind, name string) string {
	if kind == trace.Memset {
		return "memset"
	}
	lower := strings.ToLower(name)
	for _, d := range directions {
		if strings.Contains(lower, d.in) {
			return "memcpy " + d.direction
		}
	}
	return "memcpy (unknown direction)"
}
