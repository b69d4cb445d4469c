package analyze

import "slices"

// A figure is a column whose value is added up over the work of a row.
type figure struct {
	Column
	of       func(*tally) Value
	launched bool // it is about the calls that launched the work
}

func count(name, doc string, of func(*tally) int64) figure {
	return figure{Column: Column{Name: name, Unit: Count, Doc: doc}, of: func(t *tally) Value { return Int(of(t)) }}
}

func duration(name, doc string, of func(*tally) int64) figure {
	return figure{Column: Column{Name: name, Unit: Nanoseconds, Doc: doc}, of: func(t *tally) Value { return Int(of(t)) }}
}

// wide marks figures that text shows only on request; share marks those that
// are followed by their part of the row's whole.
func wide(f figure) figure  { f.Wide = true; return f }
func share(f figure) figure { f.Share = true; return f }

// ofLaunches marks figures that need the calls that launched the work.
func ofLaunches(f figure) figure { f.launched = true; return f }

// The figures, as the architecture defines them.
var (
	kernels    = count("kernels", "kernels", func(t *tally) int64 { return t.kernels })
	launches   = ofLaunches(count("launches", "distinct launch calls that own them; a graph replay is one", (*tally).launchCount))
	unlaunched = ofLaunches(wide(count("unlaunched", "kernels whose launch call is not in the file", func(t *tally) int64 { return t.unlaunched })))
	events     = count("count", "how many", func(t *tally) int64 { return t.count })

	kernelNS    = duration("kernel_ns", "sum of kernel durations; concurrent streams count twice", func(t *tally) int64 { return t.kernelNS })
	memcpyNS    = wide(duration("memcpy_ns", "sum of copy durations; concurrent streams count twice", func(t *tally) int64 { return t.memcpyNS }))
	memsetNS    = wide(duration("memset_ns", "sum of fill durations; concurrent streams count twice", func(t *tally) int64 { return t.memsetNS }))
	gpuNS       = wide(duration("gpu_ns", "sum of all GPU durations; concurrent streams count twice", func(t *tally) int64 { return t.kernelNS + t.memcpyNS + t.memsetNS }))
	busyNS      = duration("busy_ns", "time with at least one of them running; nothing counts twice", func(t *tally) int64 { return t.busyNS })
	exclusiveNS = share(duration("exclusive_ns", "the device's busy time dealt out so that each nanosecond belongs to one event; adds up to busy_ns", func(t *tally) int64 { return t.exclusiveNS }))
	idleNS      = duration("idle_ns", "time without any of them between the first and the last", (*tally).idleNS)
	spanNS      = figure{Column: Column{Name: "span_ns", Unit: Nanoseconds, Doc: "from the first start to the last end; null where clocks can't be compared"}, of: func(t *tally) Value {
		if t.mixed {
			return Null
		}
		return Int(int64(t.span.Len()))
	}}

	minNS    = wide(quantileFigure("min_ns", "shortest", 0))
	medianNS = quantileFigure("median_ns", "median duration (nearest rank)", 50)
	p95NS    = wide(quantileFigure("p95_ns", "95th percentile of the durations (nearest rank)", 95))
	maxNS    = wide(quantileFigure("max_ns", "longest", 100))

	bytesMoved = figure{Column: Column{Name: "bytes", Unit: Bytes, Doc: "bytes moved or set"}, of: func(t *tally) Value { return Int(t.bytes) }}
	throughput = figure{Column: Column{Name: "bytes_per_s", Unit: BytesPerSecond, Doc: "bytes over the sum of durations, rounded down"}, of: func(t *tally) Value {
		ns := t.kernelNS + t.memcpyNS + t.memsetNS
		if ns == 0 || t.bytes == 0 {
			return Null
		}
		return Int(mulDiv(t.bytes, 1e9, ns))
	}}
)

// standard are the figures that every table of work has.
var standard = []figure{
	kernels, launches, unlaunched, kernelNS, memcpyNS, memsetNS, gpuNS, busyNS, exclusiveNS, spanNS, idleNS,
}

// quantileFigure sorts the durations, which may be done again and again.
func quantileFigure(name, doc string, percent int) figure {
	return duration(name, doc, func(t *tally) int64 {
		slices.Sort(t.durations)
		return quantile(t.durations, percent)
	})
}
