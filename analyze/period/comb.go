package period

import (
	"cmp"
	"math"
	"slices"
)

// A comb is the places of a token that recurs about evenly: candidates for
// "once per pass of the transformer".
type comb struct {
	teeth   []int32
	period  int    // typical distance of teeth
	full    int    // gaps of about one period
	support int    // distinct tokens of the same rhythm
	units   []span // the full gaps
	spans   []span // what they cover, merged
}

// A rhythm is a rough class of tokens: about as many occurrences, about as far
// apart. Log scales make it robust to a few inserted and missing kernels.
type rhythm struct{ count, gap int }

type rhythmClass struct {
	rhythm
	own     int // tokens of just this class
	support int
	tok     int32
	teeth   int
	spread  float64
}

// maxClasses bounds the work on candidates whatever the input. Real traces
// have 20 to 150 classes of any support.
const maxClasses = 256

// combs returns the combs that may be passes of a transformer, one for each
// part of the sequence, best supported part first.
func (x *index) combs() []comb {
	var all []comb
	for _, c := range x.rhythms() {
		if k, ok := x.comb(c); ok {
			all = append(all, k)
		}
	}
	all = x.withoutRequests(all)
	slices.SortStableFunc(all, func(a, b comb) int { return cmp.Compare(b.mass(), a.mass()) })
	var chosen []comb
	var taken []span
	for _, lead := range all {
		if 5*overlap(lead.spans, taken) >= total(lead.spans) {
			continue
		}
		best := x.passLevel(lead, all)
		chosen = append(chosen, best)
		taken = union(taken, union(lead.spans, best.spans))
	}
	return chosen
}

// mass is the number of occurrences behind a comb.
func (c comb) mass() int { return c.support * len(c.teeth) }

// passLevel picks, among the combs that cover the same part as lead, the one
// whose teeth are passes. What a transformer and a scheduler do once per pass
// takes many different tokens, what separates two layers only a few; of the
// well supported combs the finest is the pass. Damage makes up combs of a few
// teeth out of any two layers: they have little mass.
func (x *index) passLevel(lead comb, all []comb) comb {
	var family []comb
	most := 0
	for _, c := range all {
		if 5*c.mass() >= lead.mass() && 2*overlap(c.spans, lead.spans) > total(c.spans) {
			family = append(family, c)
			most = max(most, c.support)
		}
	}
	best := lead
	for _, c := range family {
		if 5*c.support >= 2*most && (c.full > best.full || 5*best.support < 2*most) {
			best = c
		}
	}
	coarse := best
	for _, c := range all {
		if c.support >= 6 && 5*c.mass() >= lead.mass() && c.divides(coarse) && c.full > best.full &&
			2*overlap(c.spans, coarse.spans) > min(total(c.spans), total(coarse.spans)) && x.nested(c.units[len(c.units)/2]) >= 0.6 {
			best = c
		}
	}
	return best
}

// divides says whether the teeth of c cut each unit of b into two or more
// parts of one length: the passes of a guided step.
func (c comb) divides(b comb) bool {
	parts := (len(c.teeth) + len(b.teeth)/2) / len(b.teeth)
	return parts >= 2 && parts <= 4 && 5*c.full >= 4*(len(c.teeth)-len(c.teeth)/parts) &&
		20*max(len(c.teeth)-parts*len(b.teeth), parts*len(b.teeth)-len(c.teeth)) <= 3*len(c.teeth)
}

// withoutRequests drops the combs whose teeth are whole requests apart: their
// units hold two or more units of a finer comb, and besides these something
// else that repeats, the layers of an encoder or the blocks of a decoder.
func (x *index) withoutRequests(all []comb) []comb {
	whole := make([]bool, len(all))
	known := make([]int, x.byTok.ids()) // 1 + the last comb whose units hold a token
	count := make([]int32, x.byTok.ids())
	repeats := make(map[span][]tokenCount)
	for i, a := range all {
		for k := 0; k < len(a.units); k += max(1, len(a.units)/16) {
			for _, t := range x.tokensIn(a.units[k]) {
				known[t] = i + 1
			}
		}
		for j, b := range all {
			if whole[j] || a.period*3 >= b.period*2 || len(a.teeth) < 2*len(b.teeth)-1 {
				continue
			}
			u, inner := fullest(b.units, a.teeth)
			if inner < 2 {
				continue
			}
			if repeats[u] == nil {
				repeats[u] = x.repeated(u, count)
			}
			foreign := 0
			for _, r := range repeats[u] {
				if known[r.tok] != i+1 {
					foreign += r.count
				}
			}
			rest := max(0, u.len()-inner*a.period)
			whole[j] = 10*foreign >= 3*rest && foreign >= minUnit
		}
	}
	var out []comb
	for j, b := range all {
		if !whole[j] {
			out = append(out, b)
		}
	}
	return out
}

type tokenCount struct {
	tok   int32
	count int
}

// repeated returns the tokens that occur at least three times in s. count is
// zero for all tokens before and after.
func (x *index) repeated(s span, count []int32) []tokenCount {
	out := []tokenCount{}
	for _, t := range x.tokensIn(s) {
		if count[t]++; count[t] == 3 {
			out = append(out, tokenCount{tok: t})
		}
	}
	for i, c := range out {
		out[i].count = int(count[c.tok])
	}
	for _, t := range x.tokensIn(s) {
		count[t] = 0
	}
	return out
}

// tokensIn returns the tokens that begin in s.
func (x *index) tokensIn(s span) []int32 {
	return x.tokens[min(s.from, len(x.tokens)):min(s.to, len(x.tokens))]
}

// fullest returns the unit that holds most teeth, and their number.
func fullest(units []span, teeth []int32) (u span, most int) {
	for _, s := range units {
		i, _ := slices.BinarySearch(teeth, int32(s.from))
		j, _ := slices.BinarySearch(teeth, int32(s.to))
		if j-i > most {
			u, most = s, j-i
		}
	}
	return u, most
}

// rhythms sorts the tokens into classes and returns the best supported ones.
func (x *index) rhythms() []rhythmClass {
	byKey := make(map[rhythm]*rhythmClass)
	var gaps []int32
	for t := range x.byTok.ids() {
		at := x.byTok.of(int32(t))
		if len(at) < 2 || int(at[len(at)-1]-at[0]) < minUnit*(len(at)-1)/2 {
			continue
		}
		gaps = sampleGaps(gaps[:0], at)
		mid := int(gaps[len(gaps)/2])
		if int(gaps[len(gaps)*3/4]) < minUnit {
			continue
		}
		key := rhythm{logBucket(len(at), 0.22), logBucket(mid, 0.015)}
		c := byKey[key]
		if c == nil {
			c = &rhythmClass{rhythm: key, teeth: -1}
			byKey[key] = c
		}
		c.own++
		spread := float64(gaps[len(gaps)*9/10]-gaps[len(gaps)/10]) / float64(mid)
		if len(at) > c.teeth || len(at) == c.teeth && spread < c.spread {
			c.tok, c.teeth, c.spread = int32(t), len(at), spread
		}
	}
	out := make([]rhythmClass, 0, len(byKey))
	for _, c := range byKey {
		c.support = support(byKey, c.rhythm)
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b rhythmClass) int {
		return cmp.Or(cmp.Compare(b.support, a.support), cmp.Compare(b.teeth, a.teeth), cmp.Compare(a.tok, b.tok))
	})
	return out[:min(len(out), maxClasses)]
}

// support counts the tokens of a class and of those next to it: damage makes
// tokens rarer, and shifts their typical distance by a kernel or two.
func support(byKey map[rhythm]*rhythmClass, r rhythm) int {
	sum := 0
	for count := r.count - 1; count <= r.count; count++ {
		for gap := r.gap - 1; gap <= r.gap+1; gap++ {
			if c := byKey[rhythm{count, gap}]; c != nil {
				sum += c.own
			}
		}
	}
	return sum
}

// sampleGaps returns up to 255 distances of neighbours, sorted.
func sampleGaps(gaps, at []int32) []int32 {
	step := max(1, (len(at)-1)/255)
	for i := 1; i < len(at); i += step {
		gaps = append(gaps, at[i]-at[i-1])
	}
	slices.Sort(gaps)
	return gaps
}

func logBucket(n int, width float64) int {
	return int(math.Log(float64(max(n, 1))) / width)
}

// comb judges the occurrences of a class's token: neighbouring units must be
// alike, and a unit must hold repetitions of its own (its layers).
func (x *index) comb(c rhythmClass) (comb, bool) {
	k := comb{teeth: x.byTok.of(c.tok), support: c.support}
	k.period = typicalGap(k.teeth)
	if k.period < minUnit {
		return k, false
	}
	units := x.fullUnits(&k)
	if 3*len(units) < len(k.teeth)-1 || x.alike(k, units) < 0.7 {
		return k, false
	}
	mid := units[len(units)/2]
	if x.nested(mid) < 0.4 {
		return k, false
	}
	return k, x.known&Attention == 0 || x.hinted(Attention, mid.from, mid.to) >= 2
}

// typicalGap is the median of the gaps that are at least half as long as the
// upper quartile: a cache or a solver that works in two halves makes up to
// three of four gaps short, and between two requests they are long.
func typicalGap(teeth []int32) int {
	gaps := make([]int32, len(teeth)-1)
	for i := range gaps {
		gaps[i] = teeth[i+1] - teeth[i]
	}
	slices.Sort(gaps)
	i, _ := slices.BinarySearch(gaps, gaps[len(gaps)*3/4]/2)
	return int(gaps[(i+len(gaps)-1)/2])
}

// fullUnits returns the gaps of about one period and notes what they cover.
func (x *index) fullUnits(k *comb) []span {
	var units []span
	for i := 1; i < len(k.teeth); i++ {
		u := span{int(k.teeth[i-1]), int(k.teeth[i])}
		if 2*u.len() >= k.period && 3*u.len() <= 4*k.period {
			units = append(units, u)
		}
	}
	k.full = len(units)
	k.units = units
	k.spans = union(nil, units)
	return units
}

// alike is the median likeness of neighbouring units.
func (x *index) alike(k comb, units []span) float64 {
	if len(units) == 1 {
		u := units[0]
		before := span{max(0, u.from-u.len()), u.from}
		after := span{u.to, min(len(x.names), u.to+u.len())}
		return max(x.likeness(u, before), x.likeness(u, after))
	}
	step := max(1, (len(units)-1)/16)
	var likes []float64
	for i := 1; i < len(units); i += step {
		likes = append(likes, x.likeness(units[i-1], units[i]))
	}
	slices.Sort(likes)
	return likes[len(likes)/2]
}

// nested is the share of a unit whose tokens occur in it more than once.
func (x *index) nested(u span) float64 {
	part := x.tokens[u.from:min(u.to, len(x.tokens), u.from+20_000)]
	if len(part) == 0 {
		return 0
	}
	seen := make(map[int32]int, len(part))
	for _, t := range part {
		seen[t]++
	}
	again := 0
	for _, c := range seen {
		if c > 1 {
			again += c
		}
	}
	return float64(again) / float64(len(part))
}

// union merges two sorted lists of spans.
func union(a, b []span) []span {
	all := append(slices.Clone(a), b...)
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	out := all[:0]
	for _, s := range all {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
		} else {
			out = append(out, s)
		}
	}
	return out
}

func total(s []span) int {
	sum := 0
	for _, s := range s {
		sum += s.len()
	}
	return sum
}

func overlap(a, b []span) int {
	return total(a) + total(b) - total(union(a, b))
}
