package trim_test

import (
	"strings"
	"testing"

	"omnitrace/analyze"
	"omnitrace/trace/chrome"
	"omnitrace/trim"
)

// A copy of all rows says no more than its source did, unless its source is a
// part that nothing says so of: the rows that were read of a capture.
func TestNoteOfAllRows(t *testing.T) {
	part, all := analyze.Excerpt{Events: 1, Of: 2}, analyze.Excerpt{All: true}
	for _, test := range []struct {
		name   string
		of     analyze.Excerpt
		source string
		want   string // "" for no note
	}{
		{"everything", all, "", ""},
		{"everything of a copy", all, `{"trims":[]}`, `{"trims":[]}`},
		{"a part of a copy of the same part", part, `{"trims":[],"part":true}`, `{"trims":[],"part":true}`},
		{"a part, read alone", part, "", `"part":true`},
	} {
		done := chrome.Copied{Rows: 3, Kept: 3}
		if test.source != "" {
			done.Note = []byte(test.source)
		}
		got := string(trim.NewFilter([]analyze.Excerpt{test.of}, trim.Options{}).Note(&done, trim.Trimmed{Source: "a"}))
		if got == "" && test.want != "" || test.want == "" && got != "" || !strings.Contains(got, test.want) || test.source != "" && got != test.source {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
