package report

import (
	"maps"
	"slices"
	"strings"
)

// leastName is the narrowest that a column of names gets: below it nothing
// could be told apart.
const leastName = len(unattributedName)

// shorten returns a text of at most limit columns (never below [leastName])
// for every name: the name itself where it fits, else the name without what
// [abbreviate] knows to be noise, else that with its middle left out. Two names
// never get the same text. Where leaving out the middle would make names alike,
// the place where they begin to differ is kept:
//
//	elementwise_k…CUDAFunctor_add<flo…t)#1}>
//	elementwise_k…direct_copy_kernel_…t)#1}>
//
// and where that does not help, they are numbered. The result depends on the
// set of names alone, not on their order.
func shorten(names []string, limit int) map[string]string {
	limit = max(limit, leastName)
	s := shortener{limit: limit, full: map[string]string{}, text: map[string]string{}, taken: map[string]bool{}}
	long := []string{}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		full := visible(name)
		if width(full) <= limit {
			s.text[name] = full
			s.taken[full] = true
			continue
		}
		s.full[name] = full
		long = append(long, name)
	}
	s.abbreviate(long)
	s.elide(long, 0)
	s.number(long)
	return s.text
}

type shortener struct {
	limit int
	full  map[string]string // the whole text of each name that is too long
	text  map[string]string // what is shown
	taken map[string]bool   // texts that no other name may get
}

// abbreviate leaves the noise out of names that stay different without it.
func (s *shortener) abbreviate(names []string) {
	short := map[string][]string{}
	for _, name := range names {
		a := abbreviate(s.full[name])
		short[a] = append(short[a], name)
	}
	for a, same := range short {
		if len(same) == 1 {
			s.full[same[0]] = a
		}
	}
}

// elide gives each name its head, its tail and, where names would look alike,
// the part around their first difference, which lies at byte from or later.
func (s *shortener) elide(names []string, from int) {
	alike := map[string][]string{}
	for _, name := range names {
		text := middle(s.full[name], s.limit, from)
		s.text[name] = text
		look := s.appearance(text, from)
		alike[look] = append(alike[look], name)
	}
	for _, key := range slices.Sorted(maps.Keys(alike)) {
		same := alike[key]
		if len(same) < 2 {
			continue
		}
		if next := s.difference(same); next > from {
			s.elide(same, next)
		}
	}
}

// appearance returns what tells a shortened text from others at a glance. Of a
// C++ template that is not the tail, which is of the kind "…3ul> >", and the head
// alone is often the same for half of a table.
func (s *shortener) appearance(text string, from int) string {
	last := strings.LastIndex(text, ellipsis)
	switch {
	case last < 0 || !strings.Contains(text, "<"):
		return text
	case from == 0:
		return prefix(text, s.limit/3)
	}
	return text[:last]
}

// difference returns the length of what the names' texts have in common at
// their beginning.
func (s *shortener) difference(names []string) int {
	common := s.full[names[0]]
	for _, name := range names[1:] {
		text := s.full[name]
		n := 0
		for n < min(len(common), len(text)) && common[n] == text[n] {
			n++
		}
		common = common[:n]
	}
	return len(common)
}

// number makes different what is still alike, and what looks like a name that
// was not shortened.
func (s *shortener) number(names []string) {
	count, last := map[string]int{}, map[string]int{}
	for _, name := range names {
		count[s.text[name]]++
	}
	for _, name := range names {
		alike := s.text[name]
		text := alike
		for count[text] > 1 || s.taken[text] || (text != alike && count[text] > 0) {
			last[alike]++
			text = numbered(s.full[name], s.limit, last[alike])
		}
		s.taken[text] = true
		s.text[name] = text
	}
}
