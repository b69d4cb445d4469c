package chrome_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"omnitrace/internal/tracetest"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
)

// Rows that damage surrounds: they must be read whatever lies between them.
const (
	rowA = `{"ph":"X","cat":"kernel","name":"a","pid":0,"tid":7,"ts":1,"dur":2,"args":{"device":0,"stream":7,"correlation":5}}`
	rowB = `{"ph":"X","cat":"kernel","name":"b","pid":0,"tid":7,"ts":9,"dur":2,"args":{"device":0,"stream":7,"correlation":6}}`

	eventA = `kernel t=1000 d=2000 track=gpu0/7 pid=? corr=5 "a"` + "\n"
	eventB = `kernel t=9000 d=2000 track=gpu0/7 pid=? corr=6 "b"` + "\n"
)

// A found is a defect that a text must show: its count, and the text at which
// the first one stands ("" for none).
type found struct {
	kind  trace.DefectKind
	count int64
	at    string
}

// x is a row of a kernel that is neither a nor b, with fields of its own.
func x(fields string) string {
	return `{"ph":"X","cat":"kernel","pid":0,"tid":7,` + fields + `,"args":{"device":0,"stream":7}}`
}

func xEvent(t, d int, name string) string {
	return fmt.Sprintf("kernel t=%d d=%d track=gpu0/7 pid=? %q\n", t, d, name)
}

var damages = []struct {
	name    string
	between string // what stands between rowA and rowB, in the array of events
	events  string // those beside a and b
	defects []found
}{
	// Numbers that JSON does not know.
	{"NaN in arguments", x(`"ts":4,"dur":1,"name":"x","x":NaN`), xEvent(4000, 1000, "x"), []found{{trace.NaNLiteral, 1, `NaN`}}},
	{"all spellings of infinity", x(`"ts":4,"dur":1,"name":"x","x":[Infinity,-Infinity,inf,-inf,nan,-nan,+inf]`),
		xEvent(4000, 1000, "x"), []found{{trace.NaNLiteral, 7, `Infinity`}}},
	{"infinity as a string", x(`"ts":4,"dur":1,"name":"x","x":"inf"`), xEvent(4000, 1000, "x"), nil},
	{"a pointer, and the correlation behind it", `{"ph":"X","cat":"kernel","name":"x","pid":0,"tid":7,"ts":4,"dur":1,"args":{"p":0x7f,"q":12ab,"device":0,"stream":7,"correlation":3}}`,
		`kernel t=4000 d=1000 track=gpu0/7 pid=? corr=3 "x"` + "\n", []found{{trace.BadNumber, 2, `0x7f`}}},

	// Names.
	{"control characters", x("\"ts\":4,\"dur\":1,\"name\":\"x\x01\ty\""), xEvent(4000, 1000, "x\x01\ty"), []found{{trace.ControlCharacter, 2, "\x01\ty"}}},
	{"a zero byte in a name", x("\"ts\":4,\"dur\":1,\"name\":\"x\x00y\""), xEvent(4000, 1000, "x\x00y"), []found{{trace.ControlCharacter, 1, "\x00"}}},
	{"control characters between rows", "\x00\x01" + x(`"ts":4,"dur":1,"name":"x"`), xEvent(4000, 1000, "x"), []found{{trace.ControlCharacter, 2, "\x00"}}},
	{"bytes that are not UTF-8", x("\"ts\":4,\"dur\":1,\"name\":\"x\xff\xfe\""), xEvent(4000, 1000, "x\ufffd"), []found{{trace.InvalidUTF8, 1, "\xff"}}},
	{"a character cut in two", x("\"ts\":4,\"dur\":1,\"name\":\"x\xe6\xad\""), xEvent(4000, 1000, "x\ufffd"), []found{{trace.InvalidUTF8, 1, "\xe6"}}},
	{"any script", x(`"ts":4,"dur":1,"name":"шаг 步 😀"`), xEvent(4000, 1000, "шаг 步 😀"), nil},
	{"a lone surrogate", x(`"ts":4,"dur":1,"name":"x\ud83dy\ude00\ud83d\u0041"`), xEvent(4000, 1000, "x\ufffdy\ufffd\ufffdA"), nil},
	{"a surrogate pair", x(`"ts":4,"dur":1,"name":"\ud83d\uDE00"`), xEvent(4000, 1000, "😀"), nil},
	{"unescaped quotes: operator\"\"", x(`"ts":4,"dur":1,"name":"operator""_kg(int)"`), xEvent(4000, 1000, `operator""_kg(int)`), []found{{trace.UnescapedQuote, 2, `""_kg`}}},
	{"unescaped quotes at the ends", x(`"ts":4,"dur":1,"name":""x"","x":"""`), xEvent(4000, 1000, `"x"`), []found{{trace.UnescapedQuote, 3, `"x"","x"`}}},
	{"unescaped JSON in a name", x(`"ts":4,"dur":1,"name":"run {"a": 1} now"`), xEvent(4000, 1000, `run {"a": 1} now`), []found{{trace.UnescapedQuote, 2, `"a": 1`}}},
	{"more of it", x(`"ts":4,"dur":1,"name":"run {"a": "b"} now"`), xEvent(4000, 1000, `run {"a": "b"} now`), []found{{trace.UnescapedQuote, 4, `"a": "b"`}}},
	{"unescaped quotes and a bracket, indented", "{\n \"ph\":\"X\",\n \"cat\":\"kernel\",\n \"name\":\"a\"b\",\n \"ts\":4,\n \"dur\":1,\n \"tid\":7,\n \"pid\":0,\n \"args\":{\n  \"correlation\":3,\n  \"x\":\"y\"\n }\n}",
		`kernel t=4000 d=1000 track=gpu0/7 pid=? corr=3 "a\"b"` + "\n", []found{{trace.UnescapedQuote, 1, `"b"`}}},
	{"too many unescaped quotes", x(`"ts":4,"dur":1,"name":"run [{"a": "b"}, "c"] now"`), xEvent(4000, 1000, `run [{"a": "b`), []found{{trace.BadEvent, 1, `"c"] now`}, {trace.UnescapedQuote, 3, `"a": "b"`}}},
	{"unescaped quotes in arguments", `{"ph":"X","cat":"kernel","name":"x","pid":0,"tid":7,"ts":4,"dur":1,"args":{"cmd":"python -c "f()" -v","device":0,"stream":7,"correlation":3}}`,
		`kernel t=4000 d=1000 track=gpu0/7 pid=? corr=3 "x"` + "\n", []found{{trace.UnescapedQuote, 2, `"f()`}}},
	{"a Windows path", x(`"ts":4,"dur":1,"name":"C:\Users\xu\py"`), xEvent(4000, 1000, `C:\Users\xu\py`), []found{{trace.BadEscape, 3, `\Users`}}},
	{"a Windows path that ends in a backslash", x(`"ts":4,"name":"C:\Users\","dur":1`), xEvent(4000, 1000, `C:\Users\`), []found{{trace.BadEscape, 2, `\Users`}}},
	{"half an escape", x(`"ts":4,"dur":1,"name":"\u12"`), xEvent(4000, 1000, `\u12`), []found{{trace.BadEscape, 1, `\u12`}}},
	{"keys with escapes", `{"ph":"\u0058","\u0063at":"kern\u0065l","pid":0,"tid":7,"t\u0073":4,"dur":1,"name":"x"}`, xEvent(4000, 1000, "x"), nil},

	// Times.
	{"a negative duration", x(`"ts":4,"dur":-1,"name":"x"`), xEvent(4000, 0, "x"), []found{{trace.NegativeDuration, 1, `{"ph":"X","cat":"kernel","pid"`}}},
	{"no duration", x(`"ts":4,"name":"x"`), xEvent(4000, 0, "x"), []found{{trace.MissingDuration, 1, `{"ph":"X","cat":"kernel","pid"`}}},
	{"a duration of null", x(`"ts":4,"dur":null,"name":"x"`), xEvent(4000, 0, "x"), []found{{trace.MissingDuration, 1, `{"ph":"X","cat":"kernel","pid"`}}},
	{"no time", x(`"dur":4,"name":"x"`), "", []found{{trace.MissingTime, 1, `{"ph":"X","cat":"kernel","pid"`}}},
	{"a time that is not a number", x(`"ts":NaN,"dur":4,"name":"x"`), "", []found{{trace.MissingTime, 1, `{"ph":"X","cat":"kernel","pid"`}, {trace.NaNLiteral, 1, `NaN`}}},
	{"a time that is a word", x(`"ts":"soon","dur":4,"name":"x"`), "", []found{{trace.BadNumber, 1, `{"ph":"X","cat":"kernel","pid"`}}},
	{"times as strings", x(`"ts":"4.5","dur":"1","name":"x"`), xEvent(4500, 1000, "x"), []found{{trace.NumberAsString, 2, `{"ph":"X","cat":"kernel","pid"`}}},
	{"correlation as a string", `{"ph":"X","cat":"kernel","name":"x","pid":0,"tid":7,"ts":4,"dur":1,"args":{"correlation":"3","device":"0","stream":"7"}}`,
		`kernel t=4000 d=1000 track=gpu0/7 pid=? corr=3 "x"` + "\n", []found{{trace.NumberAsString, 1, `{"ph":"X","cat":"kernel","name":"x"`}}},
	{"correlation that is no number", `{"ph":"X","cat":"kernel","name":"x","pid":0,"tid":7,"ts":4,"dur":1,"args":{"correlation":"q"}}`,
		xEvent(4000, 1000, "x"), []found{{trace.BadNumber, 1, `{"ph":"X","cat":"kernel","name":"x"`}}},
	{"1e400", x(`"ts":1e400,"dur":4,"name":"x"`), "", []found{{trace.TimeOutOfRange, 1, `{"ph":"X","cat":"kernel","pid"`}}},
	{"an end beyond 64 bits", x(`"ts":9e15,"dur":9e15,"name":"x"`), "", []found{{trace.TimeOutOfRange, 1, `{"ph":"X","cat":"kernel","pid"`}}},
	{"exponents", x(`"ts":0.4E+1,"dur":10000e-4,"name":"x"`), xEvent(4000, 1000, "x"), nil},
	{"half nanoseconds go to the even", x(`"ts":4.0005,"dur":0.0015,"name":"x"`), xEvent(4000, 2, "x"), nil},
	{"a time before the origin", x(`"ts":-0.5,"dur":1,"name":"x"`), xEvent(-500, 1000, "x"), nil},

	// Structure.
	{"a key twice", x(`"ts":4,"dur":1,"name":"w","name":"x"`), xEvent(4000, 1000, "x"), []found{{trace.DuplicateKey, 1, `"x","args"`}}},
	{"an argument twice", `{"ph":"X","cat":"kernel","name":"x","pid":0,"tid":7,"ts":4,"dur":1,"args":{"device":0,"stream":7,"correlation":3,"correlation":4}}`,
		`kernel t=4000 d=1000 track=gpu0/7 pid=? corr=4 "x"` + "\n", nil},
	{"trailing commas", `{"ph":"X","cat":"kernel","name":"x","pid":0,"tid":7,"ts":4,"dur":1,"args":{"device":0,"stream":7,},},,`, xEvent(4000, 1000, "x"), nil},
	{"empty and null rows", `{},null, { } ,null`, "", nil},
	{"rows that are no objects", `7,"x",[{"a":1}],true`, "", []found{{trace.BadEvent, 1, `7,"x"`}}},
	{"no comma", "\n" + x(`"ts":4,"dur":1,"name":"x"`) + "\n\n", xEvent(4000, 1000, "x"), nil},
	{"a row that is torn", `{"ph":"X","cat":"ker`, "", []found{{trace.BadEvent, 1, `{"ph":"X","cat":"ker,`}}},
	{"a torn row with rows in its arguments", `{"ph":"X","args":{"list":[{"name":"n"},{"name":"m"}],"ts":3},"cat":nel"}`, "",
		[]found{{trace.BadEvent, 1, `{"ph":"X","args":{"list"`}, {trace.TrailingData, 1, `,"cat":nel"`}}},
	{"two writers at once", `{"ph":"X","cat":"ker{"ph":"X","cat":"kernel","name":"y"}`, "",
		[]found{{trace.DuplicateKey, 1, `"kernel","name":"y"`}, {trace.MissingTime, 1, `{"ph":"X","cat":"ker{`}, {trace.UnescapedQuote, 3, `"ph":"X","cat":"kernel","name":"y"`}}},

	// What other writers do.
	{"space before colons", `{ "ph" : "X" , "cat" : "kernel" , "name" : "x" , "pid" : 0 , "tid" : 7 , "ts" : 4 , "dur" : 1 }`, xEvent(4000, 1000, "x"), nil},
	{"categories in lists and capitals", `{"ph":"X","cat":"foo, Kernel","name":"x","pid":0,"tid":7,"ts":4,"dur":1}`, xEvent(4000, 1000, "x"), nil},
	{"old categories", `{"ph":"X","cat":"Memcpy","name":"x","pid":0,"tid":7,"ts":4,"dur":1,"args":{"bytes":8}},{"ph":"X","cat":"Memset","name":"y","pid":0,"tid":7,"ts":5,"dur":1},{"ph":"X","cat":"Runtime","name":"z","pid":1,"tid":7,"ts":6,"dur":1}`,
		`memcpy t=4000 d=1000 track=gpu0/7 bytes=8 "x"` + "\n" + `memset t=5000 d=1000 track=gpu0/7 "y"` + "\n" + `launch t=6000 d=1000 track=host/7 "z"` + "\n", nil},
	{"an unknown phase", `{"ph":"Q","ts":3,"name":"q"}`, "", []found{{trace.UnknownPhase, 1, `{"ph":"Q"`}}},
	{"known phases without an event", `{"ph":"N","ts":3},{"ph":"D","ts":3},{"ph":"P","ts":3},{"ph":"(","ts":3},{"ph":"V","ts":3},{"ph":"S","ts":3}`, "", nil},
	{"instants of the profiler", `{"ph":"i","s":"g","name":"Trace incomplete: 3 records dropped","pid":1,"tid":7,"ts":4}`,
		`instant t=4000 d=0 track=host/7 "Trace incomplete: 3 records dropped"` + "\n", []found{{trace.DroppedByProfiler, 1, `{"ph":"i"`}}},
	{"flows with all sorts of ids", `{"ph":"s","id":"0x1f","name":"f","pid":1,"tid":7,"ts":4},{"ph":"f","id":12,"name":"f","pid":1,"tid":7,"ts":5},{"ph":"t","name":"f","pid":1,"tid":7,"ts":6}`,
		`flow t=4000 d=0 track=host/7 "f"` + "\n" + `flow t=5000 d=0 track=host/7 corr=12 "f"` + "\n" + `flow t=6000 d=0 track=host/7 "f"` + "\n", nil},
	{"ids beyond int64", `{"ph":"X","cat":"kernel","name":"x","pid":0,"tid":7,"ts":4,"dur":1,"args":{"device":0,"stream":7,"correlation":9223372036854775808,"Comms Id":18446744073709551615}}`,
		`kernel t=4000 d=1000 track=gpu0/7 pid=? corr=-9223372036854775808 "x"` + "\n", nil},
	{"memory counters and strange pids are on no GPU", `{"ph":"C","name":"c","pid":"GPU0Counters","tid":0,"ts":3,"args":{"x":1}},{"ph":"X","cat":"overhead","name":"o","pid":-1,"tid":0,"ts":4,"dur":1}`,
		`counter t=3000 d=0 track=host/0 pid=GPU0Counters "c"` + "\n" + `overhead t=4000 d=1000 track=host/0 pid=-1 "o"` + "\n", nil},

	// Ranges whose ends are rows of their own.
	{"nested ranges", `{"ph":"B","cat":"user_annotation","name":"out","pid":1,"tid":7,"ts":2},{"ph":"B","name":"in","pid":1,"tid":7,"ts":3},{"ph":"E","pid":1,"tid":7,"ts":4},{"ph":"E","pid":1,"tid":7,"ts":6}`,
		`range t=2000 d=4000 track=host/7 "out"` + "\n" + `range t=3000 d=1000 track=host/7 "in"` + "\n", nil},
	{"ranges on two threads", `{"ph":"B","name":"x","pid":1,"tid":7,"ts":2},{"ph":"B","name":"y","pid":1,"tid":8,"ts":3},{"ph":"E","pid":1,"tid":7,"ts":4},{"ph":"E","pid":1,"tid":8,"ts":6}`,
		`range t=2000 d=2000 track=host/7 "x"` + "\n" + `range t=3000 d=3000 track=host/8 "y"` + "\n", nil},
	{"ends before begins in the file", `{"ph":"E","pid":1,"tid":7,"ts":4},{"ph":"B","name":"x","pid":1,"tid":7,"ts":2}`, `range t=2000 d=2000 track=host/7 "x"` + "\n", nil},
	{"an end without a begin", `{"ph":"E","pid":1,"tid":7,"ts":4}`, "", []found{{trace.UnbalancedRange, 1, ""}}},
	{"a begin without an end", `{"ph":"B","name":"x","pid":1,"tid":7,"ts":4}`, `range t=4000 d=7000 track=host/7 "x"` + "\n", []found{{trace.UnbalancedRange, 1, ""}}},
	{"asynchronous ranges end on other threads", `{"ph":"b","cat":"c","id":1,"name":"x","pid":1,"tid":7,"ts":2},{"ph":"b","cat":"c","id":"2","name":"y","pid":1,"tid":7,"ts":3},{"ph":"e","cat":"c","id":1,"pid":1,"tid":9,"ts":5},{"ph":"e","cat":"c","id":2,"pid":2,"tid":9,"ts":6},{"ph":"e","cat":"d","id":2,"ts":7}`,
		`range t=2000 d=3000 track=host/7 "x"` + "\n" + `range t=3000 d=3000 track=host/7 "y"` + "\n", []found{{trace.UnbalancedRange, 1, ""}}},
	{"kernels as begin and end", `{"ph":"B","cat":"kernel","name":"x","pid":0,"tid":7,"ts":4,"args":{"device":0,"stream":7,"correlation":3}},{"ph":"E","pid":0,"tid":7,"ts":5}`,
		`kernel t=4000 d=1000 track=gpu0/7 pid=? corr=3 "x"` + "\n", nil},
}

// Each kind of damage between two rows costs no event that can be read, and is
// counted once for each time it occurs, with the place of the first.
func TestDamage(t *testing.T) {
	for _, c := range damages {
		t.Run(c.name, func(t *testing.T) {
			text := tracetest.Document([]string{rowA, c.between, rowB}, 0)
			want := tracetest.Must(t, c.events+eventA+eventB)
			tr := parse(t, chrome.Options{}, strings.NewReader(text))
			if got := tracetest.Format(tr); got != tracetest.Format(want) && got != processed(tracetest.Format(want)) {
				t.Errorf("events\n%s\nwant\n%s", got, tracetest.Format(want))
			}
			checkDefects(t, text, tr, c.defects)
			if tr.TraceName != "trace.json" {
				t.Error("the metadata behind the events was not read")
			}
			independent(t, text)
		})
	}
}

// processed says that the file's only launching process is that of its GPU rows.
func processed(events string) string {
	return strings.ReplaceAll(events, " pid="+tracetest.Unknown, "")
}

func checkDefects(t *testing.T, text string, tr *trace.Trace, want []found) {
	t.Helper()
	var defects []trace.Defect
	for _, f := range want {
		d := trace.Defect{Kind: f.kind, Count: f.count, FirstOffset: -1}
		if f.at != "" {
			d.FirstOffset = int64(strings.Index(text, f.at))
		}
		defects = append(defects, d)
	}
	slices.SortFunc(defects, func(a, b trace.Defect) int { return strings.Compare(string(a.Kind), string(b.Kind)) })
	if got := tr.Health.Defects(); !slices.Equal(got, defects) {
		t.Errorf("defects %v, want %v", got, defects)
	}
}
