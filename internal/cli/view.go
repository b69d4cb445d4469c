package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

type viewOptions struct {
	inputOptions
	selectOptions
	port   int
	chrome bool
	chosen bool // a flag says what to show of the traces
}

func newView(std streams) *cobra.Command {
	o := &viewOptions{}
	cmd := &cobra.Command{
		Use:   "view PATH…",
		Short: "Open a trace in Perfetto, without uploading it",
		Long: `view serves one file on this machine alone, under a name that nobody can guess,
for the page ui.perfetto.dev and no other, prints the link that opens it there,
and ends once the page has fetched it. The trace does not leave the machine: the
page reads it in your browser.

A file that Perfetto reads is served as it is. Of a folder, the traces of its run
are merged; with flags that choose a part (--stage 1 --iteration 3), that part is
trimmed first. Perfetto's page holds about 2 GB.`,
		Example: `  omnitrace view trace_rank0.json.gz --chrome`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.chosen = saidFlags(cmd) != ""
			if err := o.validate(args); err != nil {
				return err
			}
			return o.run(cmd.Context(), args, std)
		},
	}
	o.inputOptions.flags(cmd)
	o.selectOptions.flags(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.chrome, "chrome", false, "say how to open it in chrome://tracing instead")
	f.Lookup("quiet").Usage = "no progress bar, and open no browser"
	f.IntVar(&o.port, "port", 9001, "port; Perfetto's page may fetch from no other")
	_ = f.MarkHidden("port")
	f.Lookup("all").Hidden = true
	return cmd
}

func (o *viewOptions) validate(args []string) error {
	if err := o.inputOptions.validate(args); err != nil {
		return err
	}
	if _, err := o.selection(); err != nil {
		return err
	}
	if slices.Contains(args, stdin) {
		return usagef("standard input can't be served: save it to a file")
	}
	return nil
}

func (o *viewOptions) run(ctx context.Context, args []string, std streams) error {
	path, made, err := o.file(ctx, args, std)
	if made != "" && !o.chrome {
		defer os.RemoveAll(made)
	}
	if err != nil {
		return err
	}
	if o.chrome {
		full, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(std.out, "Open chrome://tracing in Chrome, press Load and choose\n  %s\n(.json and .json.gz only; it holds some hundred MB at most)\n", full)
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", o.port))
	if err != nil {
		return fmt.Errorf("%w; is another view (or trace_processor) running? Perfetto's page can fetch from port %d only", err, o.port)
	}
	return o.serve(ctx, listener, path, std)
}

// readable are the endings of what Perfetto reads; the other kinds of traces are
// merged into one that it does.
var readable = []string{".json", ".json.gz", ".pftrace"}

// file returns the file to serve, and the folder that it was made in, "" for an
// input that is served as it is.
func (o *viewOptions) file(ctx context.Context, args []string, std streams) (path, made string, err error) {
	info, err := os.Stat(o.paths[0])
	if err != nil {
		return "", "", err
	}
	plain := slices.ContainsFunc(readable, func(end string) bool { return strings.HasSuffix(o.paths[0], end) })
	if len(args) == 1 && info.Mode().IsRegular() && plain && !o.chosen {
		return o.paths[0], "", nil
	}
	if made, err = os.MkdirTemp("", "omnitrace-view-"); err != nil {
		return "", "", err
	}
	path, err = o.build(ctx, args, made, std)
	return path, made, err
}

// build trims what is chosen and merges what is several files.
func (o *viewOptions) build(ctx context.Context, args []string, dir string, std streams) (string, error) {
	if o.chosen {
		t := &trimOptions{inputOptions: o.inputOptions, selectOptions: o.selectOptions, output: filepath.Join(dir, "part") + "/"}
		t.paths, t.labels = nil, nil
		if err := cmp.Or(os.Mkdir(filepath.Join(dir, "part"), 0o777), t.validate(args)); err != nil {
			return "", err
		}
		if err := t.run(ctx, std); err != nil {
			return "", err
		}
		files, err := filesIn(filepath.Join(dir, "part"))
		if err != nil || len(files) == 1 {
			return strings.Join(files, ""), err
		}
		args = []string{filepath.Join(dir, "part")}
	}
	name := strings.TrimSuffix(filepath.Base(filepath.Clean(o.paths[0])), filepath.Ext(o.paths[0]))
	m := &mergeOptions{inputOptions: o.inputOptions, output: filepath.Join(dir, name+".json.gz")}
	m.paths, m.labels = nil, nil
	if err := m.validate(args); err != nil {
		return "", err
	}
	return m.output, m.run(ctx, std)
}

func filesIn(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = errors.New("nothing is left of the traces")
	}
	return files, err
}
