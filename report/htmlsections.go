package report

import (
	"slices"

	"omnitrace/analyze"
)

// A section is a part of the page: a heading, charts, and tables below them.
type section struct {
	ID, Title, Text string
	Charts          []chart
	Tables          []pagePlace
}

// A chart is a place that a script of the page draws into.
type chart struct {
	ID, Label string
	of        func(*analyze.Lane) bool // whether it has anything to show of a lane
}

// A pagePlace is a place that a script of the page puts a table into.
type pagePlace struct {
	Name, Doc string
	rows      int
}

// A pageSection is a section with the names of the tables that stand in it.
type pageSection struct {
	section
	tables []string
}

func anyWork(*analyze.Lane) bool   { return true }
func anyUnit(l *analyze.Lane) bool { return len(l.Units) > 0 }

// pageSections say where on the page tables stand that are known. All others
// come in a last section, so that a new analysis needs no change here.
var pageSections = []pageSection{
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

// sections are those of a run's page.
func sections(tables []analyze.Table, timeline *analyze.Timeline) []section {
	var places []pagePlace
	for _, t := range tables {
		places = append(places, pagePlace{t.Name, t.Doc, len(t.Rows)})
	}
	return deal(pageSections, places, func(c chart) bool {
		return timeline != nil && slices.ContainsFunc(timeline.Lanes, func(l analyze.Lane) bool { return c.of(&l) })
	})
}

// deal deals the tables out. Charts and sections that would be empty are left
// out.
func deal(known []pageSection, tables []pagePlace, drawn func(chart) bool) []section {
	tables = slices.DeleteFunc(tables, func(p pagePlace) bool { return p.rows == 0 })
	var all []section
	for _, k := range known {
		sec := k.section
		for _, name := range k.tables {
			i := slices.IndexFunc(tables, func(p pagePlace) bool { return p.Name == name })
			if i >= 0 {
				sec.Tables = append(sec.Tables, tables[i])
				tables = slices.Delete(tables, i, i+1)
			}
		}
		sec.Charts = slices.DeleteFunc(slices.Clone(sec.Charts), func(c chart) bool { return !drawn(c) })
		if len(sec.Tables)+len(sec.Charts) > 0 {
			all = append(all, sec)
		}
	}
	if len(tables) > 0 {
		all = append(all, section{ID: "more", Title: "More", Tables: tables})
	}
	return all
}
