package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"omnitrace/analyze"
	"omnitrace/analyze/diff"
	"omnitrace/internal/unit"
)

// Reason says in one or a few sentences why the verdict is what it is, which
// work only one side did, and what idle time has to do with it.
func Reason(r *diff.Result) string {
	sentences := []string{verdictReason(r)}
	if !r.Identical {
		sentences = append(sentences, workReason(r), idleReason(r))
	}
	var said []string
	for _, s := range sentences {
		if s != "" {
			said = append(said, s)
		}
	}
	return strings.Join(said, "; ")
}

func verdictReason(r *diff.Result) string {
	switch r.Verdict.Why {
	case diff.WhyIdentical:
		return "both sides are the same recording"
	case diff.WhyEmpty:
		return emptySide(r) + " has no GPU work"
	case diff.WhyDifferent:
		return fmt.Sprintf("the sides are not comparable: of base's GPU time %s, and of new's %s, is work that the other side has too",
			shareOf(r.Work.BaseCommonNS, r.Base.BusyNS), shareOf(r.Work.NewCommonNS, r.New.BusyNS))
	case diff.WhyKnownIdentity:
		return "nothing changed between the sides, so what differs is noise: " + fewWords(r.Changes, "no part differs by more than its own repeats do")
	case diff.WhyChanged:
		return fewWords(large(r.Changes), "")
	case diff.WhyFewUnits:
		return "nothing can be concluded: too little of the work repeats on both sides to tell a change from noise; the plain change of the common work is " + commonChange(r)
	}
	if len(r.Changes) > 0 {
		return "no change of the common work is large enough to matter; the largest is " + describeChange(&r.Changes[0])
	}
	return "no part of the common work changed beyond noise"
}

// large returns the changes that the verdict speaks of.
func large(changes []diff.Change) []diff.Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c diff.Change) bool { return c.Small })
}

func emptySide(r *diff.Result) string {
	switch {
	case r.Base.BusyNS > 0:
		return "new"
	case r.New.BusyNS > 0:
		return "base"
	}
	return "neither side"
}

func shareOf(part, whole int64) string { return cmp.Or(unit.Percent(part, whole), "0") + " %" }

// wordyChanges is how many changes a sentence names.
const wordyChanges = 3

func fewWords(changes []diff.Change, none string) string {
	var said []string
	for i := range changes {
		if len(said) == wordyChanges {
			said = append(said, fmt.Sprintf("and %d more", len(changes)-i))
			break
		}
		said = append(said, describeChange(&changes[i]))
	}
	return cmp.Or(strings.Join(said, "; "), none)
}

// describeChange: "stage0 denoise gemm +5.0 % (1.741 ms → 1.828 ms a step)".
func describeChange(c *diff.Change) string {
	where := placeWords(c.Place, c.StageName)
	if c.Cached != 0 {
		return fmt.Sprintf("%s %s: %s", where, signedTime(int64(c.DeltaNS)), cacheWords(c.Cached))
	}
	change := signedTime(int64(math.Round(c.NewUnitNS - c.BaseUnitNS)))
	if c.BaseUnitNS > 0 {
		change = percent(c.Ratio)
	}
	return fmt.Sprintf("%s %s (%s → %s a %s)", where, change, nsWords(c.BaseUnitNS), nsWords(c.NewUnitNS), c.Unit)
}

func nsWords(ns float64) string { return unit.Time.Exact(int64(math.Round(ns))) }

// placeWords names a place: "thinker decode gemm".
func placeWords(p diff.Place, stageName string) string {
	words := []string{}
	if p.Stage >= 0 {
		words = append(words, cmp.Or(stageName, fmt.Sprintf("stage%d", p.Stage)))
	}
	for _, w := range []string{p.Phase, p.Category, p.Name} {
		if w != "" {
			words = append(words, w)
		}
	}
	return visible(strings.Join(words, " "))
}

func signedTime(ns int64) string {
	s := unit.Time.Exact(ns)
	if ns > 0 {
		s = plus(s)
	}
	return s
}

// commonChange is what the common work changed by, without the work that only
// one side did.
func commonChange(r *diff.Result) string {
	delta, base := int64(0), int64(0)
	for _, w := range r.Work.Common {
		delta += w.NewNS - w.BaseNS
		base += w.BaseNS
	}
	if base == 0 {
		return signedTime(delta)
	}
	part := func(ns int64) string { return signedTime(ns) + " (" + percent(float64(ns)/float64(base)) + ")" }
	if d := r.Totals.DurationNS; d != delta {
		return part(delta) + ", and of its durations " + part(d)
	}
	return part(delta)
}

// workReason names the work that only one side did, if it explains much.
func workReason(r *diff.Result) string {
	var said []string
	sum, all := int64(0), int64(0)
	for _, p := range r.Waterfall {
		all += max(p.DeltaNS, -p.DeltaNS)
	}
	for i := range r.Waterfall {
		p := &r.Waterfall[i]
		if p.Effect == "work" && max(p.DeltaNS, -p.DeltaNS)*20 > all {
			said = append(said, unitsWords(p))
			sum += p.DeltaNS
		}
	}
	if len(said) == 0 {
		return ""
	}
	text := "on new: " + strings.Join(said, ", ")
	if t := r.Totals.DeltaNS; t != 0 && sum != 0 && (sum > 0) == (t > 0) {
		text += fmt.Sprintf(", which %s %s of the total change of %s", plural(int64(len(said)), "explains", "explain"), shareOf(sum, t), signedTime(t))
	}
	return text
}

// unitsWords: "6 more computed steps in stage0 denoise".
func unitsWords(p *diff.Piece) string {
	n, word := p.Units, "more"
	if n < 0 {
		n, word = -n, "fewer"
	}
	where := placeWords(p.Place, p.StageName)
	if p.Kind == analyze.Part && p.Phase == "" {
		return "work of " + where + " outside of requests that only one side has"
	}
	if p.Kind == analyze.Part {
		return fmt.Sprintf("%s of %d %s %s", where, n, word, plural(int64(n), "request", "requests"))
	}
	return fmt.Sprintf("%d %s %s in %s", n, word, kindWords(p.Kind, int64(n)), where)
}

// cacheWords: "2 steps taken from a cache instead of computed".
func cacheWords(n int) string {
	from, to := "taken from a cache", "computed"
	if n < 0 {
		n, from, to = -n, to, from
	}
	return fmt.Sprintf("%d %s %s instead of %s", n, plural(int64(n), "step", "steps"), from, to)
}

func differenceWords(d diff.Difference) string {
	return visible(d.What) + ": " + visible(d.Base) + " → " + visible(d.New)
}

// savingWords: "stage0 denoise: cached steps saved base about 14.67 ms (4 steps), new nothing".
func savingWords(s *diff.Saving) string {
	saved := func(steps int, ns float64) string {
		if steps == 0 {
			return "nothing"
		}
		return fmt.Sprintf("about %s (%d %s)", nsWords(ns), steps, plural(int64(steps), "step", "steps"))
	}
	return fmt.Sprintf("%s: cached steps saved base %s, new %s", placeWords(s.Place, s.StageName), saved(s.BaseSteps, s.BaseSavedNS), saved(s.NewSteps, s.NewSavedNS))
}

// commonWords says how much of the work both sides did.
func commonWords(r *diff.Result) string {
	units := 0
	for _, w := range r.Work.Common {
		units += w.Units
	}
	return fmt.Sprintf("common work: %s %s of units, %s of base's GPU time and %s of new's", unit.Count(int64(units)), plural(int64(units), "pair", "pairs"),
		shareOf(r.Work.BaseCommonNS, r.Base.BusyNS), shareOf(r.Work.NewCommonNS, r.New.BusyNS))
}

// noiseWords says what the runs of each stage show against themselves.
func noiseWords(r *diff.Result) []string {
	var said []string
	for _, n := range r.Noise {
		text := fmt.Sprintf("noise of stage %d: what all kernels share %s; phases differ within a run by up to %s", n.Stage, percent(n.Drift), unsigned(n.Within))
		if n.Repeats > 1 {
			text += ", between repeats by up to " + unsigned(n.Between)
		}
		if r.Same {
			text += ", between the sides by up to " + unsigned(n.Sides)
		}
		said = append(said, text)
	}
	return said
}

// unsigned prints a ratio that has no direction.
func unsigned(ratio float64) string {
	return unit.Percent(int64(math.Round(math.Abs(ratio)*1e9)), 1e9) + " %"
}

// kindWords names units of a kind.
func kindWords(kind string, n int64) string {
	switch kind {
	case analyze.Pass:
		return plural(n, "pass", "passes")
	}
	return kind + plural(n, " step", " steps")
}

// idleReason says where the time went of a run that got slower, or faster,
// without its kernels.
func idleReason(r *diff.Result) string {
	t := &r.Totals
	if t.BaseSpanNS == nil || t.NewSpanNS == nil || *t.BaseSpanNS == 0 {
		return ""
	}
	span, idle := *t.NewSpanNS-*t.BaseSpanNS, t.IdleDeltaNS
	if abs64(idle)*20 < *t.BaseSpanNS || abs64(idle) < 2*abs64(t.DeltaNS) || abs64(idle) < abs64(span)/2 || (span > 0) != (idle > 0) {
		return ""
	}
	word := "longer"
	if span < 0 {
		word = "shorter"
	}
	text := fmt.Sprintf("the run is %s %s because the GPU was idle for %s", signedTime(span), word, signedTime(idle))
	if span > 0 && len(r.Changes) == 0 && r.Work.OnlyNew == nil {
		text = "no kernel got slower, but " + text
	}
	if cause, ns := largestCause(r, idle > 0); cause != "" {
		text += fmt.Sprintf(", mostly by %s (%s)", cause, signedTime(ns))
	}
	if r.Base.Runs < 2 && r.New.Runs < 2 {
		text += ", which single runs can't tell from noise of the host"
	}
	return text
}

func abs64(n int64) int64 { return max(n, -n) }

// largestCause returns the cause of idle time that grew most, or shrank most.
func largestCause(r *diff.Result, grew bool) (string, int64) {
	sums := map[string]int64{}
	best, most := "", int64(0)
	for _, t := range r.Tables {
		if t.Name != "idle" {
			continue
		}
		for i := range t.Rows {
			sums[t.Rows[i].Name] += t.Rows[i].DeltaNS
		}
		for i := range t.Rows {
			name := t.Rows[i].Name
			ns := sums[name]
			if (ns > 0) == grew && (abs64(ns) > abs64(most) || abs64(ns) == abs64(most) && name < best) {
				best, most = name, ns
			}
		}
	}
	return best, most
}

// GateReason says in one line what a gate found and why.
func GateReason(g *diff.GateResult) string {
	where := placeWords(g.Place, g.StageName)
	if where == "" {
		where = g.Key
	}
	if g.Outcome == diff.Undecided {
		return where + ": " + undecided(g)
	}
	if g.BaseUnits == 0 {
		return where + ": both sides are the same recording"
	}
	limit := unit.Time.Exact(g.NS) + " a " + g.Unit
	if g.Relative {
		limit = g.Expression[strings.LastIndexByte(g.Expression, ':')+1:]
	}
	change := ""
	if g.BaseNS > 0 {
		change = percent(g.Ratio) + ", "
	}
	verdict := "within " + limit
	if g.Outcome == diff.Fails {
		verdict = "above " + limit
	} else if g.NewNS > g.BaseNS && g.P >= 0.05 {
		verdict += ", and no more than noise"
	}
	return fmt.Sprintf("%s: %s → %s a %s (%sp%s): %s", where, nsWords(g.BaseNS), nsWords(g.NewNS), g.Unit, change, equals(pWords(g.P)), verdict)
}

func undecided(g *diff.GateResult) string {
	switch g.Why {
	case diff.WhyTooFew:
		if g.BaseUnits == 0 && g.NewUnits == 0 {
			return "nothing of it repeats on both sides; 5 comparable units a side are needed"
		}
		return fmt.Sprintf("too few comparable units (%d and %d); 5 a side are needed", g.BaseUnits, g.NewUnits)
	case diff.WhyNothing:
		return "not on both sides"
	case diff.WhyIncomplete:
		return "a trace was cut short, so its times may be low"
	case diff.WhyEmpty:
		return "a side has no GPU work"
	case diff.WhyDifferent:
		return "the sides share too little work"
	}
	return "what repeats is less than half of it"
}

// equals puts an equals sign before what has no sign of its own.
func equals(s string) string {
	if strings.HasPrefix(s, "<") {
		return s
	}
	return "=" + s
}

// pWords prints a probability.
func pWords(p float64) string {
	switch {
	case p < 0.001:
		return "<0.001"
	case p >= 1:
		return "1"
	}
	return fmt.Sprintf("%.3f", p)
}
