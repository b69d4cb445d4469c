package archtest

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// An edge is an import that stands in a file.
type edge struct {
	file, from, to string // from is the package without the module's path
	test           bool   // the file is a test
}

// edges returns the imports of all Go files of the module.
func edges(t *testing.T) []edge {
	t.Helper()
	var all []edge
	for _, path := range files(t) {
		if !strings.HasSuffix(path, ".go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			to, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, edge{path, filepath.ToSlash(filepath.Dir(path)), to, strings.HasSuffix(path, "_test.go")})
		}
	}
	return all
}

// Program code imports only what the table of packages allows, and every
// package is in the table.
func TestImports(t *testing.T) {
	table := packages(t)
	for _, e := range edges(t) {
		p, ok := table[e.from]
		if !ok {
			t.Errorf("%s: package %s is not in DESIGN.md's table of packages", e.file, e.from)
			table[e.from] = pkg{any: true} // say it once
			continue
		}
		to, internal := strings.CutPrefix(e.to, module)
		if !internal || e.test {
			continue
		}
		if !p.any && !p.imports[to] {
			t.Errorf("%s imports %s: DESIGN.md does not allow %s that", e.file, to, e.from)
		}
		if table[to].testsOnly && !p.testsOnly {
			t.Errorf("%s imports %s, which is for tests only", e.file, to)
		}
	}
}

// The table itself has no cycle, so no order of work can make one.
func TestTableIsADAG(t *testing.T) {
	table := packages(t)
	const entered, left = 1, 2
	state := map[string]int{}
	var visit func(string)
	visit = func(name string) {
		switch state[name] {
		case entered:
			t.Errorf("DESIGN.md's table of packages has a cycle through %s", name)
			return
		case left:
			return
		}
		state[name] = entered
		for to := range table[name].imports {
			if _, ok := table[to]; !ok {
				t.Errorf("DESIGN.md allows %s the import of %s, which is not in the table", name, to)
			}
			visit(to)
		}
		state[name] = left
	}
	for name := range table {
		visit(name)
	}
}

// Program code imports each library only where the table of libraries says;
// tests may import all that are in it.
func TestLibraries(t *testing.T) {
	table, rows := libraries(t), packages(t)
	for _, e := range edges(t) {
		if !strings.Contains(e.to, ".") {
			continue // the standard library or this module
		}
		l, ok := libraryOf(table, e.to)
		switch {
		case !ok:
			t.Errorf("%s imports %s, which is not in DESIGN.md's table of libraries", e.file, e.to)
		case l.packages[e.from] || e.test:
		case l.testsOnly && rows[e.from].testsOnly:
		default:
			t.Errorf("%s imports %s: DESIGN.md keeps that out of %s", e.file, e.to, e.from)
		}
	}
}

// libraryOf finds the row whose path is the import's or the beginning of it.
func libraryOf(table map[string]library, path string) (library, bool) {
	for name, l := range table {
		if path == name || strings.HasPrefix(path, name+"/") {
			return l, true
		}
	}
	return library{}, false
}
