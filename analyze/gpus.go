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
var GPUs = registerTable(22, Table{
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
	stages map[int][]trace.Span // GPU work of each stage
	clocks map[int32]bool
}

func gpuRows(s *Session, t *Table) {
	cards := s.cards()
	for _, uuid := range slices.Sorted(maps.Keys(cards)) {
		c := cards[uuid]
		if len(c.clocks) > 1 {
			continue // times that can't be compared can't be joined
		}
		t.Rows = append(t.Rows, c.rows(s, uuid)...)
	}
}

func (s *Session) cards() map[string]*card {
	cards := map[string]*card{}
	for i := range s.work {
		w := &s.work[i]
		d := &s.devices[w.device]
		stage := s.Sources[w.source].Stage
		uuid := cmp.Or(d.info.UUID, s.GPUMap[stage])
		if uuid == "" {
			continue
		}
		c := cards[uuid]
		if c == nil {
			c = &card{stages: map[int][]trace.Span{}, clocks: map[int32]bool{}}
			cards[uuid] = c
		}
		c.name = cmp.Or(c.name, d.info.Name)
		c.stages[stage] = append(c.stages[stage], w.Span)
		c.clocks[s.clock(w)] = true
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

// A Card is a physical GPU that is known by UUID.
type Card struct {
	UUID, Name string
	// Busy is when work of each stage ran, on the clock of the sources.
	Busy map[int]trace.Spans
}

// Cards returns the physical GPUs whose sources share a clock, by UUID.
func (s *Session) Cards() []Card {
	var all []Card
	cards := s.cards()
	for _, uuid := range slices.Sorted(maps.Keys(cards)) {
		c := Card{UUID: uuid, Name: cards[uuid].name, Busy: map[int]trace.Spans{}}
		if len(cards[uuid].clocks) > 1 {
			continue
		}
		for stage, spans := range cards[uuid].stages {
			c.Busy[stage] = trace.UnionOf(spans)
		}
		all = append(all, c)
	}
	return all
}

func (c *card) rows(s *Session, uuid string) []Row {
	busy := map[int]trace.Spans{}
	var all []trace.Span
	for stage, spans := range c.stages {
		busy[stage] = trace.UnionOf(spans)
		all = append(all, busy[stage]...)
	}
	whole := trace.UnionOf(all)
	row := func(key string, stage Value, name string, busy, others trace.Spans) Row {
		shared := int64(busy.Intersect(others).Len())
		ns := int64(busy.Len())
		span := int64(busy[len(busy)-1].End - busy[0].Start)
		return Row{Key: key, Whole: int64(whole.Len()), Cells: []Value{
			Str(uuid), stage, Str(name), Int(ns), Int(ns - shared), Int(shared), Int(span), Int(span - ns),
		}}
	}
	var rows []Row
	var together trace.Spans
	for _, stage := range slices.Sorted(maps.Keys(busy)) {
		var others []trace.Span
		for other, spans := range busy {
			if other != stage {
				others = append(others, spans...)
			}
		}
		rest := trace.UnionOf(others)
		if len(busy[stage]) == 0 {
			continue
		}
		together = trace.UnionOf(append(slices.Clone(together), busy[stage].Intersect(rest)...))
		rows = append(rows, row("gpu="+uuid+"/"+keyOf("stage", stage), Int(stage), s.stageName(stage), busy[stage], rest))
	}
	if len(whole) == 0 {
		return nil
	}
	return append([]Row{row("gpu="+uuid, Null, c.name, whole, together)}, rows...)
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
