package chrome_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"omnitrace/internal/tracetest"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
)

func everything(*chrome.Row) bool { return true }

// copyOf copies a text with options and returns the copy.
func copyOf(text string, o chrome.Options, c chrome.Copying) (string, chrome.Copied, error) {
	var out bytes.Buffer
	d := chrome.NewDocument(&out)
	done, err := o.Copy(d, strings.NewReader(text), c)
	if err == nil {
		err = d.Close()
	}
	return out.String(), done, err
}

// FuzzCopy copies any bytes. Whatever they are: the copy is JSON, it holds the
// same events, and a copy of it is the same bytes.
func FuzzCopy(f *testing.F) {
	for _, c := range damages {
		f.Add([]byte(tracetest.Document([]string{rowA, c.between, rowB}, 0)))
	}
	for _, c := range documents {
		f.Add([]byte(c.text))
	}
	f.Add([]byte(tracetest.JSON(tracetest.Must(f, example), 5)))
	all := chrome.Copying{Keep: everything, Whole: true, Unknown: true, Tops: true}
	f.Fuzz(func(t *testing.T, text []byte) {
		want, err := readAny(t, text, chrome.Options{})
		out, _, again := copyOf(string(text), chrome.Options{PieceSize: 61, Workers: 2}, all)
		if (err == nil) != (again == nil) {
			t.Fatalf("reading: %v, copying: %v", err, again)
		}
		if err != nil {
			return
		}
		if !json.Valid([]byte(out)) {
			t.Fatalf("the copy is no JSON:\n%s", out)
		}
		got, err := readAny(t, []byte(out), chrome.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if a, b := contents(want), contents(got); !slices.Equal(a, b) {
			t.Fatalf("the copy holds\n%s\nthe text\n%s", strings.Join(b, "\n"), strings.Join(a, "\n"))
		}
		if twice, _, _ := copyOf(out, chrome.Options{}, all); twice != out {
			t.Fatalf("a copy of the copy differs:\n%s\n%s", out, twice)
		}
	})
}

// contents lists the events of a trace by what they say. Lanes are left out:
// negative IDs are repaired.
func contents(t *trace.Trace) []string {
	var all []string
	for _, e := range t.Events {
		all = append(all, fmt.Sprint(e.Kind, e.Span, e.Correlation, t.Names.Text(e.Name), t.Details[e.Detail]))
	}
	slices.Sort(all)
	return all
}

// What no viewer takes is repaired, and nothing else is touched.
func TestRepairs(t *testing.T) {
	for _, c := range []struct{ name, row, want string }{
		{"sound", `{"ph":"X" , "ts":1.50,"dur":2,"pid":1,"tid":1,"name":"é \u00e9 \/","x":{"y":[1e3,null]}}`, ""},
		{"NaN", `{"ph":"X","ts":1,"dur":2,"pid":1,"tid":1,"name":"a","args":{"x":NaN,"y":[-Infinity, 1]}}`,
			`{"ph":"X","ts":1,"dur":2,"pid":1,"tid":1,"name":"a","args":{"x":null,"y":[null,1]}}`},
		{"control character", "{\"ph\":\"X\",\"ts\":1,\"dur\":2,\"pid\":1,\"tid\":1,\"name\":\"a\tb\"}",
			`{"ph":"X","ts":1,"dur":2,"pid":1,"tid":1,"name":"a\tb"}`},
		{"bytes that are not UTF-8", "{\"ph\":\"X\",\"ts\":1,\"dur\":2,\"pid\":1,\"tid\":1,\"name\":\"a\xffb\"}",
			`{"ph":"X","ts":1,"dur":2,"pid":1,"tid":1,"name":"a�b"}`},
		{"half a surrogate pair", `{"ph":"X","ts":1,"dur":2,"pid":1,"tid":1,"name":"a\ud800b"}`,
			`{"ph":"X","ts":1,"dur":2,"pid":1,"tid":1,"name":"a�b"}`},
		{"unknown escape", `{"ph":"X","ts":1,"dur":2,"pid":1,"tid":1,"name":"C:\w"}`,
			`{"ph":"X","ts":1,"dur":2,"pid":1,"tid":1,"name":"C:\\w"}`},
		{"negative process", `{"ph":"X","ts":1,"dur":2,"pid":-1,"tid":0,"name":"a"}`,
			`{"ph":"X","ts":1,"dur":2,"pid":2147483647,"tid":0,"name":"a"}`},
		{"negative duration", `{"ph":"X","ts":1,"dur":-2.5,"pid":1,"tid":0,"name":"a"}`,
			`{"ph":"X","ts":1,"dur":0,"pid":1,"tid":0,"name":"a"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, done, err := copyOf("["+c.row+"]", chrome.Options{}, chrome.Copying{Keep: everything})
			if err != nil {
				t.Fatal(err)
			}
			want, repaired := c.want, int64(1)
			if want == "" {
				want, repaired = c.row, 0
			}
			if out != "{\n\"traceEvents\": [\n"+want+"\n]\n}\n" || done.Repaired != repaired {
				t.Errorf("%d repaired:\n%s\nwant\n%s", done.Repaired, out, want)
			}
		})
	}
}

// Of rows that refer to others, those go whose others went.
func TestClosure(t *testing.T) {
	row := func(ph, more string) string { return `{"ph":"` + ph + `","pid":1,"tid":2,` + more + `}` }
	text := "[" + strings.Join([]string{
		row("M", `"name":"process_name","args":{"name":"p"}`),
		row("M", `"name":"thread_name","args":{"name":"t"}`),
		`{"ph":"M","pid":1,"tid":3,"name":"thread_name","args":{"name":"u"}}`,
		`{"ph":"M","pid":4,"tid":3,"name":"process_name","args":{"name":"q"}}`,
		row("B", `"name":"out","ts":1`),
		row("X", `"cat":"cpu_op","name":"keep","ts":10,"dur":5`),
		row("s", `"cat":"a","name":"a","id":1,"ts":12`),
		row("f", `"cat":"a","name":"a","id":1,"ts":14`),
		row("s", `"cat":"a","name":"a","id":2,"ts":12`),
		row("f", `"cat":"a","name":"a","id":2,"ts":40`),
		row("E", `"ts":3`),
		row("B", `"name":"keep","ts":20`),
		row("E", `"ts":30`),
		row("X", `"cat":"cpu_op","name":"out","ts":40,"dur":5`),
	}, ",") + "]"
	out, _, err := copyOf(text, chrome.Options{}, chrome.Copying{Keep: func(r *chrome.Row) bool { return r.Name() == "keep" }})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Events []struct {
			Ph, Name string
			ID, Tid  int
		} `json:"traceEvents"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range got.Events {
		all = append(all, fmt.Sprint(e.Ph, e.Name, e.ID, e.Tid))
	}
	want := []string{"Xkeep0 2", "Bkeep0 2", "E0 2", "sa1 2", "fa1 2", "Mprocess_name0 2", "Mthread_name0 2"}
	if !slices.Equal(all, want) {
		t.Errorf("kept %q, want %q", all, want)
	}
}

// Clipping changes two numbers and nothing else.
func TestClip(t *testing.T) {
	text := `{"baseTimeNanoseconds": 1000, "traceEvents": [{"ts": 1.000, "x": "y","ph":"X","dur":9,"pid":1,"tid":1,"name":"a"}]}`
	out, done, err := copyOf(text, chrome.Options{}, chrome.Copying{Origin: 1000, Tops: true, Keep: func(r *chrome.Row) bool {
		if r.Span() != (trace.Span{Start: 2000, End: 11000}) {
			t.Errorf("span %v", r.Span())
		}
		r.Clip(trace.Span{Start: 4000, End: 7000})
		return true
	}})
	if err != nil || done.Clipped != 1 {
		t.Fatal(done, err)
	}
	if !strings.Contains(out, `{"ts": 3.000, "x": "y","ph":"X","dur":3.000,"pid":1,"tid":1,"name":"a"}`) || !strings.Contains(out, `"baseTimeNanoseconds": 1000`) {
		t.Error(out)
	}
}

type fullDisk struct{ left int }

func (w *fullDisk) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

var errFull = errors.New("no space left on device")

// A writer that fails ends the copy with its error.
func TestCopyFullDisk(t *testing.T) {
	text := "[" + repeat(`{"ph":"X","ts":1,"dur":2,"pid":1,"tid":1,"name":"a"},`, 1<<20) + "{}]"
	d := chrome.NewDocument(&fullDisk{1 << 10})
	_, err := d.Copy(strings.NewReader(text), chrome.Copying{Keep: everything})
	if !errors.Is(err, errFull) || !errors.Is(d.Close(), errFull) {
		t.Error(err)
	}
}

// A source that fails ends the copy with its error; one that is damaged ends
// it at the damage.
func TestCopyBrokenSource(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct{ end, want error }{{broken, broken}, {&trace.DamageError{Kind: trace.GzipTruncated, Err: broken}, nil}} {
		var out bytes.Buffer
		d := chrome.NewDocument(&out)
		src := io.MultiReader(strings.NewReader(`[{"ph":"X","ts":1,"dur":2,"pid":1,"tid":1,"name":"a"},{"ph"`), &ended{c.end})
		done, err := d.Copy(src, chrome.Copying{Keep: everything})
		if !errors.Is(err, c.want) {
			t.Errorf("%v: %v", c.end, err)
		}
		if c.want == nil && (d.Close() != nil || !json.Valid(out.Bytes()) || len(done.Damage()) == 0) {
			t.Errorf("%v: %s", done.Damage(), out.String())
		}
	}
}

type ended struct{ error }

func (e *ended) Read([]byte) (int, error) { return 0, e.error }
