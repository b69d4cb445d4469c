package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/session"
)

// validateEvents checks the flags of an export of events.
func (o *exportOptions) validateEvents() error {
	switch {
	case len(o.tables) > 0:
		return usagef("--table: a trace has no tables")
	case o.selectOptions.any():
		return usagef("--format chrome writes whole captures; trim takes a part of what it wrote")
	case o.output == "" || o.output == stdin:
		return usagef("name a file or folder with -o")
	}
	return nil
}

// exportEvents writes each capture of the chosen sessions as a Chrome trace.
func (o *exportOptions) exportEvents(ctx context.Context, std streams) error {
	found, err := find(o.paths)
	if err != nil {
		return err
	}
	chosen, err := o.choose(found)
	if err != nil {
		return err
	}
	warn(std, findWarnings(found, chosen))
	for _, s := range chosen {
		if err := o.exportSession(ctx, s, std); err != nil {
			return err
		}
	}
	return nil
}

// exportSession writes the captures of a session. The outputs of `nsys stats`
// describe one capture together.
func (o *exportOptions) exportSession(ctx context.Context, s session.Session, std streams) error {
	files := s.Traces()
	if len(files) == 0 {
		return errors.New("there is no capture of nsys to export")
	}
	for _, file := range files {
		if file.Format == session.Chrome {
			return fmt.Errorf("%s is a Chrome trace already: viewers open it as it is; trim copies a part of it, merge puts several on one timeline", file.Path)
		}
	}
	outs, err := o.traceNames(files)
	if err != nil {
		return err
	}
	for i, file := range files {
		if err := o.exportFile(ctx, file, outs[i], std); err != nil {
			return err
		}
	}
	return nil
}

// nsysTraceSuffix ends the names of traces in a folder: package session knows
// the captures and their ranges by it.
const nsysTraceSuffix = ".nsys.json.gz"

// traceNames gives each file the name of its trace: that of -o, or one in the
// folder that it names, with the file's own name.
func (o *exportOptions) traceNames(files []session.File) ([]string, error) {
	info, err := os.Stat(o.output)
	folder := strings.HasSuffix(o.output, "/") || err == nil && info.IsDir()
	_, known := traceSuffix(o.output)
	switch {
	case !folder && (len(files) > 1 || o.all):
		return nil, usagef("-o %s: %d captures need a folder (-o %s/); merge puts them on one timeline", o.output, len(files), trimSuffixes(o.output))
	case !folder && !known:
		return nil, usagef("-o %s: want a name that ends in %s", o.output, strings.Join(traceSuffixes, ", "))
	}
	var outs []string
	for _, file := range files {
		out := o.output
		if folder {
			base := filepath.Base(file.Path)
			out = filepath.Join(o.output, strings.TrimSuffix(base, filepath.Ext(base))+nsysTraceSuffix)
		}
		outs = append(outs, out)
	}
	return outs, nil
}

func (o *exportOptions) exportFile(ctx context.Context, file session.File, out string, std streams) error {
	bar := newProgress(std.err, file.Size, !o.quiet)
	defer bar.done()
	l := &loader{std: std, bar: bar, nsys: o.nsys, quiet: o.quiet}
	t, err := l.load(ctx, file)
	if err != nil {
		return err
	}
	for _, d := range t.Health.Defects() {
		if d.Kind.Severity() != trace.Info { // a Chrome trace has no place for it
			fmt.Fprintf(std.err, "omnitrace: %s: %s (%d): %s\n", file.Path, d.Kind, d.Count, d.Kind.Meaning())
		}
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o777); err != nil {
		return err
	}
	err = writeFile(out, func(w io.Writer) error {
		packed, err := packer(w, out)
		if err != nil {
			return err
		}
		if err := chrome.Write(packed, t); err != nil {
			return err
		}
		return packed.Close()
	})
	if err == nil && !o.quiet {
		fmt.Fprintf(std.err, "omnitrace: %s: %d events of %s\n", out, len(t.Events), file.Path)
	}
	return err
}
