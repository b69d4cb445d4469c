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
	var kept []int
	for i, at := range begins {
		to := len(x.names)
		if i+1 < len(begins) {
			to = begins[i+1]
		}
		if p := f.pass(at, to); p.len() > 0 {
			kept = append(kept, p.from)
		}
	}
	kept = f.ahead(f.before(kept))
	var out []pass
	for i, at := range kept {
		to := len(x.names)
		if i+1 < len(kept) {
			to = kept[i+1]
		}
		if p := f.pass(at, to); p.len() > 0 {
			out = append(out, p)
		}
	}
	return out
}

// begins returns where the passes of the teeth begin. Two teeth may share one:
// a pass that a cache cut short has a tooth, but no layers of its own.
func (b body) begins(teeth []int) []int {
	var out []int
	for _, t := range teeth {
		usual := min(max(0, t-b.phase), len(b.before)-1)
		at := b.junction(usual-b.unit/2, usual+b.unit/2, t)
		if at < 0 || b.share(at, at+b.unit/2) < b.density*2/3 {
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

// before adds passes whose own teeth are damaged where a row of passes begins:
// the first steps may use other kernels of the same layers.
func (f fitter) before(begins []int) []int {
	unit := f.b.unit
	var out []int
	for i, at := range begins {
		low := 0
		if i > 0 {
			low = begins[i-1] + f.length
		}
		var added []int
		for p := at; p-unit >= low-unit/8 && f.holds(p-unit); {
			p = f.found(p, -unit)
			added = append(added, p)
		}
		slices.Reverse(added)
		out = append(append(out, added...), at)
	}
	return out
}

// ahead adds such passes where a row ends.
func (f fitter) ahead(begins []int) []int {
	unit := f.b.unit
	var out []int
	for i, at := range begins {
		out = append(out, at)
		high := len(f.b.before) - 1
		if i+1 < len(begins) {
			high = begins[i+1]
		}
		for p := at; p+unit+f.length <= high+unit/8 && f.holds(p+unit); {
			p = f.found(p, unit)
			out = append(out, p)
		}
	}
	return out
}

// pass is the pass that begins at about at, before to; it is empty where no
// layers lie. Where they use other kernels than usual, so that their end is
// not seen, it is as long as usual.
func (f fitter) pass(at, to int) pass {
	at = f.inStep(at, gram)
	limit := min(to, at+f.length*5/4)
	p := pass{at, f.b.end(at, limit)}
	quarter := f.b.share(at, at+f.length/4)
	if 4*p.len() >= 3*f.length && 2*f.b.share(p.from, p.to) > f.b.density && 2*quarter > f.b.density {
		return p
	}
	if 4*(limit-at) < 3*f.length || !f.holds(at) {
		return pass{at, at}
	}
	p.to = max(p.to, min(at+f.length, limit))
	return p
}

// holds says whether a pass begins at about at, perhaps with other kernels for
// some of its products.
func (f fitter) holds(at int) bool {
	third := f.b.unit / 4
	return slices.ContainsFunc(f.refs, func(r int) bool {
		// Layers look alike one layer on: the first third may not lie before the pass.
		return r != at && f.x.similar(at, r, third, 32) >= 0.3 && f.x.similar(at, r, 3*third, 32) >= 0.42
	})
}

// found searches the begin of a pass about one unit from the begin at from. The
// stretch compared begins before the layers, which look alike one layer on.
func (f fitter) found(from, unit int) int {
	best, place := -1.0, from+unit
	sign := 1
	if unit < 0 {
		sign = -1
	}
	far := min(2*minUnit, f.b.unit/4)
	for k := range 2*far + 1 { // a multi-step solver's first steps are shorter
		at := from + sign*f.b.unit + (k+1)/2*(1-k%2*2)
		if n := f.x.similar(at-minUnit, f.refs[0]-minUnit, 8*minUnit, gram); n > best {
			best, place = n, at
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
