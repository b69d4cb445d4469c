package period

import "slices"

// A pass is one call of a transformer: the stretch of its layers. What it
// launches before and after them lies in the gaps between passes, together
// with the scheduler.
type pass = span

// passes returns the passes whose teeth c has, in order, those of all requests.
func (x *index) passes(c comb) []pass {
	teeth := x.teeth(c)
	if len(teeth) < 2 {
		return nil
	}
	b := x.body(c, len(teeth))
	b.lead, b.trail = b.edges(teeth)
	b.phase = b.phaseOf(teeth)
	begins := b.begins(teeth)
	f := x.fitter(b, begins)
	if f.length == 0 {
		return nil
	}
	var out []pass
	for i := 0; i < len(begins); {
		j := i + 1
		for j < len(begins) && 2*(begins[j]-begins[j-1]) <= 3*b.unit {
			j++
		}
		within := span{0, len(x.names)}
		if len(out) > 0 {
			within.from = out[len(out)-1].to
		}
		if j < len(begins) {
			within.to = begins[j]
		}
		out = append(out, f.row(begins[i:j], within)...)
		i = j
	}
	return out
}

// begins returns where the passes of the teeth begin. Two teeth may share one:
// a pass that a cache cut short has a tooth, but no layers of its own.
func (b body) begins(teeth []int) []int {
	var out []int
	for _, t := range teeth {
		at := b.junction(t-b.unit/2, t+b.unit/2, t)
		if usual := min(max(0, t-b.phase), len(b.before)-1); at < 0 || b.share(at, at+b.unit/2) < b.density*2/3 {
			at = usual // too few marks to see where they begin
		}
		out = append(out, at)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// A fitter makes passes out of begins.
type fitter struct {
	x      *index
	b      body
	refs   []int // begins of full passes
	length int   // kernels of a full pass
}

func (x *index) fitter(b body, begins []int) fitter {
	f := fitter{x: x, b: b}
	var lens []int
	for _, i := range sample(len(begins)) {
		at := begins[i]
		to := at + b.unit*8/5
		if i+1 < len(begins) {
			to = min(to, begins[i+1])
		}
		if b.share(at, at+b.unit*3/4) > b.density*3/4 {
			f.refs = append(f.refs, at)
			lens = append(lens, b.end(at, to)-at)
		}
	}
	if len(lens) > 0 {
		slices.Sort(lens)
		f.length = lens[len(lens)/2]
	}
	f.refs = f.refs[:min(len(f.refs), 8)]
	return f
}

// row returns the passes of one row of begins. It adds those at either end
// whose teeth are damaged (the first steps may use other kernels of the same
// layers) and drops begins behind which no layers lie. within bounds where
// passes may be added.
func (f fitter) row(begins []int, within span) []pass {
	begins = slices.Clone(begins)
	unit := f.b.unit
	for at := begins[0] - unit; at >= within.from-unit/8 && f.holds(at); at -= unit {
		at = f.found(at)
		begins = slices.Insert(begins, 0, at)
	}
	for at := begins[len(begins)-1] + unit; at+unit/2 <= within.to && f.holds(at); at += unit {
		at = f.found(at)
		begins = append(begins, at)
	}
	var out []pass
	for i, at := range begins {
		at = f.inStep(at, gram)
		to := min(within.to, at+f.b.unit*8/5)
		if i+1 < len(begins) {
			to = begins[i+1]
		}
		if p := (pass{at, f.b.end(at, to)}); f.full(&p, to) {
			out = append(out, p)
		}
	}
	return out
}

// full says whether p is a pass with layers. Where they use other kernels than
// usual, so that their end is not seen, it sets the end by the usual length.
func (f fitter) full(p *pass, to int) bool {
	if limit := p.from + f.length*5/4; p.to > limit {
		p.to = f.b.end(p.from, limit)
	}
	if 4*p.len() >= 3*f.length && 2*f.b.share(p.from, p.to) > f.b.density {
		return true
	}
	if 4*(to-p.from) < 3*f.length || !f.holds(p.from) {
		return false
	}
	p.to = max(p.to, min(p.from+f.length, to))
	return true
}

// holds says whether a pass begins at about at, perhaps with other kernels for
// some of its products.
func (f fitter) holds(at int) bool {
	third := f.b.unit / 4
	return slices.ContainsFunc(f.refs, func(r int) bool {
		// Layers look alike one layer on: the first third may not lie before the pass.
		return r != at && f.x.similar(at, r, third, 32) >= 0.4 && f.x.similar(at, r, 3*third, 32) >= 0.5
	})
}

// found searches the begin of a pass that should begin at about at. The stretch
// compared begins before the layers: these look alike one layer on.
func (f fitter) found(at int) int {
	best, place := -1.0, at
	far := min(4*minUnit, f.b.unit/4)
	for k := range 2*far + 1 {
		s := (k + 1) / 2 * (1 - k%2*2)
		if n := f.x.similar(at+s-minUnit, f.refs[0]-minUnit, 8*minUnit, gram); n > best {
			best, place = n, at+s
		}
	}
	return max(0, place)
}

// inStep moves at by up to far kernels to where the sequence goes on most like
// at the begin of a full pass, so that all begins mean the same kernel.
func (f fitter) inStep(at, far int) int {
	best, shift := -1, 0
	for _, ref := range f.refs[:min(2, len(f.refs))] {
		for k := range 2*far + 1 {
			s := (k + 1) / 2 * (1 - k%2*2)
			if n := f.x.equal(ref-minUnit, at+s-minUnit, 3*minUnit); n > best {
				best, shift = n, s
			}
		}
	}
	return max(0, at+shift)
}
