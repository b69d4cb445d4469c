package cli

import (
	"errors"
	"slices"
	"strings"

	"omnitrace/analyze"
	"omnitrace/nsys"
	"omnitrace/trace"
)

// isSummaryReport reports whether a table's name is that of one of nsys's
// summaries.
func isSummaryReport(name string) bool { return strings.HasSuffix(name, "_sum") }

// reportedBy turns the summaries of nsys into tables.
func reportedBy(tables []*nsys.Table) *analyze.Reported {
	r := &analyze.Reported{Work: reportedWork(tables)}
	for _, t := range tables {
		r.Tables = append(r.Tables, reportedTable(t))
	}
	return r
}

func reportedTable(t *nsys.Table) analyze.Table {
	name := t.Report
	if name == "" {
		name = "nsys_sum"
	}
	out := analyze.Table{Name: name, Doc: "a summary by nsys stats, as it printed it; parts of nanoseconds and bytes are rounded", Top: 20}
	var names, figures []int
	columns := make([]analyze.Column, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = reportedColumn(t, i, c)
		if columns[i].Unit == analyze.Text && c.Unit == "" {
			names = append(names, i)
		} else {
			figures = append(figures, i)
		}
	}
	order := append(slices.Clone(names), figures...) // names first: figures may go for want of room
	for _, i := range order {
		out.Columns = append(out.Columns, columns[i])
	}
	for row := range t.Rows {
		var cells []analyze.Value
		var key []string
		for place, i := range order {
			cell := reportedCell(t, row, i, columns[i].Unit)
			if text, ok := cell.Text(); ok && place < len(names) {
				key = append(key, columns[i].Name+"="+text)
			}
			cells = append(cells, cell)
		}
		out.Rows = append(out.Rows, analyze.Row{Key: strings.Join(key, "/"), Cells: cells})
	}
	return out
}

// reportedIDs are titles of columns whose numbers are names.
var reportedIDs = map[string]bool{"PID": true, "TID": true, "DevId": true, "Device ID": true}

func reportedColumn(t *nsys.Table, i int, c nsys.TableColumn) analyze.Column {
	out := analyze.Column{Name: snake(c.Name), Doc: c.Name + " of nsys"}
	_, duration := anyCell(t, i, t.Duration)
	_, size := anyCell(t, i, t.Bytes)
	_, count := anyCell(t, i, t.Count)
	switch {
	case duration:
		out.Name, out.Unit = out.Name+"_ns", analyze.Nanoseconds
	case size:
		out.Name, out.Unit = out.Name+"_bytes", analyze.Bytes
	case c.Unit == "%":
		out.Name += "_percent"
	case reportedIDs[c.Name]:
		out.Unit = analyze.ID
	case count && c.Unit == "":
		out.Unit = analyze.Count
	}
	return out
}

// anyCell returns the first value of a column that get reads.
func anyCell[T any](t *nsys.Table, column int, get func(row, column int) (T, bool)) (value T, ok bool) {
	for row := range t.Rows {
		if value, ok = get(row, column); ok {
			return value, true
		}
	}
	return value, false
}

func reportedCell(t *nsys.Table, row, column int, u analyze.Unit) analyze.Value {
	var n int64
	ok := false
	switch u {
	case analyze.Nanoseconds:
		d, known := t.Duration(row, column)
		n, ok = int64(d), known
	case analyze.Bytes:
		n, ok = t.Bytes(row, column)
	case analyze.Count, analyze.ID:
		n, ok = t.Count(row, column)
	default:
		if column < len(t.Rows[row]) && t.Rows[row][column] != "" {
			return analyze.Str(t.Rows[row][column])
		}
	}
	if !ok {
		return analyze.Null
	}
	return analyze.Int(n)
}

// snake spells a title as the names of columns are: "Num Calls" is "num_calls".
func snake(title string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(title), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "_")
}

// workReports are the summaries that have sums of GPU work, the best first: of
// kernels and of memory operations the first one that is there is taken.
var workReports = []struct {
	report, name, category string // category: rows of this category only
	memory                 bool
}{
	{"cuda_gpu_kern_sum", "Name", "", false},
	{"cuda_gpu_kern_gb_sum", "Name", "", false},
	{"cuda_gpu_sum", "Operation", "CUDA_KERNEL", false},
	{"cuda_gpu_mem_time_sum", "Operation", "", true},
	{"cuda_gpu_sum", "Operation", "MEMORY_OPER", true},
}

func reportedWork(tables []*nsys.Table) []analyze.ReportedWork {
	var kernels, memory []analyze.ReportedWork
	for _, r := range workReports {
		work := &kernels
		if r.memory {
			work = &memory
		}
		if len(*work) > 0 {
			continue
		}
		for _, t := range tables {
			if t.Report == r.report {
				*work = append(*work, workSums(t, r.name, r.category, r.memory)...)
			}
		}
	}
	return append(kernels, memory...)
}

// workSums reads the rows of a summary of GPU work.
func workSums(t *nsys.Table, name, category string, memory bool) []analyze.ReportedWork {
	names, categories, total := t.Column(name), t.Column("Category"), t.Column("Total Time")
	count := max(t.Column("Instances"), t.Column("Count"))
	var work []analyze.ReportedWork
	for row, cells := range t.Rows {
		if category != "" && (categories < 0 || categories >= len(cells) || cells[categories] != category) || names < 0 || names >= len(cells) {
			continue
		}
		w := analyze.ReportedWork{Name: cells[names]}
		switch {
		case memory && strings.Contains(w.Name, "memset"):
			w.Kind = trace.Memset
		case memory:
			w.Kind = trace.Memcpy
		default:
			w.Kind = trace.Kernel
		}
		d, known := t.Duration(row, total)
		n, counted := t.Count(row, count)
		if known && counted {
			w.Count, w.GPUNS = n, int64(d)
			work = append(work, w)
		}
	}
	return work
}

// flatten makes runs comparable where some are known by summaries only: each is
// one unit of work, of the sorts that all of them have.
func (o *diffOptions) flatten(sides ...[]*analyze.Samples) error {
	kernels, memory := true, true
	for _, runs := range sides {
		for _, run := range runs {
			k, m := run.Has()
			if !k && !m {
				return errors.New("a side has no sums of GPU work: diff needs cuda_gpu_kern_sum (or cuda_gpu_sum) of nsys stats, or events")
			}
			kernels, memory = kernels && k, memory && m
		}
	}
	message := "a side has only summaries by nsys: whole runs are compared by kernel name; times are sums of durations, in which concurrent work counts twice; " +
		"stages, phases, steps, launch shapes, idle time, and what is more than noise, can't be compared"
	switch {
	case !kernels && !memory:
		return errors.New("one side has only kernels and one only memory operations: there is nothing to compare; give cuda_gpu_kern_sum and cuda_gpu_mem_time_sum of both")
	case !memory:
		message += "; one has no copies and fills (cuda_gpu_mem_time_sum): they are left out"
	case !kernels:
		message += "; one has no kernels (cuda_gpu_kern_sum): they are left out"
	}
	for _, runs := range sides {
		for i := range runs {
			runs[i] = runs[i].Flat(kernels, memory)
		}
	}
	o.warnings = append(o.warnings, analyze.Warning{Code: "summaries_only", Message: message})
	return nil
}
