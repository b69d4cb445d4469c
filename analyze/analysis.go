package analyze

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// An Analysis makes one table of a session.
type Analysis struct {
	Name string // the table's, as in JSON and --table
	Doc  string // one line for the help
	// Run makes the table. It is given sessions with no work at all, too.
	Run func(*Session) Table
	// Depth is how far into the run Run looks: a session of no more than that
	// gives the same table.
	Depth Depth

	order int // place among the tables of a summary
}

// registry holds the analyses that [All] lists; package-level variables fill it.
var registry []Analysis

// register adds an analysis to those that every summary has. A file that calls
// it from a package-level variable is all that a new table needs.
func register(order int, g *grouping) Analysis {
	a := g.analysis()
	a.order = order
	registry = append(registry, a)
	return a
}

func (g *grouping) analysis() Analysis {
	return Analysis{Name: g.name, Doc: g.doc, Run: g.table, Depth: g.depth()}
}

// registerTable is register for tables whose rows are not work.
func registerTable(order int, depth Depth, t Table, fill func(*Session, *Table)) Analysis {
	a := Analysis{Name: t.Name, Doc: t.Doc, Depth: depth, order: order, Run: func(s *Session) Table {
		filled := t
		fill(s, &filled)
		return filled
	}}
	registry = append(registry, a)
	return a
}

// keyOf joins names and values to a row's key: "stage=0/unit=step".
func keyOf(pairs ...any) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte('/')
		}
		fmt.Fprintf(&b, "%v=%v", pairs[i], pairs[i+1])
	}
	return b.String()
}

// All lists the registered analyses in the order in which a summary shows them.
func All() []Analysis {
	return slices.SortedFunc(slices.Values(registry), func(a, b Analysis) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.Name, b.Name))
	})
}

// Summarize makes the tables of the given analyses, and the totals. Analyses
// only read the session, so they run side by side, as many as there are cores:
// what each adds up is memory.
func (s *Session) Summarize(analyses []Analysis) *Summary {
	sum := &Summary{
		Run:      Run{Label: s.Label, Model: s.Model, GPUs: s.gpus(), Complete: s.Options.Complete},
		Warnings: s.Warnings,
	}
	for _, src := range s.Sources {
		sum.Sources = append(sum.Sources, src.SourceInfo)
	}
	s.addUp()
	sum.Tables = make([]Table, len(analyses))
	var running sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, a := range analyses {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			sum.Tables[i] = a.Run(s)
		})
	}
	running.Wait()
	unknown := s.SummariesOnly()
	for _, f := range standard {
		value := f.of(&s.sums.all)
		if unknown || f.launched && s.Depth == WorkAlone {
			value = Null
		}
		sum.Totals.Cells = append(sum.Totals.Cells, value)
	}
	return sum
}

// TotalColumns describes the cells of Summary.Totals.
func TotalColumns() []Column {
	g := grouping{figures: standard}
	return g.columns()
}

// gpus returns the names of the devices that did any work, sorted.
func (s *Session) gpus() []string {
	var names []string
	for _, d := range s.devices {
		if d.info.Name != "" {
			names = append(names, d.info.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
