package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"omnitrace/analyze"
)

// Markdown is text for a pull request or an issue: GitHub's tables, short.
var Markdown = Format{Name: "markdown", Doc: "short tables for GitHub comments", Write: writeMarkdown}

const (
	markdownTop  = 10 // rows of a table unless the user or the table wants fewer or other
	markdownName = 72 // columns of a name
)

func writeMarkdown(w io.Writer, s *analyze.Summary, o Options) error {
	tables, err := o.choose(withSources(s))
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	tables, more := brief(tables, o)
	what, state, _ := headline(s)
	fmt.Fprintf(out, "**%s**\n\n%s\n", escape(what), escape(state))
	for i := range tables {
		if len(tables[i].Rows) == 0 {
			continue
		}
		if err := markdownTable(out, &tables[i], o); err != nil {
			return err
		}
	}
	for i, warning := range s.Warnings {
		label, text := noteText(i, warning)
		fmt.Fprintf(out, "\n%s %s\n", escape(label), escape(text))
	}
	if len(more) > 0 {
		fmt.Fprintf(out, "\nMore with `--table %s`.\n", strings.Join(more, ","))
	}
	return out.Flush()
}

// brief returns the tables that are worth the room in a comment, and the names of
// those left out: none where the user chose tables, or none is brief.
func brief(tables []analyze.Table, o Options) (kept []analyze.Table, more []string) {
	if len(o.Tables) > 0 || o.Wide {
		return tables, nil
	}
	for _, t := range tables {
		switch {
		case t.Brief:
			kept = append(kept, t)
		case len(t.Rows) > 0:
			more = append(more, t.Name)
		}
	}
	if len(kept) == 0 {
		return tables, nil
	}
	return kept, more
}

func markdownTable(out io.Writer, t *analyze.Table, o Options) error {
	g := newGrid(t, o, markdownRows(t, o))
	fmt.Fprintf(out, "\n**%s** · %s\n\n", escape(t.Name), escape(join(t.Doc, join(g.said...))))
	config := alignment(g.fields)
	config.Header.Padding, config.Row.Padding = tw.CellPadding{}, tw.CellPadding{}
	table := tablewriter.NewTable(out,
		tablewriter.WithEastAsian(tw.Off), // see width
		tablewriter.WithRenderer(renderer.NewMarkdown()),
		tablewriter.WithConfig(config),
	)
	l := layout{fields: g.fields}
	var header []string
	columns := make([][]string, len(g.fields))
	for i := range g.fields {
		f := &g.fields[i]
		f.limit = markdownName
		header = append(header, escape(l.headings(*f)[0]))
		columns[i] = markdownCells(g, f)
	}
	table.Header(header)
	for i := range g.lines {
		var cells []string
		for _, column := range columns {
			cells = append(cells, column[i])
		}
		if err := table.Append(cells); err != nil {
			return fmt.Errorf("laying out table %s: %w", t.Name, err)
		}
	}
	if err := table.Render(); err != nil {
		return fmt.Errorf("laying out table %s: %w", t.Name, err)
	}
	return nil
}

// markdownRows returns the number of rows to show.
func markdownRows(t *analyze.Table, o Options) int {
	if o.Top != 0 || t.Top > 0 && t.Top < markdownTop {
		return o.Top
	}
	return markdownTop
}

// markdownCells returns a field's cells as Markdown. If one of its names needs
// to be code, all that are names are.
func markdownCells(g *grid, f *field) []string {
	texts := f.texts()
	if !f.name {
		return texts
	}
	asCode := false
	for i, text := range texts {
		asCode = asCode || isName(g.lines[i], text) && escape(text) != text
	}
	var cells []string
	for i, text := range texts {
		if asCode && isName(g.lines[i], text) {
			cells = append(cells, code(text))
		} else {
			cells = append(cells, escape(text))
		}
	}
	return cells
}

// isName reports whether a text is a name and not our own word.
func isName(l line, text string) bool {
	return !l.sum && text != unattributedName && text != unknown && text != ""
}

// code returns text as code that GitHub shows as it is. A pipe ends a cell even
// inside backticks, and a backtick ends the code: texts with either are written
// as HTML, in which both have another form.
func code(text string) string {
	if strings.ContainsAny(text, "|`\\") || strings.TrimSpace(text) != text {
		return "<code>" + entities(text) + "</code>"
	}
	return "`" + text + "`"
}

// escape returns text with a backslash before every character that means
// something in Markdown or HTML. An underscore inside a word does not.
func escape(text string) string {
	var b strings.Builder
	for i, r := range text {
		inside := i > 0 && i+1 < len(text) && alphanumeric(text[i-1]) && alphanumeric(text[i+1])
		if strings.ContainsRune("\\`*{}[]<>#|&~$", r) || r == '_' && !inside {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// entities returns text with all ASCII punctuation as character references.
func entities(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < 0x80 && (unicode.IsPunct(r) || unicode.IsSymbol(r)) {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
