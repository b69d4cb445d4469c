package analyze

import "omnitrace/trace"

// A Summary is what summarize prints: JSON schema "omnitrace.summary/v1".
type Summary struct {
	Run      Run
	Sources  []SourceInfo
	Tables   []Table
	Totals   Row // one value for each of TotalColumns; null where only summaries are known, or no launches were read
	Warnings []Warning
	// Timeline is for outputs that draw: see [Session.Timeline]. It is nil
	// unless the caller has filled it.
	Timeline *Timeline
}

// A Run says in a few words what was summarized.
type Run struct {
	Label    string   // the session's directory or file name
	Model    string   // model type, "" where nobody said
	GPUs     []string // device names with counts: "NVIDIA H100 80GB HBM3", sorted
	Complete bool     // no source was cut off or half-written
}

// A SourceInfo describes one input file.
type SourceInfo struct {
	ID           string // "s0", …
	Path         string
	Format       string
	Role         string // "trace"; "frontend" and "capture" files are shown and never counted
	Stage        int    // -1 where not known, as are Replica and Rank
	StageName    string
	Replica      int
	Rank         int
	Range        int    // number of an nsys capture range, from 1; -1 for none
	PID, Process string // of the process whose GPU work it is, "" where that is not known or not one
	IdentifiedBy string // what told the stage: "directory", "file name", "traceName", …
	NamedBy      string // what told the stage's name: "module", "--stage-map", …
	Complete     bool
	Events       int64 // rows in the file, also those that no analysis needed
	Kernels      int64
	Clock        trace.Clock
	SpanNS       int64 // first to last GPU event
	Health       []trace.Defect
}

// A Warning is something that a user must know to read the numbers rightly.
type Warning struct {
	Code    string // a DefectKind, or another stable word
	Source  string // SourceInfo.ID, "" for the whole run
	Message string // one line: what, where, what it means for the numbers
}
