package report

import (
	"omnitrace/analyze"
	"omnitrace/trace"
)

// withSources returns the summary's tables behind one of its sources, unless
// an analysis has made its own. JSON has the sources in a place of their own.
func withSources(s *analyze.Summary) []analyze.Table {
	for _, t := range s.Tables {
		if t.Name == sources.Name {
			return s.Tables
		}
	}
	t := sources
	parts := map[string]int{} // of each file
	for _, info := range s.Sources {
		parts[info.Path]++
	}
	for _, info := range s.Sources {
		t.Rows = append(t.Rows, sourceRow(info, parts[info.Path] > 1))
	}
	return append([]analyze.Table{t}, s.Tables...)
}

// sources is the table of the input files, without its rows.
var sources = analyze.Table{
	Name: "sources",
	Doc:  "the input files and what told which part of the run they are",
	Columns: []analyze.Column{
		{Name: "source", Unit: analyze.Text, Doc: "name of the file in warnings and keys"},
		{Name: "stage", Unit: analyze.ID, Doc: "stage of the pipeline"},
		{Name: "stage_name", Unit: analyze.Text, Doc: "name of the stage"},
		{Name: "replica", Unit: analyze.ID, Doc: "replica of the stage"},
		{Name: "rank", Unit: analyze.ID, Doc: "rank within the replica"},
		{Name: "path", Unit: analyze.Text, Doc: "path of the file"},
		{Name: "pid", Unit: analyze.Text, Doc: "process of the file, where it has several"},
		{Name: "process", Unit: analyze.Text, Doc: "name of the process, as the profiler has it"},
		{Name: "kernels", Unit: analyze.Count, Doc: "kernels in the file"},
		{Name: "span_ns", Unit: analyze.Nanoseconds, Doc: "first GPU start to last GPU end"},
		{Name: "health", Unit: analyze.Text, Doc: `gravest defect: "ok", "info" (numbers exact), "repaired" or "lost" (numbers may be low)`},
		{Name: "role", Unit: analyze.Text, Doc: `"trace", or what the file is that is not counted`},
		{Name: "stage_from", Unit: analyze.Text, Doc: "what told the stage"},
		{Name: "name_from", Unit: analyze.Text, Doc: "what told the stage's name", Wide: true},
		{Name: "complete", Unit: analyze.Flag, Doc: "no part of the file is missing", Wide: true},
		{Name: "events", Unit: analyze.Count, Doc: "rows in the file, needed or not", Wide: true},
		{Name: "format", Unit: analyze.Text, Doc: "file format", Wide: true},
		{Name: "clock", Unit: analyze.Text, Doc: `"unix", or "unknown": not comparable with other files`, Wide: true},
	},
}

// sourceRow describes a source; part says that its file has others.
func sourceRow(s analyze.SourceInfo, part bool) analyze.Row {
	pid, process := analyze.Null, analyze.Null
	if part {
		pid, process = known(s.PID), known(s.Process)
	}
	health := trace.Health{}
	for _, d := range s.Health {
		health.AddN(d.Kind, d.Count, d.FirstOffset)
	}
	worst := string(health.Worst())
	if worst == "" {
		worst = "ok"
	}
	return analyze.Row{Key: "source=" + s.ID, Cells: []analyze.Value{
		known(s.ID), analyze.Known(s.Stage), known(s.StageName), analyze.Known(s.Replica), analyze.Known(s.Rank),
		known(s.Path), pid, process, analyze.Int(s.Kernels), analyze.Int(s.SpanNS), analyze.Str(worst), known(s.Role),
		known(s.IdentifiedBy), known(s.NamedBy), boolValue(s.Complete), analyze.Int(s.Events), known(s.Format), known(string(s.Clock)),
	}}
}

// known returns the text, or null where it is empty: what nobody said.
func known(s string) analyze.Value {
	if s == "" {
		return analyze.Null
	}
	return analyze.Str(s)
}

func boolValue(b bool) analyze.Value {
	if b {
		return analyze.Int(1)
	}
	return analyze.Int(0)
}

// counted reports whether the source's work is in the tables.
func counted(s analyze.SourceInfo) bool { return s.Role == "" || s.Role == "trace" }
