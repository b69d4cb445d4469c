package trace

import (
	"cmp"
	"slices"
)

// A DefectKind names one way in which a file can be damaged or odd. Readers
// count defects and go on.
type DefectKind string

// Severity says what a defect does to the numbers.
type Severity string

// The severities.
const (
	Info     Severity = "info"     // harmless: the numbers are exact
	Repaired Severity = "repaired" // read by a rule that could be wrong
	Lost     Severity = "lost"     // something was not read: numbers may be low
)

// The defects that readers know. What each means is in [DefectKind.Meaning].
const (
	Truncated          DefectKind = "truncated"
	TruncatedMetadata  DefectKind = "truncated_metadata"
	GzipTruncated      DefectKind = "gzip_truncated"
	GzipChecksum       DefectKind = "gzip_checksum"
	GzipCorrupt        DefectKind = "gzip_corrupt"
	TrailingData       DefectKind = "trailing_data"
	NaNLiteral         DefectKind = "nan_literal"
	ControlCharacter   DefectKind = "control_character"
	InvalidUTF8        DefectKind = "invalid_utf8"
	UnescapedQuote     DefectKind = "unescaped_quote"
	BadEscape          DefectKind = "bad_escape"
	BadNumber          DefectKind = "bad_number"
	BadEvent           DefectKind = "bad_event"
	BadMetadata        DefectKind = "bad_metadata"
	NumberAsString     DefectKind = "number_as_string"
	TimeOutOfRange     DefectKind = "time_out_of_range"
	NegativeDuration   DefectKind = "negative_duration"
	MissingDuration    DefectKind = "missing_duration"
	MissingTime        DefectKind = "missing_time"
	UnknownPhase       DefectKind = "unknown_phase"
	UnbalancedRange    DefectKind = "unbalanced_range"
	DuplicateKey       DefectKind = "duplicate_key"
	DroppedByProfiler  DefectKind = "dropped_by_profiler"
	NoGPUEvents        DefectKind = "no_gpu_events"
	KernelBeforeLaunch DefectKind = "kernel_before_launch"
	UnlaunchedKernel   DefectKind = "unlaunched_kernel"
	HalfWritten        DefectKind = "half_written"
	DuplicateFile      DefectKind = "duplicate_file"
	ClockMissing       DefectKind = "clock_unknown"
	OpaqueGraph        DefectKind = "opaque_graph"
	RoundedTime        DefectKind = "rounded_time"
	UnknownReport      DefectKind = "unknown_report"
	UnknownSchema      DefectKind = "unknown_schema"
)

var defects = map[DefectKind]struct {
	severity Severity
	meaning  string
}{
	Truncated:          {Lost, "the file ends in the middle: what follows was never written or was cut off, so sums are low"},
	TruncatedMetadata:  {Repaired, "the file ends behind its last event; no event is missing, but metadata may be"},
	GzipTruncated:      {Lost, "the compressed stream ends early: the profiler was stopped, or is still writing, so sums are low"},
	GzipChecksum:       {Lost, "the gzip checksum does not match: some bytes differ from what was written, and any number may be wrong"},
	GzipCorrupt:        {Lost, "the compressed stream is damaged: everything behind this place is missing"},
	TrailingData:       {Lost, "bytes behind the end of the trace were not read"},
	NaNLiteral:         {Info, "NaN or Infinity where JSON allows none; no time is affected"},
	ControlCharacter:   {Repaired, "raw control characters inside names; kept as they are"},
	InvalidUTF8:        {Repaired, "bytes that are not UTF-8 inside names; replaced by U+FFFD"},
	UnescapedQuote:     {Repaired, "a quote inside a name was not escaped; the name was read up to the quote that ends its field"},
	BadEscape:          {Repaired, "a backslash sequence that JSON does not know; kept as it is"},
	BadNumber:          {Lost, "a number could not be read; the row's field was ignored"},
	BadEvent:           {Lost, "a row could not be read at all, so sums may be low"},
	BadMetadata:        {Repaired, "a value beside the events could not be read; no event is missing, but metadata may be"},
	NumberAsString:     {Info, "numbers written as strings; read exactly"},
	TimeOutOfRange:     {Lost, "a time beyond 64-bit nanoseconds; the row was dropped"},
	NegativeDuration:   {Repaired, "a negative duration (a bug of old Kineto); counted as 0"},
	MissingDuration:    {Repaired, "a row without a duration; counted as 0"},
	MissingTime:        {Lost, "a row without a time; it was dropped"},
	UnknownPhase:       {Info, "rows of an event type that is not known here; they hold no GPU time"},
	UnbalancedRange:    {Repaired, "a begin without an end or an end without a begin; begins last until the end of the trace"},
	DuplicateKey:       {Repaired, "a key that stands twice in a row; the last one counts"},
	DroppedByProfiler:  {Lost, "the profiler says that it dropped records, so sums are low"},
	NoGPUEvents:        {Info, "no GPU work in this file"},
	KernelBeforeLaunch: {Repaired, "GPU work that starts before its launch call: the clocks of host and device disagree; such a delay counts as 0"},
	UnlaunchedKernel:   {Info, "kernels whose launch call is not in the file (usually cut off at the window's edge)"},
	HalfWritten:        {Lost, "a file that is still being written; wait, or read the complete one beside it"},
	DuplicateFile:      {Info, "the same content twice; counted once"},
	ClockMissing:       {Info, "no common clock: this file can't be placed beside others in time"},
	OpaqueGraph:        {Repaired, "replays of CUDA graphs whose kernels were not recorded: each is one row, so kernels are counted low and gaps inside a replay count as busy; record with --cuda-graph-trace=node"},
	RoundedTime:        {Repaired, "times printed with fewer digits than nanoseconds; sums are off by as much for each row"},
	UnknownReport:      {Lost, "a table of a report that is not known here was not read"},
	UnknownSchema:      {Info, "written by a newer version than this reader knows; what is known of it was read"},
}

// Severity returns what k does to the numbers; unknown kinds are [Lost].
func (k DefectKind) Severity() Severity {
	if d, ok := defects[k]; ok {
		return d.severity
	}
	return Lost
}

// Meaning says in one phrase what k is and what it does to the numbers.
func (k DefectKind) Meaning() string { return defects[k].meaning }

// DefectKinds lists all kinds, sorted.
func DefectKinds() []DefectKind {
	kinds := make([]DefectKind, 0, len(defects))
	for k := range defects {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return kinds
}

// A Defect is a kind with the number of times it was seen and the place of
// the first: a byte offset in the uncompressed file, or -1 where there is none.
type Defect struct {
	Kind        DefectKind
	Count       int64
	FirstOffset int64
}

// A DamageError is the error with which an input stream ends when the data is
// damaged but everything before the damage was delivered. Readers of events
// count it in Health and go on to io.EOF.
type DamageError struct {
	Kind DefectKind
	Err  error
}

func (e *DamageError) Error() string { return e.Kind.Meaning() + ": " + e.Err.Error() }

// Unwrap returns the error of the decoder.
func (e *DamageError) Unwrap() error { return e.Err }

// Health counts defects by kind. The zero value is a healthy file.
type Health struct{ defects []Defect }

// Add counts one defect at a byte offset (-1 for none).
func (h *Health) Add(kind DefectKind, offset int64) { h.AddN(kind, 1, offset) }

// AddN counts n defects, the first of them at offset.
func (h *Health) AddN(kind DefectKind, n, offset int64) {
	if n == 0 {
		return
	}
	i := slices.IndexFunc(h.defects, func(d Defect) bool { return d.Kind == kind })
	if i < 0 {
		h.defects = append(h.defects, Defect{kind, n, offset})
		return
	}
	d := &h.defects[i]
	d.Count += n
	if offset >= 0 && (d.FirstOffset < 0 || offset < d.FirstOffset) {
		d.FirstOffset = offset
	}
}

// Merge adds the defects of o, whose offsets are shifted by base.
func (h *Health) Merge(o Health, base int64) {
	for _, d := range o.defects {
		if d.FirstOffset >= 0 {
			d.FirstOffset += base
		}
		h.AddN(d.Kind, d.Count, d.FirstOffset)
	}
}

// Defects returns the defects sorted by kind.
func (h Health) Defects() []Defect {
	return slices.SortedFunc(slices.Values(h.defects), func(a, b Defect) int {
		return cmp.Compare(a.Kind, b.Kind)
	})
}

// Count returns how often kind was seen.
func (h Health) Count(kind DefectKind) int64 {
	for _, d := range h.defects {
		if d.Kind == kind {
			return d.Count
		}
	}
	return 0
}

// Worst returns the gravest severity among the defects, "" for none.
func (h Health) Worst() Severity {
	worst := Severity("")
	for _, d := range h.defects {
		s := d.Kind.Severity()
		if s == Lost || (s == Repaired && worst != Lost) || worst == "" {
			worst = s
		}
	}
	return worst
}
