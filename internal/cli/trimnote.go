package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"omnitrace/analyze"
	"omnitrace/trace/chrome"
	"omnitrace/trim"
)

// A trimNote says what was left out of a trace. A copy of a copy has one for
// each time that something was.
type trimNote struct {
	Source  string   `json:"source"`
	Flags   string   `json:"flags,omitempty"`
	GPU     int      `json:"gpu_events_kept,omitempty"`
	Of      int      `json:"gpu_events,omitempty"`
	Shed    []string `json:"shed,omitempty"`
	Fixed   int64    `json:"rows_repaired,omitempty"`
	Clipped int64    `json:"rows_clipped,omitempty"`
	Damage  []string `json:"source_damage,omitempty"`
}

type documentNote struct {
	Trims []trimNote `json:"trims"`
	// Requests are those of the copy: see [analyze.Excerpt].
	Requests []analyze.NotedRequest `json:"requests,omitempty"`
}

func (c *trimCopy) note(d *chrome.Document) {
	r := &c.result
	if r.Kept == r.Rows && r.Clipped+r.Repaired+r.Unsound == 0 && len(r.Damage()) == 0 {
		if r.Note != nil {
			d.Top(chrome.NoteKey, r.Note)
		}
		return
	}
	var note documentNote
	_ = json.Unmarshal(r.Note, &note) // no note, or none of ours
	n := trimNote{
		Source: filepath.Base(c.job.path), Flags: c.said, Shed: trim.Shed(c.level),
		Fixed: r.Repaired, Clipped: r.Clipped, Damage: r.Damage(),
	}
	for _, p := range c.job.parts {
		n.GPU, n.Of = n.GPU+p.Events, n.Of+p.Of
	}
	if !c.job.parts[0].All {
		note.Requests = c.requests()
	}
	note.Trims = append(note.Trims, n)
	text, err := json.Marshal(note)
	if err == nil {
		d.Top(chrome.NoteKey, text)
	}
}

// requests returns what the copy must note of its requests.
func (c *trimCopy) requests() []analyze.NotedRequest {
	var all []analyze.NotedRequest
	for _, p := range c.job.parts {
		if p.Unmarked || c.Clip {
			all = append(all, p.Requests...)
		}
	}
	return all
}

// choosing are the flags that say what is kept; the others are about where it
// comes from and goes, of which a note must not depend.
var choosing = []string{
	"stage", "replica", "rank", "device", "request", "step", "iteration", "phase", "range", "time",
	"kernel", "context", "clip", "drop", "min-dur", "max-size",
}

// saidFlags returns the flags that were given and choose.
func saidFlags(cmd *cobra.Command) string {
	var said []string
	for _, name := range choosing {
		if f := cmd.Flags().Lookup(name); f.Changed {
			value := strings.TrimSuffix(strings.TrimPrefix(f.Value.String(), "["), "]")
			said = append(said, "--"+name+"="+value)
		}
	}
	return strings.Join(said, " ")
}
