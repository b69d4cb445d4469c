package capture

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Record is run.json: what was run, on what, and what came of it. Times
// ending in _ns are integer nanoseconds, Unix time where the name has "start";
// sizes are bytes; fields are added, never renamed, under one schema version.
// It holds no secret: API keys are never put in, and values of secret-looking
// variables and flags are blanked wherever they appear.
type Record struct {
	Schema  string `json:"schema"` // "omnitrace.run/v1"
	Label   string `json:"label,omitempty"`
	Tool    Tool   `json:"tool"`
	Mode    string `json:"mode"`            // online, attach, offline
	Range   Range  `json:"range,omitempty"` // nsys: what opened the capture
	Started string `json:"started"`         // RFC 3339, UTC

	Command  []string          `json:"command,omitempty"` // as started, profiler and nsys included
	Env      []string          `json:"env,omitempty"`     // NAME=value, added to the environment
	Git      *Git              `json:"git,omitempty"`
	Versions map[string]string `json:"versions,omitempty"` // vllm, vllm_omni, torch, cuda, driver, nsys, …
	Profiler Profiler          `json:"profiler"`

	StagesAsked []int         `json:"stages_asked,omitempty"`
	StepsAsked  int           `json:"steps_asked,omitempty"` // num_inference_steps, where all requests agree
	Stages      []StageRecord `json:"stages,omitempty"`
	GPUs        []GPU         `json:"gpus,omitempty"`

	Rounds   []RoundRecord   `json:"rounds,omitempty"`
	Requests []RequestRecord `json:"requests,omitempty"`
	Phases   []PhaseRecord   `json:"phases"`
	Files    []FileRecord    `json:"files,omitempty"`
	Warnings []string        `json:"warnings,omitempty"`
	Error    *ErrorRecord    `json:"error,omitempty"`

	begun  time.Time
	driver string
}

// Git is the state of the working directory.
type Git struct {
	Commit string `json:"commit"`
	Dirty  bool   `json:"dirty"`
}

// A StageRecord says what is known of a stage. GPU is empty where no source
// tells it.
type StageRecord struct {
	Stage   int      `json:"stage"`
	Process string   `json:"process,omitempty"` // title of its process
	GPU     string   `json:"gpu_uuid,omitempty"`
	GPUBy   string   `json:"gpu_by,omitempty"` // "process" or "only one GPU"
	Traces  []string `json:"traces,omitempty"`
}

// A RoundRecord is one start…stop of the profiler.
type RoundRecord struct {
	Round  int      `json:"round"`
	Traces []string `json:"traces"` // complete ones, relative to the session directory
}

// A RequestRecord is one request as the client saw it.
type RequestRecord struct {
	Round     int    `json:"round"`
	Index     int    `json:"index"` // in the requests file
	Warmup    bool   `json:"warmup,omitempty"`
	Path      string `json:"path"`
	Status    int    `json:"status,omitempty"`
	StartNS   int64  `json:"start_ns"`
	LatencyNS int64  `json:"latency_ns"` // from sending to the last byte of the reply
	Bytes     int64  `json:"reply_bytes"`
	Steps     int    `json:"num_inference_steps,omitempty"`
	Error     string `json:"error,omitempty"`
	// Reported is what the server says about its time, verbatim: units and
	// names differ between versions.
	Reported json.RawMessage `json:"reported,omitempty"`
}

// A PhaseRecord is one step of the plan.
type PhaseRecord struct {
	Name       string `json:"name"`
	Round      int    `json:"round,omitempty"`
	StartNS    int64  `json:"start_ns"`
	DurationNS int64  `json:"duration_ns"`
	Error      string `json:"error,omitempty"`
}

// A FileRecord is one file of the session, without run.json itself.
type FileRecord struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Stage  *int   `json:"stage,omitempty"`
	Rank   *int   `json:"rank,omitempty"`
	// Partial marks what was not whole when the run ended; its name ends in
	// .partial.
	Partial bool `json:"partial,omitempty"`
}

// An ErrorRecord is what ended the run early.
type ErrorRecord struct {
	Kind    string   `json:"kind"`
	During  string   `json:"during,omitempty"`
	Message string   `json:"message"`
	Remedy  string   `json:"remedy,omitempty"`
	Log     []string `json:"log,omitempty"`
}

func newRecord(p Plan, secrets redactor) *Record {
	o := p.Options
	r := &Record{
		Schema: "omnitrace.run/v1", Label: o.Label, Tool: o.Tool, Mode: "online", Range: p.Range,
		Versions: p.Engine.Versions, Profiler: p.Profiler, StagesAsked: o.Stages, begun: time.Now(),
	}
	r.Started = r.begun.UTC().Format(time.RFC3339)
	switch {
	case o.Attach != "":
		r.Mode = "attach"
	case o.Offline:
		r.Mode = "offline"
	}
	for _, s := range p.Steps {
		if a, ok := s.Action.(startAction); ok {
			r.Command, r.Env = secrets.texts(a.Argv), secrets.texts(a.Env)
		}
	}
	r.StepsAsked = agreedSteps(p)
	r.Warnings = append(r.Warnings, p.Notes...)
	return r
}

// agreedSteps is the number of steps that all requests, or the script's
// options, ask for; 0 where they differ or say nothing.
func agreedSteps(p Plan) int {
	if p.Options.Offline {
		return scriptSteps(p)
	}
	steps := 0
	for i, r := range p.Requests {
		if i > 0 && r.steps() != steps {
			return 0
		}
		steps = r.steps()
	}
	return steps
}

func (r *Record) phase(name string, round int, begun time.Time, err error) {
	p := PhaseRecord{Name: name, Round: round, StartNS: begun.UnixNano(), DurationNS: int64(time.Since(begun))}
	if err != nil {
		p.Error = err.Error()
	}
	r.Phases = append(r.Phases, p)
}

func (r *Record) request(a sendAction, round int, reply reply, err error) {
	q := RequestRecord{
		Round: round, Index: a.Index, Warmup: a.Warmup, Path: a.Request.Path, Status: reply.status,
		StartNS: reply.started.UnixNano(), LatencyNS: int64(reply.took), Bytes: reply.size,
		Steps: a.Request.steps(), Reported: reply.timings(),
	}
	switch {
	case err != nil:
		q.Error = err.Error()
	case !reply.ok():
		q.Error = "status" + reply.words()
	}
	r.Requests = append(r.Requests, q)
}

// round records a round's complete traces. A later call for the same round
// replaces the earlier one.
func (r *Record) round(round int, complete []traceFile) {
	r.Rounds = slices.DeleteFunc(r.Rounds, func(old RoundRecord) bool { return old.Round == round })
	names := make([]string, len(complete))
	for i, t := range complete {
		names[i] = t.path
	}
	r.Rounds = append(r.Rounds, RoundRecord{Round: round, Traces: names})
}

// stageTraces lists each stage's traces of all rounds.
func (r *Record) stageTraces() {
	for _, round := range r.Rounds {
		for _, name := range round.Traces {
			if t := identify(name); t.stage >= 0 && t.counted {
				s := r.stage(t.stage)
				s.Traces = append(s.Traces, name)
			}
		}
	}
}

// stage returns the entry of a stage, made if it is new; entries are in order.
func (r *Record) stage(n int) *StageRecord {
	i, found := slices.BinarySearchFunc(r.Stages, n, func(s StageRecord, n int) int { return s.Stage - n })
	if !found {
		r.Stages = slices.Insert(r.Stages, i, StageRecord{Stage: n})
	}
	return &r.Stages[i]
}

// addFiles lists the session directory with sizes and hashes.
func (r *Record) addFiles(out string) error {
	fsys := os.DirFS(out)
	files, err := scan(fsys)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(files) {
		if name == recordName || name == recordName+".tmp" {
			continue
		}
		f, err := fsys.Open(name)
		if err != nil {
			return err
		}
		hash := sha256.New()
		size, err := io.Copy(hash, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		entry := FileRecord{Path: name, Bytes: size, SHA256: hex.EncodeToString(hash.Sum(nil)), Partial: strings.HasSuffix(name, ".partial")}
		if t := identify(name); isTrace(name) {
			entry.Stage, entry.Rank = knownNumber(t.stage), knownNumber(t.rank)
		}
		r.Files = append(r.Files, entry)
	}
	return nil
}

func knownNumber(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}

func (r *Record) setError(err error) {
	if err == nil {
		return
	}
	r.Error = &ErrorRecord{Kind: KindOf(err).String(), Message: err.Error()}
	if e, ok := errors.AsType[*Error](err); ok {
		r.Error.During, r.Error.Message, r.Error.Remedy, r.Error.Log = e.During, e.Err.Error(), e.Remedy, e.Log
	}
}

func (r *Record) write(out string) error {
	return writeFile(filepath.Join(out, recordName), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(r)
	})
}
