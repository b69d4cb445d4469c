package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"omnitrace/analyze"
	"omnitrace/internal/unit"
	"omnitrace/merge"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/open"
	"omnitrace/trace/session"
)

type mergeOptions struct {
	inputOptions
	output  string
	offsets []string
	shifts  map[int]time.Duration // by stage
}

func newMerge(std streams) *cobra.Command {
	o := &mergeOptions{}
	cmd := &cobra.Command{
		Use:   "merge PATH… -o OUT",
		Short: "All stages and ranks of a run on one timeline, as one trace",
		Long: `merge puts all traces of a run into one that viewers open: processes are called
by stage and rank and stand in the order of the pipeline, IDs are made unique,
times are put on one clock. Each stage gets an overview of its phases, steps and
passes as the GPU saw them, and of how busy the GPU was.

A trace without a known clock begins where the run begins; --offset moves the
traces of a stage by hand. OUT ends in .json, .json.gz, .json.zst or .pftrace.`,
		Example: `  omnitrace merge profiles/ -o run.json.gz
  omnitrace merge profiles/ --offset 1=-2.5ms -o run.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(args); err != nil {
				return err
			}
			return o.run(cmd.Context(), std)
		},
	}
	o.inputOptions.flags(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "", "`file` to write")
	f.StringSliceVar(&o.offsets, "offset", nil, "move the traces of a stage: `1=2.5ms`, 1=-3us")
	f.Lookup("all").Hidden = true
	return cmd
}

func (o *mergeOptions) validate(args []string) error {
	if err := o.inputOptions.validate(args); err != nil {
		return err
	}
	if o.all {
		return usagef("--all: sessions follow each other and belong on no common timeline; choose one with --session")
	}
	if slices.Contains(args, stdin) {
		return usagef("standard input can't be read twice, which merging needs: save it to a file")
	}
	if _, ok := traceSuffix(o.output); !ok {
		return usagef("-o %s: name a file that ends in %s", o.output, strings.Join(traceSuffixes, ", "))
	}
	o.shifts = map[int]time.Duration{}
	for _, text := range o.offsets {
		stage, shift, ok := strings.Cut(text, "=")
		n, err1 := strconv.Atoi(stage)
		d, err2 := unit.ParseDuration(strings.TrimPrefix(shift, "-"))
		if !ok || err1 != nil || err2 != nil {
			return usagef("--offset: %q is not of the form 1=2.5ms", text)
		}
		if strings.HasPrefix(shift, "-") {
			d = -d
		}
		o.shifts[n] = d
	}
	return nil
}

func (o *mergeOptions) run(ctx context.Context, std streams) error {
	var sources []merge.Source
	var tracks []merge.Track
	var base trace.Time
	err := o.sessions(ctx, std, analyze.Needs, func(s *analyze.Session) error {
		warn(std, s.Warnings)
		m := &merging{mergeOptions: o, ctx: ctx, std: std, s: s}
		base = m.base()
		sources, tracks = m.sources(base), m.tracks()
		return nil
	})
	if err != nil {
		return err
	}
	var done merge.Result
	err = writeFile(o.output, func(w io.Writer) error {
		packed, err := packer(w, o.output)
		if err != nil {
			return err
		}
		if done, err = merge.Write(packed, base, sources, tracks); err != nil {
			return err
		}
		return packed.Close()
	})
	if err == nil && !o.quiet {
		fmt.Fprintf(std.err, "omnitrace: %s: %d rows of %d traces", o.output, done.Rows, len(sources))
		if done.Repaired+done.Unsound > 0 {
			fmt.Fprintf(std.err, "; %d repaired, %d beyond repair left out", done.Repaired, done.Unsound)
		}
		fmt.Fprintln(std.err)
	}
	return err
}

// merging turns an analysed session into what package merge takes.
type merging struct {
	*mergeOptions
	ctx   context.Context
	std   streams
	s     *analyze.Session
	order []int // indices of the session's sources, by place in the pipeline
}

// base orders the sources and returns where the result's times count from.
func (m *merging) base() trace.Time {
	base := trace.Time(0)
	for i, src := range m.s.Sources {
		if src.Trace == nil {
			continue
		}
		m.order = append(m.order, i)
		if o := m.origin(src); src.Clock == trace.ClockUnix && (base == 0 || o < base) {
			base = o
		}
	}
	slices.SortStableFunc(m.order, func(a, b int) int {
		x, y := m.s.Sources[a], m.s.Sources[b]
		return cmp.Or(cmp.Compare(x.Stage, y.Stage), cmp.Compare(x.Replica, y.Replica), cmp.Compare(x.Rank, y.Rank))
	})
	return base
}

// origin returns what is to be added to the times in a source's text.
func (m *merging) origin(src *analyze.Source) trace.Time {
	if src.Format == string(session.Chrome) {
		return chrome.Origin(src.Trace.Header)
	}
	return chrome.WriteOrigin(src.Trace)
}

func (m *merging) sources(base trace.Time) []merge.Source {
	var all []merge.Source
	for _, i := range m.order {
		src := m.s.Sources[i]
		all = append(all, merge.Source{
			Name: filepath.Base(src.Path), Label: sourceLabel(src),
			Shift: m.shift(i, base), Open: m.opener(src),
			Overlap: m.overlap(i), Origin: m.origin(src),
		})
	}
	return all
}

// overlap returns which lane overlaps put the rows of a source on; what the
// program writes of a source in another format has them apart already.
func (m *merging) overlap(i int) func(*chrome.Row) int {
	if m.s.Sources[i].Format != string(session.Chrome) {
		return nil
	}
	return lanesOf(m.s.Overlaps(i))
}

// shift returns what puts a source's text on the result's clock.
func (m *merging) shift(i int, base trace.Time) trace.Time {
	src := m.s.Sources[i]
	shift := m.origin(src) - base + trace.Time(m.shifts[src.Stage])
	if src.Clock == trace.ClockUnix || base == 0 && len(m.order) == 1 {
		return shift
	}
	// Nothing is known of its clock: its GPU work begins when the run's does.
	first := m.first()
	if len(m.order) > 1 {
		fmt.Fprintf(m.std.err, "omnitrace: %s: its clock is unknown; it is shown as if its first GPU work were the run's (move it with --offset %d=…)\n", src.Path, src.Stage)
	}
	return first - m.s.Origin(i) - base + trace.Time(m.shifts[src.Stage])
}

// first returns the run's first GPU start on a known clock, else that of its
// first source.
func (m *merging) first() trace.Time {
	for _, i := range m.order {
		if m.s.Sources[i].Clock == trace.ClockUnix {
			return m.s.Origin(i)
		}
	}
	return m.s.Origin(m.order[0])
}

func sourceLabel(src *analyze.Source) string {
	label := fmt.Sprintf("stage %d %s", src.Stage, src.StageName)
	if src.StageName == fmt.Sprintf("stage%d", src.Stage) {
		label = fmt.Sprintf("stage %d", src.Stage)
	}
	if src.Replica > 0 {
		label += fmt.Sprintf(" · replica %d", src.Replica)
	}
	return fmt.Sprintf("%s · rank %d", label, src.Rank)
}

// opener returns how to read a source's rows: its file, or, of a file in
// another format, its events as a Chrome trace.
func (m *merging) opener(src *analyze.Source) func() (io.ReadCloser, error) {
	if src.Format != string(session.Chrome) {
		t := src.Trace
		return func() (io.ReadCloser, error) {
			r, w := io.Pipe()
			go func() { w.CloseWithError(chrome.Write(w, t)) }()
			return r, nil
		}
	}
	ctx, path, quiet, std := m.ctx, src.Path, m.quiet, m.std
	return func() (io.ReadCloser, error) {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		bar := newProgress(std.err, sizeOf(file), !quiet)
		plain, err := open.Reader(bar.reading(ctx, file))
		if err != nil {
			file.Close()
			return nil, err
		}
		return &opened{plain, func() error {
			bar.done()
			return cmp.Or(plain.Close(), file.Close())
		}}, nil
	}
}

func sizeOf(f *os.File) int64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

type opened struct {
	io.Reader
	close func() error
}

func (o *opened) Close() error { return o.close() }

// tracks returns each source's phases, passes, steps and load.
func (m *merging) tracks() []merge.Track {
	var all []merge.Track
	for _, lane := range m.s.Timeline().Lanes {
		place := slices.IndexFunc(m.order, func(i int) bool {
			src := m.s.Sources[i]
			return src.Stage == lane.Stage && src.Replica == lane.Replica && src.Rank == lane.Rank
		})
		if place < 0 {
			continue
		}
		i := m.order[place]
		// Onto the result's clock: the lane's times count from the first GPU work.
		at := m.s.Origin(i) + trace.Time(m.shifts[m.s.Sources[i].Stage])
		if m.s.Sources[i].Clock != trace.ClockUnix {
			at = m.first() + trace.Time(m.shifts[m.s.Sources[i].Stage])
		}
		on := fmt.Sprintf(" on GPU %d", lane.Device)
		phases := merge.Track{Source: place, Name: "phases" + on}
		for _, p := range lane.Phases {
			phases.Slices = append(phases.Slices, merge.Slice{Span: moved(p.Span, at), Name: p.Phase})
		}
		passes, steps := merge.Track{Source: place, Name: "passes" + on}, merge.Track{Source: place, Name: "steps" + on}
		for _, u := range lane.Units {
			t := &passes
			if u.Kind == "step" {
				t = &steps
			}
			t.Slices = append(t.Slices, merge.Slice{Span: moved(u.GPU, at), Name: unitName(&u)})
		}
		load := merge.Track{Source: place, Name: "busy %" + on, Samples: busySamples(lane.Busy, lane.Extent, at)}
		for _, t := range []merge.Track{phases, passes, steps, load} {
			slices.SortStableFunc(t.Slices, func(a, b merge.Slice) int { return cmp.Compare(a.Start, b.Start) })
			all = append(all, t)
		}
	}
	return all
}

func moved(s trace.Span, by trace.Time) trace.Span {
	return trace.Span{Start: s.Start + by, End: s.End + by}
}

func unitName(u *analyze.UnitSpan) string {
	name := fmt.Sprintf("%s %d", u.Kind, u.First)
	if u.Last > u.First {
		name = fmt.Sprintf("%ss %d–%d", u.Kind, u.First, u.Last)
	}
	switch {
	case u.Kind == "step" && u.Request >= 0:
		name = fmt.Sprintf("request %d %s", u.Request, name)
	case u.Phase != "":
		name += " · " + u.Phase
	}
	if u.Cached {
		name += " (cached)"
	}
	return name
}

// busySamples returns how busy a device was, in hundredths, in each of some
// hundred parts of its time.
func busySamples(busy []analyze.Stretch, extent trace.Span, at trace.Time) []merge.Sample {
	const parts = 500
	width := max(extent.Len()/parts, time.Microsecond)
	n := int(extent.Len()/width) + 1
	spent := make([]time.Duration, n)
	for _, b := range busy {
		for i := int((b.Start - extent.Start) / trace.Time(width)); i < n; i++ {
			bin := trace.Span{Start: extent.Start + trace.Time(i)*trace.Time(width)}
			bin.End = bin.Start + trace.Time(width)
			if bin.Start >= b.End {
				break
			}
			// A stretch with short gaps is as busy in each part as in the whole.
			share := bin.Intersect(b.Span).Len()
			spent[i] += share * time.Duration(b.BusyNS/1000+1) / time.Duration(int64(b.Len())/1000+1)
		}
	}
	var samples []merge.Sample
	last := int64(-1)
	for i, d := range spent {
		value := min(100, int64(d*100/width))
		if value != last {
			samples = append(samples, merge.Sample{At: at + extent.Start + trace.Time(i)*trace.Time(width), Value: value})
		}
		last = value
	}
	if last != 0 {
		samples = append(samples, merge.Sample{At: at + extent.End, Value: 0})
	}
	return samples
}

// lanesOf returns which lane overlaps put a row on.
func lanesOf(o *analyze.Overlaps) func(*chrome.Row) int {
	return func(r *chrome.Row) int {
		switch k := r.Kind(); {
		case k.GPU():
			_, stream := r.Stream()
			return o.Work(stream, r.Span().Start)
		case k == trace.Flow:
			if tid, err := strconv.ParseInt(r.TID(), 10, 64); err == nil {
				return o.Work(tid, r.Span().Start)
			}
		case k == trace.Frame && o.Frame(r.PID(), r.TID(), r.Span(), r.Name):
			return 1
		}
		return 0
	}
}
