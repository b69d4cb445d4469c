package report

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"

	"omnitrace/analyze"
	"omnitrace/internal/unit"
)

// HTML is a page to send to colleagues: one file that asks the network for
// nothing, with charts, a timeline and all tables to sort and filter.
var HTML = Format{Name: "html", Doc: "a page with charts and tables, in one file that needs no network", Write: writeHTML, Draws: true, Single: true}

// pageFiles are the page's template, style and scripts. What echarts.min.js is
// and how it was made stands in html/echarts/README.md.
//
//go:embed html/page.html html/page.css html/*.js html/echarts/echarts.min.js
var pageFiles embed.FS

// pageScripts are run in this order.
var pageScripts = []string{
	"html/echarts/echarts.min.js", "html/numbers.js", "html/tables.js", "html/charts.js", "html/steps.js", "html/timeline.js",
	"html/waterfall.js", "html/page.js",
}

// A pageView is what the template is filled with. Names from traces reach the
// page through html/template's escaping or as JSON in a script element that no
// browser runs, and from there only as text nodes.
type pageView struct {
	Title, Label, Sub string
	State             string // of a run; "" for a comparison
	Sound             bool
	Verdict           *pageVerdict // of a comparison; nil for a run
	Tiles             []tile
	Warnings          []analyze.Warning
	Sections          []section
	Policy            string
	Style             template.CSS
	Scripts           []template.JS
	Data              template.JS
}

// A tile is a figure in the page's header.
type tile struct{ Name, Value, Exact, Doc, Note string }

// pageBudget bounds the JSON of a page: with the scripts it stays below 3 MB.
const pageBudget = 2 << 20

// pageRows are the rows of a table that a page holds, tried in this order until
// the page is small enough.
var pageRows = []int{10000, 3000, 1000, 300, 100, 30}

func writeHTML(w io.Writer, s *analyze.Summary, o Options) error {
	tables, err := o.choose(withSources(s))
	if err != nil {
		return err
	}
	assets, err := loadPage()
	if err != nil {
		return err
	}
	data, err := smallEnough(func(rows int) ([]byte, error) { return json.Marshal(newPageData(s, tables, o, rows)) })
	if err != nil {
		return err
	}
	v := newPageView(s, tables)
	v.Policy, v.Style, v.Scripts, v.Data = assets.policy, assets.style, assets.scripts, template.JS(data)
	return assets.page.Execute(w, v)
}

func newPageView(s *analyze.Summary, tables []analyze.Table) *pageView {
	what, _, _ := headline(s)
	state, sound := completeness(s)
	v := &pageView{
		Title: what, Label: visible(s.Run.Label), State: state, Sound: sound, Warnings: s.Warnings,
		Tiles: tiles(s), Sections: sections(tables, s.Timeline),
	}
	gpus := strings.Join(s.Run.GPUs, ", ")
	v.Sub = visible(join(s.Run.Model, gpus))
	if v.Label == "" {
		v.Label = "GPU time"
	}
	return v
}

// tiles are those of the totals that are known.
func tiles(s *analyze.Summary) []tile {
	var all []tile
	for i, c := range analyze.TotalColumns() {
		n, ok := cell(s.Totals, i).Int()
		if !ok || c.Wide || c.Share { // what is dealt out is the busy time again
			continue
		}
		t := tile{Name: heading(c), Doc: c.Doc, Value: unit.Count(n), Exact: unit.Count(n)}
		if ladder, scaled := ladders[c.Unit]; scaled {
			t.Value, t.Exact = ladder.Exact(n), unit.Count(n)+" "+ladder[0].Symbol
		}
		all = append(all, t)
	}
	return all
}

// smallEnough returns a page's data, with as many rows of a table as there is
// room for. It is safe inside a script element: encoding/json writes <, > and &
// as escapes.
func smallEnough(data func(rows int) ([]byte, error)) ([]byte, error) {
	for _, rows := range pageRows {
		data, err := data(rows)
		if err != nil {
			return nil, fmt.Errorf("making the page's data: %w", err)
		}
		if len(data) <= pageBudget || rows == pageRows[len(pageRows)-1] {
			return data, nil
		}
	}
	return nil, nil
}

// pageAssets are what all pages share.
type pageAssets struct {
	page    *template.Template
	style   template.CSS
	scripts []template.JS
	policy  string
}

var loadPage = sync.OnceValues(func() (*pageAssets, error) {
	page, err := template.ParseFS(pageFiles, "html/page.html")
	if err != nil {
		return nil, err
	}
	a := &pageAssets{page: page}
	style, err := pageFiles.ReadFile("html/page.css")
	if err != nil {
		return nil, err
	}
	a.style = template.CSS(style)
	hashes := []string{}
	for _, name := range pageScripts {
		text, err := pageFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		a.scripts = append(a.scripts, template.JS(text))
		sum := sha256.Sum256(text)
		hashes = append(hashes, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	// No script but these ever runs, and nothing is fetched or sent.
	a.policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; script-src " + strings.Join(hashes, " ")
	return a, nil
})
