package tracetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A Case is one txtar file: a rule, and the sections that show it.
type Case struct {
	Name     string // the file's name without its extension
	Rule     string // the text in front of the first section
	Sections map[string]string
}

// Load reads the txtar files that a pattern matches.
func Load(tb testing.TB, pattern string) []Case {
	tb.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no files %s: %v", pattern, err)
	}
	var cases []Case
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		c := parseCase(string(text))
		c.Name = strings.TrimSuffix(filepath.Base(path), ".txtar")
		if c.Rule == "" {
			tb.Errorf("%s: the first line says no rule", path)
		}
		cases = append(cases, c)
	}
	return cases
}

// parseCase splits a txtar file at its "-- name --" lines.
func parseCase(text string) Case {
	c, section := Case{Sections: map[string]string{}}, ""
	for line := range strings.Lines(text) {
		name, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "-- ")
		if name, end := strings.CutSuffix(name, " --"); ok && end {
			section = name
			c.Sections[section] = ""
		} else if section == "" {
			c.Rule += line
		} else {
			c.Sections[section] += line
		}
	}
	c.Rule = strings.TrimSpace(c.Rule)
	return c
}
