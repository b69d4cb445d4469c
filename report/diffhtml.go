package report

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"omnitrace/analyze/diff"
	"omnitrace/internal/unit"
)

// A pageVerdict is the head of a page about a comparison.
type pageVerdict struct {
	Word, Tone  string // tone: "worse", "better" or "" for neither
	Reason      string
	Sides       []pageSide
	Gates       []pageGate
	Common      string   // how much of the work both sides did
	Differences []string // in the work and in what surrounds it
	Noise       []string // what the runs show against themselves
}

type pageSide struct{ Name, Label, Detail, Busy, Exact string }

type pageGate struct{ Expression, Outcome, Tone, Reason string }

// tones are those of verdicts and gates; a gate that fails is called regressed.
var tones = map[string]string{
	string(diff.Regressed): "worse", string(diff.Improved): "better", string(diff.Holds): "better",
}

// writeDiffHTML writes the page that [HTML] is for a comparison.
func writeDiffHTML(w io.Writer, r *diff.Result, o Options) error {
	tables, err := chooseDiff(r, o)
	if err != nil {
		return err
	}
	assets, err := loadPage()
	if err != nil {
		return err
	}
	data, err := smallEnough(func(rows int) ([]byte, error) { return json.Marshal(newDiffData(r, tables, o, rows)) })
	if err != nil {
		return err
	}
	v := &pageView{
		Title: "omnitrace diff: " + sideWords(&r.Base) + " → " + sideWords(&r.New), Label: sideWords(&r.Base) + " → " + sideWords(&r.New),
		Verdict: newPageVerdict(r), Tiles: diffTiles(&r.Totals), Warnings: r.Warnings, Sections: diffSections(r, tables),
		Policy: assets.policy, Style: assets.style, Scripts: assets.scripts, Data: template.JS(data),
	}
	return assets.page.Execute(w, v)
}

func newPageVerdict(r *diff.Result) *pageVerdict {
	v := &pageVerdict{
		Word: string(r.Verdict.Word), Tone: tones[string(r.Verdict.Word)], Reason: Reason(r),
		Sides:  []pageSide{newPageSide("base", &r.Base), newPageSide("new", &r.New)},
		Common: commonWords(r), Noise: noiseWords(r),
	}
	for i := range r.Gates {
		g := &r.Gates[i]
		v.Gates = append(v.Gates, pageGate{visible(g.Expression), string(g.Outcome), tones[string(g.Outcome)], GateReason(g)})
	}
	for _, d := range r.Work.Differences() {
		v.Differences = append(v.Differences, differenceWords(d))
	}
	for i := range r.Work.Savings {
		v.Differences = append(v.Differences, savingWords(&r.Work.Savings[i]))
	}
	return v
}

func newPageSide(name string, s *diff.Side) pageSide {
	state := "complete"
	if !s.Complete {
		state = "incomplete"
	}
	detail := []string{strings.Join(s.GPUs, ", "), strings.Join(s.Tools, ", "), howMany(s.Runs, "run", "runs"), howMany(s.Units, "unit", "units"), state}
	return pageSide{
		Name: name, Label: visible(strings.Join(s.Labels, ", ")), Detail: visible(join(detail...)),
		Busy: unit.Time.Exact(s.BusyNS), Exact: unit.Count(s.BusyNS) + " ns",
	}
}

func howMany(n int, one, many string) string {
	return unit.Count(int64(n)) + " " + plural(int64(n), one, many)
}

// diffTiles are the changes of the totals.
func diffTiles(t *diff.Totals) []tile {
	var all []tile
	add := func(name, doc string, base, new int64) {
		delta := new - base
		one := tile{Name: name, Value: signedTime(delta), Exact: fmt.Sprintf("%s → %s ns", unit.Count(base), unit.Count(new))}
		one.Doc = doc + ", new less base"
		one.Note = unit.Time.Exact(base) + " → " + unit.Time.Exact(new)
		if base > 0 {
			one.Note += " (" + percent(float64(delta)/float64(base)) + ")"
		}
		all = append(all, one)
	}
	add("GPU busy", "union of all GPU work", t.BaseNS, t.NewNS)
	add("idle", "time between the first and the last GPU event without GPU work", t.BaseIdleNS, t.NewIdleNS)
	if t.BaseSpanNS != nil && t.NewSpanNS != nil {
		add("span", "from the first start to the last end", *t.BaseSpanNS, *t.NewSpanNS)
	}
	return all
}

// diffPageSections say where on the page the tables of a comparison stand.
var diffPageSections = []pageSection{
	{section{ID: "changes", Title: "Changes", Charts: []chart{{ID: "waterfall-chart", Label: "From the GPU time of base to that of new, piece by piece"}}},
		[]string{"changes", "waterfall"}},
	{section{ID: "work", Title: "Work"}, []string{"work"}},
	{section{ID: "stages", Title: "Stages"}, []string{"stages", "phases", "parts"}},
	{section{ID: "categories", Title: "Categories"}, []string{"categories"}},
	{section{ID: "kernels", Title: "Kernels"}, []string{"kernels", "memory"}},
	{section{ID: "steps", Title: "Steps"}, []string{"steps", "iterations"}},
	{section{ID: "idle", Title: "Idle"}, []string{"idle"}},
}

func diffSections(r *diff.Result, tables []diff.Table) []section {
	var all []pagePlace
	for _, s := range diffSheets(r) {
		all = append(all, pagePlace{s.Name, s.doc, len(s.Rows)})
	}
	for _, t := range tables {
		all = append(all, pagePlace{t.Name, t.Doc, len(t.Rows)})
	}
	return deal(diffPageSections, all, func(chart) bool { return len(r.Waterfall) > 0 })
}
