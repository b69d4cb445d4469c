package open

import (
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Writer returns a writer that compresses into dst as the end of a file's name
// says: .gz, .zst, else not at all. Closing it ends the stream and leaves dst
// open. The same bytes always compress to the same bytes.
func Writer(dst io.Writer, name string) (io.WriteCloser, error) {
	switch {
	case strings.HasSuffix(name, ".gz"):
		return gzip.NewWriterLevel(dst, gzip.DefaultCompression)
	case strings.HasSuffix(name, ".zst"):
		return zstd.NewWriter(dst)
	}
	return plain{dst}, nil
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }
