package report

import (
	"io"
	"slices"

	"omnitrace/analyze/diff"
)

// A DiffFormat is one kind of output of a comparison.
type DiffFormat struct {
	Name string // as in --format: "json"
	Doc  string // one line for the help
	// Write writes all of r to w. It returns w's error, or an [*OptionError].
	Write func(w io.Writer, r *diff.Result, o Options) error
}

// DiffFormats lists the formats, sorted by name.
func DiffFormats() []DiffFormat {
	return []DiffFormat{
		{"csv", "one table in base units, for spreadsheets (default: kernels)", writeDiffCSV},
		{"html", "a page with charts and tables, in one file that needs no network", writeDiffHTML},
		{"json", "all rows in base units, for programs (schema " + diffSchema + ")", writeDiffJSON},
		{"markdown", "a comment for a pull request", writeDiffMarkdown},
		{"text", "for a terminal: verdict, what changed, why", writeDiffText},
	}
}

// DiffNamed returns the format of that name, or an [*OptionError].
func DiffNamed(name string) (DiffFormat, error) {
	known := []string{}
	for _, f := range DiffFormats() {
		if f.Name == name {
			return f, nil
		}
		known = append(known, f.Name)
	}
	return DiffFormat{}, &OptionError{Option: "format", Value: name, Known: known}
}

// CheckDiff reports whether the options name tables that a comparison has, as
// an [*OptionError].
func CheckDiff(o Options) error {
	_, err := chooseDiff(diff.Compare(nil, nil, diff.Options{}), o)
	return err
}

// chooseDiff returns the tables that the options name, all if they name none.
func chooseDiff(r *diff.Result, o Options) ([]diff.Table, error) {
	for _, name := range o.Tables {
		if !slices.Contains(diffNames(r), name) {
			return nil, &OptionError{Option: "table", Value: name, Known: diffNames(r)}
		}
	}
	var chosen []diff.Table
	for _, t := range r.Tables {
		if len(o.Tables) == 0 || slices.Contains(o.Tables, t.Name) {
			chosen = append(chosen, t)
		}
	}
	return chosen, nil
}

func diffNames(r *diff.Result) []string {
	var names []string
	for _, t := range r.Tables {
		names = append(names, t.Name)
	}
	return names
}
