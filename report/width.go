package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// width returns the number of terminal columns that s takes. Characters whose
// width is ambiguous (– … µ) count as one, in every locale: a golden text must
// not depend on where it is made, and today's terminals draw them so.
func width(s string) int { return twwidth.WidthWithOptions(s, twwidth.Options{}) }

// visible returns s with everything that has no place in a line of text
// written as an escape: control and formatting characters as \u{200b}, bytes
// that are not UTF-8 as \xff, a backslash as two. A name from a damaged trace
// can neither break a table nor send commands to a terminal, and different
// names stay different.
func visible(s string) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x`)
			b.WriteByte(hex[s[i]>>4])
			b.WriteByte(hex[s[i]&15])
		case !unicode.IsPrint(r) || width(string(r)) == 0:
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// prefix returns the longest beginning of s that is at most max columns wide,
// suffix the longest such end.
func prefix(s string, limit int) string {
	used := 0
	for i, r := range s {
		used += width(string(r))
		if used > limit {
			return s[:i]
		}
	}
	return s
}

func suffix(s string, limit int) string {
	used, i := 0, len(s)
	for i > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:i])
		used += width(string(r))
		if used > limit {
			break
		}
		i -= size
	}
	return s[i:]
}

// wrap breaks text at spaces into lines of at most limit columns; all but the
// first are indented. A word that is longer than a line is broken.
func wrap(text string, limit, indent int) []string {
	lines, line := []string{}, ""
	for _, word := range strings.Fields(text) {
		if line != "" && width(line)+1+width(word) > limit {
			lines, line = append(lines, line), ""
		}
		switch {
		case line != "" && strings.TrimSpace(line) != "":
			line += " " + word
		case len(lines) > 0:
			line = strings.Repeat(" ", indent) + word
		default:
			line = word
		}
		for width(line) > limit {
			head := prefix(line, limit)
			lines = append(lines, head)
			line = strings.Repeat(" ", indent) + line[len(head):]
		}
	}
	return append(lines, line)
}
