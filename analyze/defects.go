package analyze

import "omnitrace/trace"

// Defects lists what is wrong or odd in each file. It is not part of a
// summary, which only says what matters to its numbers.
var Defects = Analysis{Name: "defects", Doc: "what is wrong or odd in each file", Run: defects}

func defects(s *Session) Table {
	t := Table{
		Name: "defects", Doc: "what is wrong or odd in each file",
		Columns: []Column{
			text("source", "the file, as in the table of sources"),
			text("kind", "what sort of defect"),
			text("severity", `"info" (numbers exact), "repaired" or "lost" (numbers may be low)`),
			{Name: "count", Unit: Count, Doc: "how often it was seen"},
			{Name: "first_offset", Unit: ID, Doc: "byte offset of the first in the uncompressed file"},
			text("meaning", "what it means for the numbers"),
		},
	}
	for _, src := range s.Sources {
		for _, d := range src.Health {
			offset := Null
			if d.FirstOffset >= 0 {
				offset = Int(d.FirstOffset)
			}
			t.Rows = append(t.Rows, Row{Key: "source=" + src.ID + "/kind=" + string(d.Kind), Cells: []Value{
				Str(src.ID), Str(string(d.Kind)), Str(string(d.Kind.Severity())), Int(d.Count), offset, Str(d.Kind.Meaning()),
			}})
		}
	}
	return t
}

// Healthy reports whether all files were read whole and nothing in them had to
// be repaired.
func (s *Session) Healthy() bool {
	for _, src := range s.Sources {
		h := healthOf(src.Health)
		if w := h.Worst(); w == trace.Lost || w == trace.Repaired || src.Err != nil {
			return false
		}
	}
	return s.Options.Complete
}
