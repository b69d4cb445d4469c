package session

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

// Files given by name are one session, all counted, whatever they are called
// and however far apart.
func TestNamedFiles(t *testing.T) {
	fsys := build(t, `
		a/20260501-101010_stage0_rank0_1777630210/trace_rank0.json
		a/run.json <- text {}
		b/20260601-101010_stage0_rank0_1780308610/trace_rank0.json
		c/talker
		d/x.sqlite`)
	fsys["c/talker"].Data = jsonTrace("talker")
	found, err := Find(fsys, []string{
		"c/talker", "./a/20260501-101010_stage0_rank0_1777630210/trace_rank0.json",
		"b/20260601-101010_stage0_rank0_1780308610/trace_rank0.json", "c/talker", "d/x.sqlite",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := trim(`
		20260501-101010
		  run a/run.json
		  c/talker trace -/-/-
		  d/x.sqlite trace -/-/-
		  a/20260501-101010_stage0_rank0_1777630210/trace_rank0.json trace 0/-/0 engine by directory
		  b/20260601-101010_stage0_rank0_1780308610/trace_rank0.json trace 0/-/0 engine by directory`)
	if got := show(found); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if n := len(found.Sessions[0].Traces()); n != 4 {
		t.Errorf("%d traces are counted, want 4", n)
	}
}

// The user names the .gz while gzip still writes it: the .json is read.
func TestNamedFileGrowing(t *testing.T) {
	for _, how := range []string{"empty", "cut"} {
		fsys := build(t, "p/stage0_rank0_1775000000.json\np/stage0_rank0_1775000000.json.gz <- "+how)
		found, err := Find(fsys, []string{"p/stage0_rank0_1775000000.json.gz"})
		if err != nil {
			t.Fatal(err)
		}
		traces := found.Sessions[0].Traces()
		if len(traces) != 1 || traces[0].Path != "p/stage0_rank0_1775000000.json" {
			t.Errorf("%s: counted %v", how, traces)
		}
	}
}

func TestErrors(t *testing.T) {
	fsys := build(t, `
		empty/sub/x.txt
		only/trace_rank0.json.gz <- text version https://git-lfs.github.com/spec/v1
		p/profiler_out_0.txt
		p/run.json <- text {"a": 1}
		p/zero.json <- empty
		p/page.html <- text <html>
		p/config.json <- text {"a": 1}
		p/archive.json <- text PK
		p/db.sqlite`)
	fsys["p/archive.json"].Data = []byte("PK\x03\x04 and so on")
	fsys["p/db.sqlite"].Data = []byte("SQLite format 3\x00 of another program")
	for _, c := range []struct {
		root string
		is   error
		says string
	}{
		{"nowhere", fs.ErrNotExist, "reading nowhere: file does not exist; is the path right?"},
		{"empty", ErrNone, "torch_profiler_dir"},
		{"only", ErrNone, "git lfs pull"},
		{"p/profiler_out_0.txt", ErrNone, "name the trace or its directory"},
		{"p/run.json", ErrNone, "name the trace or its directory"},
		{"p/zero.json", ErrNone, "before it had flushed"},
		{"p/page.html", ErrNone, "neither a Chrome trace nor"},
		{"p/config.json", ErrNone, "no traceEvents"},
		{"p/archive.json", ErrNone, "unpack it first"},
		{"p/db.sqlite", ErrNone, "without the tables of nsys"},
	} {
		_, err := Find(fsys, []string{c.root})
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.root, err)
		}
	}
	if _, err := Find(fsys, nil); !errors.Is(err, ErrNone) {
		t.Errorf("no roots: %v", err)
	}
}

// The order of roots, and roots that overlap, change nothing.
func TestOrderChangesNothing(t *testing.T) {
	var lines strings.Builder
	for _, l := range layouts {
		if !strings.Contains(l.files, "pack x") {
			lines.WriteString(strings.ReplaceAll(l.files, "p/", strings.ReplaceAll(l.name[:5], " ", "_")+"/p/"))
		}
	}
	fsys := build(t, lines.String())
	all := roots(fsys)
	want, err := Find(fsys, all)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		mixed := rapid.Permutation(all).Draw(t, "roots")
		mixed = append(mixed, rapid.SliceOfN(rapid.SampledFrom(all), 0, 3).Draw(t, "again")...)
		got, err := Find(shuffled{fsys}, mixed)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got\n%s\nwant\n%s", show(got), show(want))
		}
	})
}

// shuffled lists directories in any order, as a file system may.
type shuffled struct{ fstest.MapFS }

func (s shuffled) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := s.MapFS.ReadDir(name)
	rand.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	return entries, err
}

// No file is in two sessions, IDs are unique and select their session, and
// what stands for another is counted.
func TestInvariants(t *testing.T) {
	for _, l := range layouts {
		if strings.Contains(l.files, "pack x") {
			continue
		}
		fsys := build(t, l.files)
		found, err := Find(fsys, roots(fsys))
		if err != nil {
			t.Fatal(err)
		}
		home := map[string]string{}
		counted := map[string]bool{}
		for _, s := range found.Sessions {
			if got, err := found.Select(s.ID); err != nil || got.ID != s.ID {
				t.Errorf("%s: selecting %q gives %q, %v", l.name, s.ID, got.ID, err)
			}
			for _, f := range s.Files {
				if other, ok := home[f.Path]; ok {
					t.Errorf("%s: %s is in %s and %s", l.name, f.Path, other, s.ID)
				}
				home[f.Path] = s.ID
				counted[f.Path] = f.Counted()
			}
		}
		for _, s := range found.Sessions {
			for _, f := range s.Files {
				if f.Of != "" && (!counted[f.Of] || home[f.Of] != s.ID) {
					t.Errorf("%s: %s, which stands for %s, is not counted in %s", l.name, f.Of, f.Path, s.ID)
				}
			}
		}
	}
}

func TestSelect(t *testing.T) {
	found := Found{Sessions: []Session{
		{ID: "a/20260501-101010", Files: []File{{Role: Trace, Size: 1}}},
		{ID: "a/20260501-101110", Files: []File{{Role: Trace, Size: 1}}},
		{ID: "b/20260502-101010", Files: []File{{Role: Frontend, Size: 1}}},
	}}
	for _, c := range []struct{ id, want, says string }{
		{"a/20260501-101010", "a/20260501-101010", ""},
		{"b", "b/20260502-101010", ""},
		{"20260502", "b/20260502-101010", ""},
		{"20260501-1011", "a/20260501-101110", ""},
		{"20260501", "", "could be any of a/20260501-101010, a/20260501-101110"},
		{"c", "", "there are: a/20260501-101010, a/20260501-101110, b/20260502-101010"},
		{"", "", "no session"},
	} {
		got, err := found.Select(c.id)
		if got.ID != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: got %q, %v", c.id, got.ID, err)
		}
	}
	if s, ok := found.Newest(); !ok || s.ID != "a/20260501-101110" {
		t.Errorf("newest is %q; a session with nothing to count must not be it", s.ID)
	}
	if _, ok := (Found{}).Newest(); ok {
		t.Error("nothing found, and yet a newest")
	}
}

// OS takes the names that users type, and follows links to files only.
func TestOS(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "p", "20260501-101010_stage0_rank0_1777630210", "trace_rank0.json")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, jsonTrace("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(name, filepath.Join(dir, "p", "link.json")); err != nil {
		t.Skip("this file system has no links")
	}
	if err := os.Symlink(dir, filepath.Join(dir, "p", "loop")); err != nil {
		t.Fatal(err)
	}
	found, err := Find(OS{}, []string{filepath.ToSlash(filepath.Join(dir, "p")) + "/../p/"})
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Sessions) != 1 || len(found.Sessions[0].Traces()) != 1 || len(found.Problems) != 1 {
		t.Errorf("got\n%s", show(found))
	}
}
