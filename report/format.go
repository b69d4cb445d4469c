package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"omnitrace/analyze"
)

// A Format is one kind of output.
type Format struct {
	Name string // as in --format: "json"
	Doc  string // one line for the help
	// Write writes all of s to w. It returns w's error, or an [*OptionError].
	Write func(w io.Writer, s *analyze.Summary, o Options) error
	Draws bool // Write wants Summary.Timeline too
	// Single says that an output holds one run: several written one after the
	// other are no page and no table.
	Single bool
}

// Formats lists the formats, sorted by name.
func Formats() []Format {
	formats := []Format{CSV, HTML, JSON, Markdown, Text}
	slices.SortFunc(formats, func(a, b Format) int { return cmp.Compare(a.Name, b.Name) })
	return formats
}

// Named returns the format of that name, or an [*OptionError].
func Named(name string) (Format, error) {
	known := []string{}
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
		known = append(known, f.Name)
	}
	return Format{}, &OptionError{Option: "format", Value: name, Known: known}
}

// Options say what is shown. The zero value shows every table as it comes, in
// 120 columns, without colour.
type Options struct {
	// Width is the number of columns that text may use; 0 means 120, and less
	// than 40 means 40.
	Width int
	// Color allows text to use bold and dim.
	Color bool
	// Wide shows all columns in text and Markdown, also those that do not fit
	// Width; names are still shortened.
	Wide bool
	// Top is the number of rows of a table that text and Markdown show: 0
	// leaves it to the table, a negative number shows all.
	Top int
	// Sort names a column, with or without its unit suffix ("kernel_ns" or
	// "kernel"), by which every table that has it is sorted: counts, times,
	// sizes and rates with the largest first, all else ascending, and the other
	// way round with a leading "-". What is not known comes last. "" leaves the order.
	Sort string
	// Tables names the tables to write, in the summary's order; empty means all
	// (for CSV: kernels).
	Tables []string
}

// Check reports whether the options name things that exist, as an
// [*OptionError]. The summary may be one of nothing, so that options can be
// checked before anything is read.
func (o Options) Check(s *analyze.Summary) error {
	_, err := o.choose(withSources(s))
	return err
}

// An OptionError is a choice that the user made and that can't be followed.
type OptionError struct {
	Option  string   // "table", "sort" or "format"
	Value   string   // what was given
	Problem string   // "" where Value is just not known
	Known   []string // what could have been given
}

func (e *OptionError) Error() string {
	problem := cmp.Or(e.Problem, fmt.Sprintf("unknown %s %q", e.Option, e.Value))
	return problem + ": want one of " + strings.Join(e.Known, ", ")
}
