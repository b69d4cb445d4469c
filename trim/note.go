package trim

import (
	"encoding/json"

	"omnitrace/analyze"
	"omnitrace/trace/chrome"
)

// A Note is what a copy says, under [chrome.NoteKey], of how it was made.
type Note struct {
	Trims []Trimmed `json:"trims"`          // the first copy's first
	Part  bool      `json:"part,omitempty"` // some of the source's work was chosen, and not all
	// Requests are those of the copy: see [analyze.Excerpt].
	Requests []analyze.NotedRequest `json:"requests,omitempty"`
}

// Trimmed says what was left out of a trace.
type Trimmed struct {
	Source  string   `json:"source"`          // name of the file
	Flags   string   `json:"flags,omitempty"` // what chose the part, as on the command line
	GPU     int      `json:"gpu_events_kept,omitempty"`
	Of      int      `json:"gpu_events,omitempty"`
	Shed    []string `json:"shed,omitempty"`
	Fixed   int64    `json:"rows_repaired,omitempty"`
	Clipped int64    `json:"rows_clipped,omitempty"`
	Damage  []string `json:"source_damage,omitempty"`
}

// Note returns the note of a copy that the filter has made: that of the source
// for a copy of all its rows, unless it has none and is a part already, as what
// was read of a capture for the copy is. Of t only Source, Flags and Shed are
// taken.
func (f *Filter) Note(r *chrome.Copied, t Trimmed) []byte {
	whole := r.Kept == r.Rows && r.Clipped+r.Repaired+r.Unsound == 0 && len(r.Damage()) == 0
	if whole && (f.all || r.Note != nil) {
		return r.Note
	}
	var n Note
	_ = json.Unmarshal(r.Note, &n) // no note, or none of ours
	t.Fixed, t.Clipped, t.Damage = r.Repaired, r.Clipped, r.Damage()
	for i := range f.parts {
		t.GPU, t.Of = t.GPU+f.parts[i].Events, t.Of+f.parts[i].Of
	}
	n.Trims = append(n.Trims, t)
	if !f.all {
		n.Part = true
		n.Requests = f.requests()
	}
	text, err := json.Marshal(n)
	if err != nil {
		return r.Note
	}
	return text
}

// requests returns what the copy must note of its requests.
func (f *Filter) requests() []analyze.NotedRequest {
	var all []analyze.NotedRequest
	for i := range f.parts {
		if p := &f.parts[i]; p.Unmarked || f.Clip {
			all = append(all, p.Requests...)
		}
	}
	return all
}
