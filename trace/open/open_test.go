package open_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"omnitrace/trace"
	"omnitrace/trace/open"
)

// text does not compress to nothing: what is lost with a part of it shows.
var text = func() []byte {
	var b []byte
	x := uint32(1)
	for len(b) < 300_000 {
		x = x*1664525 + 1013904223
		b = append(b, "0123456789abcdef"[x>>28])
	}
	return b
}()

func gz(tb testing.TB, text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(text)
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func zst(tb testing.TB, text []byte) []byte {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		tb.Fatal(err)
	}
	w.Write(text)
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func readAll(tb testing.TB, src io.Reader) ([]byte, error) {
	tb.Helper()
	r, err := open.Reader(src)
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(r)
	if closed := r.Close(); closed != nil {
		tb.Errorf("closing: %v", closed)
	}
	return plain, err
}

// skippable is a zstd frame that holds no data, which some writers put first.
var skippable = []byte{0x5d, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'}

// The content decides what a file is, not a name: it has none here.
func TestReader(t *testing.T) {
	half := len(text) / 2
	for name, c := range map[string]struct{ stored, want []byte }{
		"empty":                          {nil, nil},
		"one byte":                       {[]byte("x"), []byte("x")},
		"plain":                          {text, text},
		"plain that begins like a frame": {[]byte{0x28, 0xb5}, []byte{0x28, 0xb5}},
		"gzip":                           {gz(t, text), text},
		"gzip of nothing":                {gz(t, nil), nil},
		"gzip of several members":        {slices.Concat(gz(t, text[:half]), gz(t, nil), gz(t, text[half:])), text},
		"zstd":                           {zst(t, text), text},
		"zstd of several frames":         {slices.Concat(zst(t, text[:half]), zst(t, text[half:])), text},
		"zstd behind a skippable frame":  {slices.Concat(skippable, zst(t, text)), text},
	} {
		for how, src := range map[string]io.Reader{
			"at once":        bytes.NewReader(c.stored),
			"byte by byte":   iotest.OneByteReader(bytes.NewReader(c.stored)),
			"with its end":   iotest.DataErrReader(bytes.NewReader(c.stored)),
			"half by half":   iotest.HalfReader(bytes.NewReader(c.stored)),
			"in two sources": io.MultiReader(bytes.NewReader(c.stored[:len(c.stored)/2]), bytes.NewReader(c.stored[len(c.stored)/2:])),
		} {
			if got, err := readAll(t, src); err != nil || !bytes.Equal(got, c.want) {
				t.Errorf("%s %s: %d bytes, want %d; %v", name, how, len(got), len(c.want), err)
			}
		}
	}
}

// Damage ends the data and does not take back what was there.
func TestDamage(t *testing.T) {
	half := len(text) / 2
	flip := func(b []byte, i int) []byte {
		b = slices.Clone(b)
		b[i] ^= 0x55
		return b
	}
	g, z := gz(t, text), zst(t, text)
	reserved := append(slices.Clone(g[:10]), 7) // a block of the type that deflate reserves
	for _, c := range []struct {
		name   string
		stored []byte
		kind   trace.DefectKind
		least  int // bytes that must be delivered
	}{
		{"gzip cut in its data", g[:len(g)/2], trace.GzipTruncated, half - 40_000},
		{"gzip cut in its checksum", g[:len(g)-5], trace.GzipTruncated, len(text)},
		{"gzip cut behind its header", g[:10], trace.GzipTruncated, 0},
		{"gzip cut in its second member's header", slices.Concat(g, g[:5]), trace.GzipTruncated, len(text)},
		{"gzip with a wrong checksum", flip(g, len(g)-8), trace.GzipChecksum, len(text)},
		{"gzip with a wrong length", flip(g, len(g)-1), trace.GzipChecksum, len(text)},
		{"gzip with garbage behind", append(slices.Clone(g), "0123456789 garbage"...), trace.TrailingData, len(text)},
		{"gzip with zeros behind", append(slices.Clone(g), make([]byte, 512)...), trace.TrailingData, len(text)},
		{"gzip with a corrupt block", slices.Concat(g, reserved), trace.GzipCorrupt, len(text)},
		{"zstd cut in its data", z[:len(z)/2], trace.GzipTruncated, 0},
		{"zstd cut in its checksum", z[:len(z)-2], trace.GzipTruncated, 0},
		{"zstd with a wrong checksum", flip(z, len(z)-1), trace.GzipChecksum, 0},
		{"zstd with garbage behind", append(slices.Clone(z), "0123456789 garbage"...), trace.TrailingData, len(text)},
	} {
		got, err := readAll(t, bytes.NewReader(c.stored))
		var damage *trace.DamageError
		if !errors.As(err, &damage) || damage.Kind != c.kind {
			t.Errorf("%s: error %v, want %s", c.name, err, c.kind)
		}
		if len(got) < c.least || !bytes.HasPrefix(text, got) {
			t.Errorf("%s: %d bytes, want %d at least, and those of the text", c.name, len(got), c.least)
		}
	}
}

// The error comes again: a caller that reads on must not take it for the end.
func TestDamageStays(t *testing.T) {
	g := gz(t, text)
	r, err := open.Reader(bytes.NewReader(g[:len(g)/2]))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	io.Copy(io.Discard, r)
	for range 3 {
		var damage *trace.DamageError
		if _, err := r.Read(make([]byte, 10)); !errors.As(err, &damage) {
			t.Errorf("error %v", err)
		}
	}
}

// A header may ask for a window of 128 MB, as zstd --long does, and for no more.
func TestZstdWindow(t *testing.T) {
	frame := func(exponent byte) []byte { // of 2^(10+exponent) bytes; raw blocks "x" and, the last, "y"
		return []byte{0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3, 0x08, 0, 0, 'x', 0x09, 0, 0, 'y'}
	}
	if got, err := readAll(t, bytes.NewReader(frame(17))); err != nil || string(got) != "xy" {
		t.Errorf("128 MB: %q, %v", got, err)
	}
	var damage *trace.DamageError
	if _, err := readAll(t, bytes.NewReader(frame(18))); !errors.As(err, &damage) {
		t.Errorf("256 MB: %v", err)
	}
}

// A file that ends within its header has nothing to read: an error with a remedy.
func TestCutHeader(t *testing.T) {
	for n := 2; n < 10; n++ {
		_, err := open.Reader(bytes.NewReader(gz(t, text)[:n]))
		if err == nil || errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "still being written") {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// A source that fails is not a damaged file.
func TestSourceFails(t *testing.T) {
	gone := errors.New("the disk is gone")
	g, z := gz(t, text), zst(t, text)
	for name, part := range map[string][]byte{"plain": text[:1000], "gzip": g[:len(g)/2], "zstd": z[:len(z)/2], "at once": nil} {
		_, err := readAll(t, io.MultiReader(bytes.NewReader(part), iotest.ErrReader(gone)))
		var damage *trace.DamageError
		if !errors.Is(err, gone) || errors.As(err, &damage) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// FuzzOpen opens any bytes: no panic, no endless output, and each end is the
// regular one, damage, or an error at once.
func FuzzOpen(f *testing.F) {
	small := text[:2000]
	g, z := gz(f, small), zst(f, small)
	for _, stored := range [][]byte{
		nil, small[:50], g, z, g[:len(g)/2], z[:len(z)/2],
		slices.Concat(g, g), slices.Concat(g, small[:20]), slices.Concat(skippable, z),
		append(slices.Clone(g[:10]), 7), {0x1f, 0x8b}, {0x28, 0xb5, 0x2f, 0xfd},
	} {
		f.Add(stored)
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		r, err := open.Reader(bytes.NewReader(stored))
		if err != nil {
			return
		}
		defer r.Close()
		// Deflate expands 1032 times at most, zstd's blocks of 128 kB take 4 bytes.
		const limit = 64 << 20
		n, err := io.Copy(io.Discard, io.LimitReader(r, limit))
		var damage *trace.DamageError
		if err != nil && !errors.As(err, &damage) {
			t.Errorf("error %v", err)
		}
		if n < limit && n > int64(len(stored))*(128<<10) {
			t.Errorf("%d bytes of %d", n, len(stored))
		}
	})
}
