package report

import (
	"bufio"
	"fmt"
	"io"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"omnitrace/analyze/diff"
)

func writeDiffMarkdown(w io.Writer, r *diff.Result, o Options) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "**%s** · %s\n\n%s\n", escape(string(r.Verdict.Word)), escape(diffTitle(r)), escape(Reason(r)))
	for i := range r.Gates {
		g := &r.Gates[i]
		if i == 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "- gate %s **%s**: %s\n", code(visible(g.Expression)), g.Outcome, escape(GateReason(g)))
	}
	if len(r.Work.Differences())+len(r.Work.Savings) > 0 {
		fmt.Fprintln(out)
	}
	for _, d := range r.Work.Differences() {
		fmt.Fprintf(out, "- %s\n", escape(differenceWords(d)))
	}
	for i := range r.Work.Savings {
		fmt.Fprintf(out, "- %s\n", escape(savingWords(&r.Work.Savings[i])))
	}
	for _, g := range []*diffGrid{changesGrid(r, o), waterfallGrid(r)} {
		if err := diffMarkdownTable(out, g); err != nil {
			return err
		}
	}
	tables, err := shownTables(r, o)
	if err != nil {
		return err
	}
	for _, t := range tables {
		top := t.top
		if o.Top == 0 {
			top = min(top, markdownTop)
		}
		if err := diffMarkdownTable(out, newDiffGrid(t.Table, o, top)); err != nil {
			return err
		}
	}
	for i, warning := range r.Warnings {
		label, text := noteText(i, warning)
		fmt.Fprintf(out, "\n%s %s\n", escape(label), escape(text))
	}
	return out.Flush()
}

func diffMarkdownTable(out io.Writer, g *diffGrid) error {
	if len(g.fields) == 0 || len(g.fields[0].cells) == 0 {
		return nil
	}
	fmt.Fprintf(out, "\n**%s** · %s\n\n", escape(g.name), escape(g.doc))
	config := alignment(g.fields)
	config.Header.Padding, config.Row.Padding = tw.CellPadding{}, tw.CellPadding{}
	table := tablewriter.NewTable(out,
		tablewriter.WithEastAsian(tw.Off), // see width
		tablewriter.WithRenderer(renderer.NewMarkdown()),
		tablewriter.WithConfig(config),
	)
	l := layout{fields: g.fields}
	var header []string
	var columns [][]string
	for i := range g.fields {
		f := &g.fields[i]
		f.limit = markdownName
		header = append(header, escape(l.headings(*f)[0]))
		var cells []string
		for _, text := range f.texts() {
			cells = append(cells, escape(text))
		}
		columns = append(columns, cells)
	}
	table.Header(header)
	for row := range columns[0] {
		var cells []string
		for _, column := range columns {
			cells = append(cells, column[row])
		}
		if err := table.Append(cells); err != nil {
			return fmt.Errorf("laying out table %s: %w", g.name, err)
		}
	}
	if err := table.Render(); err != nil {
		return fmt.Errorf("laying out table %s: %w", g.name, err)
	}
	if g.rest != "" {
		fmt.Fprintf(out, "\n%s\n", escape(g.rest))
	}
	return nil
}
