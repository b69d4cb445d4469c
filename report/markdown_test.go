package report

import (
	"strings"
	"testing"

	"omnitrace/analyze"
)

// A name can't break the table, start markup or leave its code. The forms are
// those of the GitHub Flavored Markdown specification, sections 4.10 (a pipe
// ends a cell, also in code) and 6.3 (a backtick ends code).
func TestMarkdownCode(t *testing.T) {
	for text, want := range map[string]string{
		"gemm<float>": "`gemm<float>`",
		"a|b":         "<code>a&#124;b</code>",
		"a`b":         "<code>a&#96;b</code>",
		`a\\b`:        "<code>a&#92;&#92;b</code>",
		" a":          "<code> a</code>",
		"<b>|":        "<code>&#60;b&#62;&#124;</code>",
	} {
		if got := code(text); got != want {
			t.Errorf("code(%q) = %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"plain text, 1.5 (ms)": "plain text, 1.5 (ms)",
		"vae_decode":           "vae_decode",
		"_x_":                  `\_x\_`,
		"a*b*c <script> |":     `a\*b\*c \<script\> \|`,
		"[x](y) #1 ~~s~~ &amp": `\[x\](y) \#1 \~\~s\~\~ \&amp`,
	} {
		if got := escape(text); got != want {
			t.Errorf("escape(%q) = %q, want %q", text, got, want)
		}
	}
}

// Every line of a table has as many cells as its header, whatever the names.
func TestMarkdownCells(t *testing.T) {
	s := run()
	s.Tables = []analyze.Table{kernels()}
	for i, name := range []string{"a|b", "`", "||", `\|`, "a\nb", "<td>", "``x``", ""} {
		s.Tables[0].Rows[i].Cells[1] = analyze.Str(name)
	}
	inside, want := false, 0
	for line := range strings.Lines(written(t, Markdown, s, Options{Tables: []string{"kernels"}})) {
		cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		switch {
		case !strings.HasPrefix(line, "|"):
			inside = false
		case !inside:
			inside, want = true, cells
		case cells != want:
			t.Errorf("%d pipes, want %d: %s", cells, want, line)
		}
	}
	if want != 11 { // ten columns, for the stage is the same in all rows and the share is one
		t.Errorf("%d pipes in the header", want)
	}
}

// Markdown is short by default, shorter where the table says so, and longer
// only when asked.
func TestMarkdownRows(t *testing.T) {
	for _, test := range []struct{ top, table, want int }{
		{0, 0, 10}, {0, 25, 10}, {0, 6, 0}, {-1, 6, -1}, {3, 6, 3}, {30, 0, 30},
	} {
		if got := markdownRows(&analyze.Table{Top: test.table}, Options{Top: test.top}); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
	}
}
