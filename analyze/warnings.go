package analyze

import (
	"fmt"

	"omnitrace/trace"
)

// warn adds what the sources' health means for the numbers.
func (s *Session) warn() {
	for _, src := range s.Sources {
		src.check(s.Depth)
		if src.Err != nil {
			s.Warnings = append(s.Warnings, Warning{"unreadable", src.ID, src.Err.Error() + "; it is not counted"})
		}
		for _, d := range src.Health {
			if worthSaying(s, d) {
				s.Warnings = append(s.Warnings, Warning{string(d.Kind), src.ID, sentence(src.Path, d)})
			}
		}
	}
}

// worthSaying leaves out what has no bearing on the numbers; verify shows it.
func worthSaying(s *Session, d trace.Defect) bool {
	switch d.Kind {
	case trace.NoGPUEvents, trace.DuplicateFile:
		return true
	case trace.ClockMissing:
		return len(s.Sources) > 1
	}
	return d.Kind.Severity() != trace.Info
}

func sentence(path string, d trace.Defect) string {
	where := ""
	if d.FirstOffset >= 0 {
		where = fmt.Sprintf(", first at byte %d", d.FirstOffset)
	}
	return fmt.Sprintf("%s: %s (%d%s): %s", path, d.Kind, d.Count, where, d.Kind.Meaning())
}

// check counts the source's kernels and adds the defects that show only once
// launches and GPU work are put together, where launches are known.
func (src *Source) check(depth Depth) {
	if !src.counted() {
		return
	}
	t := src.Trace
	health := healthOf(src.Health)
	var extent trace.Span
	gpu := 0
	for i, l := range src.Links.Launch {
		e := &t.Events[i]
		if !e.Kind.GPU() {
			continue
		}
		if gpu++; gpu == 1 {
			extent = e.Span
		}
		extent = extent.Union(e.Span)
		if e.Kind == trace.Kernel {
			src.Kernels++
		}
		switch {
		case depth == WorkAlone:
		case l >= 0 && e.Start < t.Events[l].Start:
			health.Add(trace.KernelBeforeLaunch, -1)
		case l < 0 && e.Kind == trace.Kernel:
			health.Add(trace.UnlaunchedKernel, -1)
		}
	}
	src.SpanNS = int64(extent.Len())
	if gpu == 0 && !src.reportsOnly() {
		health.Add(trace.NoGPUEvents, -1)
	}
	if t.Clock == trace.ClockUnknown {
		health.Add(trace.ClockMissing, -1)
	}
	src.Health = health.Defects()
}

func healthOf(defects []trace.Defect) trace.Health {
	h := trace.Health{}
	for _, d := range defects {
		h.AddN(d.Kind, d.Count, d.FirstOffset)
	}
	return h
}
