package period

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A synth is a made-up diffusion pipeline with the truth of each kernel.
type synth struct {
	names  []uint32
	step   []int // the step of each kernel over all requests, -1 outside
	hints  []Hint
	cached []bool // by step
	loops  []int  // steps of each request
	about  string
}

func (s *synth) sequence(vouched bool) Sequence {
	return Sequence{Names: s.names, Hint: func(id uint32) Hint { return s.hints[id] }, Diffusion: vouched}
}

// A maker draws kernels. Elementwise names are shared by all parts of a
// pipeline, as they are in real ones; products, attention and convolutions
// are each part's own.
type maker struct {
	r      *rand.Rand
	hints  []Hint
	shared []uint32
}

func newMaker(r *rand.Rand) *maker {
	m := &maker{r: r}
	for range 40 {
		m.shared = append(m.shared, m.name(0))
	}
	return m
}

func (m *maker) name(h Hint) uint32 {
	m.hints = append(m.hints, h)
	return uint32(len(m.hints) - 1)
}

func (m *maker) between(lo, hi int) int { return lo + m.r.IntN(hi-lo+1) }
func (m *maker) chance(p float64) bool  { return m.r.Float64() < p }

// some draws n elementwise kernels, a few of them the part's own.
func (m *maker) some(n int, own float64) []uint32 {
	out := make([]uint32, n)
	for i := range out {
		if m.chance(own) {
			out[i] = m.name(0)
		} else {
			out[i] = m.shared[m.r.IntN(len(m.shared))]
		}
	}
	return out
}

// block is a layer: elementwise kernels with the given ones spread among them.
func (m *maker) block(n int, heavy ...uint32) []uint32 {
	out := m.some(n, 0.05)
	for i, h := range heavy {
		out[i*n/len(heavy)] = h
	}
	return out
}

func (m *maker) gemms(n int) []uint32 {
	pool := []uint32{m.name(GEMM), m.name(GEMM), m.name(GEMM)}
	out := make([]uint32, n)
	for i := range out {
		out[i] = pool[m.r.IntN(len(pool))]
	}
	return out
}

func (m *maker) layer() []uint32 {
	heavy := append(m.gemms(m.between(3, 6)), m.name(Attention))
	if m.chance(0.4) {
		heavy = append(heavy, m.name(Attention), m.name(GEMM))
	}
	return m.block(m.between(len(heavy)+4, 40), heavy...)
}

func repeat(unit []uint32, n int) []uint32 {
	var out []uint32
	for range n {
		out = append(out, unit...)
	}
	return out
}

func join(parts ...[]uint32) []uint32 {
	var out []uint32
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// pipeline draws a whole pipeline and runs it.
func pipeline(seed uint64) *synth {
	m := newMaker(rand.New(rand.NewPCG(seed, *synthStream)))
	s := &synth{}
	emit := func(step int, ks ...uint32) {
		for _, k := range ks {
			s.names, s.step = append(s.names, k), append(s.step, step)
		}
	}
	encode := m.encoder()
	model := m.denoiser()
	decode := m.decoder()
	requests := 1
	if m.chance(0.3) {
		requests = m.between(2, 4)
	}
	steps := 0
	for q := range requests {
		emit(-1, encode...)
		n := m.between(2, 12)
		if len(model.renamed) > 0 || model.cached {
			n = max(n, 4) // two equal steps at least
		}
		if m.chance(0.3) {
			n = m.between(13, 50)
		}
		for k := range n {
			kernels, cached := model.turn(k, n, q == 0 && k == 0)
			emit(steps, kernels...)
			s.cached = append(s.cached, cached)
			steps++
		}
		s.loops = append(s.loops, n)
		emit(-1, decode...)
	}
	s.hints = m.hints
	rate := 0.0
	if m.chance(0.8) {
		rate = m.r.Float64() * 0.02
	}
	s.about = fmt.Sprintf("%s requests=%v edits=%.4f", model.about, s.loops, rate)
	s.edit(m, rate)
	return s
}

// edit deletes and inserts kernels.
func (s *synth) edit(m *maker, rate float64) {
	names, step := s.names[:0:0], s.step[:0:0]
	for i, k := range s.names {
		switch f := m.r.Float64(); {
		case f < rate/2:
			continue
		case f < rate:
			names, step = append(names, m.shared[m.r.IntN(len(m.shared))]), append(step, s.step[i])
		}
		names, step = append(names, k), append(step, s.step[i])
	}
	s.names, s.step = names, step
}

func (m *maker) encoder() []uint32 {
	var out []uint32
	prompts := m.between(1, 2)
	var models [][]uint32
	for range m.between(1, 2) {
		models = append(models, join([]uint32{m.name(Embedding)}, m.some(m.between(2, 20), 0.2),
			repeat(m.layer(), m.between(2, 24)), m.some(m.between(1, 5), 0.2)))
	}
	for range prompts {
		out = append(out, join(models...)...)
	}
	out = append(out, m.name(Noise))
	return append(out, m.some(m.between(0, 6), 0.2)...)
}

func (m *maker) decoder() []uint32 {
	out := m.some(m.between(1, 6), 0.2)
	for range m.between(1, 4) {
		b := m.block(m.between(10, 24), m.name(Conv), m.name(Conv), m.name(Conv))
		out = append(append(out, repeat(b, m.between(2, 8))...), m.name(Conv))
	}
	return append(out, m.some(m.between(1, 6), 0.2)...)
}

// A denoiser is the model and the loop around it.
type denoiser struct {
	m          *maker
	first      [2][]uint32 // a pass of each expert
	short      []uint32    // a pass that a cache cuts short
	head, tail []uint32    // of each step
	combine    []uint32    // after the passes, when there are any
	solver     [3][]uint32 // first, later and last steps
	between    [][]uint32  // after each pass but the last
	passes     int
	boundary   float64 // share of the steps that the first expert makes
	skip       func(k, n int) bool
	whole      bool // a skipped step makes no pass at all
	cached     bool
	multistep  bool
	renamed    map[uint32]uint32
	about      string
}

func (m *maker) denoiser() *denoiser {
	d := &denoiser{m: m, passes: 1, boundary: 1, renamed: map[uint32]uint32{}, skip: func(int, int) bool { return false }}
	head := append(m.some(m.between(3, 20), 0.3), m.name(GEMM), m.name(Timestep))
	tail := append(m.some(m.between(1, 6), 0.3), m.name(GEMM))
	stacks := repeat(m.layer(), m.between(4, 40))
	if m.chance(0.3) {
		stacks = append(stacks, repeat(m.layer(), m.between(4, 40))...)
	}
	d.first[0] = join(head, stacks, tail)
	d.first[1] = d.first[0]
	d.short = join(head, m.some(2, 1), tail)
	d.head = m.some(m.between(0, 3), 0.3)
	d.tail = m.some(m.between(3, 12), 0.4)
	switch {
	case m.chance(0.45):
		d.passes = 2
		d.combine = m.some(m.between(1, 6), 0.5)
		d.between = [][]uint32{nil}
	case m.chance(0.15):
		d.passes = 4
		for i := range 3 {
			d.between = append(d.between, m.some(2+i, 0.3))
		}
	}
	d.about = fmt.Sprintf("pass=%d passes=%d", len(d.first[0]), d.passes)
	d.solvers()
	d.caches()
	d.experts()
	if m.chance(0.3) {
		for _, k := range d.first[0] {
			if m.hints[k]&GEMM != 0 && m.chance(0.4) {
				d.renamed[k] = m.name(GEMM)
			}
		}
		d.about += " renamed"
	}
	return d
}

func (d *denoiser) solvers() {
	m := d.m
	s := m.some(m.between(3, 10), 0.3)
	d.solver = [3][]uint32{s, s, s}
	if m.chance(0.25) {
		more := m.some(m.between(8, 30), 0.2)
		d.solver = [3][]uint32{s, join(s, more), join(s, more[:len(more)/2])}
		d.multistep = true
		d.about += " multistep"
	}
}

func (d *denoiser) caches() {
	m := d.m
	if !m.chance(0.3) {
		return
	}
	every, warm := m.between(2, 4), m.between(2, 3)
	if d.multistep {
		// A step whose solver repeats itself looks like one that is followed by
		// a skipped one; only a plain step of the same order tells them apart.
		// Wan's UniPC steps do repeat themselves. Caches leave the first alone.
		warm = 3
	}
	d.whole, d.cached = m.chance(0.5), true
	if m.chance(0.5) {
		d.skip = func(k, n int) bool { return k >= warm && k%every == every-1 }
	} else {
		pattern := m.r.Uint64()
		d.skip = func(k, n int) bool { return k >= warm && pattern>>(k%64)&1 == 1 && pattern>>((k-1)%64)&1 == 0 }
	}
	d.about += fmt.Sprintf(" cache(whole=%v every=%d)", d.whole, every)
}

func (d *denoiser) experts() {
	m := d.m
	if !m.chance(0.2) {
		return
	}
	d.boundary = 0.3 + 0.5*m.r.Float64()
	other := map[uint32]uint32{}
	d.first[1] = nil
	changed := m.chance(0.5)
	for _, k := range d.first[0] {
		if changed && m.hints[k]&GEMM != 0 {
			if other[k] == 0 {
				other[k] = m.name(GEMM)
			}
			k = other[k]
		}
		d.first[1] = append(d.first[1], k)
	}
	d.about += fmt.Sprintf(" experts(changed=%v)", changed)
}

// turn returns the kernels of step k of n.
func (d *denoiser) turn(k, n int, fresh bool) (kernels []uint32, cached bool) {
	cached = d.skip(k, n)
	out := append([]uint32(nil), d.head...)
	if !cached || !d.whole {
		pass := d.first[0]
		if float64(k) >= d.boundary*float64(n) {
			pass = d.first[1]
		}
		if cached {
			pass = d.short
		}
		for p := range d.passes {
			out = append(out, pass...)
			if p < len(d.between) {
				out = append(out, d.between[p]...)
			}
		}
		out = append(out, d.combine...)
	}
	solver := d.solver[1]
	switch k {
	case 0:
		solver = d.solver[0]
	case n - 1:
		solver = d.solver[2]
	}
	out = append(append(out, solver...), d.tail...)
	if fresh {
		for i, k := range out {
			if r, ok := d.renamed[k]; ok {
				out[i] = r
			}
		}
	}
	return out, cached
}

// outcome compares what was found with the truth.
func (s *synth) outcome(r Result) (ok bool, why string) {
	if len(r.Loops) != len(s.loops) {
		return false, fmt.Sprintf("%d loops instead of %d (%s)", len(r.Loops), len(s.loops), r.Reason)
	}
	found := make([]int, len(s.names))
	for i := range found {
		found[i] = -1
	}
	k := 0
	for q, l := range r.Loops {
		if len(l.Steps) != s.loops[q] {
			return false, fmt.Sprintf("request %d: %d steps instead of %d", q, len(l.Steps), s.loops[q])
		}
		for _, st := range l.Steps {
			if st.Cached != s.cached[k] {
				return false, fmt.Sprintf("step %d: cached %v", k, st.Cached)
			}
			for i := st.First; i < st.End; i++ {
				found[i] = k
			}
			k++
		}
	}
	in, bad := 0, 0
	for i, f := range found {
		if f >= 0 || s.step[i] >= 0 {
			in++
		}
		if f != s.step[i] {
			bad++
		}
	}
	if 50*bad > in {
		return false, fmt.Sprintf("%d of %d kernels in a wrong step", bad, in)
	}
	return true, ""
}

var (
	synthSeeds  = flag.Int("synth.seeds", 200, "how many random pipelines to recover")
	synthFrom   = flag.Uint64("synth.from", 0, "the first seed")
	synthOnly   = flag.String("synth.only", "", "these seeds alone, separated by spaces")
	synthStream = flag.Uint64("synth.stream", 7, "the stream of random numbers")
)

// TestSynth recovers the steps of random pipelines, 99 of 100 at least.
//
//	go test ./analyze/period -run Synth -v -synth.seeds 1000 -synth.from 1000
func TestSynth(t *testing.T) {
	var seeds []uint64
	for k := range *synthSeeds {
		seeds = append(seeds, *synthFrom+uint64(k))
	}
	if *synthOnly != "" {
		seeds = seeds[:0]
		for _, s := range strings.Fields(*synthOnly) {
			n, err := strconv.ParseUint(s, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			seeds = append(seeds, n)
		}
	}
	if good := recovered(t, seeds); good*100 < len(seeds)*99 {
		t.Errorf("the steps of %d of %d pipelines are right", good, len(seeds))
	} else {
		t.Logf("%d of %d", good, len(seeds))
	}
}

// explain says more about a failure, where a debugger has set it.
var explain = func(*synth) string { return "" }

// recovered counts the seeds whose steps are right.
func recovered(t *testing.T, seeds []uint64) int {
	var good atomic.Int64
	var running sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, seed := range seeds {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			s := pipeline(seed)
			ok, why := s.outcome(Find(s.sequence(false)))
			if ok {
				good.Add(1)
				return
			}
			t.Logf("seed %d, %d kernels: %s: %s %s", seed, len(s.names), why, s.about, explain(s))
		})
	}
	running.Wait()
	return int(good.Load())
}
