package analyze

import (
	"cmp"
	"fmt"
	"slices"

	"omnitrace/trace"
)

// A StackSample is the GPU work of one call stack: what a profile, and so a flame
// graph, is made of.
type StackSample struct {
	// Stack runs from the outside in: stage, request, phase, iteration, step, the
	// ranges and python frames that were open at the launch and opened in these,
	// the outermost operator, kernel or copy. Levels of which nothing is known are
	// left out. Frames are there if the session was read with [ProfileNeeds]; of
	// an nn.Module there is the class, whichever instance was called.
	Stack    []string
	Run      string // the run's label
	Stage    string // the stage's name
	Category string
	Replica  int
	Rank     int
	Device   int64
	Stream   int64 // as the file numbers it
	// Request, Step and Iteration count from 0, as in the tables; -1 for none.
	Request, Step, Iteration int

	ExclusiveNS int64 // adds up to the run's busy_ns over all samples
	KernelNS    int64 // adds up to kernel_ns
	Launches    int64 // adds up to launches: a launch counts for its first kernel
	Bytes       int64 // moved or set
}

// sampleKey is what the work of one sample shares.
type sampleKey struct {
	source, device, stream          int32
	request, phase, step, iteration int32
	stack, op, name, category       int32
}

// Profile groups the session's work by call stack. The samples come in the
// order of the pipeline and of the requests, steps and passes in it.
func (s *Session) Profile() []StackSample {
	keys := make([]sampleKey, 0, 1024)
	index := map[sampleKey]int32{}
	var sums []StackSample
	launched, stacks := s.firstKernels(), s.readStacks()
	for i := range s.work {
		w := &s.work[i]
		source := s.source(w)
		k := sampleKey{int32(source), w.device, w.stream, w.request, int32(w.phase), w.step, w.iteration, stacks[source].of(s.launchOf(w)), s.operatorAt(w), w.name, w.category}
		at, ok := index[k]
		if !ok {
			at = int32(len(sums))
			index[k] = at
			keys = append(keys, k)
			sums = append(sums, StackSample{})
		}
		sum := &sums[at]
		sum.ExclusiveNS += w.Exclusive
		sum.Bytes += s.bytes(w)
		if w.kind == trace.Kernel {
			sum.KernelNS += int64(w.Len())
		}
		if w.kind == trace.Kernel && w.launch >= 0 && launched[w.launch] == int32(i) {
			sum.Launches++
		}
	}
	return s.namedSamples(keys, sums, stacks)
}

// firstKernels returns, by launch call, which work is its first kernel, -1 for
// calls that launched none.
func (s *Session) firstKernels() []int32 {
	first := make([]int32, len(s.launches))
	for i := range first {
		first[i] = -1
	}
	for i := range s.work {
		w := &s.work[i]
		if w.launch < 0 || w.kind != trace.Kernel {
			continue
		}
		if j := first[w.launch]; j < 0 || w.Start < s.work[j].Start {
			first[w.launch] = int32(i)
		}
	}
	return first
}

// operatorAt returns the index among its host's causes of the operator in
// which w was launched, -1 for none.
func (s *Session) operatorAt(w *Work) int32 {
	call := s.launchOf(w)
	if call == nil {
		return -1
	}
	src := s.Sources[s.source(w)]
	if src.host == nil {
		src.host = s.readHost(src)
	}
	value := src.host.activity[call.track].at(call.start)
	if value >= 0 && src.host.causes[value].kind == causeOp {
		return value
	}
	return -1
}

// namedSamples names the sums and puts them in order.
func (s *Session) namedSamples(keys []sampleKey, sums []StackSample, stacks []*stacks) []StackSample {
	order := make([]int, len(keys))
	for i := range order {
		order[i] = i
	}
	for i, k := range keys {
		s.describeSample(&sums[i], k, stacks[k.source])
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &keys[i], &keys[j]
		return cmp.Or(
			cmp.Compare(s.Sources[a.source].Stage, s.Sources[b.source].Stage),
			cmp.Compare(a.source, b.source), cmp.Compare(a.device, b.device),
			cmp.Compare(a.request, b.request), cmp.Compare(a.iteration, b.iteration),
			cmp.Compare(a.phase, b.phase), cmp.Compare(a.step, b.step),
			slices.Compare(sums[i].Stack, sums[j].Stack), cmp.Compare(a.stream, b.stream),
			cmp.Compare(sums[i].Category, sums[j].Category))
	})
	sorted := make([]StackSample, len(order))
	for i, j := range order {
		sorted[i] = sums[j]
	}
	return sorted
}

func (s *Session) describeSample(out *StackSample, k sampleKey, open *stacks) {
	src := s.Sources[k.source]
	out.Run, out.Stage, out.Replica, out.Rank = s.Label, src.StageName, src.Replica, src.Rank
	out.Category = s.categories.Text(trace.NameID(k.category))
	out.Device, out.Stream = s.devices[k.device].info.Index, src.Trace.Tracks[k.stream].ID
	out.Request, out.Step, out.Iteration = int(k.request), -1, -1
	out.Stack = append(make([]string, 0, 7+open.depth(k.stack)), src.StageName)
	push := func(form string, n int32) { out.Stack = append(out.Stack, fmt.Sprintf(form, n)) }
	if k.request >= 0 {
		push("request %d", k.request)
	}
	if k.phase >= 0 {
		out.Stack = append(out.Stack, phaseNames[k.phase])
	}
	if k.iteration >= 0 {
		out.Iteration = int(s.iterations[k.iteration].index)
		push("iteration %d", int32(out.Iteration))
	}
	if k.step >= 0 {
		out.Step = int(s.steps[k.step].index)
		push("step %d", int32(out.Step))
	}
	out.Stack = open.names(out.Stack, k.stack)
	if k.op >= 0 {
		out.Stack = append(out.Stack, src.host.causes[k.op].name)
	}
	out.Stack = append(out.Stack, s.names.Text(trace.NameID(k.name)))
}
