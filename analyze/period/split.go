package period

// maxBranches bounds the passes that may hide in one.
const maxBranches = 8

// split cuts passes that are several: the comb's token may be one that occurs
// once per step, and in a step of two or four passes nothing but a few bare
// kernels separates these.
func (x *index) split(b body, passes []pass) []pass {
	if len(passes) == 0 {
		return passes
	}
	var refs []pass
	for _, i := range sample(len(passes)) {
		refs = append(refs, passes[i])
	}
	for n := maxBranches; n > 1; n-- {
		agree := 0
		for _, p := range refs {
			if x.parts(b, p, n) != nil {
				agree++
			}
		}
		if 3*agree < 2*len(refs) {
			continue
		}
		var out []pass
		for _, p := range passes {
			if parts := x.parts(b, p, n); parts != nil {
				out = append(out, parts...)
			} else {
				out = append(out, b.cut(p, n)...)
			}
		}
		return out
	}
	return passes
}

// parts cuts p into n passes of about the same length that are alike, or
// returns nil.
func (x *index) parts(b body, p pass, n int) []pass {
	var out []pass
	part := p.len() / n
	from := p.from
	for i := 1; i < n; i++ {
		gap := b.gapNear(p.from+i*p.len()/n, part/4)
		if gap.len() < gram+1 || gap.from <= from || x.similar(gap.to, p.from, part*3/4, gram) < 0.6 {
			return nil
		}
		out = append(out, span{from, gap.from})
		from = gap.to
	}
	return append(out, span{from, p.to})
}

// cut is parts where damage hides what separates them.
func (b body) cut(p pass, n int) []pass {
	var out []pass
	from := p.from
	for i := 1; i < n; i++ {
		at := p.from + i*p.len()/n
		gap := b.gapNear(at, p.len()/n/4)
		if gap.len() == 0 || gap.from <= from {
			gap = span{at, at}
		}
		out = append(out, span{from, gap.from})
		from = gap.to
	}
	return append(out, span{from, p.to})
}

// gapNear is the longest stretch without marks within far kernels of at.
func (b body) gapNear(at, far int) span {
	best, from := span{}, max(0, at-far)
	for i := from; i < min(at+far, len(b.before)-1); i++ {
		if b.marked(i) {
			if i-from > best.len() {
				best = span{from, i}
			}
			from = i + 1
		}
	}
	return best
}
