package archtest

import (
	"bytes"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// files lists the repository's files, relative to its root. Hidden folders are
// left out, .ci is not.
func files(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci" && path != root:
			return filepath.SkipDir
		case !d.Type().IsRegular(), d.Name() == ".git": // a file in a linked work tree
			return nil
		}
		name, err := filepath.Rel(root, path)
		all = append(all, filepath.ToSlash(name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFormatted(t *testing.T) {
	for _, name := range files(t) {
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		src := read(t, name)
		formatted, err := format.Source(src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !bytes.Equal(src, formatted) {
			t.Errorf("%s is not as gofmt would have it", name)
		}
	}
}

// Every package says what it is for.
func TestPackageComments(t *testing.T) {
	documented := map[string]bool{}
	for _, name := range files(t) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(name)
		documented[dir] = documented[dir] || f.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", dir)
		}
	}
}

// machinePath is a path below a working folder of one machine. Homes are not
// asked for: tests make some up.
var machinePath = regexp.MustCompile(`(?:^|[^\w.}-])/(?:root|work|Users)/[\w.-]+`)

func TestNoMachinePaths(t *testing.T) {
	for _, name := range files(t) {
		text := read(t, name)
		if bytes.IndexByte(text, 0) >= 0 {
			continue // not a text
		}
		if found := machinePath.Find(text); found != nil {
			t.Errorf("%s holds a path of one machine: %q", name, found)
		}
	}
}

func TestLicense(t *testing.T) {
	text := string(read(t, "LICENSE"))
	for _, part := range []string{"Apache License", "Version 2.0, January 2004", "9. Accepting Warranty or Additional Liability", "END OF TERMS AND CONDITIONS"} {
		if !strings.Contains(text, part) {
			t.Errorf("LICENSE lacks %q", part)
		}
	}
}

// All committed test data together stays small enough to clone without a
// thought.
func TestTestdataSize(t *testing.T) {
	const limit = 10 << 20
	total := int64(0)
	for _, name := range files(t) {
		if !strings.HasPrefix(name, "testdata/") && !strings.Contains(name, "/testdata/") {
			continue
		}
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total == 0 || total > limit {
		t.Errorf("%d bytes of test data, want at most %d", total, limit)
	}
}
