package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const ellipsis = "…"

// middle returns s with its middle left out where it is wider than limit. With
// from > 0, what begins at byte from is kept between the head and the tail.
func middle(s string, limit, from int) string {
	if width(s) <= limit {
		return s
	}
	if from == 0 {
		tail := (limit - 1) * 2 / 5   // the head of a name says more than its tail,
		if strings.Contains(s, "<") { // and that of a C++ template much more
			tail = limit / 5
		}
		return prefix(s, limit-1-tail) + ellipsis + suffix(s, tail)
	}
	head, tail := limit/3, limit/6
	part := limit - head - tail - 2
	kept := s[wordStart(s, from, part/2):]
	switch {
	case len(s)-len(kept) <= len(prefix(s, head)):
		return prefix(s, limit-1-tail) + ellipsis + suffix(s, tail)
	case width(kept) <= part+1+tail:
		return prefix(s, limit-1-width(kept)) + ellipsis + kept
	}
	text := prefix(s, head) + ellipsis + prefix(kept, part) + ellipsis + suffix(kept, tail)
	return strings.ReplaceAll(text, ellipsis+ellipsis, ellipsis) // s may hold some of its own
}

// wordStart returns where the word around byte i of s begins, or, where that is
// more than reach columns before, a place half as far.
func wordStart(s string, i, reach int) int {
	for i > 0 && i < len(s) && !utf8.RuneStart(s[i]) {
		i--
	}
	start := i
	for start > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:start])
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return start
		}
		start -= size
		if width(s[start:i]) > reach {
			return i - len(suffix(s[:i], reach/2))
		}
	}
	return start
}

// numbered returns s with a number in place of its middle.
func numbered(s string, limit, n int) string {
	mark := fmt.Sprintf("%s#%d%s", ellipsis, n, ellipsis)
	room := max(0, limit-width(mark))
	tail := room / 3
	return prefix(s, room-tail) + mark + suffix(s, tail)
}

// noise is what every other kernel name of PyTorch carries: it tells nothing
// apart and fills a line.
var noise = strings.NewReplacer(
	"(anonymous namespace)::", "",
	"at::native::", "",
	"operator()() const::", "",
	"at_cuda_detail::", "",
)

// abbreviate leaves noise out of a kernel name: the result type, namespaces
// that all share, and what stands in parentheses, which are the C++ parameters:
//
//	void at::native::reduce_kernel<512, 1, ReduceOp<float> >(ReduceOp<float>)
//	reduce_kernel<512, 1, ReduceOp<float> >
func abbreviate(name string) string {
	s := noise.Replace(strings.TrimPrefix(name, "void "))
	if strings.HasPrefix(s, "std::enable_if<") {
		if _, rest, ok := strings.Cut(s, "::type "); ok {
			s = rest
		}
	}
	var b strings.Builder
	for {
		open := strings.IndexByte(s, '(')
		if open < 0 {
			break
		}
		end := open + closing(s[open:])
		b.WriteString(s[:open])
		if end-open > len("("+ellipsis+")") {
			b.WriteString("(" + ellipsis + ")")
		} else {
			b.WriteString(s[open:end])
		}
		s = s[end:]
	}
	b.WriteString(s)
	return strings.TrimSuffix(b.String(), "("+ellipsis+")")
}

// closing returns the length of the parenthesised text at the beginning of s,
// all of it where it is never closed.
func closing(s string) int {
	depth := 0
	for i, c := range []byte(s) {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}
