package nsys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"zombiezen.com/go/sqlite"

	"omnitrace/trace"
)

// Rule: files that can't be read are refused with the cause and the remedy.
func TestUnreadableFiles(t *testing.T) {
	whole := testdata(t, "node.sqlite.gz")
	wal := slices.Clone(whole)
	for _, c := range []struct {
		name    string
		content []byte
		beside  string
		say     []string
	}{
		{"empty", nil, "", []string{"is empty", "run it again"}},
		{"report", []byte(reportMagic + " 363\n"), "", []string{"nsys report", "nsys export"}},
		{"json", []byte(`{"traceEvents": []}`), "", []string{"not an SQLite file", `{\"traceEvents`}},
		{"head only", whole[:60], "", []string{"cut off after 60 bytes"}},
		{"first page only", whole[:4096], "", []string{"cut off", "4096 of"}},
		{"garbage behind the head", append(slices.Clone(whole[:100]), make([]byte, len(whole)-100)...), "", []string{"damaged"}},
		{"with a log", wal, "-wal", []string{"-wal", "wal_checkpoint"}},
		{"with a journal", wal, "-journal", []string{"-journal", "wait"}},
	} {
		path := filepath.Join(t.TempDir(), "x.sqlite")
		if err := os.WriteFile(path, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		if c.beside != "" {
			if err := os.WriteFile(path+c.beside, []byte("pages"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		wantError(t, c.name, openError(path), c.say...)
	}
	wantError(t, "directory", openError(t.TempDir()), "is a directory")
	wantError(t, "missing", openError(filepath.Join(t.TempDir(), "no.sqlite")), "no such file")
	wantError(t, "another program's", openError(makeExport(t, "CREATE TABLE bookmarks (url TEXT)")), "not an nsys export")
}

func openError(path string) error {
	r, err := OpenSQLite(context.Background(), path, trace.Want{})
	if err == nil {
		_, err = trace.Read(r)
	}
	return err
}

func wantError(t *testing.T, what string, err error, say ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	for _, s := range say {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%s: error %q does not say %q", what, err, s)
		}
	}
}

// Rule: a file that somebody is writing is refused.
func TestLockedFile(t *testing.T) {
	path := export(t, "node")
	writer, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := query(writer, "BEGIN EXCLUSIVE", func(*sqlite.Stmt) {}); err != nil {
		t.Fatal(err)
	}
	wantError(t, "locked", openError(path), "locked by another program")
}

// Rule: a file in WAL mode is read, and nothing appears beside it.
func TestWALFileWithoutLog(t *testing.T) {
	path := makeExport(t, small+"INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (1, 2, 0, 1, 7, 5, 16777216, 1, NULL)")
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	if err := query(conn, "PRAGMA journal_mode = WAL", func(*sqlite.Stmt) {}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if head, err := os.ReadFile(path); err != nil || head[18] != 2 {
		t.Fatalf("not in WAL mode: %v", err)
	}
	if tr := read(t, path); len(tr.Events) != 1 {
		t.Errorf("%d events, want 1", len(tr.Events))
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("files beside the export: %v %v", files, err)
	}
}

// Rule: however a file is cut, reading ends in an error or in a truncated
// defect with a part of the events; it never panics or invents events.
func TestTruncatedFile(t *testing.T) {
	whole := testdata(t, "qwenimage.sqlite.gz")
	// Names and GPUs stand in other tables, which may be cut off.
	key := func(tr *trace.Trace, e trace.Event) string {
		return fmt.Sprint(e.Kind, e.Span, e.Correlation, tr.Details[e.Detail])
	}
	all := map[string]bool{}
	tr := read(t, export(t, "qwenimage"))
	for _, e := range tr.Events {
		all[key(tr, e)] = true
	}
	path := filepath.Join(t.TempDir(), "cut.sqlite")
	salvaged := 0
	for size := 0; size < len(whole); size += 24_683 {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := OpenSQLite(context.Background(), path, trace.Want{Kinds: trace.GPUKinds})
		if err != nil {
			continue
		}
		cut, err := trace.Read(r)
		if err != nil {
			continue
		}
		if cut.Health.Count(trace.Truncated) == 0 {
			t.Errorf("cut to %d of %d bytes: not noticed", size, len(whole))
		}
		for _, e := range cut.Events {
			if cut.Clock == trace.ClockUnix && !all[key(cut, e)] {
				t.Errorf("cut to %d bytes: %s is not in the whole file", size, describe(cut, e))
			}
		}
		salvaged = max(salvaged, len(cut.Events))
	}
	if salvaged == 0 {
		t.Error("nothing was read of any cut file")
	}
}

// Rule: cancelling ends reading with the context's error, and Close can follow
// at any time, more than once.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r, err := OpenSQLite(ctx, export(t, "qwenimage"), trace.Want{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	cancel()
	for err == nil {
		_, err = r.Next()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Rule: a reader that is closed early leaves nothing behind that would block.
func TestCloseEarly(t *testing.T) {
	r, err := OpenSQLite(context.Background(), export(t, "qwenimage"), trace.Want{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Next(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("Next behind Close: %v", err)
	}
}

// Rule: whatever bytes of a file change, reading ends, does not panic, and
// yields events whose indices are valid and whose spans are forward. (Go's own
// fuzzing runs a few inputs a minute here: it counts the coverage of SQLite.)
func TestChangedBytes(t *testing.T) {
	whole, err := os.ReadFile(makeExport(t, small+`
		INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (100, 150, 0, 1, 7, 5, 16777216, 1, 42);
		INSERT INTO CUPTI_ACTIVITY_KIND_GRAPH_TRACE VALUES (200, 300, 0, 1, 7, 5, 33554432, 12, 13);
		INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (90, 95, 0, 16777217, 5, 2);
		INSERT INTO NVTX_EVENTS VALUES (80, NULL, 59, 'open', 16777217, NULL, NULL, 0), (5, NULL, 75, 'NCCL', 16777217, NULL, NULL, 1),
			(81, 82, 59, NULL, 16777217, NULL, 3, 1);`))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "changed.sqlite")
	rapid.Check(t, func(t *rapid.T) {
		bad := slices.Clone(whole)
		for range rapid.IntRange(1, 20).Draw(t, "changes") {
			bad[rapid.IntRange(0, len(bad)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		if err := os.WriteFile(path, bad[:rapid.IntRange(len(bad)/2, len(bad)).Draw(t, "size")], 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := OpenSQLite(context.Background(), path, trace.Want{})
		if err != nil {
			return
		}
		tr, err := trace.Read(r)
		if err != nil {
			return
		}
		for _, e := range tr.Events {
			lane := tr.Tracks[e.Track]
			if e.End < e.Start || int(e.Detail) >= len(tr.Details) || int(e.Name) >= tr.Names.Len() ||
				lane.Process >= len(tr.Processes) || lane.Device >= len(tr.Devices) {
				t.Fatalf("bad event %+v on %+v", e, lane)
			}
		}
	})
}
