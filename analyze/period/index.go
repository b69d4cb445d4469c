package period

import (
	"slices"
)

// gram is the number of consecutive names in a token. Four tell the parts of
// a step apart (a scheduler of one kernel still has four tokens of its own)
// and survive an edit rate of 2 % in 92 of 100 places.
const gram = 4

// An index holds a sequence as names and as tokens, each with its places.
type index struct {
	names  []int32 // dense name IDs in order of first occurrence
	tokens []int32 // tokens[i] stands for names[i:i+gram]
	byName places
	byTok  places
	hints  []Hint // by name
	known  Hint   // all hints that occur at all
}

// places lists where each ID occurs, in increasing order.
type places struct {
	start []int32
	at    []int32
}

func (p places) of(id int32) []int32 { return p.at[p.start[id]:p.start[id+1]] }
func (p places) count(id int32) int  { return int(p.start[id+1] - p.start[id]) }
func (p places) ids() int            { return len(p.start) - 1 }

// within counts the occurrences of id in [from, to).
func (p places) within(id int32, from, to int) int {
	at := p.of(id)
	i, _ := slices.BinarySearch(at, int32(from))
	j, _ := slices.BinarySearch(at, int32(to))
	return j - i
}

func newIndex(names []uint32, hint func(uint32) Hint) *index {
	x := &index{}
	if hint == nil {
		hint = func(uint32) Hint { return 0 }
	}
	x.names, x.hints = folded(names, hint)
	for _, h := range x.hints {
		x.known |= h
	}
	x.tokens = tokens(x.names, len(x.hints))
	x.byName = newPlaces(x.names)
	x.byTok = newPlaces(x.tokens)
	return x
}

// folded returns dense name IDs and the hints of each. All matrix products are
// one: which kernel computes them changes from step to step with autotuning,
// and from one expert to the next with its quantization or shapes.
func folded(names []uint32, hint func(uint32) Hint) ([]int32, []Hint) {
	ids, raw := dense(names)
	fold := make([]uint64, len(raw))
	for i, id := range raw {
		fold[i] = uint64(i)<<16 | uint64(hint(id))
		if hint(id)&GEMM != 0 {
			fold[i] = 1<<48 | uint64(hint(id))
		}
	}
	classes, keys := dense(fold)
	for i, id := range ids {
		ids[i] = classes[id]
	}
	hints := make([]Hint, len(keys))
	for i, k := range keys {
		hints[i] = Hint(k & 0xffff)
	}
	return ids, hints
}

// dense renames IDs to 0, 1, … in order of first occurrence.
func dense[T comparable](ids []T) (out []int32, distinct []T) {
	out = make([]int32, len(ids))
	seen := make(map[T]int32)
	for i, id := range ids {
		d, ok := seen[id]
		if !ok {
			d = int32(len(distinct))
			seen[id] = d
			distinct = append(distinct, id)
		}
		out[i] = d
	}
	return out, distinct
}

// tokens numbers the distinct runs of gram names. Up to 65,536 names a run
// packs into 64 bits exactly; above, it is a hash whose collisions would only
// merge two tokens.
func tokens(names []int32, distinct int) []int32 {
	if len(names) < gram {
		return nil
	}
	keys := make([]uint64, len(names)-gram+1)
	for i := range keys {
		for _, n := range names[i : i+gram] {
			if distinct <= 1<<16 {
				keys[i] = keys[i]<<16 | uint64(n)
			} else {
				keys[i] = (keys[i] + uint64(n) + 1) * 0x9e3779b97f4a7c15
				keys[i] ^= keys[i] >> 29
			}
		}
	}
	out, _ := dense(keys)
	return out
}

func newPlaces(ids []int32) places {
	n := int32(0)
	for _, id := range ids {
		n = max(n, id+1)
	}
	p := places{start: make([]int32, n+1), at: make([]int32, len(ids))}
	for _, id := range ids {
		p.start[id+1]++
	}
	for i := range n {
		p.start[i+1] += p.start[i]
	}
	next := slices.Clone(p.start[:n])
	for i, id := range ids {
		p.at[next[id]] = int32(i)
		next[id]++
	}
	return p
}

// hinted counts the kernels in [from, to) whose names carry any of h.
func (x *index) hinted(h Hint, from, to int) int {
	sum := 0
	for id, has := range x.hints {
		if has&h != 0 {
			sum += x.byName.within(int32(id), from, to)
		}
	}
	return sum
}

// likeness compares two stretches by how often each name occurs in them:
// 1 for the same bag of names, 0 for none in common.
func (x *index) likeness(a, b span) float64 {
	differ, total := 0, a.len()+b.len()
	if total == 0 {
		return 0
	}
	for id := range x.byName.ids() {
		d := x.byName.within(int32(id), a.from, a.to) - x.byName.within(int32(id), b.from, b.to)
		differ += max(d, -d)
	}
	return 1 - float64(differ)/float64(total)
}

// A span is the kernels [from, to).
type span struct{ from, to int }

func (s span) len() int { return s.to - s.from }

// sample returns up to about 32 of n indices, in blocks of eight neighbours:
// evenly spaced ones would miss every other pass of a guided step.
func sample(n int) []int {
	var out []int
	for block := range 4 {
		from := block * max(0, n-8) / 3
		for i := from; i < min(n, from+8); i++ {
			if len(out) == 0 || i > out[len(out)-1] {
				out = append(out, i)
			}
		}
	}
	return out
}

// similar is the share of n kernels from a and from b on that agree in place,
// where the places may drift by first kernels at the begin and by a few every
// few dozen. Unlike a count
// of names or tokens it sees a model again whose matrix products are others.
func (x *index) similar(a, b, n, first int) float64 {
	const block, drift = 32, 6
	same, shift := 0, 0
	for i := 0; i < n; i += block {
		most, at := -1, shift
		far := drift
		if i == 0 {
			far = first
		}
		for k := range 2*far + 1 {
			s := shift + (k+1)/2*(1-k%2*2)
			if max(s, -s) > first+block/2 {
				continue
			}
			if m := x.equal(a+i, b+i+s, min(block, n-i)); m > most {
				most, at = m, s
			}
		}
		same, shift = same+most, at
	}
	return float64(same) / float64(max(1, n))
}

func (x *index) equal(a, b, n int) int {
	same := 0
	for i := max(0, -a, -b); i < n && a+i < len(x.names) && b+i < len(x.names); i++ {
		if x.names[a+i] == x.names[b+i] {
			same++
		}
	}
	return same
}
