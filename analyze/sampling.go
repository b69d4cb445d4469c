package analyze

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"

	"omnitrace/trace"
)

// longestSequence bounds what a pattern keeps of the order of its kernels.
const longestSequence = 4096

// Samples returns the figures of the session's work by unit.
func (s *Session) Samples() *Samples {
	s.addUp()
	out := &Samples{
		Schema: SamplesSchema, Label: s.Label, Model: s.Model, GPUs: s.gpus(), Complete: s.Options.Complete,
		Tools: []string{}, Settings: map[string]string{},
		Totals: SampleTotals{BusyNS: s.sums.all.exclusiveNS, IdleNS: s.sums.all.idleNS()},
	}
	if !s.sums.all.mixed {
		span := int64(s.sums.all.span.Len())
		out.Totals.SpanNS = &span
	}
	s.describeRun(out)
	b := sampler{s: s, out: out, variants: map[variant]int32{}, units: map[unitKey]*unitTally{}}
	b.add()
	b.sortKernels()
	b.finish()
	return out
}

// settings are the metadata that tell how a trace was made. Those of another
// run need not be the same for its work to be.
var settings = []string{
	"with_stack", "record_shapes", "profile_memory", "with_flops", "with_modules",
	"cuda_runtime_version", "cuda_driver_version", "hip_runtime_version", "cupti_version",
	"nsys_version", "cuda_graph_trace",
}

// describeRun fills in what the sources say of the run.
func (s *Session) describeRun(out *Samples) {
	stages := map[int]*StageSample{}
	replicas := map[[2]int]bool{}
	for _, src := range s.Sources {
		if !src.counted() {
			continue
		}
		out.Tools = append(out.Tools, src.Trace.Format)
		for _, key := range settings {
			if v, ok := src.Trace.Meta[key]; ok {
				out.Settings[key] = v
			}
		}
		st := stages[src.Stage]
		if st == nil {
			st = &StageSample{Stage: src.Stage, Name: src.StageName, NamedBy: src.NamedBy}
			stages[src.Stage] = st
		}
		st.Ranks++
		if r := [2]int{src.Stage, src.Replica}; !replicas[r] {
			replicas[r] = true
			st.Replicas++
		}
	}
	slices.Sort(out.Tools)
	out.Tools = slices.Compact(out.Tools)
	for _, stage := range slices.Sorted(maps.Keys(stages)) {
		out.Stages = append(out.Stages, *stages[stage])
	}
}

// A sampler deals the session's work out to units.
type sampler struct {
	s        *Session
	out      *Samples
	variants map[variant]int32 // to indices in kernels
	kernels  []KernelSample    // in the order of the work, until they are sorted
	units    map[unitKey]*unitTally
	of       []*unitTally // the unit of each piece of work
	variant  []int32      // the kernel of each piece of work
}

// A variant is what two pieces of work must share to be the same kernel.
type variant struct {
	name, category int32
	memory         bool
	grid, block    [3]int32
}

// A unitKey is the place of a unit in the run.
type unitKey struct {
	stage, replica                  int32
	request, step, iteration, phase int32 // numbers, not indices; -1 for none
}

// A unitTally adds up the work of a unit.
type unitTally struct {
	UnitSample
	key      unitKey
	cells    map[int32]*cellTally
	idle     map[string]int64
	device   int32 // the first, whose order of kernels is kept
	sequence []int32
	long     bool // the sequence was given up
}

type cellTally struct {
	count, exclusive, gpu int64
}

func (b *sampler) add() {
	b.of = make([]*unitTally, len(b.s.work))
	b.variant = make([]int32, len(b.s.work))
	for i := range b.s.work {
		w := &b.s.work[i]
		u, v := b.unit(w), b.kernel(w)
		b.of[i], b.variant[i] = u, v
		c := u.cells[v]
		if c == nil {
			c = &cellTally{}
			u.cells[v] = c
		}
		c.count++
		c.exclusive += w.Exclusive
		c.gpu += int64(w.Len())
		if w.device == u.device && !u.long {
			u.sequence = append(u.sequence, v)
			u.long = len(u.sequence) > longestSequence
		}
	}
	b.s.idleBefore(func(i int, src *Source, c int32, ns int64) { b.of[i].idle[src.host.causes[c].kind] += ns })
}

// kernel returns the number of the work's kernel in b.kernels.
func (b *sampler) kernel(w *Work) int32 {
	v := variant{name: w.name, category: w.category, memory: w.kind != trace.Kernel}
	if !v.memory {
		d := b.s.Sources[b.s.source(w)].Trace.Details[w.detail]
		v.grid, v.block = d.Grid, d.Block
	}
	n, ok := b.variants[v]
	if !ok {
		n = int32(len(b.kernels))
		b.variants[v] = n
		b.kernels = append(b.kernels, KernelSample{
			Name: kernelDimension.text(b.s, v.name), Category: categoryDimension.text(b.s, v.category),
			Memory: v.memory, Grid: v.grid, Block: v.block,
		})
	}
	return n
}

// unit returns the unit that the work is part of.
func (b *sampler) unit(w *Work) *unitTally {
	src := b.s.Sources[b.s.source(w)]
	key := unitKey{int32(src.Stage), int32(src.Replica), w.request, stepDimension.id(b.s, w), -1, int32(w.phase)}
	if w.step < 0 {
		key.iteration = iterationDimension.id(b.s, w)
	}
	u := b.units[key]
	if u == nil {
		u = &unitTally{key: key, cells: map[int32]*cellTally{}, idle: map[string]int64{}, device: w.device}
		u.UnitSample = UnitSample{
			Stage: src.Stage, Replica: src.Replica,
			Request: int(key.request), Step: int(key.step), Iteration: int(key.iteration), Kind: Part,
		}
		if w.phase >= 0 {
			u.Phase = phaseNames[w.phase]
		}
		b.units[key] = u
	}
	if w.iteration >= 0 {
		u.inPass(&b.s.iterations[w.iteration])
	}
	if w.step >= 0 {
		u.isStep(&b.s.steps[w.step])
	}
	return u
}

func (u *unitTally) isStep(st *step) {
	if u.Kind != Part && (u.Startup != "" || st.upset == "") {
		return // a rank has said it already
	}
	u.Kind, u.Expert, u.Forwards, u.Method = st.kind(), st.expert+1, st.forwards, st.method
	u.Startup = cmp.Or(u.Startup, st.upset)
}

// inPass notes what the pass works on: steps inside it are alike only where it
// is. What a request does in a pass is a part of the request.
func (u *unitTally) inPass(it *iteration) {
	u.ContextRequests, u.ContextTokens = it.ContextRequests, it.ContextTokens
	u.GenerationRequests, u.GenerationTokens = it.GenerationRequests, it.GenerationTokens
	if u.Kind == Part && u.Request < 0 {
		u.Kind, u.Method = Pass, byAnnotation
	}
}

// sortKernels numbers the kernels by content, so that the samples of a run do
// not depend on which of them ran first.
func (b *sampler) sortKernels() {
	order := make([]int32, len(b.kernels))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int { return b.kernels[i].Compare(b.kernels[j]) })
	rank := make([]int32, len(order))
	b.out.Kernels = make([]KernelSample, len(order))
	for r, i := range order {
		rank[i], b.out.Kernels[r] = int32(r), b.kernels[i]
	}
	for i, v := range b.variant {
		b.variant[i] = rank[v]
	}
	for _, u := range b.units {
		cells := make(map[int32]*cellTally, len(u.cells))
		for v, c := range u.cells {
			cells[rank[v]] = c
		}
		u.cells = cells
		for i, v := range u.sequence {
			u.sequence[i] = rank[v]
		}
	}
}

// Compare orders kernels by content.
func (k KernelSample) Compare(o KernelSample) int {
	memory := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(memory(k.Memory), memory(o.Memory)), cmp.Compare(k.Category, o.Category), cmp.Compare(k.Name, o.Name),
		slices.Compare(k.Grid[:], o.Grid[:]), slices.Compare(k.Block[:], o.Block[:]))
}

// finish turns the units into their final form.
func (b *sampler) finish() {
	units := slices.SortedFunc(maps.Values(b.units), func(x, y *unitTally) int { return x.key.compare(y.key) })
	patterns := map[string]int{}
	kept := map[unitKey]bool{} // kinds of units whose sequence is kept, as keys without numbers
	for _, u := range units {
		cells := slices.Sorted(maps.Keys(u.cells))
		p := PatternSample{Kernels: make([]int, len(cells)), Counts: make([]int, len(cells))}
		u.ExclusiveNS = make([]int64, len(cells))
		gpu, overlap := make([]int64, len(cells)), false
		for i, v := range cells {
			c := u.cells[v]
			p.Kernels[i], p.Counts[i] = int(v), int(c.count)
			u.ExclusiveNS[i], gpu[i] = c.exclusive, c.gpu
			overlap = overlap || c.exclusive != c.gpu
		}
		if overlap {
			u.GPUNS = gpu
		}
		if len(u.idle) > 0 {
			u.IdleNS = u.idle
		}
		u.Pattern = b.pattern(patterns, p)
		if kind := u.family(); !kept[kind] && !u.long && u.Startup == "" {
			kept[kind] = true
			b.keep(u)
		}
		b.out.Units = append(b.out.Units, u.UnitSample)
	}
	b.out.Digest = b.digest(units)
}

// pattern returns the index of p among the patterns.
func (b *sampler) pattern(known map[string]int, p PatternSample) int {
	text := make([]byte, 0, 16*len(p.Kernels))
	for i := range p.Kernels {
		text = binary.LittleEndian.AppendUint64(text, uint64(p.Kernels[i]))
		text = binary.LittleEndian.AppendUint64(text, uint64(p.Counts[i]))
	}
	n, ok := known[string(text)]
	if !ok {
		n = len(b.out.Patterns)
		known[string(text)] = n
		b.out.Patterns = append(b.out.Patterns, p)
	}
	return n
}

func (b *sampler) keep(u *unitTally) {
	p := &b.out.Patterns[u.Pattern]
	if p.Sequence != nil {
		return
	}
	p.Sequence = make([]int, len(u.sequence))
	for i, v := range u.sequence {
		p.Sequence[i] = int(v)
	}
}

// family returns the unit's key without what tells it from others of its kind.
func (u *unitTally) family() unitKey {
	kind := slices.Index([]string{Part, Pass, FirstStep, ComputedStep, CachedStep}, u.Kind)
	return unitKey{stage: u.key.stage, phase: u.key.phase, step: int32(kind), iteration: int32(u.Expert)}
}

// compare orders units by place, those without a place last.
func (k unitKey) compare(o unitKey) int {
	last := func(a, b int32) int {
		switch {
		case a == b:
			return 0
		case a < 0 || b < 0:
			return cmp.Compare(b, a)
		}
		return cmp.Compare(a, b)
	}
	return cmp.Or(
		cmp.Compare(k.stage, o.stage), cmp.Compare(k.replica, o.replica), last(k.request, o.request),
		last(k.iteration, o.iteration), last(k.phase, o.phase), last(k.step, o.step))
}

// digest identifies the recording: what ran when, for how long, and in which
// unit. Times count from the first GPU event of each source, so a copy of a
// file, packed or not, is the same recording wherever it lies.
func (b *sampler) digest(units []*unitTally) string {
	number := map[*unitTally]uint64{}
	for i, u := range units {
		number[u] = uint64(i)
	}
	h := sha256.New()
	for _, k := range b.out.Kernels {
		h.Write([]byte(k.Name))
		h.Write([]byte{0})
	}
	first := map[int]trace.Time{}
	for i := range b.s.work {
		w := &b.s.work[i]
		if at, ok := first[b.s.source(w)]; !ok || w.Start < at {
			first[b.s.source(w)] = w.Start
		}
	}
	row := make([]byte, 0, 40)
	for i := range b.s.work {
		w := &b.s.work[i]
		row = row[:0]
		for _, v := range []uint64{uint64(w.Start - first[b.s.source(w)]), uint64(w.Len()), uint64(b.variant[i]), number[b.of[i]], uint64(w.device)} {
			row = binary.LittleEndian.AppendUint64(row, v)
		}
		h.Write(row)
	}
	return hex.EncodeToString(h.Sum(nil))
}
