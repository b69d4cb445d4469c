package session

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// pairTwins finds, in each directory, the files that are one trace in several
// forms, and lets the best stand for the others: a .json beside the .json.gz
// that gzip makes of it in the background (vLLM-Omni 0.14+) and deletes the
// .json after, a .json.tmp, and nsys's report, export and statistics.
func pairTwins(fsys fs.FS, found []*candidate) {
	groups := map[string][]*candidate{}
	for _, c := range found {
		if c.Role != Side {
			k := twinKey(c.Path, c.Format)
			groups[k] = append(groups[k], c)
		}
	}
	for _, twins := range groups {
		if len(twins) > 1 {
			checkLength(fsys, twins)
			slices.SortFunc(twins, compareTwins)
			standFor(twins)
		}
	}
}

func twinKey(name string, format Format) string {
	report, number, ok := capture(path.Base(name), format)
	switch {
	case ok:
		return path.Join(path.Dir(name), "nsys", report, number)
	case format == Chrome:
		return stem(name)
	}
	return name
}

// reportOf returns which report of nsys stats a file holds, by its name.
func reportOf(name string) string {
	base := path.Base(name)
	return strings.TrimSuffix(base, path.Ext(base))
}

// checkLength compares the length that a gzip file states at its end with that
// of its plain twin: a cheap proof that gzip is done, wrong once in 2³² times.
func checkLength(fsys fs.FS, twins []*candidate) {
	plain := slices.IndexFunc(twins, func(c *candidate) bool { return c.Format == Chrome && strings.HasSuffix(c.Path, ".json") })
	if plain < 0 || twins[plain].State != Whole {
		return
	}
	for _, c := range twins {
		if c.State != Whole || !strings.HasSuffix(c.Path, ".gz") {
			continue
		}
		if n, ok := statedLength(fsys, c.File); !ok || n != uint32(twins[plain].Size) {
			c.State, c.Reason = HalfWritten, "its length is not that of "+path.Base(twins[plain].Path)+": gzip is still writing it"
		}
	}
}

// statedLength returns the last four bytes of a gzip file: the length of its
// last member modulo 2³² (RFC 1952, 2.3.1).
func statedLength(fsys fs.FS, file File) (uint32, bool) {
	f, err := fsys.Open(file.Path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	tail, ok := readTail(f, file.Size)
	if !ok || len(tail) < 4 {
		return 0, false
	}
	return binary.LittleEndian.Uint32(tail[len(tail)-4:]), true
}

// forms in the order of trust: gzip deletes the .json when it is done, a
// SQLite export needs no nsys to be read, statistics are only a part.
var forms = []string{".sqlite", ".nsys-rep", ".qdrep", ".gz", ".zst", ".zstd", ".json", ".csv", ".tmp"}

// gpuTrace matches the report of nsys stats after which its others are read.
var gpuTrace = regexp.MustCompile(`gpu_?trace\.\w+$`)

// compareTwins puts whole files first, then by form. Of several half-written
// ones, the plain text is read: all of it is there, up to its end.
func compareTwins(a, b *candidate) int {
	plain := 0
	if a.State != Whole && b.State != Whole {
		plain = cmp.Compare(b2i(strings.HasSuffix(b.Path, ".json")), b2i(strings.HasSuffix(a.Path, ".json")))
	}
	return cmp.Or(
		cmp.Compare(b2i(a.State != Whole), b2i(b.State != Whole)),
		plain,
		cmp.Compare(slices.Index(forms, path.Ext(a.Path)), slices.Index(forms, path.Ext(b.Path))),
		cmp.Compare(b2i(!gpuTrace.MatchString(a.Path)), b2i(!gpuTrace.MatchString(b.Path))),
		cmp.Compare(a.Path, b.Path),
	)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// standFor lets the first twin stand for the others. Statistics of nsys are
// many reports about one capture: unless they stand under a report or export,
// the first is read together with the others, each in one of its forms.
func standFor(twins []*candidate) {
	first := twins[0]
	reports := map[string]bool{reportOf(first.Path): true}
	for _, c := range twins[1:] {
		c.Of = first.Path
		if report := reportOf(c.Path); first.Format == NsysStats && c.State == Whole && !reports[report] {
			reports[report] = true
			first.Parts = append(first.Parts, c.Path)
			c.Role, c.Reason = Side, "read together with "+first.Path
			continue
		}
		if c.State == Whole {
			c.State, c.Reason = Duplicate, "the same trace as "+first.Path
		}
	}
}

// markDuplicates finds traces with the same content under several names; the
// first by path is counted. Only files of equal size are compared.
func markDuplicates(fsys fs.FS, found []*candidate) []Problem {
	var problems []Problem
	first := map[int64][]*candidate{} // by size, distinct contents
	for _, c := range slices.SortedFunc(slices.Values(found), func(a, b *candidate) int { return cmp.Compare(a.Path, b.Path) }) {
		if c.Role == Side || c.Of != "" || c.Size == 0 {
			continue
		}
		same, err := findSame(fsys, c, first[c.Size])
		switch {
		case err != nil:
			problems = append(problems, Problem{c.Path, fmt.Sprintf("can't be compared: %v", err)})
		case same != nil:
			c.State, c.Of, c.Reason = Duplicate, same.Path, "the same content as "+same.Path
			continue
		}
		first[c.Size] = append(first[c.Size], c)
	}
	passOn(found)
	return problems
}

// passOn points to the last survivor: who stood for its twins may itself be a
// duplicate.
func passOn(found []*candidate) {
	of := map[string]string{}
	for _, c := range found {
		of[c.Path] = c.Of
	}
	for _, c := range found {
		if next := of[c.Of]; c.Of != "" && next != "" {
			c.Of = next
		}
	}
}

func findSame(fsys fs.FS, c *candidate, others []*candidate) (*candidate, error) {
	for _, o := range others {
		same, err := sameContent(fsys, c.Path, o.Path)
		if same || err != nil {
			return o, err
		}
	}
	return nil, nil
}

// sameContent compares two files of equal size and stops at the first difference.
func sameContent(fsys fs.FS, a, b string) (bool, error) {
	fa, err := fsys.Open(a)
	if err != nil {
		return false, err
	}
	defer fa.Close()
	fb, err := fsys.Open(b)
	if err != nil {
		return false, err
	}
	defer fb.Close()
	bufA, bufB := make([]byte, headBytes), make([]byte, headBytes)
	for {
		n, errA := io.ReadFull(fa, bufA)
		m, errB := io.ReadFull(fb, bufB)
		if !bytes.Equal(bufA[:n], bufB[:m]) {
			return false, nil
		}
		if errA != nil || errB != nil {
			return ended(errA) && ended(errB), nil
		}
	}
}

func ended(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }
