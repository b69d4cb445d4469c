package merge

import (
	"cmp"
	"fmt"
	"io"
	"strconv"

	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/perfetto"
)

// WriteNative writes the sources in Perfetto's own format. It holds the events
// of one source at a time, names and arrows of launches included; other
// arguments are left out.
func (p *Plan) WriteNative(w io.Writer) (Result, error) {
	var sum Result
	if len(p.Sources) > Sources {
		return sum, fmt.Errorf("%d traces are too many for one: at most %d", len(p.Sources), Sources)
	}
	clock := trace.ClockUnix
	if p.Base == 0 {
		clock = trace.ClockUnknown
	}
	out := perfetto.NewWriter(w, clock)
	for i := -1; i < len(p.Sources); i++ {
		p.nativeTracks(out, i)
		if i < 0 {
			continue
		}
		rows, err := p.nativeSource(out, i)
		if err != nil {
			return sum, fmt.Errorf("merging %s: %w", p.Sources[i].Name, err)
		}
		sum.Rows += rows
	}
	return sum, out.Close()
}

func (p *Plan) nativeSource(out *perfetto.Writer, i int) (rows int64, err error) {
	s := &p.Sources[i]
	src, err := s.Open()
	if err != nil {
		return 0, err
	}
	defer src.Close()
	t, err := trace.Read(chrome.NewReader(src, trace.Want{Kinds: trace.AllKinds &^ trace.KindsOf(trace.Flow)}))
	if err != nil {
		return 0, err
	}
	out.Trace(t, perfetto.Placing{
		Label: s.Label, Name: func(q *trace.Process) string { name, _ := processLabel(s, q.PID, false); return name },
		Shift: p.Base + s.Shift - s.Origin,
		PID:   func(pid string) uint64 { return uint64(pidOf(i, pid)) },
		Card: func(d *trace.Device) string {
			return cmp.Or(d.UUID, s.Card, s.Label+" "+strconv.FormatInt(d.Index, 10))
		},
	})
	return t.Rows, nil
}

// nativeTracks writes the tracks of a source into a group, above all processes.
func (p *Plan) nativeTracks(out *perfetto.Writer, i int) {
	tracks := p.tracksOf(i)
	if len(tracks) == 0 {
		return
	}
	group := out.Group(p.overviewName(i), i+1)
	for rank, t := range tracks {
		for _, lane := range lanes(t.Slices) {
			track := out.Track(group, t.Name, rank)
			for _, s := range lane {
				out.Slice(track, s.Span, s.Name, category)
			}
		}
		if len(t.Samples) == 0 {
			continue
		}
		counter := out.Counter(group, t.Name, rank)
		for _, s := range t.Samples {
			out.Sample(counter, s.At, float64(s.Value))
		}
	}
}
