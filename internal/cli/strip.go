package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"omnitrace/internal/unit"
	"omnitrace/nsys"
	"omnitrace/trace/session"
)

// sqliteSuffix is how stripped copies must be called, for session and nsys to
// find them.
const sqliteSuffix = ".sqlite"

// stays is what a stripped copy still says, for the user to look at.
const stays = "kernel names, NVTX range names and thread names of the program, its process IDs, the GPUs' names and UUIDs, and the time of the capture stay"

// strip makes a copy of each nsys export of the sessions that can be shown to
// others.
func (o *verifyOptions) stripped(cmd *cobra.Command, std streams) error {
	found, err := find(o.paths)
	if err != nil {
		return err
	}
	chosen, err := o.choose(found)
	if err != nil {
		return err
	}
	var files []session.File
	for _, s := range chosen {
		files = append(files, s.Traces()...)
	}
	outs, err := o.stripNames(files)
	if err != nil {
		return err
	}
	for i, file := range files {
		if err := o.stripFile(cmd.Context(), file, outs[i], std); err != nil {
			return err
		}
	}
	if !o.quiet {
		fmt.Fprintf(std.err, "omnitrace: %s; look at them before you share a copy\n", stays)
	}
	return nil
}

// stripNames gives each file a copy's name: that of --strip, or one in the
// folder that it names. Copies never replace their originals.
func (o *verifyOptions) stripNames(files []session.File) ([]string, error) {
	if len(files) == 0 {
		return nil, errors.New("--strip: there is no nsys report or export to strip")
	}
	info, err := os.Stat(o.strip)
	folder := strings.HasSuffix(o.strip, "/") || err == nil && info.IsDir()
	switch {
	case !folder && len(files) > 1:
		return nil, usagef("--strip: %d files were found: name a folder (--strip %s/)", len(files), strings.TrimSuffix(o.strip, sqliteSuffix))
	case !folder && !strings.HasSuffix(o.strip, sqliteSuffix):
		return nil, usagef("--strip %s: the copy is an SQLite export: want a name that ends in %s", o.strip, sqliteSuffix)
	}
	var outs []string
	taken := map[string]bool{}
	for _, file := range files {
		if file.Format != session.NsysSQLite && file.Format != session.NsysReport {
			return nil, fmt.Errorf("%s: of format %s: only nsys reports and exports can be stripped", file.Path, file.Format)
		}
		out := o.strip
		if folder {
			base := filepath.Base(file.Path)
			out = filepath.Join(o.strip, strings.TrimSuffix(base, filepath.Ext(base))+sqliteSuffix)
		}
		if taken[out] {
			return nil, fmt.Errorf("%s: another file's copy is %s too: strip them one by one", file.Path, out)
		}
		if sameFile(file.Path, out) {
			return nil, usagef("--strip %s: that is the input", out)
		}
		taken[out] = true
		outs = append(outs, out)
	}
	return outs, nil
}

func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

func (o *verifyOptions) stripFile(ctx context.Context, file session.File, out string, std streams) error {
	in := file.Path
	if file.Format == session.NsysReport {
		var err error
		l := &loader{std: std, nsys: o.nsys, quiet: o.quiet}
		if in, err = nsys.Export(ctx, file.Path, l.exportOptions(file.Path)); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o777); err != nil {
		return err
	}
	left, err := nsys.Strip(ctx, in, out)
	if err != nil {
		return err
	}
	if o.quiet {
		return nil
	}
	info, err := os.Stat(out)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.err, "omnitrace: %s: %s; left out of it:\n", out, unit.Size.Exact(info.Size()))
	for _, l := range left {
		fmt.Fprintf(std.err, "  %s (%s of %s)\n", l.What, rowsOf(l.Rows), strings.Join(l.Tables, ", "))
	}
	return nil
}

func rowsOf(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}
