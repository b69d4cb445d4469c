package report

import (
	"fmt"
	"strings"

	"omnitrace/analyze"
	"omnitrace/internal/unit"
)

// headline says in two lines what was run on which GPUs, and how complete the
// picture of it is; sound is false where something is missing.
func headline(s *analyze.Summary) (what, state string, sound bool) {
	gpus := strings.Join(s.Run.GPUs, ", ")
	if gpus == "" {
		gpus = "GPU model not recorded"
	}
	what = visible(join(s.Run.Label, s.Run.Model, gpus))
	state, sound = completeness(s)
	figures := []string{state}
	if n, ok := total(s, "kernels"); ok {
		figures = append(figures, unit.Count(n)+plural(n, " kernel", " kernels"))
	}
	if busy, ok := total(s, "busy_ns"); ok {
		figures = append(figures, "GPU busy "+unit.Time.Exact(busy))
	} else if len(s.Totals.Cells) > 0 {
		figures = append(figures, "only summaries by another program")
	}
	return what, strings.Join(figures, " · "), sound
}

// completeness says how many files were counted and whether all of each was
// there.
func completeness(s *analyze.Summary) (string, bool) {
	broken, all := int64(0), int64(0)
	for _, info := range s.Sources {
		if !counted(info) {
			continue
		}
		all++
		if !info.Complete {
			broken++
		}
	}
	sources := unit.Count(all) + plural(all, " source", " sources")
	switch {
	case broken > 0:
		return fmt.Sprintf("incomplete: %s of %s cut short", unit.Count(broken), sources), false
	case !s.Run.Complete:
		return "incomplete · " + sources, false
	}
	return "complete · " + sources, true
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
