package diff

import (
	"slices"

	"omnitrace/analyze"
)

// A Result is all that is known of what changed: JSON schema "omnitrace.diff/v1".
type Result struct {
	Base, New Side
	Identical bool // both sides are the same recordings
	Same      bool // the user says that nothing changed between them: all that is found is noise
	Verdict   Verdict
	Changes   []Change // significant ones, the largest first
	Work      Work
	Totals    Totals
	Waterfall []Piece // adds up to Totals.DeltaNS
	Tables    []Table
	Gates     []GateResult
	Noise     []Noise
	Warnings  []analyze.Warning
}

// A Side describes the runs of one side.
type Side struct {
	Labels   []string
	GPUs     []string
	Tools    []string
	Complete bool
	Runs     int
	Units    int
	BusyNS   int64
}

// Totals are of the GPU's busy time of all runs of a side. Idle time and spans
// tell whether a run got slower without any kernel getting slower.
type Totals struct {
	BaseNS, NewNS, DeltaNS             int64
	DurationNS, LaunchesNS, WorkNS     int64 // add up to DeltaNS
	BaseIdleNS, NewIdleNS, IdleDeltaNS int64
	BaseSpanNS, NewSpanNS              *int64 // sums over the runs; nil where clocks can't be compared
}

// A Table has the rows of one level of the ledger, those with the largest
// change first.
type Table struct {
	Name, Doc string
	Rows      []Row
}

// A State says in a word what became of a row.
type State string

// The states.
const (
	Same     State = "same"
	Slower   State = "slower"
	Faster   State = "faster"
	More     State = "more"  // launches for the same work
	Fewer    State = "fewer" // launches for the same work
	Replaced State = "replaced"
	New      State = "new"
	Removed  State = "removed"
	Moved    State = "moved" // to or from another stage, phase or kind of step
)

// A Place is where in a pipeline something is; what a table does not tell apart
// is the zero value.
type Place struct {
	Stage    int // -1 for the whole run
	Phase    string
	Category string
	Name     string // of a kernel or memory operation, or a cause of idleness, as base has it
	NewName  string // of the kernel that replaced it, "" for none
	Memory   bool
}

// A Row is one line of a table. Times are exclusive_ns.
type Row struct {
	Key string
	Place
	StageName string
	Unit      *UnitPair // of rows of steps and iterations
	State     State
	Detail    string // of a state: where a kernel moved to

	BaseNS, NewNS, DeltaNS int64
	BaseCount, NewCount    int64 // events
	// Of rows of stages and phases: units of work, and tokens that passes worked
	// on; 0 for none.
	BaseWork, NewWork     int64
	BaseTokens, NewTokens int64
	// The parts of DeltaNS: durations and launches of common work, and work
	// that the other side did not do.
	DurationNS, LaunchesNS, WorkNS int64

	Evidence *Evidence // nil where there is none
	WhyNull  string    // why there is no evidence
}

// Ratio returns the row's change as a part of base, false where base is 0.
func (r *Row) Ratio() (float64, bool) {
	if r.BaseNS == 0 {
		return 0, false
	}
	return float64(r.DeltaNS) / float64(r.BaseNS), true
}

// A UnitPair names the units that a row of steps or iterations sets against
// each other; nil for a side that has none.
type UnitPair struct {
	Base, New *UnitName
	Link      Link
}

// A UnitName is a unit's place in its run.
type UnitName struct {
	Run, Replica, Request, Step, Iteration int
	Kind                                   string
}

// An Evidence is what repeated units tell of a row's change. Sums are over the
// common units; the first step of each request is a class of its own, and steps
// that start-up work disturbed are left out.
type Evidence struct {
	Unit                  string  // "step", "pass" or "request"
	BaseUnits, NewUnits   int     // that were measured
	BaseUnitNS, NewUnitNS float64 // time of a unit: BaseNS and NewNS over the number of common ones
	LowNS, HighNS         float64 // 95 % interval of the change of the common work
	BaseNS, NewNS         float64 // medians summed over the common work
	DeltaNS               float64 // NewNS − BaseNS
	Ratio                 float64 // DeltaNS over the base's; 0 where that is 0
	P                     float64 // of the difference, alone
	Adjusted              float64 // for all rows of the table (Holm)
	Floor                 float64 // relative change that the sides show against themselves
	Drift                 float64 // relative change that all kernels of the stage share
	Significant           bool
}

// Noise is what the runs of a stage differ by without any change.
type Noise struct {
	Stage int
	Drift float64 // what all kernels share, as a part of their time: clocks and temperature
	// The largest relative shifts of a phase: between the halves of a run, between
	// repeats of a side, and between the sides; 0 where unknown.
	Within, Between, Sides float64
	Repeats                int // runs of the side that has more
}

// A Change is a significant difference between common units.
type Change struct {
	Place
	StageName  string
	Unit       string // what a unit is: "step", "pass", "request"
	BaseUnitNS float64
	NewUnitNS  float64
	DeltaNS    float64 // over the common work
	Ratio      float64 // of its own base
	PhaseRatio float64 // of the base of its phase
	P          float64 // adjusted
	Cached     int     // steps that new takes from a cache and base computes, less the opposite; 0 for other changes
	Small      bool    // below the effect that the verdict speaks of
}

// Word is a verdict.
type Word string

// The verdicts.
const (
	Unchanged Word = "same"
	Regressed Word = "regressed"
	Improved  Word = "improved"
	Mixed     Word = "mixed"
	Abstained Word = "abstained"
)

// A Verdict sums a comparison up. Why is one of the codes below.
type Verdict struct {
	Word Word
	Why  string
}

// Why a verdict is what it is.
const (
	WhyIdentical     = "identical"      // the same recordings
	WhySame          = "no_change"      // enough units, and no change of at least the effect asked for
	WhyChanged       = "changed"        // see Changes
	WhyEmpty         = "empty"          // a side has no GPU work
	WhyDisjoint      = "not_comparable" // the sides share too little work
	WhyFewUnits      = "few_units"      // nothing repeats often enough
	WhyIncomplete    = "incomplete"     // a trace was cut short
	WhyKnownIdentity = "known_same"     // the user says so
)

// Work says what both sides did and what only one did.
type Work struct {
	Common, Switched, OnlyBase, OnlyNew []WorkRow
	Signature                           []Difference // of the workload, what differs and what does not
	Savings                             []Saving
	// Of each side's busy time, in units whose like the other side has too.
	BaseCommonNS, NewCommonNS int64
}

// A WorkRow counts units of one sort.
type WorkRow struct {
	Place
	StageName     string
	Kind          string // as UnitSample.Kind; for switched steps that of base
	Units         int    // pairs, or units of the one side
	BaseNS, NewNS int64
}

// A Saving is what a step cache spared each side: the median of a computed step
// less that of a cached one, for each cached step. It is an estimate beside the
// ledger, not a part of it.
type Saving struct {
	Place
	StageName               string
	BaseSteps, NewSteps     int // cached ones
	BaseSavedNS, NewSavedNS float64
}

// A Difference is something in which the sides' workloads or surroundings may
// differ: Base and New are equal where they do not.
type Difference struct {
	What, Base, New string
	Work            bool // part of the work itself, not only of what surrounds it
}

// Differences returns what differs.
func (w *Work) Differences() []Difference {
	return slices.DeleteFunc(slices.Clone(w.Signature), func(d Difference) bool { return d.Base == d.New })
}

// A Piece is a step of the waterfall.
type Piece struct {
	Place
	StageName string
	Effect    string // "durations", "launches", "work", "cache", "rest"
	Kind      string // of units, for effect "work" and "cache"
	Units     int    // more (fewer if negative) of them
	Rows      int    // that effect "rest" stands for
	DeltaNS   int64
	Known     bool // significant, or exact by its nature
}
