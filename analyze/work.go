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

	device   int32 // index in Session.devices
	name     int32 // in Session.names
	category int32 // in Session.categories
	launch   int32 // index in Session.launches, -1 for none in the file
	stream   int32 // the lane in its source's trace
	detail   int32 // in the Details of its source's trace: the launch shape

	// What it was launched in; -1 for none.
	request   int32
	step      int32 // index in Session.steps
	iteration int32 // index in Session.iterations
	phase     int8  // in phaseNames

	kind      trace.Kind
	inherited bool // assigned by what surrounds it, not by its own launching thread
	sole      bool // the only kernel of its launch
}

// A launch is a call that launched work.
type launch struct {
	start trace.Time
	track trace.TrackID
	event int32 // index in its source's trace
}

// launchOf returns the call that launched w, nil where it is not in the file.
func (s *Session) launchOf(w *Work) *launch {
	if w.launch < 0 {
		return nil
	}
	return &s.launches[w.launch]
}

// source returns the index in Sources of where w is from.
func (s *Session) source(w *Work) int { return s.devices[w.device].source }

// bytes returns the number of bytes that w moved or set.
func (s *Session) bytes(w *Work) int64 {
	return s.Sources[s.source(w)].Trace.Details[w.detail].Bytes
}

// addWork appends the GPU events of a source, device by device.
func (s *Session) addWork(i int, src *Source) {
	if !src.counted() {
		return
	}
	t := src.Trace
	src.Links = trace.Link(t)
	number := s.numberLaunches(src)
	name := s.namer(t)
	src.from = len(s.work)
	for d, index := range gpuEvents(t) {
		if len(index) == 0 {
			continue
		}
		s.devices = append(s.devices, device{source: i, info: t.Devices[d]})
		var shares trace.Shares
		for _, j := range index {
			e := &t.Events[j]
			w := s.newWork(e, shares.Next(e.Span))
			w.name, w.category = name(e)
			if l := src.Links.Launch[j]; l >= 0 {
				w.launch = number[l]
			}
			s.work = append(s.work, w)
		}
	}
	s.markSole(s.work[src.from:])
	if s.Depth == Attribution {
		s.attribute(i)
	}
}

// reserve makes room for the work of all sources: growing would hold it twice.
func (s *Session) reserve() {
	n := 0
	for _, src := range s.Sources {
		if !src.counted() {
			continue
		}
		for i := range src.Trace.Events {
			if src.Trace.Events[i].Kind.GPU() {
				n++
			}
		}
	}
	s.work = make([]Work, 0, n)
}

// numberLaunches adds the calls that launched any of a source's work to the
// session's launches, in time order, and returns their places there by event.
func (s *Session) numberLaunches(src *Source) (number []int32) {
	events := src.Trace.Events
	number = make([]int32, len(events))
	n := 0
	for _, l := range src.Links.Launch {
		if l >= 0 && number[l] == 0 {
			number[l] = 1
			n++
		}
	}
	s.launches = slices.Grow(s.launches, n)
	for i, owns := range number {
		if owns == 1 {
			number[i] = int32(len(s.launches))
			s.launches = append(s.launches, launch{events[i].Start, events[i].Track, int32(i)})
		}
	}
	return number
}

// markSole marks the kernels that are the only one of their launch: they can
// be counted without a list of launches.
func (s *Session) markSole(work []Work) {
	const several = 2
	kernels := make([]uint8, len(s.launches))
	for i := range work {
		if w := &work[i]; w.kind == trace.Kernel && w.launch >= 0 {
			kernels[w.launch] = min(kernels[w.launch]+1, several)
		}
	}
	for i := range work {
		w := &work[i]
		w.sole = w.kind == trace.Kernel && w.launch >= 0 && kernels[w.launch] == 1
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

// newWork returns the work that an event of the session's last device is.
func (s *Session) newWork(e *trace.Event, share time.Duration) Work {
	return Work{
		Span: e.Span, Exclusive: int64(share), device: int32(len(s.devices) - 1), launch: -1,
		stream: int32(e.Track), detail: int32(e.Detail), request: -1, phase: -1, step: -1, iteration: -1, kind: e.Kind,
	}
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
