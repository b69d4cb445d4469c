package diff

import (
	"cmp"
	"math"
	"slices"

	"omnitrace/analyze"
)

// A comparison is the state of a Compare.
type comparison struct {
	o        Options
	sides    [2]side
	kernels  catalogue
	pairs    []pair
	renamed  renames
	single   bool           // each side has one stage: these are the same one
	resized  map[scope]bool // phases that work on other sizes
	lone     int            // its number, the lower one
	unnamed  map[int]bool   // stages whose name some run does not know
	names    map[int]string // of stages
	fine     []*fineRow
	evidence *evidence
	Result
}

// A side is the runs of one side, taken apart into units.
type side struct {
	runs  []*analyze.Samples
	units []*unit // by run and place
}

// A unit is a unit of work with its kernels numbered as all runs share them.
type unit struct {
	*analyze.UnitSample
	run      int
	class    class
	cells    []cell
	ns       int64
	sequence []int32 // kernels in the order in which they ran; nil where not kept
	paired   bool
}

type cell struct {
	kernel int32
	row    int32 // in comparison.fine
	count  int64
	ns     int64 // exclusive
}

// A class is what two units must share for their times to be comparable.
type class struct {
	stage              int
	name               string // of the stage, where both sides know it
	phase, kind        string
	expert, forwards   int
	contextRequests    int64
	contextTokens      int64
	generationRequests int64
	generationTokens   int64
}

func (k class) compare(o class) int {
	return cmp.Or(
		cmp.Compare(k.stage, o.stage), cmp.Compare(k.name, o.name), cmp.Compare(k.phase, o.phase), cmp.Compare(k.kind, o.kind),
		cmp.Compare(k.expert, o.expert), cmp.Compare(k.forwards, o.forwards),
		cmp.Compare(k.contextRequests, o.contextRequests), cmp.Compare(k.contextTokens, o.contextTokens),
		cmp.Compare(k.generationRequests, o.generationRequests), cmp.Compare(k.generationTokens, o.generationTokens))
}

// isStep reports whether the class is of denoise steps.
func (k class) isStep() bool { return k.kind != analyze.Part && k.kind != analyze.Pass }

// A catalogue numbers the kernels of all runs.
type catalogue struct {
	ids  map[analyze.KernelSample]int32
	list []analyze.KernelSample
}

func (c *catalogue) id(k analyze.KernelSample) int32 {
	id, ok := c.ids[k]
	if !ok {
		id = int32(len(c.list))
		c.ids[k] = id
		c.list = append(c.list, k)
	}
	return id
}

// number gives every kernel of all runs its ID, by content, so that no ID
// depends on which side is which.
func (c *comparison) number() {
	c.kernels.ids = map[analyze.KernelSample]int32{}
	var all []analyze.KernelSample
	for _, s := range c.sides {
		for _, run := range s.runs {
			all = append(all, run.Kernels...)
		}
	}
	slices.SortFunc(all, analyze.KernelSample.Compare)
	for _, k := range all {
		c.kernels.id(k)
	}
}

// takeApart turns the runs of both sides into units.
func (c *comparison) takeApart() {
	c.number()
	c.nameStages()
	for i := range c.sides {
		s := &c.sides[i]
		for r, run := range s.runs {
			ids := make([]int32, len(run.Kernels))
			for k, kernel := range run.Kernels {
				ids[k] = c.kernels.id(kernel)
			}
			own := map[int]string{}
			for _, st := range run.Stages {
				own[st.Stage] = st.Name
			}
			for k := range run.Units {
				u := newUnit(run, k, ids)
				u.run, u.class.stage = r, c.stage(u.Stage)
				if !c.unnamed[u.class.stage] {
					u.class.name = own[u.Stage]
				}
				s.units = append(s.units, u)
			}
		}
	}
	c.forgetForwards()
}

func newUnit(run *analyze.Samples, k int, ids []int32) *unit {
	sample := &run.Units[k]
	p := &run.Patterns[sample.Pattern]
	u := &unit{UnitSample: sample, ns: sample.Exclusive(), cells: make([]cell, 0, len(p.Kernels)), class: class{
		phase: sample.Phase, kind: sample.Kind, expert: sample.Expert, forwards: sample.Forwards,
		contextRequests: sample.ContextRequests, contextTokens: sample.ContextTokens,
		generationRequests: sample.GenerationRequests, generationTokens: sample.GenerationTokens,
	}}
	for i, id := range p.Kernels {
		u.cells = append(u.cells, cell{kernel: ids[id], count: int64(p.Counts[i]), ns: sample.ExclusiveNS[i]})
	}
	for _, id := range p.Sequence {
		u.sequence = append(u.sequence, ids[id])
	}
	return u
}

// stage returns the number that a stage of any run has in the comparison.
func (c *comparison) stage(number int) int {
	if c.single {
		return c.lone
	}
	return number
}

// nameStages learns what stages are called. Where each side has one stage they
// are the same one, whatever their numbers: a single file often does not tell
// its stage. Names tell stages apart only where every run knows them.
func (c *comparison) nameStages() {
	c.single, c.lone = true, math.MaxInt
	for _, s := range c.sides {
		numbers := map[int]bool{}
		for _, run := range s.runs {
			for _, st := range run.Stages {
				numbers[st.Stage] = true
				c.lone = min(c.lone, st.Stage)
			}
		}
		c.single = c.single && len(numbers) <= 1
	}
	c.unnamed, c.names = map[int]bool{}, map[int]string{}
	sure := map[int]bool{}
	for _, s := range c.sides {
		for _, run := range s.runs {
			for _, st := range run.Stages {
				n, known := c.stage(st.Stage), st.NamedBy != "number" && st.NamedBy != ""
				c.unnamed[n] = c.unnamed[n] || !known
				name, taken := c.names[n]
				if !taken || known && !sure[n] || known == sure[n] && st.Name < name {
					c.names[n], sure[n] = st.Name, known
				}
			}
		}
	}
}

// forgetForwards drops the calls of the denoiser from the classes of a stage
// of which any step does not tell them.
func (c *comparison) forgetForwards() {
	unknown := map[int]bool{}
	for _, s := range c.sides {
		for _, u := range s.units {
			if u.class.isStep() && u.class.forwards < 0 {
				unknown[u.class.stage] = true
			}
		}
	}
	for _, s := range c.sides {
		for _, u := range s.units {
			if unknown[u.class.stage] || u.class.kind == analyze.CachedStep {
				u.class.forwards = 0
			}
		}
	}
}
