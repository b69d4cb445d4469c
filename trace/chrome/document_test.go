package chrome_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"omnitrace/internal/tracetest"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/open"
)

const ab = rowA + "," + rowB

// Whole documents: what is read of a and b, and which defects are counted.
var documents = []struct {
	name, text string
	events     string
	defects    []found
}{
	{"one line", `{"traceEvents":[` + ab + `]}`, eventA + eventB, nil},
	{"list", `[` + ab + `]`, eventA + eventB, nil},
	{"list without its end", `[` + ab + `,`, eventA + eventB, []found{{trace.Truncated, 1, ""}}},
	{"byte order mark", "\xef\xbb\xbf" + ` {"traceEvents":[` + ab + `]}`, eventA + eventB, nil},
	{"byte order mark and list", "\xef\xbb\xbf" + `[` + ab + `]`, eventA + eventB, nil},
	{"carriage returns", "{\r\n\"traceEvents\" : [\r\n" + rowA + ",\r\n" + rowB + "\r\n]\r\n}\r\n", eventA + eventB, nil},
	{"events first", `{"traceEvents":[` + ab + `],"x":{"y":[1,{"z":"traceEvents"}]}}`, eventA + eventB, nil},
	{"events last", `{"x":{"y":[1,{"z":"traceEvents"}]},"w":"traceEvents","traceEvents":[` + ab + `]}`, eventA + eventB, nil},
	{"events twice", `{"traceEvents":[` + rowA + `],"x":1,"traceEvents":[` + rowB + `]}`, eventA + eventB, nil},
	{"events twice, the first empty", `{"traceEvents":[],"traceEvents":[` + ab + `]}`, eventA + eventB, nil},
	{"key of the events escaped", `{"trace\u0045vents":[` + ab + `]}`, eventA + eventB, nil},
	{"no events", `{"traceEvents":[]}`, "", nil},
	{"no events in a list", `[]`, "", nil},
	{"events null", `{"traceEvents":null}`, "", nil},
	{"space around", " \r\n\t" + `{"traceEvents":[` + ab + `]}` + "\n\n", eventA + eventB, nil},
	{"trailing commas", `{"traceEvents":[` + ab + `,],}`, eventA + eventB, nil},
	{"trailing text", `{"traceEvents":[` + ab + `]} behind`, eventA + eventB, []found{{trace.TrailingData, 1, `behind`}}},
	{"trailing zeros", `{"traceEvents":[` + ab + `]}` + "\x00\x00", eventA + eventB, []found{{trace.TrailingData, 1, "\x00"}}},
	{"a second document", `{"traceEvents":[` + rowA + `]}{"traceEvents":[` + rowB + `]}`, eventA, []found{{trace.TrailingData, 1, `{"traceEvents":[` + rowB}}},
	{"NaN in metadata", `{"x":NaN,"traceEvents":[` + ab + `],"y":[-Infinity]}`, eventA + eventB, []found{{trace.NaNLiteral, 2, "NaN"}}},
	{"metadata that is no JSON before the events", `{"x":a bad value,"y":"z"w","traceEvents":[` + ab + `]}`, eventA + eventB, []found{{trace.BadMetadata, 1, `"x"`}}},
	{"metadata that is no JSON behind the events", `{"traceEvents":[` + ab + `],"x":"a "bad" value","y":1}`, eventA + eventB, []found{{trace.BadMetadata, 1, `"x"`}}},
	{"metadata of pointers", `{"x":0x7f,"traceEvents":[` + ab + `]}`, eventA + eventB, []found{{trace.BadNumber, 1, `0x7f`}}},
	{"the last row torn", `{"traceEvents":[` + ab + `,{"ph":"X","ts":3 4}],"x":1}`, eventA + eventB, []found{{trace.BadEvent, 1, `{"ph":"X","ts":3 4}`}, {trace.Truncated, 1, ""}}},
	{"the last row torn, nothing behind", `{"traceEvents":[` + ab + `,{"ph":"X","ts":3 4}]}`, eventA + eventB, []found{{trace.BadEvent, 1, `{"ph":"X","ts":3 4}`}}},
	{"the last row of a list torn", `[` + ab + `,{"ph":"X","ts":3 4}]` + "\n", eventA + eventB, []found{{trace.BadEvent, 1, `{"ph":"X","ts":3 4}`}}},
	{"cut behind the events", `{"traceEvents":[` + ab + `]`, eventA + eventB, []found{{trace.TruncatedMetadata, 1, ""}}},
	{"cut in the metadata behind", `{"traceEvents":[` + ab + `],"x":[1,`, eventA + eventB, []found{{trace.TruncatedMetadata, 1, `"x"`}}},
	{"cut behind a comma", `{"traceEvents":[` + ab + `,`, eventA + eventB, []found{{trace.Truncated, 1, ""}}},
	{"cut in a string", `{"traceEvents":[` + ab + `,{"ph":"X","na`, eventA + eventB, []found{{trace.Truncated, 1, `{"ph":"X","na`}}},
	{"cut in a number", `{"traceEvents":[` + ab + `,{"ts":12`, eventA + eventB, []found{{trace.Truncated, 1, `{"ts":12`}}},
	{"cut in a word", `{"traceEvents":[` + ab + `,nul`, eventA + eventB, []found{{trace.BadEvent, 1, `nul`}, {trace.Truncated, 1, ""}}},
}

func TestDocuments(t *testing.T) {
	for _, c := range documents {
		t.Run(c.name, func(t *testing.T) {
			tr := parse(t, chrome.Options{}, strings.NewReader(c.text))
			if got := tracetest.Format(tr); got != c.events {
				t.Errorf("events\n%s\nwant\n%s", got, c.events)
			}
			defects := slices.Clone(c.defects)
			for i, d := range defects {
				if d.at == "" { // at the end
					defects[i].at = "\x7f"
				}
			}
			checkDefects(t, c.text+"\x7f", tr, defects)
			independent(t, c.text)
		})
	}
}

// What is no trace is an error that says where, what and why.
func TestNotATrace(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "0: empty file",
		" \n":                           "2: no traceEvents",
		"{":                             "1: unexpected end before the first event",
		`{"schemaVersion":1,"traceEven`: "unexpected end before the first event",
		`{"a":1}`:                       "7: no traceEvents",
		`PK` + "\x03\x04":               `0: not a Chrome trace: it begins with "PK`,
		`"a string"`:                    `0: not a Chrome trace`,
		"SQLite format 3\x00 and more":  `"SQLite format 3\x00"`,
	} {
		for _, size := range []int{1, 0} {
			_, err := trace.Read(chrome.Options{PieceSize: size}.NewReader(strings.NewReader(text), trace.Want{}))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q in pieces of %d: %v, want %s", text, size, err, want)
			}
		}
	}
}

// baseTimeNanoseconds counts wherever it stands, as a string too; 0 says
// nothing.
func TestBaseTime(t *testing.T) {
	for text, want := range map[string]trace.Time{
		`{"baseTimeNanoseconds":1700000000000000000,"traceEvents":[` + rowA + `]}`:   1_700_000_000_000_001_000,
		`{"traceEvents":[` + rowA + `],"baseTimeNanoseconds":1700000000000000001}`:   1_700_000_000_000_001_001,
		`{"traceEvents":[` + rowA + `],"baseTimeNanoseconds":"1700000000000000001"}`: 1_700_000_000_000_001_001,
		`{"traceEvents":[` + rowA + `],"baseTimeNanoseconds":0}`:                     1000,
		`{"traceEvents":[` + rowA + `],"baseTimeNanoseconds":null}`:                  1000,
		`{"traceEvents":[` + rowA + `],"displayTimeUnit":"ns"}`:                      1000,
		// The last row is torn: what follows the events is still found.
		`{"traceEvents":[` + rowA + `,{"ph":"X",!}],"x":[1],"baseTimeNanoseconds":7}`: 1007,
		`{"traceEvents":[` + rowA + `],"INFO":["a "b""],"baseTimeNanoseconds":7}`:     1007,
	} {
		tr := parse(t, chrome.Options{PieceSize: 20}, strings.NewReader(text))
		clock := trace.ClockUnix
		if want == 1000 {
			clock = trace.ClockUnknown
		}
		if len(tr.Events) != 1 || tr.Events[0].Start != want || tr.Clock != clock {
			t.Errorf("%s: %v on clock %s, want %d", text, tr.Events, tr.Clock, want)
		}
	}
}

// Names of processes, threads and devices, ranks and metadata are read wherever
// they stand; the last word counts.
func TestMetadata(t *testing.T) {
	text := `{"traceEvents":[` + rowA + `,
		{"ph":"X","cat":"cuda_runtime","name":"call","pid":12,"tid":34,"ts":0,"dur":1,"args":{"correlation":5}},
		{"ph":"M","name":"process_name","pid":12,"tid":0,"ts":5,"args":{"name":"old"}},
		{"ph":"M","name":"process_name","pid":12,"tid":0,"ts":5,"args":{"name":"py\u0074hon"}},
		{"ph":"M","name":"process_labels","pid":12,"tid":0,"args":{"labels":"CPU"}},
		{"ph":"M","name":"thread_name","pid":12,"tid":34,"args":{"name":"thread 34 (python)"}},
		{"ph":"M","name":"thread_name","pid":0,"tid":7,"args":{"name":" stream 7 "}},
		{"ph":"M","name":"process_sort_index","pid":12,"args":{"sort_index":5}}
		],"traceName":"run\/trace.json","distributedInfo":{"backend":"nccl","rank":3,"world_size":8},
		"deviceProperties":[{"id":1,"name":"no"},{"id":0,"name":"H100","totalGlobalMem":85017755648}],
		"cuda_runtime_version":13000}`
	for _, size := range []int{0, 100} {
		tr := parse(t, chrome.Options{PieceSize: size}, strings.NewReader(text))
		process := tr.Processes[slices.IndexFunc(tr.Processes, func(p trace.Process) bool { return p.PID == "12" })]
		if process != (trace.Process{PID: "12", Name: "python", Labels: "CPU"}) {
			t.Errorf("process %+v", process)
		}
		names := map[string]bool{}
		for _, track := range tr.Tracks {
			names[track.Name] = true
			if tr.Processes[track.Process].PID != "12" {
				t.Errorf("track %+v is not of the only process that launches", track)
			}
		}
		if len(names) != 2 || !names["stream 7"] || !names["thread 34 (python)"] {
			t.Errorf("track names %v", names)
		}
		if d := tr.Devices; len(d) != 1 || d[0] != (trace.Device{Name: "H100", MemoryBytes: 85017755648}) {
			t.Errorf("devices %+v", d)
		}
		if tr.Rank != 3 || tr.World != 8 || tr.TraceName != "run/trace.json" || tr.Meta["cuda_runtime_version"] != "13000" {
			t.Errorf("rank %d of %d, name %q, meta %v", tr.Rank, tr.World, tr.TraceName, tr.Meta)
		}
	}
}

// Two devices that share a stream number, and two processes' device 0 in a
// merged file, are not mixed; GPU rows name their device in several ways.
func TestDevices(t *testing.T) {
	text := tracetest.Document([]string{
		`{"ph":"X","cat":"kernel","name":"a","pid":0,"tid":7,"ts":1,"dur":1,"args":{"device":0,"stream":7}}`,
		`{"ph":"X","cat":"kernel","name":"b","pid":1,"tid":7,"ts":1,"dur":1,"args":{"stream":7,"device":1}}`,
		`{"ph":"X","cat":"kernel","name":"c","pid":100,"tid":7,"ts":1,"dur":1,"args":{"device":0,"stream":7}}`,
		`{"ph":"X","cat":"kernel","name":"d","pid":0,"tid":7,"ts":2,"dur":1}`,
		`{"ph":"X","cat":"kernel","name":"e","pid":0,"tid":"stream 7","ts":3,"dur":1,"args":{}}`,
		`{"ph":"X","cat":"cuda_sync","name":"f","pid":0,"tid":1000000007,"ts":4,"dur":1,"args":{"device":0,"stream":7}}`,
	}, 0)
	tr := parse(t, chrome.Options{}, strings.NewReader(text))
	of := map[string]int{}
	for _, e := range tr.Events {
		of[tr.Names.Text(e.Name)] = tr.Tracks[e.Track].Device
	}
	if of["a"] != of["d"] || of["a"] != of["e"] || of["a"] != of["f"] || of["a"] == of["b"] || of["a"] == of["c"] || of["b"] == of["c"] {
		t.Errorf("devices by event: %v", of)
	}
	if len(tr.Devices) != 3 || len(tr.Tracks) != 4 {
		t.Errorf("devices %+v, tracks %+v", tr.Devices, tr.Tracks)
	}
}

// On Ascend a row with a task type is a kernel where its process is the
// hardware, whose name may come last; waits and records are none.
func TestAscend(t *testing.T) {
	task := func(name, kind string, pid string) string {
		return `{"name":"` + name + `","pid":` + pid + `,"tid":2,"ts":"10.5","dur":2,"args":{"Task Type":"` + kind + `","Stream Id":2},"ph":"X"}`
	}
	text := `[` + strings.Join([]string{
		task("MatMul", "AI_CORE", "9"), task("Copy", "SDMA_SQE", "9"), task("wait", "EVENT_WAIT_SQE", "9"), task("record", "EVENT_RECORD", "9"),
		task("notify", "Notify Wait", "9"), task("host", "AI_CORE", "8"),
		`{"ph":"M","name":"process_name","pid":9,"tid":0,"args":{"name":"Ascend Hardware"}}`,
		`{"ph":"M","name":"process_name","pid":8,"tid":0,"args":{"name":"CANN"}}`,
	}, ",\n") + `]`
	want := `kernel t=10500 d=2000 track=gpu9/2 pid=? "Copy"` + "\n" + `kernel t=10500 d=2000 track=gpu9/2 pid=? "MatMul"` + "\n"
	for _, size := range []int{0, 50} {
		tr := parse(t, chrome.Options{PieceSize: size}, strings.NewReader(text))
		if got := tracetest.Format(tr); got != want {
			t.Errorf("events\n%s\nwant\n%s", got, want)
		}
		checkDefects(t, text, tr, []found{{trace.NumberAsString, 6, `{"name":"MatMul"`}})
	}
}

// A name of a megabyte is read whole, with the small pieces that it spans.
func TestLongName(t *testing.T) {
	name := strings.Repeat("long\\n", 1<<20/6)
	text := tracetest.Document([]string{rowA, x(`"ts":4,"dur":1,"name":"` + name + `"`), rowB}, 0)
	for _, size := range []int{0, 1 << 18} {
		tr := parse(t, chrome.Options{PieceSize: size}, strings.NewReader(text))
		if len(tr.Events) != 3 || tr.Names.Text(tr.Events[1].Name) != strings.ReplaceAll(name, `\n`, "\n") || len(tr.Health.Defects()) > 0 {
			t.Errorf("%d events, defects %v", len(tr.Events), tr.Health.Defects())
		}
	}
}

// Cut at any byte, a file is an error only before its events; else the rows
// before the cut are read, and one defect says what was lost.
func TestTruncation(t *testing.T) {
	full := tracetest.Must(t, example)
	var rows []string
	for i := range full.Events {
		rows = append(rows, tracetest.Row(full, &full.Events[i], 0))
	}
	for form, text := range map[string]string{
		"object": tracetest.Document(rows, 5),
		"list":   "[" + strings.Join(rows, ",") + "]",
	} {
		ends := []int{}
		for _, row := range rows {
			ends = append(ends, strings.Index(text, row)+len(row))
		}
		opened := strings.IndexByte(text, '[') + 1
		closed := strings.Index(text[ends[len(ends)-1]:], "]") + ends[len(ends)-1] + 1
		complete := len(strings.TrimSpace(text))
		for cut := range len(text) + 1 {
			tr, err := trace.Read(chrome.Options{PieceSize: 512}.NewReader(strings.NewReader(text[:cut]), trace.Want{}))
			if cut < opened {
				if err == nil {
					t.Errorf("%s cut at %d: no error", form, cut)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s cut at %d: %v", form, cut, err)
			}
			tracetest.Check(t, tr)
			whole := 0
			for whole < len(ends) && ends[whole] <= cut {
				whole++
			}
			want, _ := trace.Read(chrome.NewReader(strings.NewReader("["+strings.Join(rows[:whole], ",")+"]"), trace.Want{}))
			if got := tracetest.Format(tr); tr.Clock == trace.ClockUnknown && got != tracetest.Format(want) {
				t.Fatalf("%s cut at %d: events\n%s", form, cut, got)
			}
			var defect trace.DefectKind
			switch {
			case cut >= complete:
			case cut >= closed:
				defect = trace.TruncatedMetadata
			default:
				defect = trace.Truncated
			}
			if got := tr.Health.Defects(); defect == "" && len(got) > 0 || defect != "" && (len(got) != 1 || got[0].Kind != defect || got[0].Count != 1 || got[0].FirstOffset > int64(cut)) {
				t.Fatalf("%s cut at %d: defects %v, want %s", form, cut, got, defect)
			}
		}
	}
}

// A compressed file that was cut, or damaged, gives what can be decompressed.
func TestDamagedGzip(t *testing.T) {
	text := []byte(tracetest.JSON(tracetest.Must(t, strings.Repeat(example, 50)), 5))
	stored := gz(t, text)
	full := 14 * 50
	rows := func(n int) (rows int) { // complete ones in the first n bytes
		for _, end := range []string{"},\n  {", "}\n  ]"} {
			for i := range n {
				if bytes.HasPrefix(text[i:], []byte(end)) {
					rows++
				}
			}
		}
		return rows
	}
	read := func(stored []byte) (*trace.Trace, error) {
		src, err := open.Reader(bytes.NewReader(stored))
		if err != nil {
			return nil, err
		}
		defer src.Close()
		return trace.Read(chrome.Options{PieceSize: 1000}.NewReader(src, trace.Want{}))
	}
	for cut := 0; cut < len(stored); cut += 7 {
		tr, err := read(stored[:cut])
		var plain []byte
		if z, err := open.Reader(bytes.NewReader(stored[:cut])); err == nil {
			plain, _ = io.ReadAll(z)
		}
		if z, err := gzip.NewReader(bytes.NewReader(stored[:cut])); err == nil {
			// The decoders may differ in their last few matches of 258 bytes.
			if all, _ := io.ReadAll(z); len(all) > len(plain)+1024 {
				t.Errorf("cut at %d: %d bytes, the standard library delivers %d", cut, len(plain), len(all))
			}
		}
		if !bytes.Contains(plain, []byte("[")) {
			if err == nil {
				t.Errorf("cut at %d: no error", cut)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		tracetest.Check(t, tr)
		if got, want := len(tr.Events), rows(len(plain)); got != want || tr.Health.Count(trace.GzipTruncated) != 1 {
			t.Fatalf("cut at %d: %d events, want %d; defects %v", cut, got, want, tr.Health.Defects())
		}
	}
	flipped := func(i int, b byte) []byte {
		c := slices.Clone(stored)
		c[i] ^= b
		return c
	}
	for _, c := range []struct {
		name   string
		stored []byte
		defect trace.Defect
	}{
		{"checksum", flipped(len(stored)-8, 1), trace.Defect{Kind: trace.GzipChecksum, Count: 1, FirstOffset: int64(len(text))}},
		{"length", flipped(len(stored)-1, 1), trace.Defect{Kind: trace.GzipChecksum, Count: 1, FirstOffset: int64(len(text))}},
		{"trailing garbage", append(slices.Clone(stored), "garbage behind"...), trace.Defect{Kind: trace.TrailingData, Count: 1, FirstOffset: int64(len(text))}},
	} {
		tr, err := read(c.stored)
		if err != nil {
			t.Fatal(err)
		}
		if got := tr.Health.Defects(); len(tr.Events) != full || !slices.Equal(got, []trace.Defect{c.defect}) {
			t.Errorf("%s: %d events, want %d; defects %v, want %v", c.name, len(tr.Events), full, got, c.defect)
		}
	}
	const reserved = 7 // a last block of the type that deflate reserves
	corrupt := append(gz(t, text[:len(text)/2]), append(stored[:10:10], reserved)...)
	tr, err := read(corrupt)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(tr.Events); n != rows(len(text)/2) || tr.Health.Count(trace.GzipCorrupt) != 1 {
		t.Errorf("corrupt data: %d events, defects %v", n, tr.Health.Defects())
	}
}

// A reader that never had a byte says so.
func TestNothingDecompressed(t *testing.T) {
	damaged := io.MultiReader(&failing{&trace.DamageError{Kind: trace.GzipTruncated, Err: io.ErrUnexpectedEOF}})
	_, err := trace.Read(chrome.NewReader(damaged, trace.Want{}))
	if err == nil || !strings.Contains(err.Error(), "not one byte could be decompressed") {
		t.Errorf("error %v", err)
	}
	if errors.Is(err, io.EOF) {
		t.Error("the error is taken for the regular end")
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }
