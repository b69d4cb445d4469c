package nsys

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// testdata returns the content of a file of testdata, uncompressed.
func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(name, ".gz") {
		return data
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// export unpacks an export of testdata: "node", "graph" or "qwenimage".
func export(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".sqlite")
	if err := os.WriteFile(path, testdata(t, name+".sqlite.gz"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func testExports(t testing.TB) []string {
	return []string{export(t, "node"), export(t, "graph"), export(t, "qwenimage")}
}

// makeExport writes an SQLite file by script.
func makeExport(t testing.TB, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made.sqlite")
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlitex.ExecuteScript(conn, script, nil); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}
