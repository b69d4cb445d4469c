package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"omnitrace/analyze"
	"omnitrace/internal/unit"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/open"
	"omnitrace/trace/perfetto"
	"omnitrace/trace/session"
	"omnitrace/trim"
)

type trimOptions struct {
	inputOptions
	selectOptions
	output      string
	kernel      string
	context     string
	clip        bool
	drop        []string
	minDuration string
	maxSize     string

	kernels *regexp.Regexp
	around  time.Duration
	limit   int64 // bytes, 0 for none
	trim.Options
	said string // the flags that choose, for the note
}

func newTrim(std streams) *cobra.Command {
	o := &trimOptions{}
	cmd := &cobra.Command{
		Use:   "trim PATH… -o OUT",
		Short: "A smaller trace that viewers open: by step, stage, range, time, size",
		Long: `trim copies a part of a run: the GPU work that the flags choose, the calls that
launched it, what the host did meanwhile, whatever encloses it, and the names of
the processes and threads. Rows are copied byte for byte; only what no viewer
takes is repaired.

Rows that mark requests, steps and passes are kept from the whole trace, so that
step 3 of the copy is still step 3; --clip leaves them out and cuts what
encloses the part. Steps that were found from kernels alone can't be found again
in a copy of one of them.

OUT ends in .json, .json.gz, .json.zst or .pftrace, Perfetto's own format, which
fills its tables about GPUs but has no arrows and no counters. Work in several files needs a folder
(an existing one, or a name that ends in /): each file keeps the name of its
folder and its own.

--max-size drops detail until the copy fits, in this order:
` + shedHelp(),
		Example: `  omnitrace trim profiles/ --stage 1 --iteration 3 -o step.json.gz
  omnitrace trim profiles/ --time 10ms..20ms -o part/
  omnitrace trim trace_rank0.json.gz --kernel nvjet --context 1ms --drop python -o gemm.json
  omnitrace trim trace_rank0.json.gz --max-size 1MB -o small.json.gz`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(args); err != nil {
				return err
			}
			o.said = saidFlags(cmd)
			return o.run(cmd.Context(), std)
		},
	}
	o.inputOptions.flags(cmd)
	o.selectOptions.flags(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "", "`file` or folder to write")
	f.StringVar(&o.kernel, "kernel", "", "only kernels whose name matches this regular `expression`")
	f.StringVar(&o.context, "context", "", "also what ran within this `time` of the chosen work: 5ms")
	f.BoolVar(&o.clip, "clip", false, "cut what encloses the part instead of keeping it whole")
	f.StringSliceVar(&o.drop, "drop", nil, "leave out: "+strings.Join(trim.ContentNames(), ", "))
	f.StringVar(&o.minDuration, "min-dur", "", "leave out host rows shorter than this `time`: 5us")
	f.StringVar(&o.maxSize, "max-size", "", "drop detail until each file is at most this `size`: 50MB")
	return cmd
}

func shedHelp() string {
	var b strings.Builder
	for i, what := range trim.Shed(trim.Levels()) {
		fmt.Fprintf(&b, "  %2d. %s\n", i+1, what)
	}
	b.WriteString("Kernels of the part, their launches, and marks are never dropped.")
	return b.String()
}

// choosing are the flags that say what is kept; the others are about where it
// comes from and goes, of which a note must not depend.
var choosing = []string{
	"stage", "replica", "rank", "device", "request", "step", "iteration", "phase", "range", "time",
	"kernel", "context", "clip", "drop", "min-dur", "max-size",
}

// saidFlags returns the flags that were given and choose.
func saidFlags(cmd *cobra.Command) string {
	var said []string
	for _, name := range choosing {
		if f := cmd.Flags().Lookup(name); f.Changed {
			value := strings.TrimSuffix(strings.TrimPrefix(f.Value.String(), "["), "]")
			said = append(said, "--"+name+"="+value)
		}
	}
	return strings.Join(said, " ")
}

func (o *trimOptions) validate(args []string) error {
	if err := o.inputOptions.validate(args); err != nil {
		return err
	}
	if _, err := o.selection(); err != nil {
		return err
	}
	if o.output == "" {
		return usagef("no output: name a file or folder with -o")
	}
	if err := o.parse(); err != nil {
		return err
	}
	if slices.Contains(args, stdin) {
		return usagef("standard input can't be read twice, which trimming needs: save it to a file")
	}
	return nil
}

func (o *trimOptions) parse() (err error) {
	if o.kernels, err = regexp.Compile(o.kernel); err != nil {
		return usagef("--kernel: %w", err)
	}
	if o.Drop, err = trim.ParseContent(o.drop); err != nil {
		return usagef("--drop: %w", err)
	}
	if o.context != "" {
		if o.around, err = unit.ParseDuration(o.context); err != nil || o.around < 0 {
			return usagef("--context: %q is no time like 5ms", o.context)
		}
	}
	if o.minDuration != "" {
		if o.MinDuration, err = unit.ParseDuration(o.minDuration); err != nil {
			return usagef("--min-dur: %w", err)
		}
	}
	if o.maxSize != "" {
		if o.limit, err = unit.ParseSize(o.maxSize); err != nil || o.limit <= 0 {
			return usagef("--max-size: %q is no size like 50MB", o.maxSize)
		}
	}
	o.Clip = o.clip
	return nil
}

// wholeFiles reports whether the flags choose files and no parts of them.
func (o *trimOptions) wholeFiles() bool {
	s := &o.selectOptions
	return len(s.devices)+len(s.requests)+len(s.steps)+len(s.iterations)+len(s.phases)+len(s.ranges) == 0 &&
		s.time == "" && o.kernel == "" && o.context == ""
}

// A trimJob is one file to copy a part of.
type trimJob struct {
	path    string
	origin  trace.Time
	overlap func(*chrome.Row) int
	parts   []analyze.Excerpt
	out     string
}

func (o *trimOptions) run(ctx context.Context, std streams) error {
	sel, err := o.selection()
	if err != nil {
		return err
	}
	var jobs []trimJob
	var dirs []string
	err = o.sessions(ctx, std, analyze.Needs, func(s *analyze.Session) error {
		all := len(s.Sources)
		if err := s.Select(sel); err != nil {
			return usageError{err}
		}
		if o.kernel != "" {
			s.SelectKernels(o.kernels)
		}
		warn(std, s.Warnings)
		for _, src := range s.Sources[:all] {
			dirs = append(dirs, filepath.Dir(src.Path))
		}
		found, err := o.plan(s)
		jobs = append(jobs, found...)
		return err
	})
	if err != nil {
		return err
	}
	if len(jobs) == 0 {
		return errors.New("nothing is left: no GPU work matches the flags (summarize with the same flags shows what there is)")
	}
	if err := o.name(jobs, dirs); err != nil {
		return err
	}
	for _, job := range jobs {
		if err := o.copy(ctx, job, std); err != nil {
			return err
		}
	}
	return nil
}

// plan returns a job for each file of the session that has any of the work.
func (o *trimOptions) plan(s *analyze.Session) ([]trimJob, error) {
	var parts []analyze.Excerpt
	if o.wholeFiles() {
		parts = s.WholeExcerpts(len(o.stages)+len(o.replicas)+len(o.ranks) == 0)
	} else {
		parts = s.Excerpts(o.around)
	}
	var jobs []trimJob
	for _, p := range parts {
		src := s.Sources[p.Source]
		if src.Format != string(session.Chrome) {
			return nil, fmt.Errorf("%s: a part of a file of format %s can't be copied yet; export it to a Chrome trace first", src.Path, src.Format)
		}
		i := slices.IndexFunc(jobs, func(j trimJob) bool { return j.path == src.Path })
		if i < 0 {
			i = len(jobs)
			jobs = append(jobs, trimJob{path: src.Path, origin: chrome.Origin(src.Trace.Header), overlap: lanesOf(s.Overlaps(p.Source))})
		}
		jobs[i].parts = append(jobs[i].parts, p)
	}
	return jobs, nil
}

// name gives each job its output file: OUT, or a file below it that keeps the
// name of its folder, which says what stage it is of.
func (o *trimOptions) name(jobs []trimJob, dirs []string) error {
	info, err := os.Stat(o.output)
	folder := strings.HasSuffix(o.output, "/") || err == nil && info.IsDir()
	if !folder && len(jobs) > 1 {
		return usagef("the flags choose work in %d files: name a folder (-o %s/), or choose with --stage or --rank", len(jobs), trimSuffixes(o.output))
	}
	if !folder {
		jobs[0].out = o.output
	} else {
		root := commonDir(dirs)
		for i := range jobs {
			rel, err := filepath.Rel(root, jobs[i].path)
			if err != nil {
				return err
			}
			jobs[i].out = filepath.Join(o.output, rel)
		}
	}
	for _, job := range jobs {
		if _, ok := traceSuffix(job.out); !ok {
			return usagef("-o %s: want a name that ends in %s", job.out, strings.Join(traceSuffixes, ", "))
		}
		if in, err := os.Stat(job.path); err == nil {
			if out, err := os.Stat(job.out); err == nil && os.SameFile(in, out) {
				return usagef("-o %s: that is the input", job.out)
			}
		}
	}
	return nil
}

var traceSuffixes = []string{".json", ".json.gz", ".json.zst", perfetto.Suffix}

func traceSuffix(path string) (string, bool) {
	for _, s := range traceSuffixes {
		if strings.HasSuffix(path, s) {
			return s, true
		}
	}
	return "", false
}

func trimSuffixes(path string) string {
	s, _ := traceSuffix(path)
	return strings.TrimSuffix(path, s)
}

// commonDir returns the folder above all of dirs, and above the only one.
func commonDir(dirs []string) string {
	common := filepath.Dir(dirs[0])
	for _, d := range dirs {
		for common != "." && common != string(filepath.Separator) && !strings.HasPrefix(d, common+string(filepath.Separator)) {
			common = filepath.Dir(common)
		}
	}
	return common
}

// copy writes a job's file. Without a limit that is one pass over the input,
// with one as many as it takes to find the level of detail that fits.
func (o *trimOptions) copy(ctx context.Context, job trimJob, std streams) error {
	if err := os.MkdirAll(filepath.Dir(job.out), 0o777); err != nil {
		return err
	}
	filter, measure := trim.NewFilter(job.parts, o.Options), (*trim.Measure)(nil)
	filter.Overlap = job.overlap
	if o.limit > 0 {
		filter, measure = filter.Measured()
	}
	for level := 0; ; {
		c := trimCopy{trimOptions: o, job: job, filter: filter.At(level), level: level}
		err := writeFile(job.out, func(w io.Writer) error {
			err := c.write(ctx, w, std)
			if err == nil && o.limit > 0 && c.size > o.limit {
				return errTooLarge
			}
			return err
		})
		switch {
		case err == nil:
			c.say(std)
			return nil
		case !errors.Is(err, errTooLarge):
			return fmt.Errorf("trimming %s: %w", job.path, err)
		case level == trim.Levels():
			return fmt.Errorf("trimming %s: --max-size %s is too small: without any detail the part still takes %d bytes; choose less of the run, or a compressed output", job.path, o.maxSize, c.size)
		}
		level = measure.Next(level, c.size, o.limit)
	}
}

var errTooLarge = errors.New("too large")

// A trimCopy is one attempt at a job.
type trimCopy struct {
	*trimOptions
	job    trimJob
	filter *trim.Filter
	level  int
	size   int64
	result chrome.Copied
}

func (c *trimCopy) write(ctx context.Context, w io.Writer, std streams) error {
	src, err := os.Open(c.job.path)
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	bar := newProgress(std.err, info.Size(), !c.quiet)
	defer bar.done()
	plain, err := open.Reader(bar.reading(ctx, src))
	if err != nil {
		return err
	}
	defer plain.Close()
	count := &counted{Writer: w}
	packed, err := packer(count, c.job.out)
	if err != nil {
		return err
	}
	d := chrome.NewDocument(packed)
	if c.result, err = d.Copy(plain, c.filter.Copying(c.job.origin)); err != nil {
		return err
	}
	for _, m := range c.result.Moved {
		if pid, err := strconv.ParseInt(m.PID, 10, 64); err == nil {
			d.NameLane(pid, m)
		}
	}
	c.note(d)
	if err := d.Close(); err != nil {
		return err
	}
	err = packed.Close()
	c.size = count.n
	return err
}

// A trimNote says what was left out of a trace. A copy of a copy has one for
// each time that something was.
type trimNote struct {
	Source  string   `json:"source"`
	Flags   string   `json:"flags,omitempty"`
	GPU     int      `json:"gpu_events_kept,omitempty"`
	Of      int      `json:"gpu_events,omitempty"`
	Shed    []string `json:"shed,omitempty"`
	Fixed   int64    `json:"rows_repaired,omitempty"`
	Clipped int64    `json:"rows_clipped,omitempty"`
	Damage  []string `json:"source_damage,omitempty"`
}

type documentNote struct {
	Trims []trimNote `json:"trims"`
}

func (c *trimCopy) note(d *chrome.Document) {
	r := &c.result
	if r.Kept == r.Rows && r.Clipped+r.Repaired+r.Unsound == 0 && len(r.Damage()) == 0 {
		if r.Note != nil {
			d.Top(chrome.NoteKey, r.Note)
		}
		return
	}
	var note documentNote
	_ = json.Unmarshal(r.Note, &note) // no note, or none of ours
	n := trimNote{
		Source: filepath.Base(c.job.path), Flags: c.said, Shed: trim.Shed(c.level),
		Fixed: r.Repaired, Clipped: r.Clipped, Damage: r.Damage(),
	}
	for _, p := range c.job.parts {
		n.GPU, n.Of = n.GPU+p.Events, n.Of+p.Of
	}
	note.Trims = append(note.Trims, n)
	text, err := json.Marshal(note)
	if err == nil {
		d.Top(chrome.NoteKey, text)
	}
}

// say tells on stderr what the user should know of a copy.
func (c *trimCopy) say(std streams) {
	if c.quiet {
		return
	}
	fmt.Fprintf(std.err, "omnitrace: %s: %d of %d rows, %s", c.job.out, c.result.Kept, c.result.Rows, unit.Size.Exact(c.size))
	if n := c.result.Repaired; n > 0 {
		fmt.Fprintf(std.err, "; %d repaired", n)
	}
	if n := c.result.Unsound; n > 0 {
		fmt.Fprintf(std.err, "; %d beyond repair left out", n)
	}
	if c.level > 0 {
		fmt.Fprintf(std.err, "; dropped to fit: %s", strings.Join(trim.Shed(c.level), ", "))
	}
	fmt.Fprintln(std.err)
}

// counted counts the bytes written to it.
type counted struct {
	io.Writer
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n += int64(n)
	return n, err
}
