package session

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// How much of a file is looked at. The largest metadata in front of
// "traceEvents" in the traces at hand is 26 kB, and nsys's tables are declared
// within the first 40 kB.
const (
	headBytes = 64 << 10
	tailBytes = 4 << 10
)

// sniffed is what the first bytes of a file say.
type sniffed struct {
	format Format
	// sure is false where the head shows no sign of a trace and no sign that
	// it is none: a name must decide.
	sure   bool
	blank  bool // nothing in it
	state  State
	reason string // why format is "", or why state is not Whole
}

func no(reason string) sniffed { return sniffed{sure: true, reason: reason} }

var (
	gzipMagic   = []byte{0x1f, 0x8b}
	zstdMagic   = []byte{0x28, 0xb5, 0x2f, 0xfd}
	sqliteMagic = []byte("SQLite format 3\x00")
	zipMagic    = []byte("PK\x03\x04")
	lfsMagic    = []byte("version https://git-lfs")
	bom         = []byte("\xef\xbb\xbf")
)

// The reasons that are compared or tested elsewhere.
const (
	reasonEmpty    = "empty: nothing was written, or it is still to come"
	reasonNotTrace = "neither a Chrome trace nor an nsys export, report or statistic"
)

// sniff opens a file and looks at its two ends.
func sniff(fsys fs.FS, name string, size int64) (sniffed, error) {
	if size == 0 {
		return sniffed{state: HalfWritten, blank: true, reason: reasonEmpty}, nil
	}
	f, err := fsys.Open(name)
	if err != nil {
		return sniffed{}, err
	}
	defer f.Close()
	head, err := readHead(f)
	if err != nil {
		return sniffed{}, err
	}
	s := sniffHead(name, head, size)
	if s.format == Chrome && s.state == "" {
		s.state = Whole
		if tail, ok := readTail(f, size); ok && !bytes.HasPrefix(head, gzipMagic) && !bytes.HasPrefix(head, zstdMagic) {
			s.state, s.reason = judgeTail(head, tail)
		}
	}
	if s.format != "" && s.state == "" {
		s.state = Whole
	}
	if strings.HasSuffix(name, ".tmp") && s.format != "" && s.state == Whole {
		s.state, s.reason = HalfWritten, "still under its temporary name: the profiler renames it when it is complete"
	}
	return s, nil
}

func readHead(r io.Reader) ([]byte, error) {
	head := make([]byte, headBytes)
	n, err := io.ReadFull(r, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return head[:n], err
}

// readTail returns the end of a file whose file system can seek.
func readTail(f fs.File, size int64) ([]byte, bool) {
	s, ok := f.(io.Seeker)
	if !ok {
		return nil, false
	}
	if _, err := s.Seek(max(0, size-tailBytes), io.SeekStart); err != nil {
		return nil, false
	}
	tail, err := io.ReadAll(io.LimitReader(f, tailBytes))
	return tail, err == nil
}

// sniffHead decides by content. Only nsys-rep, whose format is not published,
// and what zstd hides are taken by their names.
func sniffHead(name string, head []byte, size int64) sniffed {
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		return sniffGzip(head, size)
	case bytes.HasPrefix(head, zstdMagic):
		return sniffed{format: Chrome, sure: strings.HasSuffix(stem(name), ".json")}
	case bytes.HasPrefix(head, sqliteMagic):
		return sniffSQLite(head, size)
	case bytes.HasPrefix(head, lfsMagic):
		return no("a Git LFS pointer, not the file itself: run git lfs pull")
	case bytes.HasPrefix(head, zipMagic):
		return no("a zip archive: unpack it first")
	case perfetto(head, size):
		return sniffed{format: Perfetto, sure: true}
	}
	switch path.Ext(name) {
	case ".nsys-rep", ".qdrep":
		return sniffed{format: NsysReport, sure: true}
	case ".qdstrm":
		return no("nsys's raw stream, not yet a report: nsys was stopped before it had written one")
	}
	return sniffText(head, int64(len(head)) == size)
}

func sniffGzip(head []byte, size int64) sniffed {
	zr, err := gzip.NewReader(bytes.NewReader(head))
	if err != nil {
		return sniffed{format: Chrome, state: HalfWritten, reason: "the gzip header is cut off or damaged"}
	}
	text, err := io.ReadAll(io.LimitReader(zr, headBytes))
	s := sniffText(text, err == nil && len(text) < headBytes)
	// A cut that a head shorter than the look proves; else only reading tells.
	if cut := errors.Is(err, io.ErrUnexpectedEOF) && int64(len(head)) == size; cut && s.format != "" {
		s.state, s.reason = HalfWritten, "the gzip stream ends early: it is still being written, or was cut off"
	}
	return s
}

var (
	traceKey  = regexp.MustCompile(`"(?:traceEvents|schemaVersion|deviceProperties|distributedInfo|baseTimeNanoseconds)"\s*:`)
	phaseKey  = regexp.MustCompile(`"ph"\s*:`)
	statsHead = regexp.MustCompile(`(?m)^(?:Time ?\(%\),|(?:[^,\n]*,){0,8}"?(?:Start|Duration|Total Time|Total|Projected Start|API Start|TAvg) ?\([^)\n]*\)"?,)`)
	statsJSON = regexp.MustCompile(`"(?:Start|Duration|Total Time|Total|Projected Start|API Start|TAvg|Time) ?\([^)"\n]*\)"\s*:`)
)

// sniffText decides about text; whole says that there is no more of it.
func sniffText(text []byte, whole bool) sniffed {
	body := bytes.TrimLeft(bytes.TrimPrefix(text, bom), " \t\r\n")
	switch {
	case len(body) == 0 && whole:
		return sniffed{sure: true, blank: true, reason: reasonEmpty}
	case len(body) == 0:
		return sniffed{format: Chrome}
	case body[0] != '{' && body[0] != '[':
		if statsHead.Match(body) {
			return sniffed{format: NsysStats, sure: true}
		}
		return no(reasonNotTrace)
	case traceKey.Match(body), body[0] == '[' && phaseKey.Match(body), emptyList(body):
		return sniffed{format: Chrome, sure: true}
	case body[0] == '[' && statsJSON.Match(body):
		return sniffed{format: NsysStats, sure: true}
	case whole && closed(body):
		return no("JSON, but no trace: it has no traceEvents")
	}
	return sniffed{format: Chrome}
}

func emptyList(body []byte) bool { return len(bytes.Trim(body, "[] \t\r\n")) == 0 && closed(body) }

// closed tells by brackets, strings aside, whether JSON text is complete.
func closed(text []byte) bool {
	var n nesting
	n.Write(text)
	return n.closed()
}

// judgeTail decides by the last byte alone whether JSON may be closed.
func judgeTail(head, tail []byte) (State, string) {
	first := bytes.TrimLeft(bytes.TrimPrefix(head, bom), " \t\r\n")
	last := bytes.TrimRight(tail, " \t\r\n")
	if len(first) > 0 && len(last) > 0 && (first[0] == '{' && last[len(last)-1] == '}' || first[0] == '[' && last[len(last)-1] == ']') {
		return Whole, ""
	}
	return HalfWritten, "the JSON ends in the middle: it is still being written, or was cut off"
}

// exportTables are words in the declarations of nsys's tables. Any of them is
// enough: where declarations fill more than a page, most may lie far behind.
var exportTables = regexp.MustCompile(`CREATE TABLE[^(]{0,20}\b(?:StringIds|TARGET_INFO_|CUPTI_ACTIVITY_KIND_|META_DATA_EXPORT|EXPORT_META_DATA|NVTX_EVENTS)`)

func sniffSQLite(head []byte, size int64) sniffed {
	short := sqliteSize(head) > size
	if short && !exportTables.Match(head) && size <= int64(len(head)) {
		return no("a SQLite file that is cut off before it says what it holds: export or copy it again")
	}
	if !exportTables.Match(head) {
		return sniffed{sure: true, reason: "a SQLite database without the tables of nsys export"}
	}
	s := sniffed{format: NsysSQLite, sure: true}
	if short {
		s.state, s.reason = HalfWritten, "the SQLite file is shorter than its header says: still being written, or cut off"
	}
	return s
}

// sqliteSize returns the size in bytes that a SQLite header states, 0 where it
// states none: page size at 16, page count at 28, valid if the change counter
// at 24 equals the one at 92 (sqlite.org/fileformat2.html, section 1.3).
func sqliteSize(head []byte) int64 {
	if len(head) < 100 || !bytes.Equal(head[24:28], head[92:96]) {
		return 0
	}
	page := int64(binary.BigEndian.Uint16(head[16:]))
	if page == 1 {
		page = 64 << 10
	}
	return page * int64(binary.BigEndian.Uint32(head[28:]))
}

// perfetto recognises a protobuf trace: field 1 (packets, length-delimited)
// again and again, up to the end of the head or of the file.
func perfetto(head []byte, size int64) bool {
	packets := 0
	for at := 0; at < len(head); packets++ {
		n, used := binary.Uvarint(head[at+1:])
		if head[at] != 0x0a || used <= 0 || n > uint64(size) {
			return false
		}
		at += 1 + used + int(n)
		if int64(at) > size {
			return false
		}
	}
	return packets > 1
}
