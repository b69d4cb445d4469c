package cli

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"omnitrace/trace/chrome"
	"omnitrace/trim"
)

func (c *trimCopy) note(d *chrome.Document) {
	n := c.filter.Note(&c.result, trim.Trimmed{Source: filepath.Base(c.job.path), Flags: c.said, Shed: trim.Shed(c.level)})
	if n != nil {
		d.Top(chrome.NoteKey, n)
	}
}

// choosing are the flags that say what is kept; the others are about where it
// comes from and goes, of which a note must not depend.
var choosing = []string{
	"stage", "replica", "rank", "device", "request", "step", "iteration", "phase", "range", "time",
	"kernel", "context", "clip", "drop", "min-dur", "max-size",
}

// saidFlags returns the flags that were given and choose, of those that a command
// has.
func saidFlags(cmd *cobra.Command) string {
	var said []string
	for _, name := range choosing {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			value := strings.TrimSuffix(strings.TrimPrefix(f.Value.String(), "["), "]")
			said = append(said, "--"+name+"="+value)
		}
	}
	return strings.Join(said, " ")
}
