package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the repository, seen from this package.
const root = "../.."

// module is the module path in front of the packages.
const module = "omnitrace/"

// A pkg is a row of the table of packages.
type pkg struct {
	imports   map[string]bool // of this module, without its path
	any       bool            // may import everything
	testsOnly bool            // supports tests: no program code may import it
}

// A library is a row of the table of libraries.
type library struct {
	packages  map[string]bool
	testsOnly bool
}

// table returns the rows of the Markdown table in DESIGN.md below a heading,
// each as its cells.
func table(t *testing.T, heading string) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "DESIGN.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, below, ok := strings.Cut(string(text), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("DESIGN.md has no section %q", heading)
	}
	section, _, _ := strings.Cut(below, "\n## ")
	var rows [][]string
	for line := range strings.Lines(section) {
		if cells := strings.Split(strings.TrimSpace(line), "|"); len(cells) > 2 && strings.Contains(cells[1], "`") {
			rows = append(rows, cells[1:len(cells)-1])
		}
	}
	if len(rows) == 0 {
		t.Fatalf("section %q of DESIGN.md has no table", heading)
	}
	return rows
}

var quoted = regexp.MustCompile("`([^`]+)`")

// names returns what stands in backquotes in a cell.
func names(cell string) []string {
	var all []string
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}

func set(all []string) map[string]bool {
	m := map[string]bool{}
	for _, s := range all {
		m[s] = true
	}
	return m
}

func packages(t *testing.T) map[string]pkg {
	all := map[string]pkg{}
	for _, row := range table(t, "Packages") {
		imports := row[len(row)-1]
		all[names(row[0])[0]] = pkg{
			imports:   set(names(imports)),
			any:       strings.Contains(imports, "everything"),
			testsOnly: strings.Contains(row[1], "tests only"),
		}
	}
	return all
}

func libraries(t *testing.T) map[string]library {
	all := map[string]library{}
	for _, row := range table(t, "Libraries") {
		all[names(row[0])[0]] = library{
			packages:  set(names(row[1])),
			testsOnly: strings.Contains(row[1], "tests"),
		}
	}
	return all
}
