package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"omnitrace/trace"
)

// GPUs joins the processes that share a physical GPU. It has rows only for
// devices that are known by UUID: from nsys, or by word of the user.
var GPUs = registerTable(22, WorkAlone, Table{
	Name: "gpus", Doc: "physical GPUs: the stages on each, alone and together", ShareOf: "of the GPU's busy time",
	Columns: []Column{
		text("gpu", "UUID"),
		{Name: "stage", Unit: ID, Doc: "stage of the row; null in the row of the GPU"},
		text("name", "the device, or the stage"),
		{Name: "busy_ns", Unit: Nanoseconds, Doc: "time with any of it running, over all processes", Share: true},
		{Name: "alone_ns", Unit: Nanoseconds, Doc: "of that, with no other stage running"},
		{Name: "shared_ns", Unit: Nanoseconds, Doc: "of that, with another stage running too"},
		{Name: "span_ns", Unit: Nanoseconds, Doc: "first start to last end; null where clocks can't be compared"},
		{Name: "idle_ns", Unit: Nanoseconds, Doc: "span_ns without busy_ns"},
	},
}, gpuRows)

// A card is what ran on one physical GPU.
type card struct {
	name   string
	lanes  []cardLane
	clocks map[int32]bool
}

// A cardLane is the work of one process's device, in time order.
type cardLane struct {
	stage int
	busy  trace.Span // the next stretch of work, or what is left of it; empty at the end
	rest  []Work     // behind it
}

// next goes to the next stretch with anything running. Work that touches is
// one stretch.
func (l *cardLane) next() {
	l.busy = trace.Span{}
	for ; len(l.rest) > 0; l.rest = l.rest[1:] {
		switch w := l.rest[0].Span; {
		case l.busy.Len() == 0:
			l.busy = w
		case w.Start > l.busy.End:
			return
		default:
			l.busy.End = max(l.busy.End, w.End)
		}
	}
}

func gpuRows(s *Session, t *Table) {
	cards := s.cards()
	for _, uuid := range slices.Sorted(maps.Keys(cards)) {
		if c := cards[uuid]; len(c.clocks) == 1 { // times that can't be compared can't be joined
			t.Rows = append(t.Rows, c.rows(s, uuid)...)
		}
	}
}

func (s *Session) cards() map[string]*card {
	cards := map[string]*card{}
	for _, work := range s.lanes() {
		d := &s.devices[work[0].device]
		stage := s.Sources[d.source].Stage
		uuid := cmp.Or(d.info.UUID, s.GPUMap[stage])
		if uuid == "" {
			continue
		}
		c := cards[uuid]
		if c == nil {
			c = &card{clocks: map[int32]bool{}}
			cards[uuid] = c
		}
		c.name = cmp.Or(c.name, d.info.Name)
		c.lanes = append(c.lanes, cardLane{stage: stage, rest: work})
		c.clocks[s.clock(&work[0])] = true
	}
	return cards
}

// checkGPUs drops what the user said of the GPUs of stages that use several: one
// name can't be that of all, and joining them would be wrong. It says so, and
// which GPUs have no times that can be compared.
func (s *Session) checkGPUs() {
	type use struct {
		replica, rank int
		device        int64
	}
	uses := map[int]map[use]bool{}
	for _, d := range s.devices {
		src := s.Sources[d.source]
		if uses[src.Stage] == nil {
			uses[src.Stage] = map[use]bool{}
		}
		uses[src.Stage][use{src.Replica, src.Rank, d.info.Index}] = true
	}
	for _, stage := range slices.Sorted(maps.Keys(s.GPUMap)) {
		if n := len(uses[stage]); n > 1 {
			s.GPUMap = maps.Clone(s.GPUMap) // the caller's
			delete(s.GPUMap, stage)
			s.Warnings = append(s.Warnings, Warning{Code: "gpu_unclear", Message: fmt.Sprintf(
				"stage %d uses %d devices, and one GPU is named for it: the table of GPUs leaves it out", stage, n)})
		}
	}
	cards := s.cards()
	for _, uuid := range slices.Sorted(maps.Keys(cards)) {
		if len(cards[uuid].clocks) > 1 {
			s.Warnings = append(s.Warnings, Warning{Code: "gpu_clocks", Message: fmt.Sprintf(
				"the traces of GPU %s have no common clock: what shared it can't be told, and the table of GPUs leaves it out", uuid)})
		}
	}
}

// A usage is how long a stage, or all of them, ran on a GPU.
type usage struct {
	busy, shared int64 // shared: of that, with another stage running
	span         trace.Span
}

func (u *usage) add(part trace.Span, shared bool) {
	if u.busy == 0 {
		u.span.Start = part.Start
	}
	u.span.End = part.End
	u.busy += int64(part.Len())
	if shared {
		u.shared += int64(part.Len())
	}
}

// use goes over the time of a card in parts in which the same lanes run, and
// adds up the stages, by number, and the whole. What overlaps is not stored:
// large captures have millions of stretches.
func (c *card) use() (whole usage, stages map[int]*usage) {
	stages = map[int]*usage{}
	for i := range c.lanes {
		stages[c.lanes[i].stage] = &usage{}
		c.lanes[i].next()
	}
	var running []*usage
	for {
		part := c.part()
		if part.Len() == 0 {
			return whole, stages
		}
		running = running[:0]
		for i := range c.lanes {
			l := &c.lanes[i]
			if l.busy.Len() == 0 || l.busy.Start > part.Start {
				continue
			}
			if u := stages[l.stage]; !slices.Contains(running, u) {
				running = append(running, u)
			}
			if l.busy.Start = part.End; l.busy.Len() == 0 {
				l.next()
			}
		}
		for _, u := range running {
			u.add(part, len(running) > 1)
		}
		whole.add(part, len(running) > 1)
	}
}

// part returns the time from the first moment at which a lane runs until
// another one begins or one ends; it is empty at the end of all.
func (c *card) part() (part trace.Span) {
	for i := range c.lanes {
		if b := c.lanes[i].busy; b.Len() > 0 && (part.Len() == 0 || b.Start < part.Start) {
			part = b
		}
	}
	for i := range c.lanes {
		switch b := c.lanes[i].busy; {
		case b.Len() == 0:
		case b.Start > part.Start:
			part.End = min(part.End, b.Start)
		default:
			part.End = min(part.End, b.End)
		}
	}
	return part
}

func (c *card) rows(s *Session, uuid string) []Row {
	whole, stages := c.use()
	row := func(key string, stage Value, name string, u *usage) Row {
		span := int64(u.span.Len())
		return Row{Key: key, Whole: whole.busy, Cells: []Value{
			Str(uuid), stage, Str(name), Int(u.busy), Int(u.busy - u.shared), Int(u.shared), Int(span), Int(span - u.busy),
		}}
	}
	if whole.busy == 0 {
		return nil
	}
	rows := []Row{row("gpu="+uuid, Null, c.name, &whole)}
	for _, stage := range slices.Sorted(maps.Keys(stages)) {
		if u := stages[stage]; u.busy > 0 {
			rows = append(rows, row("gpu="+uuid+"/"+keyOf("stage", stage), Int(stage), s.stageName(stage), u))
		}
	}
	return rows
}

// stageName returns the name of a stage.
func (s *Session) stageName(stage int) string {
	for _, src := range s.Sources {
		if src.counted() && src.Stage == stage {
			return src.StageName
		}
	}
	return ""
}
