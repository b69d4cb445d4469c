// Package open turns a stored file into the plain bytes of a trace: it finds
// out by content, never by name, whether the file is compressed and with what.
//
// Its one design decision: damage to the compressed stream is not an error of
// the file but the end of its data. Everything that could be decompressed is
// delivered, then the stream ends in a [trace.DamageError].
//
// It never looks into the trace itself. It is the only place that reads or
// writes compressed data.
package open

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"omnitrace/trace"
)

// readAhead is large because inputs are read once from front to back.
const readAhead = 1 << 20

// zstdWindow is the largest window that is decoded: what zstd itself takes
// unless told otherwise. A hostile header could ask for any.
const zstdWindow = 128 << 20

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// Reader returns the plain bytes of src, which may be gzip (also of several
// members), zstd, or plain. An error here means that not one byte of it can be
// read. The returned reader must be closed; src is the caller's to close.
func Reader(src io.Reader) (io.ReadCloser, error) {
	watched := &source{Reader: src}
	buffered := bufio.NewReaderSize(watched, readAhead)
	head, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		return newGzip(buffered, watched)
	case bytes.HasPrefix(head, zstdMagic), skippable(head):
		return newZstd(buffered, watched)
	}
	return io.NopCloser(buffered), nil
}

// skippable reports whether a file begins with a zstd frame without data, which
// parallel compressors put first (RFC 8878, 3.1.2).
func skippable(head []byte) bool {
	return len(head) == 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:], []byte{0x2a, 0x4d, 0x18})
}

// newGzip hands the decoder the bufio.Reader itself, for which it has a path
// that is a quarter faster.
func newGzip(buffered *bufio.Reader, src *source) (io.ReadCloser, error) {
	z, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, fmt.Errorf("gzip header: %w; is the file still being written?", noEOF(err))
	}
	return &decoder{z, z, src, gzipDamage}, nil
}

func newZstd(buffered *bufio.Reader, src *source) (io.ReadCloser, error) {
	z, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(zstdWindow))
	if err != nil {
		return nil, fmt.Errorf("zstd header: %w", noEOF(err))
	}
	return &decoder{z, z.IOReadCloser(), src, zstdDamage}, nil
}

// noEOF keeps an early end from being taken for the regular one.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// source remembers an error of the file itself (a read error, a cancelled
// context), which is not damage to the data.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// decoder turns a decompressor's errors into [trace.DamageError].
type decoder struct {
	io.Reader
	io.Closer
	src  *source
	kind func(error) trace.DefectKind
}

func (d *decoder) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case d.src.err != nil:
		return n, d.src.err
	}
	return n, &trace.DamageError{Kind: d.kind(err), Err: err}
}

// Close releases the decompressor. What it has to say then, Read has said.
func (d *decoder) Close() error {
	_ = d.Closer.Close()
	return nil
}

func gzipDamage(err error) trace.DefectKind {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return trace.GzipTruncated
	case errors.Is(err, gzip.ErrChecksum):
		return trace.GzipChecksum
	case errors.Is(err, gzip.ErrHeader):
		return trace.TrailingData
	}
	return trace.GzipCorrupt
}

func zstdDamage(err error) trace.DefectKind {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return trace.GzipTruncated
	case errors.Is(err, zstd.ErrCRCMismatch):
		return trace.GzipChecksum
	case errors.Is(err, zstd.ErrMagicMismatch):
		return trace.TrailingData
	}
	return trace.GzipCorrupt
}
