package rules

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A traceEvent is what these tests need of a row; times in nanoseconds.
type traceEvent struct {
	cat, name, thread string
	start, dur        int64
}

var kinetoLayout = regexp.MustCompile(`\n    "ph": "X", "cat": "\w+", "name": "`)

// readTrace is slow, obvious and knows two layouts: Kineto's, with the
// category and name on one line and the times on the next, and any other by
// encoding/json.
func readTrace(t *testing.T, path string) (events []traceEvent, process string) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReaderSize(z, 1<<20)
	head, _ := lines.Peek(1 << 18)
	if kinetoLayout.Match(head) {
		return readKineto(t, lines)
	}
	return readJSON(t, lines)
}

func readKineto(t *testing.T, r *bufio.Reader) (events []traceEvent, process string) {
	const begin = `    "ph": "X", "cat": "`
	for {
		line, err := r.ReadString('\n')
		if err == io.EOF {
			return events, process
		}
		if err != nil {
			t.Fatal(err)
		}
		if process == "" && strings.Contains(line, `"process_name"`) {
			process = processIn(t, r)
			continue
		}
		rest, ok := strings.CutPrefix(line, begin)
		if !ok {
			continue
		}
		e := traceEvent{}
		e.cat, rest, _ = strings.Cut(rest, `", "name": "`)
		if !wanted(e.cat) {
			continue
		}
		i := strings.LastIndex(rest, `", "pid": `)
		if i < 0 {
			t.Fatalf("no pid in %q", line)
		}
		e.name, e.thread = unquote(t, rest[:i]), rest[i:]
		times, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		ts, dur, _ := strings.Cut(strings.Trim(times, " ,\r\n"), `, "dur": `)
		e.start, e.dur = nanoseconds(t, strings.TrimPrefix(ts, `"ts": `)), nanoseconds(t, dur)
		events = append(events, e)
	}
}

// processIn reads on to the name in the arguments of a process_name row.
func processIn(t *testing.T, r *bufio.Reader) string {
	for range 5 {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if _, rest, ok := strings.Cut(line, `"name": "`); ok {
			name, _, _ := strings.Cut(rest, `"`)
			return name
		}
	}
	return ""
}

func wanted(cat string) bool {
	switch cat {
	case "kernel", "mtia_ccp_events", "python_function", "user_annotation":
		return true
	}
	return false
}

func unquote(t *testing.T, s string) string {
	if !strings.Contains(s, `\`) {
		return strings.Clone(s)
	}
	name, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `\/`, "/") + `"`)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return name
}

// nanoseconds reads decimal microseconds.
func nanoseconds(t *testing.T, us string) int64 {
	whole, fraction, _ := strings.Cut(us, ".")
	n, err := strconv.ParseInt(whole+(fraction + "000")[:3], 10, 64)
	if err != nil {
		t.Fatalf("time %q: %v", us, err)
	}
	return n
}

func readJSON(t *testing.T, r io.Reader) (events []traceEvent, process string) {
	d := json.NewDecoder(r)
	if err := seekEvents(d); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		var row struct {
			Ph, Cat, Name string
			Pid, Tid      any
			Ts, Dur       json.Number
			Args          json.RawMessage
		}
		if err := d.Decode(&row); err != nil {
			t.Fatal(err)
		}
		cat := strings.ToLower(row.Cat)
		if cat == "" && strings.Contains(string(row.Args), `"Task Type"`) {
			cat = "ascend"
		}
		if row.Ph != "X" || cat != "ascend" && !wanted(cat) {
			continue
		}
		events = append(events, traceEvent{cat, row.Name, fmt.Sprint(row.Pid, row.Tid), nanoseconds(t, row.Ts.String()), nanoseconds(t, row.Dur.String())})
	}
	return events, process
}

// seekEvents stops d inside the list of events, which is the document itself
// or its key traceEvents.
func seekEvents(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil || token == json.Delim('[') {
		return err
	}
	for {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if key == "traceEvents" {
			_, err := d.Token()
			return err
		}
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return err
		}
	}
}
