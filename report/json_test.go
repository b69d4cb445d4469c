package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"omnitrace/analyze"
)

func written(t interface{ Fatal(...any) }, f Format, s *analyze.Summary, o Options) string {
	var b strings.Builder
	if err := f.Write(&b, s, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// JSON is read by a decoder of its own and compared with the summary: every
// row of every table, in base units, null for what is not known.
func TestJSONHoldsEverything(t *testing.T) {
	s := run()
	text := written(t, JSON, s, Options{Top: 1, Width: 40}) // which are for text only
	var got struct {
		Schema string
		Run    struct {
			Label, Model string
			Gpus         []string
			Complete     bool
		}
		Sources []struct {
			ID, Path, Format, Role, Clock string
			Stage, Rank, Replica          *int
			Stage_name, Identified_by     *string
			Complete                      bool
			Events, Kernels, Span_ns      int64
			Health                        []struct {
				Kind, Severity string
				Count          int64
				First_offset   *int64
			}
		}
		Tables   map[string][]map[string]any
		Totals   map[string]*int64
		Warnings []struct {
			Code, Message string
			Source        *string
		}
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != "omnitrace.summary/v1" || got.Run.Label != s.Run.Label || got.Run.Complete || len(got.Run.Gpus) != 1 {
		t.Errorf("head: %+v", got.Run)
	}
	if len(got.Tables) != len(s.Tables) {
		t.Errorf("%d tables, want %d", len(got.Tables), len(s.Tables))
	}
	for _, table := range s.Tables {
		sameRows(t, table, got.Tables[table.Name])
	}
	s2, s3 := got.Sources[2], got.Sources[3]
	if s2.Complete || *s2.Stage != 2 || *s2.Stage_name != "token2wav" || s2.Replica != nil || len(s2.Health) != 2 ||
		s2.Health[0].Severity != "lost" || s2.Health[1].Severity != "info" || *s2.Health[1].First_offset != 881 {
		t.Errorf("source s2: %+v", s2)
	}
	if s3.Stage != nil || s3.Stage_name != nil || s3.Role != "frontend" || s3.Health == nil {
		t.Errorf("source s3: %+v", s3)
	}
	if *got.Totals["kernel_ns"] != 3_405_117_020 || got.Totals["span_ns"] != nil {
		t.Errorf("totals: %v", got.Totals)
	}
	if *got.Warnings[0].Source != "s2" || got.Warnings[1].Source != nil || !strings.HasSuffix(text, "]\n}\n") {
		t.Errorf("warnings: %+v", got.Warnings)
	}
}

func sameRows(t *testing.T, table analyze.Table, rows []map[string]any) {
	t.Helper()
	if rows == nil || len(rows) != len(table.Rows) {
		t.Errorf("%s: %d rows, want %d", table.Name, len(rows), len(table.Rows))
		return
	}
	for i, r := range table.Rows {
		if rows[i]["key"] != r.Key || len(rows[i]) != len(table.Columns)+1 {
			t.Errorf("%s[%d]: %v", table.Name, i, rows[i])
		}
		for j, c := range table.Columns {
			if want := decoded(r.Cells[j], c.Unit); rows[i][c.Name] != want {
				t.Errorf("%s[%d].%s = %#v, want %#v", table.Name, i, c.Name, rows[i][c.Name], want)
			}
		}
	}
}

// decoded is what encoding/json makes of a value.
func decoded(v analyze.Value, u analyze.Unit) any {
	if text, ok := v.Text(); ok {
		return text
	}
	n, ok := v.Int()
	if !ok {
		return nil
	}
	if u == analyze.Flag {
		return n != 0
	}
	return json.Number(fmt.Sprint(n))
}

// Keys come in the order of the columns, behind "key".
func TestJSONKeyOrder(t *testing.T) {
	text := written(t, JSON, run(), Options{Tables: []string{"memory"}})
	want := `{"key": "stage=0/memory=memcpy HtoD", "stage": 0, "name": "memcpy HtoD", "count": 1204, "gpu_ns": 1204120, "exclusive_ns": 1100004, "bytes": 50331648, "bytes_per_s": 41799528286}`
	if !strings.Contains(text, want) || strings.Contains(text, `"kernels": [`) {
		t.Errorf("got %s", text)
	}
}

// Any name gives valid JSON, and the same text that encoding/json gives.
func FuzzJSONString(f *testing.F) {
	for _, s := range []string{"", "a<b>&c", "\"\\\x00\x1f\x7f", "\u2028\u2029", "\xff\xc3(", "\xed\xa0\x80", "😀é", "\t\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got, want string
		if err := json.Unmarshal(appendString(nil, s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		text, _ := json.Marshal(s)
		if err := json.Unmarshal(text, &want); err != nil || got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	})
}

// anyTable draws a table with every unit and every kind of value.
func anyTable(t *rapid.T) analyze.Table {
	units := []analyze.Unit{analyze.Text, analyze.ID, analyze.Count, analyze.Nanoseconds, analyze.Bytes, analyze.BytesPerSecond, analyze.Flag}
	table := analyze.Table{Name: "kernels", Doc: "any", ShareOf: "of it all", Top: rapid.IntRange(0, 5).Draw(t, "top")}
	for i := range rapid.IntRange(1, 12).Draw(t, "columns") {
		c := column(fmt.Sprintf("c%d_ns", i), rapid.SampledFrom(units).Draw(t, "unit"), "")
		number := c.Unit != analyze.Text && c.Unit != analyze.ID && c.Unit != analyze.Flag
		c.Share = number && rapid.Bool().Draw(t, "share")
		c.Wide = rapid.IntRange(0, 4).Draw(t, "wide") == 0
		table.Columns = append(table.Columns, c)
	}
	names := rapid.OneOf(rapid.String(), rapid.SampledFrom(realNames), rapid.Just(unattributedName), rapid.StringN(30, 90, 200))
	for i := range rapid.IntRange(0, 12).Draw(t, "rows") {
		r := analyze.Row{Key: fmt.Sprint(i), Whole: rapid.Int64Range(0, 3).Draw(t, "whole") * 1_000_000}
		for _, c := range table.Columns {
			v := analyze.Null
			switch {
			case rapid.IntRange(0, 9).Draw(t, "null") == 0:
			case c.Unit == analyze.Text:
				v = analyze.Str(names.Draw(t, "name"))
			case c.Unit == analyze.Flag:
				v = analyze.Int(rapid.IntRange(0, 1).Draw(t, "flag"))
			default:
				v = analyze.Int(rapid.Int64Range(0, 1<<52).Draw(t, "n"))
			}
			r.Cells = append(r.Cells, v)
		}
		table.Rows = append(table.Rows, r)
	}
	return table
}

// Any value comes back from JSON and from CSV as it was.
func TestValuesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := anyTable(t)
		s := &analyze.Summary{Tables: []analyze.Table{table}}
		var got struct {
			Tables map[string][]map[string]any
		}
		d := json.NewDecoder(strings.NewReader(written(t, JSON, s, Options{})))
		d.UseNumber()
		if err := d.Decode(&got); err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(strings.NewReader(written(t, CSV, s, Options{}))).ReadAll()
		if err != nil || len(records) != len(table.Rows)+1 {
			t.Fatalf("%d records, %v", len(records), err)
		}
		for i, r := range table.Rows {
			for j, c := range table.Columns {
				want := decoded(r.Cells[j], c.Unit)
				if v := got.Tables["kernels"][i][c.Name]; v != want {
					t.Fatalf("json %s = %#v, want %#v", c.Name, v, want)
				}
				if want == nil {
					want = ""
				}
				// The reader of encoding/csv, not the file, drops \r before \n.
				text := strings.ReplaceAll(fmt.Sprint(want), "\r\n", "\n")
				if v := records[i+1][j+1]; v != text {
					t.Fatalf("csv %s = %q, want %q", c.Name, v, text)
				}
			}
		}
	})
}

// A writer that fails is an error of every format, never a silent half file.
func TestWriteErrors(t *testing.T) {
	for _, f := range Formats() {
		if err := f.Write(failing{}, run(), Options{}); err != io.ErrClosedPipe {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// Two runs give the same bytes: no map's order shows.
func TestSameBytes(t *testing.T) {
	for _, f := range Formats() {
		first := written(t, f, run(), Options{})
		for range 5 {
			if !bytes.Equal([]byte(first), []byte(written(t, f, run(), Options{}))) {
				t.Errorf("%s differs from run to run", f.Name)
			}
		}
	}
}
