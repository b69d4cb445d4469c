package report

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// What people look at is fixed to the letter. After a change, look at the
// files: they are the design.
func TestGolden(t *testing.T) {
	for name, o := range map[string]Options{
		"text-80":      {Width: 80},
		"text-120":     {},
		"text-200":     {Width: 200},
		"text-80-wide": {Width: 80, Wide: true, Tables: []string{"stages", "kernels", "steps"}},
		"text-color":   {Color: true, Width: 100, Tables: []string{"stages", "iterations"}},
		"text-sorted":  {Width: 100, Sort: "-count", Top: 3, Tables: []string{"kernels", "memory"}},
		"markdown":     {},
		"json":         {},
		"csv":          {},
	} {
		format, _, _ := bytes.Cut([]byte(name), []byte("-"))
		f, err := Named(string(format))
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := f.Write(&got, run(), o); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		golden(t, name, got.Bytes())
	}
	var got bytes.Buffer
	if err := Describe(&got, run().Tables, 100); err != nil {
		t.Fatal(err)
	}
	golden(t, "describe", got.Bytes())
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range min(len(g), len(w)) {
		if !bytes.Equal(g[i], w[i]) {
			t.Errorf("%s:%d:\n got %s\nwant %s", path, i+1, g[i], w[i])
			return
		}
	}
	t.Errorf("%s: %s", path, fmt.Sprintf("%d lines, want %d", len(g), len(w)))
}
