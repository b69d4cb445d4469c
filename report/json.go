package report

import (
	"bufio"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"omnitrace/analyze"
	"omnitrace/trace"
)

// JSON is the contract for programs: every row, in base units. Its fields are
// those of schema omnitrace.summary/v1: they are added to, never renamed. The
// order of keys is that of the columns and the same on every run; each row
// stands on a line of its own.
var JSON = Format{Name: "json", Doc: "all rows in base units, for programs (schema " + schema + ")", Write: writeJSON}

const schema = "omnitrace.summary/v1"

// writeJSON builds the text row by row instead of through encoding/json, which
// keeps no order of keys in maps and would hold all rows twice.
func writeJSON(w io.Writer, s *analyze.Summary, o Options) error {
	tables, err := o.choose(withSources(s))
	if err != nil {
		return err
	}
	tables = slices.DeleteFunc(tables, func(t analyze.Table) bool { return t.Name == sources.Name })
	out := bufio.NewWriter(w) // keeps the first error until Flush
	out.WriteString("{\n  \"schema\": \"" + schema + "\",\n  \"run\": ")
	out.Write(runObject(s.Run).end())
	out.WriteString(",\n  \"sources\": ")
	writeArray(out, "  ", s.Sources, sourceObject)
	out.WriteString(",\n  \"tables\": {")
	for i, t := range tables {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n    ")
		out.Write(appendString(nil, t.Name))
		out.WriteString(": ")
		writeArray(out, "    ", t.Rows, func(r analyze.Row) object { return rowObject(t.Columns, r) })
	}
	out.WriteString("\n  },\n  \"totals\": ")
	out.Write(totalsObject(s).end())
	out.WriteString(",\n  \"warnings\": ")
	writeArray(out, "  ", s.Warnings, warningObject)
	out.WriteString("\n}\n")
	return out.Flush()
}

// writeArray writes one object a line.
func writeArray[T any](out *bufio.Writer, indent string, items []T, describe func(T) object) {
	out.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n" + indent + "  ")
		out.Write(describe(item).end())
	}
	if len(items) > 0 {
		out.WriteString("\n" + indent)
	}
	out.WriteByte(']')
}

func runObject(r analyze.Run) object {
	var o object
	o = o.field("label").text(r.Label).field("model").value(known(r.Model), analyze.Text).field("gpus")
	o = append(o, '[')
	for i, name := range r.GPUs {
		if i > 0 {
			o = append(o, ", "...)
		}
		o = o.text(name)
	}
	o = append(o, ']')
	return o.field("complete").value(boolValue(r.Complete), analyze.Flag)
}

func sourceObject(s analyze.SourceInfo) object {
	var o object
	o = o.field("id").text(s.ID).field("path").text(s.Path).
		field("format").value(known(s.Format), analyze.Text).
		field("role").value(known(s.Role), analyze.Text).
		field("stage").value(analyze.Known(s.Stage), analyze.ID).
		field("stage_name").value(known(s.StageName), analyze.Text).
		field("replica").value(analyze.Known(s.Replica), analyze.ID).
		field("rank").value(analyze.Known(s.Rank), analyze.ID).
		field("pid").value(known(s.PID), analyze.Text).
		field("process").value(known(s.Process), analyze.Text).
		field("identified_by").value(known(s.IdentifiedBy), analyze.Text).
		field("named_by").value(known(s.NamedBy), analyze.Text).
		field("complete").value(boolValue(s.Complete), analyze.Flag).
		field("events").integer(s.Events).field("kernels").integer(s.Kernels).
		field("clock").value(known(string(s.Clock)), analyze.Text).
		field("span_ns").integer(s.SpanNS).field("health")
	o = append(o, '[')
	for i, d := range s.Health {
		if i > 0 {
			o = append(o, ", "...)
		}
		o = append(o, defectObject(d).end()...)
	}
	return append(o, ']')
}

func defectObject(d trace.Defect) object {
	offset := analyze.Int(d.FirstOffset)
	if d.FirstOffset < 0 {
		offset = analyze.Null
	}
	return object{}.field("kind").text(string(d.Kind)).field("severity").text(string(d.Kind.Severity())).
		field("count").integer(d.Count).field("first_offset").value(offset, analyze.Count)
}

func rowObject(columns []analyze.Column, r analyze.Row) object {
	o := object{}.field("key").text(r.Key)
	for i, c := range columns {
		o = o.field(c.Name).value(cell(r, i), c.Unit)
	}
	return o
}

func totalsObject(s *analyze.Summary) object {
	var o object
	for i, c := range analyze.TotalColumns() {
		o = o.field(c.Name).value(cell(s.Totals, i), c.Unit)
	}
	return o
}

func warningObject(w analyze.Warning) object {
	return object{}.field("code").text(w.Code).
		field("source").value(known(w.Source), analyze.Text).field("message").text(w.Message)
}

// An object is the text of a JSON object without its closing brace.
type object []byte

// field begins a field; its value must follow.
func (o object) field(name string) object {
	if len(o) == 0 {
		o = append(o, '{')
	} else {
		o = append(o, ", "...)
	}
	return append(appendString(o, name), ": "...)
}

func (o object) text(s string) object    { return appendString(o, s) }
func (o object) integer(n int64) object  { return strconv.AppendInt(o, n, 10) }
func (o object) literal(s string) object { return append(o, s...) }
func (o object) boolean(n int64) object  { return strconv.AppendBool(o, n != 0) }
func (o object) value(v analyze.Value, u analyze.Unit) object {
	if text, ok := v.Text(); ok {
		return o.text(text)
	}
	n, ok := v.Int()
	switch {
	case !ok:
		return o.literal("null")
	case u == analyze.Flag:
		return o.boolean(n)
	}
	return o.integer(n)
}

func (o object) end() []byte {
	if len(o) == 0 {
		return []byte("{}")
	}
	return append(o, '}')
}

// appendString appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD, for JSON has no other way; U+2028 and U+2029 are escaped, for they
// end a line in JavaScript; < and > stay as they are, unlike in encoding/json,
// because kernel names are full of them.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case r == utf8.RuneError && size == 1:
			b = append(b, `\ufffd`...)
		case r == '\u2028' || r == '\u2029':
			b = append(b, '\\', 'u', '2', '0', '2', hex[r&15])
		default:
			b = append(b, s[i:i+size]...)
		}
		i += size
	}
	return append(b, '"')
}
