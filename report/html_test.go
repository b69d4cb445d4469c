package report

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"omnitrace/analyze"
	"omnitrace/trace"
)

// drawn returns the summary of [run] with a timeline.
func drawn() *analyze.Summary {
	s := run()
	lane := analyze.Lane{
		Key: "stage=1/replica=0/rank=0/device=0", Stage: 1, StageName: "talker", Extent: span(0, 6_512_345_678),
		Busy:   []analyze.Stretch{{Span: span(0, 40), BusyNS: 30}, {Span: span(100, 6_512_345_678), BusyNS: 3_108_120_270}},
		Phases: []analyze.PhaseSpan{{Span: span(0, 40), Phase: "prefill"}, {Span: span(100, 6_512_345_678), Phase: "decode"}},
		Mix:    []analyze.PhaseMix{{Phase: "decode", Parts: []analyze.CategoryTime{{Category: 0, ExclusiveNS: 7}}}},
	}
	for i := range 48 {
		lane.Units = append(lane.Units, analyze.UnitSpan{
			Kind: "iteration", Key: fmt.Sprintf("stage=1/iteration=%d", i), First: i, Last: i, Count: 1, Request: -1, Phase: "decode",
			GPU: span(i*100, i*100+90), Host: span(i*100-10, i*100+80), Parts: []analyze.CategoryTime{{Category: 0, ExclusiveNS: 57_000_019}, {Category: 1, ExclusiveNS: 20}},
		})
	}
	s.Timeline = &analyze.Timeline{Categories: []string{"gemm", "attention"}, Aligned: true, Lanes: []analyze.Lane{lane}}
	return s
}

func span(from, to int) trace.Span { return trace.Span{Start: trace.Time(from), End: trace.Time(to)} }

// A webPage is a page taken apart the way a browser does: a script element ends
// at the first </script, whatever is in it.
type webPage struct {
	text    string // without the scripts
	scripts []string
	data    pageData
	json    string
}

func parsePage(t *testing.T, text string) *webPage {
	t.Helper()
	p := &webPage{}
	for {
		before, rest, found := strings.Cut(text, "<script")
		p.text += before
		if !found {
			break
		}
		attributes, rest, _ := strings.Cut(rest, ">")
		body, after, closed := strings.Cut(rest, "</script")
		if !closed {
			t.Fatal("a script is not closed")
		}
		if strings.Contains(attributes, "application/json") {
			p.json = body
		} else {
			p.scripts = append(p.scripts, body)
		}
		text = strings.TrimPrefix(after, ">")
	}
	d := json.NewDecoder(strings.NewReader(p.json))
	d.UseNumber()
	if err := d.Decode(&p.data); err != nil {
		t.Fatalf("the page's data: %v", err)
	}
	return p
}

// The data of a page holds every row of every table with the integers of the
// summary.
func TestHTMLHoldsEverything(t *testing.T) {
	s := drawn()
	p := parsePage(t, written(t, HTML, s, Options{}))
	want := 0
	for _, table := range s.Tables {
		if len(table.Rows) == 0 {
			continue
		}
		want++
		got := p.table(t, table.Name)
		if len(got.Rows) != len(table.Rows) || got.Rest != nil || got.Total != len(table.Rows) {
			t.Errorf("%s: %d rows, want %d", table.Name, len(got.Rows), len(table.Rows))
			continue
		}
		for _, c := range table.Columns {
			if c.Unit == analyze.Text {
				continue
			}
			if sum := got.sum(t, c.Name); sum != table.Sum(c.Name) {
				t.Errorf("%s: %s adds up to %d, want %d", table.Name, c.Name, sum, table.Sum(c.Name))
			}
		}
	}
	if n := len(p.data.Tables); n != want+1 {
		t.Errorf("%d tables, want %d and the sources", n, want)
	}
	lane := p.data.Timeline.Lanes[0]
	if len(lane.Units) != 48 || lane.Name != "talker" || len(lane.Busy) != 6 || lane.Busy[3] != 60 || lane.Busy[5] != 3_108_120_270 {
		t.Errorf("lane %+v", lane)
	}
	for _, u := range lane.Units {
		if !p.has(u.Row) {
			t.Errorf("%s leads to row %q, which no table has", u.Name, u.Row)
		}
	}
	for _, text := range []string{"omni_session", "NVIDIA H100 80GB HBM3", "3.301 s", "3,301,220,117 ns", "incomplete: 1 of 3 sources cut short", "gzip_truncated"} {
		if !strings.Contains(p.text, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
}

func (p *webPage) table(t *testing.T, name string) *pageTable {
	t.Helper()
	for i := range p.data.Tables {
		if p.data.Tables[i].Name == name {
			return &p.data.Tables[i]
		}
	}
	t.Fatalf("no table %q", name)
	return nil
}

func (p *webPage) has(id string) bool {
	for _, t := range p.data.Tables {
		for _, r := range t.Rows {
			if r.ID == id {
				return true
			}
		}
	}
	return false
}

// sum adds up a column; what the page has no room for counts by its sum.
func (p *pageTable) sum(t *testing.T, column string) (sum int64) {
	t.Helper()
	for i, c := range p.Columns {
		if c.Name != column {
			continue
		}
		for _, r := range p.Rows {
			if n, ok := r.Cells[i].(json.Number); ok {
				v, err := n.Int64()
				if err != nil {
					t.Fatal(err)
				}
				sum += v
			}
		}
		if p.Rest != nil {
			if n, ok := p.Rest.Cells[i].(json.Number); ok {
				v, _ := n.Int64()
				sum += v
			}
		}
	}
	return sum
}

// hostile are names that break out of what is not escaped.
var hostile = []string{
	`</script><script>document.title="owned"</script>`,
	`<!--<script>`,
	`"><img src=x onerror=alert(1)>`,
	`' onmouseover='alert(1)`,
	"javascript:alert(1)",
	"{{.Label}} ${alert(1)} `x`",
	"\x00\x07\x1b[31m\r\n\u2028\u2029\ufeff\u202e",
	"\xff\xfe not UTF-8",
	`back\slash &amp; &lt;`,
	strings.Repeat("kernel<int, ", 900) + "end",
}

// Whatever things are called, a page has its own scripts and no other, and its
// elements are its own.
func TestHTMLInjection(t *testing.T) {
	s := drawn()
	clean := parsePage(t, written(t, HTML, s, Options{}))
	elements := elementsOf(clean.text)
	for _, name := range hostile {
		s := drawn()
		s.Run.Label, s.Run.Model, s.Run.GPUs = name, name, []string{name}
		s.Warnings = []analyze.Warning{{Code: name, Source: name, Message: name}, {Code: name, Message: name}}
		s.Sources[0].Path = name
		for _, table := range s.Tables {
			for i := range table.Rows {
				table.Rows[i].Key += name
				for k, v := range table.Rows[i].Cells {
					if _, ok := v.Text(); ok {
						table.Rows[i].Cells[k] = analyze.Str(name)
					}
				}
			}
		}
		s.Timeline.Lanes[0].StageName, s.Timeline.Categories[0] = name, name
		s.Timeline.Lanes[0].Key += name
		p := parsePage(t, written(t, HTML, s, Options{}))
		if len(p.scripts) != len(clean.scripts) {
			t.Fatalf("%.40q: %d scripts, want %d", name, len(p.scripts), len(clean.scripts))
		}
		for i := range p.scripts {
			if p.scripts[i] != clean.scripts[i] {
				t.Errorf("%.40q changes script %d", name, i)
			}
		}
		if strings.ContainsAny(p.json, "<>") {
			t.Errorf("%.40q: the data holds < or >", name)
		}
		if got := elementsOf(p.text); fmt.Sprint(got) != fmt.Sprint(elements) {
			t.Errorf("%.40q: elements %v, want %v", name, got, elements)
		}
		kernels := p.table(t, "kernels")
		if got := fullText(kernels.Rows[0].Cells[1]); len(name) < longestName && got != visible(name) {
			t.Errorf("name %.60q arrives as %.60q", name, got)
		}
	}
}

var openingTag = regexp.MustCompile(`<([a-zA-Z!/][a-zA-Z0-9]*)`)

// elementsOf counts the page's elements, those of the rows of warnings apart.
func elementsOf(text string) map[string]int {
	elements := map[string]int{}
	for _, m := range openingTag.FindAllStringSubmatch(text, -1) {
		elements[m[1]]++
	}
	return elements
}

// fullText returns the whole text of a cell of the page's data.
func fullText(cell any) string {
	if pair, ok := cell.([]any); ok {
		cell = pair[1]
	}
	text, _ := cell.(string)
	return text
}

// The page's policy lets exactly its own scripts run, and nothing be loaded.
func TestHTMLPolicy(t *testing.T) {
	p := parsePage(t, written(t, HTML, drawn(), Options{}))
	policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(p.text)
	if policy == nil {
		t.Fatal("no policy")
	}
	text := strings.NewReplacer("&#39;", "'", "&#43;", "+", "&#34;", `"`).Replace(policy[1])
	_, scripts, _ := strings.Cut(text, "script-src ")
	var want []string
	for _, s := range p.scripts {
		sum := sha256.Sum256([]byte(s))
		want = append(want, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	if scripts != strings.Join(want, " ") || !strings.HasPrefix(text, "default-src 'none'; ") {
		t.Errorf("policy %q, want the hashes %q", text, want)
	}
	for _, mark := range []string{"http:", "https:", "src=", "url(", "@import", "<link", "<iframe"} {
		if strings.Contains(p.text, mark) {
			t.Errorf("the page holds %q", mark)
		}
	}
}

// A page stays below 3 MB however many rows and however long names there are;
// what has no room is a sum.
func TestHTMLSize(t *testing.T) {
	s := drawn()
	kernels := &s.Tables[4]
	kernels.Rows = nil
	for i := range 20_000 {
		name := fmt.Sprintf("kernel<%d, %s>", i, strings.Repeat("int, ", 60))
		kernels.Rows = append(kernels.Rows, row("stage=1/kernel="+name, 3_108_120_300, 1, name, "gemm", 1, 20_000-i, 20_000-i, 1, 1, 1, 1))
	}
	text := written(t, HTML, s, Options{})
	if len(text) > 3<<20 {
		t.Errorf("%d bytes", len(text))
	}
	got := parsePage(t, text).table(t, "kernels")
	if got.Total != 20_000 || len(got.Rows) < 300 || got.Rest == nil {
		t.Fatalf("%d rows of %d", len(got.Rows), got.Total)
	}
	if sum := got.sum(t, "exclusive_ns"); sum != kernels.Sum("exclusive_ns") {
		t.Errorf("rows and rest add up to %d, want %d", sum, kernels.Sum("exclusive_ns"))
	}
}

// A row's link depends on its key alone, holds nothing that ends an address, and
// differs from those of other rows.
func TestRowID(t *testing.T) {
	for key, want := range map[string]string{
		"stage=0/request=1/step=3":   "steps/stage=0/request=1/step=3",
		"stage=0/memory=memcpy HtoD": "steps/stage=0/memory=memcpy%20HtoD",
		"kernel=a<b, c>(d*)":         "steps/kernel=a%3Cb,%20c%3E%28d%2A%29",
		"kernel=é\n":                 "steps/kernel=%C3%A9%0A",
	} {
		if got := rowID("steps", key); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
	seen := map[string]bool{}
	for i := range 200 {
		id := rowID("kernels", "kernel="+strings.Repeat("long ", 50)+fmt.Sprint(i))
		if seen[id] || len(id) > 170 || strings.ContainsAny(id, " <>\"'#") {
			t.Errorf("id %q", id)
		}
		seen[id] = true
	}
}

// Integers that a script's numbers can't hold are texts; all others numbers.
func TestPageCell(t *testing.T) {
	short := map[string]string{"a": "a"}
	for _, c := range []struct {
		v    analyze.Value
		want string
	}{
		{analyze.Int(int64(1<<53 - 1)), "9007199254740991"},
		{analyze.Int(int64(1 << 53)), `"9007199254740992"`},
		{analyze.Int(int64(-1 << 63)), `"-9223372036854775808"`},
		{analyze.Null, "null"},
		{analyze.Str("a"), `"a"`},
	} {
		got, err := json.Marshal(pageCell(c.v, short))
		if err != nil || string(got) != c.want {
			t.Errorf("%v: %s, want %s (%v)", c.v, got, c.want, err)
		}
	}
}

// A table that the page does not know stands on it, too, and sections without
// anything to show do not.
func TestPageSections(t *testing.T) {
	s := run()
	s.Tables = append(s.Tables, analyze.Table{Name: "news", Columns: s.Tables[0].Columns, Rows: s.Tables[0].Rows})
	var ids []string
	for _, sec := range sections(withSources(s), nil) {
		ids = append(ids, sec.ID)
		if len(sec.Charts) > 0 {
			t.Errorf("section %s has charts without a timeline", sec.ID)
		}
	}
	if got := strings.Join(ids, " "); got != "overview steps categories kernels memory sources more" {
		t.Errorf("sections %s", got)
	}
}
