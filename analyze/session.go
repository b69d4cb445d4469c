package analyze

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"omnitrace/analyze/period"
	"omnitrace/analyze/rules"
	"omnitrace/trace"
	"omnitrace/trace/session"
)

// An Input is one file of a run as it was found and read.
type Input struct {
	File  session.File
	Trace *trace.Trace // nil for files that are shown and not counted
	Err   error        // why the file could not be read
	// Reported is what the file holds instead of events; nil for nothing.
	Reported *Reported
}

// Options are what the user knows better than the traces.
type Options struct {
	Rules     *rules.Rules   // nil for the built-in ones
	StageMap  map[int]string // names of stages
	Processes []ProcessStage // stages of processes, where one file has several
	ModelType string         // as in the model's configuration: names the stages
	Label     string         // of the run
	Model     string         // of the run
	// ExpectSteps is the number of denoise steps that the user asked for, 0
	// where nobody says.
	ExpectSteps int
	// GPUMap gives the physical GPU of stages, by UUID, where the traces do not.
	GPUMap   map[int]string
	Complete bool // nothing is known to be missing
	// Depth is how far the tables that are wanted look; the inputs hold the
	// events that it needs.
	Depth Depth
}

// A Session is one run, ready to be put into tables.
type Session struct {
	Options
	Sources  []*Source
	Warnings []Warning

	work    []Work // by source, device and the order of trace.SortEvents
	devices []device
	// deviceNumbers are the indices of the devices, ascending: NPU traces use
	// numbers beyond 32 bits.
	deviceNumbers []int64
	names         trace.Names // of kernels and memory operations, over all sources
	categories    trace.Names
	hints         []period.Hint // of names, as far as they were needed
	sequences     sequences     // of kernels, of the source whose requests are looked for
	launches      []launch      // calls that launched any work, by source and time
	sums          sums
	numberings    map[place]*numbering // while requests are being numbered
	idleOnce      sync.Once
	idle          map[idleKey]idleSum // once a table asked for it
	steps         []step
	iterations    []iteration
}

// A Source is an input with its place in the run.
type Source struct {
	SourceInfo
	Trace    *trace.Trace
	Links    trace.Links
	Err      error // why the file could not be read
	Kind     session.Kind
	reported *Reported
	from     int  // where its work begins in Session.work, while it is the last
	hidden   bool // a selection left none of its work
	part     bool // a copy of some of the work of another trace
	threads  map[trace.TrackID]*thread
	launched map[trace.TrackID][]launched // kernels by thread, in the order of their launches; while attributing
	host     *host                        // once asked for
	requests []request
}

// A device is a GPU of one source. Two sources' devices may be the same card.
type device struct {
	source int
	info   trace.Device
	number int32 // in Session.deviceNumbers
}

// NewSession places the inputs in the run, ties every GPU event to its launch
// and deals out the time of each device. Inputs without a trace become sources
// that count nothing.
func NewSession(inputs []Input, o Options) (*Session, error) {
	if o.Rules == nil {
		o.Rules = rules.Default()
	}
	s := &Session{Options: o}
	s.Options.Complete = true
	for i, in := range inputs {
		s.Sources = append(s.Sources, newSource(i, in))
		s.Options.Complete = s.Options.Complete && s.Sources[i].Complete
	}
	s.placeProcesses()
	s.placeStages()
	if err := s.nameStages(); err != nil {
		return nil, err
	}
	s.reserve()
	for i, src := range s.Sources {
		s.addWork(i, src)
	}
	s.expectAny()
	s.numberDevices()
	if s.Depth == Attribution {
		s.readHosts()
		s.flagSteps()
	}
	s.warn()
	s.warnReported()
	s.checkGPUs()
	return s, nil
}

func (s *Session) readHosts() {
	for _, src := range s.Sources {
		if src.counted() && src.host == nil {
			src.host = s.readHost(src)
		}
	}
}

// Release forgets the events, of which all is known that tables need. Excerpts,
// overlaps and selections by ranges are no longer possible.
func (s *Session) Release() {
	for _, src := range s.Sources {
		if src.counted() {
			src.Trace.Events, src.Links = nil, trace.Links{}
		}
	}
}

func (s *Session) numberDevices() {
	for _, d := range s.devices {
		s.deviceNumbers = append(s.deviceNumbers, d.info.Index)
	}
	slices.Sort(s.deviceNumbers)
	s.deviceNumbers = slices.Compact(s.deviceNumbers)
	for i := range s.devices {
		n, _ := slices.BinarySearch(s.deviceNumbers, s.devices[i].info.Index)
		s.devices[i].number = int32(n)
	}
}

func newSource(i int, in Input) *Source {
	id := in.File.Identity
	if in.Trace != nil {
		id = id.Refine(identifying(in))
	}
	src := &Source{Trace: in.Trace, Err: in.Err, reported: in.Reported, Kind: id.Kind, SourceInfo: SourceInfo{
		ID: fmt.Sprintf("s%d", i), Path: in.File.Path, Format: string(in.File.Format), Role: string(in.File.Role),
		Stage: id.Stage, Replica: id.Replica, Rank: id.Rank, Range: id.Range, IdentifiedBy: string(id.By),
		Complete: in.File.State == session.Whole && in.Err == nil, Clock: trace.ClockUnknown,
	}}
	health := trace.Health{}
	if t := in.Trace; t != nil {
		src.Events, src.Clock = t.Rows, t.Clock
		src.describeProcess(t)
		health.Merge(t.Health, 0)
	}
	switch in.File.State {
	case session.HalfWritten:
		health.Add(trace.HalfWritten, -1)
	case session.Duplicate:
		// What nsys made of a report stands for the report; that is no worry.
		if in.File.Format != session.NsysReport && in.File.Format != session.NsysStats {
			health.Add(trace.DuplicateFile, -1)
		}
		src.Complete = true
	}
	src.Health = health.Defects()
	src.Complete = src.Complete && health.Worst() != trace.Lost
	return src
}

// counted reports whether the source's GPU time is in the tables.
func (src *Source) counted() bool { return src.Trace != nil }

// placeStages gives every counted source a stage, replica and rank. Sources of
// which nothing tells the stage are the ranks of one stage where their ranks
// differ, else each is a stage of its own, in the order of their paths: merging
// two that may be different stages would hide what a user must see apart. The
// n-th source of one capture range of nsys is the n-th of the others too.
// Processes of one file come in the order of their creation.
func (s *Session) placeStages() {
	next, most := 0, 0
	unknown := map[int][]*Source{} // by capture range
	ranks := map[place]bool{}
	differ, processes := true, 0
	for _, src := range s.Sources {
		if !src.counted() {
			continue
		}
		if src.Stage < 0 {
			p := place{rank: src.Rank, capture: src.Range}
			differ = differ && !ranks[p]
			ranks[p] = true
			unknown[src.Range] = append(unknown[src.Range], src)
			most = max(most, len(unknown[src.Range]))
			if s.sharesFile(src) {
				processes++
			}
		}
		next = max(next, src.Stage+1)
		src.Replica = max(src.Replica, 0)
	}
	for _, sources := range unknown {
		for i, src := range sources {
			src.Stage = next
			if !differ {
				src.Stage += i
			}
			order := "order of paths"
			if s.sharesFile(src) {
				order = "order of processes"
			}
			src.IdentifiedBy = cmp.Or(src.IdentifiedBy, order)
		}
	}
	if !differ {
		s.warnUnknownStages(unknown, most, processes)
	}
	for _, src := range s.Sources {
		if src.counted() {
			src.Rank = max(src.Rank, 0)
		}
	}
	s.separateTwins()
}

// warnUnknownStages says by what the sources of which nothing tells the stage
// were taken for stages.
func (s *Session) warnUnknownStages(unknown map[int][]*Source, most, processes int) {
	files := 0
	for _, sources := range unknown {
		files += len(sources)
	}
	what, order, remedy := fmt.Sprintf("%d files", files), "paths", "--stage-map 0=NAME,1=NAME"
	if processes == files {
		what, order, remedy = fmt.Sprintf("%d processes", files), "process IDs", "--stage-map pid:N=NAME; the table of sources has the IDs"
	} else if processes > 0 {
		what = fmt.Sprintf("%d files or processes", files)
	}
	s.Warnings = append(s.Warnings, Warning{Code: "stage_unknown", Message: fmt.Sprintf(
		"nothing tells the stage of %s; they are taken for %d stages, in the order of their %s (name them with %s)", what, most, order, remedy)})
}

// A place is a rank of the run, at one capture range of nsys or at all of them.
type place struct{ stage, replica, rank, capture int }

func (src *Source) place() place {
	return place{stage: src.Stage, replica: src.Replica, rank: src.Rank}
}

// A numbering is how many requests and passes of a rank have been numbered: the
// next capture range goes on from there.
type numbering struct{ requests, passes int32 }

func (s *Session) numbering(src *Source) *numbering {
	if s.numberings == nil {
		s.numberings = map[place]*numbering{}
	}
	p := s.numberings[src.place()]
	if p == nil {
		p = &numbering{}
		s.numberings[src.place()] = p
	}
	return p
}

// separateTwins makes sources that claim to be the same rank of the same stage
// replicas of it: the names of autoregressive stages do not number replicas.
// Capture ranges of nsys are the same rank at different times.
func (s *Session) separateTwins() {
	taken := map[place]bool{}
	for _, src := range s.Sources {
		if !src.counted() {
			continue
		}
		p := src.place()
		p.capture = src.Range
		for taken[p] {
			p.replica++
		}
		if p.replica != src.Replica {
			s.Warnings = append(s.Warnings, Warning{Code: "same_rank", Source: src.ID, Message: fmt.Sprintf(
				"%s: another file is stage %d replica %d rank %d too; shown as replica %d", src.Path, p.stage, src.Replica, p.rank, p.replica)})
			src.Replica = p.replica
		}
		taken[p] = true
	}
}

// stages returns the stages of the counted sources, ascending.
func (s *Session) stages() []int {
	var stages []int
	for _, src := range s.Sources {
		if src.counted() {
			stages = append(stages, src.Stage)
		}
	}
	slices.Sort(stages)
	return slices.Compact(stages)
}
