package session

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// build makes a file system of lines "PATH" or "PATH <- HOW". Contents are by
// extension, and different for each path.
//
//	cut       the second half is missing
//	empty     no bytes
//	copy P    the content of P
//	pack P    P compressed with gzip
//	perfetto  two packets of a protobuf trace
//	text T    T
func build(t testing.TB, lines string) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	for line := range strings.Lines(lines) {
		name, how, _ := strings.Cut(strings.TrimSpace(line), " <- ")
		if name == "" {
			continue
		}
		data := content(name)
		verb, arg, _ := strings.Cut(how, " ")
		switch verb {
		case "":
		case "cut":
			data = data[:len(data)*2/3]
		case "empty":
			data = nil
		case "copy":
			data = bytes.Clone(fsys[arg].Data)
		case "pack":
			data = pack(fsys[arg].Data)
		case "perfetto":
			data = []byte("\n\x02\x08\x01\n\x03\x08\x80\x01")
		case "text":
			data = []byte(arg)
		default:
			t.Fatalf("unknown %q", how)
		}
		fsys[name] = &fstest.MapFile{Data: data, Mode: 0o644}
	}
	return fsys
}

func content(name string) []byte {
	switch {
	case strings.HasSuffix(name, ".gz"):
		return pack(jsonTrace(name))
	case strings.HasSuffix(name, ".sqlite"):
		return sqliteFile(name)
	case strings.HasSuffix(name, ".csv"):
		return []byte("Time (%),Total Time (ns),Instances,Name\n100.0,5,1," + name + "\n")
	case strings.HasSuffix(name, ".json"), strings.HasSuffix(name, ".tmp"), strings.HasSuffix(name, ".chrome_trace"):
		return jsonTrace(name)
	}
	return []byte("something else: " + name + "\n")
}

func jsonTrace(name string) []byte {
	return fmt.Appendf(nil, `{"schemaVersion": 1, "traceEvents": [{"ph": "X", "name": %q, "ts": 1, "dur": 2}], "traceName": %[1]q}`+"\n", name)
}

func pack(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

// sqliteFile is two pages of 512 bytes with the header of sqlite.org/fileformat2.html.
func sqliteFile(name string) []byte {
	data := make([]byte, 1024)
	copy(data, "SQLite format 3\x00")
	data[16], data[27], data[31], data[95] = 2, 7, 2, 7
	copy(data[100:], "CREATE TABLE StringIds (id, value)")
	copy(data[512:], name)
	return data
}

// show writes sessions as text: an ID, then a line a file: its path, role,
// stage/replica/rank ("-" for unknown), what told them, and its state.
func show(f Found) string {
	var b strings.Builder
	for _, s := range f.Sessions {
		fmt.Fprintf(&b, "%s\n", s.ID)
		if s.RunJSON != "" {
			fmt.Fprintf(&b, "  run %s\n", s.RunJSON)
		}
		for _, x := range s.Files {
			fmt.Fprintf(&b, "  %s %s", x.Path, x.Role)
			if x.Role != Side {
				fmt.Fprintf(&b, " %s/%s/%s", dash(x.Stage), dash(x.Replica), dash(x.Rank))
			}
			if x.Range >= 0 {
				fmt.Fprintf(&b, " range %d", x.Range)
			}
			if x.Kind != "" && x.Role != Side {
				fmt.Fprintf(&b, " %s", x.Kind)
			}
			if x.By != "" && x.Role != Side {
				fmt.Fprintf(&b, " by %s", x.By)
			}
			if x.State != Whole {
				fmt.Fprintf(&b, ", %s", x.State)
			}
			if x.Of != "" {
				fmt.Fprintf(&b, " of %s", x.Of)
			}
			b.WriteByte('\n')
		}
	}
	for _, p := range f.Problems {
		fmt.Fprintf(&b, "! %s: %s\n", p.Path, p.Reason)
	}
	return b.String()
}

func dash(n int) string {
	if n < 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func trim(text string) string {
	var b strings.Builder
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	indent := lines[0][:len(lines[0])-len(strings.TrimLeft(lines[0], "\t"))]
	for _, l := range lines {
		if l = strings.TrimPrefix(l, indent); strings.TrimSpace(l) != "" {
			b.WriteString(l + "\n")
		}
	}
	return b.String()
}
