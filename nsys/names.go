package nsys

import (
	"bytes"
	"fmt"
	"regexp"

	"zombiezen.com/go/sqlite"

	"omnitrace/trace"
)

// maxStringID bounds the tables by string ID. Exports number their strings
// from 0 without gaps; an ID beyond this one is damage.
const maxStringID = 1 << 24

// stringTable looks up texts in StringIds, each when it is first needed: the
// table also holds what the profiled processes printed, which may be large.
type stringTable struct {
	stmt    *sqlite.Stmt // nil where the export has no such table
	health  *trace.Health
	problem error // the first error but a missing row
}

func newStringTable(d *database, health *trace.Health) *stringTable {
	t := &stringTable{health: health}
	if d.columns["StringIds"] != nil {
		t.stmt, _, t.problem = d.conn.PrepareTransient("SELECT value FROM StringIds WHERE id = ?")
	}
	return t
}

// text returns the string with the given ID, valid UTF-8, or a stand-in:
// exports cut with `nsys export --times` refer to strings they don't hold.
func (t *stringTable) text(id int64) string {
	if text, ok := t.find(id); ok {
		return valid(text, t.health)
	}
	if id == null {
		return "(no name)"
	}
	return fmt.Sprintf("(unknown name %d)", id)
}

func (t *stringTable) find(id int64) (text []byte, ok bool) {
	if t.stmt == nil || id == null {
		return nil, false
	}
	t.stmt.BindInt64(1, id)
	ok, err := t.stmt.Step()
	if ok {
		text = make([]byte, t.stmt.ColumnLen(0))
		t.stmt.ColumnBytes(0, text)
	}
	if t.problem == nil {
		t.problem = err
	}
	t.stmt.Reset()
	return text, ok
}

func (t *stringTable) close() {
	if t.stmt != nil {
		t.stmt.Finalize()
	}
}

func valid(text []byte, health *trace.Health) string {
	clean := bytes.ToValidUTF8(text, []byte("\uFFFD"))
	if !bytes.Equal(clean, text) {
		health.Add(trace.InvalidUTF8, -1)
	}
	return string(clean)
}

// A namer turns what rows call their names by, string IDs or texts, into IDs
// of Header.Names. Each use of strings that spells them its own way has one.
type namer struct {
	header  *trace.Header
	strings *stringTable // nil where rows carry their texts
	spell   func(string) string
	byID    []trace.NameID          // by string ID; 0 where it was not yet asked for
	byText  map[string]trace.NameID // by text as it stands in the file
}

func newNamer(h *trace.Header, s *stringTable, spell func(string) string) *namer {
	return &namer{header: h, strings: s, spell: spell, byText: map[string]trace.NameID{}}
}

func plain(s string) string { return s }

// id returns the name that a string ID stands for.
func (n *namer) id(id int64) trace.NameID {
	if id < 0 || id >= maxStringID {
		return n.header.Names.Intern(n.spell(n.strings.text(id)))
	}
	if id >= int64(len(n.byID)) {
		n.byID = append(n.byID, make([]trace.NameID, id+1-int64(len(n.byID)))...)
	}
	if n.byID[id] == 0 {
		n.byID[id] = n.header.Names.Intern(n.spell(n.strings.text(id)))
	}
	return n.byID[id]
}

// text returns the name of a row that carries its text.
func (n *namer) text(text []byte) trace.NameID {
	if id, ok := n.byText[string(text)]; ok {
		return id
	}
	id := n.header.Names.Intern(n.spell(valid(text, &n.header.Health)))
	n.byText[string(text)] = id
	return id
}

// callVersion ends the names of runtime calls: the CUDA version that brought
// them, which neither torch nor older `nsys stats` show. A single digit
// (cuMemAlloc_v2) is part of the driver's name for another call.
var callVersion = regexp.MustCompile(`^(cu.*)_v\d{4,5}(_ptsz)?$`)

func callName(s string) string { return callVersion.ReplaceAllString(s, "$1$2") }
