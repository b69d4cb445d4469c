package report

import (
	"slices"

	"omnitrace/analyze"
)

// A section is a part of the page: a heading, charts, and tables below them.
type section struct {
	ID, Title, Text string
	Charts          []chart
	Tables          []analyze.Table
}

// A chart is a place that a script of the page draws into.
type chart struct {
	ID, Label string
	of        func(*analyze.Lane) bool // whether it has anything to show of a lane
}

func anyWork(*analyze.Lane) bool   { return true }
func anyUnit(l *analyze.Lane) bool { return len(l.Units) > 0 }

// pageSections say where on the page tables stand that are known. All others
// come in a last section, so that a new analysis needs no change here.
var pageSections = []struct {
	section
	tables []string
}{
	{section{ID: "overview", Title: "Stages", Text: "How busy each GPU was while the run went on.",
		Charts: []chart{{"overview-chart", "GPU utilisation of each stage over time", anyWork}}},
		[]string{"stages", "devices"}},
	{section{ID: "timeline", Title: "Timeline", Text: "What each GPU worked on: phases, scheduler passes, denoise steps.",
		Charts: []chart{{"timeline-chart", "Timeline of phases, passes and steps", anyWork}}},
		[]string{"phases"}},
	{section{ID: "steps", Title: "Steps", Text: "GPU time of each step or pass, by sort of work.",
		Charts: []chart{{"steps-chart", "GPU time of each step by category", anyUnit}}},
		[]string{"steps", "spread", "iterations", "units", "startup"}},
	{section{ID: "categories", Title: "Categories", Charts: []chart{{"categories-chart", "GPU time of each stage by category", anyWork}}},
		[]string{"categories"}},
	{section{ID: "kernels", Title: "Kernels"}, []string{"kernels"}},
	{section{ID: "idle", Title: "Idle"}, []string{"idle", "idle_calls"}},
	{section{ID: "memory", Title: "Memory"}, []string{"memory", "gpus"}},
	{section{ID: "sources", Title: "Files"}, []string{"sources", "defects"}},
}

// sections deals the tables out. Charts and sections that would be empty are
// left out.
func sections(tables []analyze.Table, timeline *analyze.Timeline) []section {
	var all []section
	rest := slices.Clone(tables)
	for _, known := range pageSections {
		sec := known.section
		for _, name := range known.tables {
			i := slices.IndexFunc(rest, func(t analyze.Table) bool { return t.Name == name })
			if i < 0 {
				continue
			}
			if len(rest[i].Rows) > 0 {
				sec.Tables = append(sec.Tables, rest[i])
			}
			rest = slices.Delete(rest, i, i+1)
		}
		sec.Charts = slices.DeleteFunc(slices.Clone(sec.Charts), func(c chart) bool {
			return timeline == nil || !slices.ContainsFunc(timeline.Lanes, func(l analyze.Lane) bool { return c.of(&l) })
		})
		if len(sec.Tables)+len(sec.Charts) > 0 {
			all = append(all, sec)
		}
	}
	more := section{ID: "more", Title: "More"}
	for _, t := range rest {
		if len(t.Rows) > 0 {
			more.Tables = append(more.Tables, t)
		}
	}
	if len(more.Tables) > 0 {
		all = append(all, more)
	}
	return all
}
