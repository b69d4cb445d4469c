package cli

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"omnitrace/analyze"
	"omnitrace/trace/open"
)

// baselineSchema names the form of a baseline file: {"schema": …, "runs": […]},
// each run as [analyze.Samples] has it.
const baselineSchema = "omnitrace.baseline/v1"

// saveOptions say where a summary's samples are kept for later comparisons.
type saveOptions struct {
	save string
	runs []*analyze.Samples
}

func (o *saveOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.save, "save", "", "also write a baseline `file` that diff --baseline compares with (.gz to compress it)")
}

// keep notes the samples of a run, if they are to be saved.
func (o *saveOptions) keep(s *analyze.Session) {
	if o.save != "" {
		o.runs = append(o.runs, s.Samples())
	}
}

// writeSaved writes what was kept.
func (o *saveOptions) writeSaved() error {
	if o.save == "" {
		return nil
	}
	return writeFile(o.save, func(w io.Writer) error {
		if !strings.HasSuffix(o.save, ".gz") {
			return writeBaseline(w, o.runs)
		}
		z := gzip.NewWriter(w)
		if err := writeBaseline(z, o.runs); err != nil {
			return err
		}
		return z.Close()
	})
}

// writeBaseline writes one unit, pattern or kernel a line: the file is made to
// lie in a repository, where a change should be readable.
func writeBaseline(w io.Writer, runs []*analyze.Samples) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "{\"schema\": %q, \"runs\": [", baselineSchema)
	for i, run := range runs {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writeSamples(out, run); err != nil {
			return err
		}
	}
	out.WriteString("\n]}\n")
	return out.Flush()
}

func writeSamples(out *bufio.Writer, s *analyze.Samples) error {
	head := *s
	head.Kernels, head.Patterns, head.Units = nil, nil, nil
	text, err := json.Marshal(&head)
	if err != nil {
		return err
	}
	text, ok := bytes.CutSuffix(text, []byte(`"kernels":null,"patterns":null,"units":null}`))
	if !ok {
		return errors.New("the fields of a baseline are not in their order")
	}
	out.WriteByte('\n')
	out.Write(text)
	if err := writeLines(out, "kernels", s.Kernels); err != nil {
		return err
	}
	out.WriteString(",\n")
	if err := writeLines(out, "patterns", s.Patterns); err != nil {
		return err
	}
	out.WriteString(",\n")
	if err := writeLines(out, "units", s.Units); err != nil {
		return err
	}
	out.WriteByte('}')
	return nil
}

func writeLines[T any](out *bufio.Writer, name string, items []T) error {
	fmt.Fprintf(out, "%q: [", name)
	for i := range items {
		text, err := json.Marshal(&items[i])
		if err != nil {
			return err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		out.Write(text)
	}
	out.WriteString("]")
	return nil
}

// readBaseline reads and checks what writeBaseline wrote.
func readBaseline(path string) ([]*analyze.Samples, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plain, err := open.Reader(f)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	defer plain.Close()
	runs, err := decodeBaseline(plain)
	if err != nil {
		return nil, fmt.Errorf("reading baseline %s: %w", path, err)
	}
	return runs, nil
}

func decodeBaseline(r io.Reader) ([]*analyze.Samples, error) {
	var file struct {
		Schema string
		Runs   []*analyze.Samples
	}
	if err := json.NewDecoder(r).Decode(&file); err != nil {
		return nil, fmt.Errorf("%w; is it a file that summarize --save wrote?", err)
	}
	if file.Schema != baselineSchema {
		return nil, fmt.Errorf("schema is %q, want %q; make the file with summarize --save", file.Schema, baselineSchema)
	}
	if len(file.Runs) == 0 {
		return nil, errors.New("it has no run")
	}
	for i, run := range file.Runs {
		if run == nil {
			return nil, fmt.Errorf("run %d is null", i)
		}
		if err := run.Check(); err != nil {
			return nil, fmt.Errorf("run %d: %w", i, err)
		}
	}
	return file.Runs, nil
}
