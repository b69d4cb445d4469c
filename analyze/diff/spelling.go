package diff

import (
	"regexp"
	"slices"
	"strings"

	"omnitrace/analyze"
)

// Profilers spell one C++ name in several ways: torch's traces have GNU's
// ("reduce<128>(float const*)::{lambda(int)#1}"), nsys NVIDIA's
// ("reduce<(int)128>(const T1 *)::[lambda(int) (instance 1)]"). A spelling is
// what both have in common: the name without parameters, types of constants,
// const and void.

var (
	// nvidia matches what only NVIDIA's spelling has.
	nvidia = regexp.MustCompile(`\(instance \d+\)|<unnamed>|[\w>] [*&]|\bT\d+(?:,|\)|::)|\((?:bool|char|short|int|long|unsigned [a-z ]+|long long)\)-?\d`)

	instance = regexp.MustCompile(`\(instance (\d+)\)`)
	noise    = regexp.MustCompile(`\b(?:const|void)\b|\s`)
	suffix   = regexp.MustCompile(`\b(\d+)(?:u|l|ul|ll|ull)\b`)
	truth    = strings.NewReplacer("<true", "<1", ",true", ",1", "<false", "<0", ",false", ",0", "[", "{", "]", "}")
)

// spelling returns what the spellings of one kernel's name share.
func spelling(name string) string {
	name = strings.ReplaceAll(name, "<unnamed>", "")
	name = withoutBrackets(instance.ReplaceAllString(name, "#$1"))
	name = noise.ReplaceAllString(suffix.ReplaceAllString(name, "$1"), "")
	return truth.Replace(name)
}

// withoutBrackets removes what stands in round brackets.
func withoutBrackets(s string) string {
	var b strings.Builder
	depth := 0
	for _, r := range s {
		switch {
		case r == '(':
			depth++
		case r == ')' && depth > 0:
			depth--
		case depth == 0:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// spellings finds kernels that the sides only spell differently, and returns
// by name the one to use for both: one that a profiler gave, the first in the
// order of the alphabet, so that it does not depend on which side is which.
func (c *comparison) spellings() map[string]analyze.KernelSample {
	type group [2]map[string]analyze.KernelSample // by name, of each side
	groups := map[string]*group{}
	for side := range c.sides {
		for _, run := range c.sides[side].runs {
			for _, k := range run.Kernels {
				if k.Memory {
					continue
				}
				key := spelling(k.Name)
				g := groups[key]
				if g == nil {
					g = &group{{}, {}}
					groups[key] = g
				}
				g[side][k.Name] = k
			}
		}
	}
	same := map[string]analyze.KernelSample{}
	for _, g := range groups {
		a, one := sole(g[0])
		b, other := sole(g[1])
		if one && other && a.Name != b.Name && nvidia.MatchString(a.Name) != nvidia.MatchString(b.Name) {
			if b.Name < a.Name {
				a, b = b, a
			}
			same[a.Name], same[b.Name] = a, a
		}
	}
	return same
}

// sole returns the value of a map that has no other.
func sole(m map[string]analyze.KernelSample) (k analyze.KernelSample, ok bool) {
	for _, k = range m {
		return k, len(m) == 1
	}
	return k, false
}

// respell gives the kernels of all runs one spelling on both sides.
func (c *comparison) respell() {
	same := c.spellings()
	if len(same) == 0 {
		return
	}
	for side := range c.sides {
		c.sides[side].runs = slices.Clone(c.sides[side].runs) // the caller's, as are the runs
		for i, run := range c.sides[side].runs {
			own := *run
			own.Kernels = make([]analyze.KernelSample, len(run.Kernels))
			for j, k := range run.Kernels {
				if s, ok := same[k.Name]; ok && !k.Memory {
					k.Name, k.Category = s.Name, s.Category
				}
				own.Kernels[j] = k
			}
			c.sides[side].runs[i] = &own
		}
	}
}
