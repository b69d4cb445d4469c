package period

// A run is a row of passes of one transformer that belong to one request.
type run struct {
	passes []pass
	last   int // nothing behind this kernel can belong to the last pass
}

// gap is what follows pass i up to the next one.
func (r run) gap(i int) span {
	if i+1 < len(r.passes) {
		return span{r.passes[i].to, r.passes[i+1].from}
	}
	return span{r.passes[i].to, r.last}
}

// runs cuts passes where more than a scheduler lies between two of them: the
// decoder of one request and the encoder of the next.
func (x *index) runs(passes []pass) []run {
	if len(passes) < 2 {
		return nil
	}
	gaps := make([]span, len(passes)-1)
	x.anchor(passes)
	for i := range gaps {
		gaps[i] = span{passes[i].to, passes[i+1].from}
	}
	foreign := x.foreign(gaps, medianLen(passes))
	var out []run
	from := 0
	for i := 1; i <= len(passes); i++ {
		if i < len(passes) && !foreign[i-1] {
			continue
		}
		if i-from >= 2 {
			out = append(out, x.newRun(passes[from:i]))
		}
		from = i
	}
	return out
}

func (x *index) newRun(passes []pass) run {
	r := run{passes: passes}
	longest := 0
	for i := range len(passes) - 1 {
		longest = max(longest, r.gap(i).len())
	}
	r.last = min(len(x.names), passes[len(passes)-1].to+longest)
	return r
}

// anchor moves the begins of passes to where what precedes most passes says
// they are: damage in the first layer hides the begin of a single one.
func (x *index) anchor(passes []pass) {
	heads := x.heads(passes)
	if len(heads) < 2 {
		return
	}
	const far = 4 * minUnit
	for i, p := range passes {
		best, at := far, p.from
		for _, e := range x.elections(heads, span{p.from - far - minUnit, p.from + far}) {
			if d := max(e.at-p.from, p.from-e.at); e.votes >= max(2, len(heads)/5) && d < best {
				best, at = d, e.at
			}
		}
		if at < p.to && (i == 0 || at > passes[i-1].to) {
			passes[i].from = at
		}
		if i > 0 {
			passes[i-1].to = min(passes[i-1].to, passes[i].from)
		}
	}
}

// heads are the tokens that precede most passes at a fixed distance.
func (x *index) heads(passes []pass) []voter {
	before := make(map[int32][]int)
	sampled := sample(len(passes))
	for _, i := range sampled {
		for o := -minUnit / 2; o <= -gram; o++ {
			if at := passes[i].from + o; at >= 0 {
				before[x.tokens[at]] = append(before[x.tokens[at]], o)
			}
		}
	}
	return keptVoters(before, len(sampled))
}
