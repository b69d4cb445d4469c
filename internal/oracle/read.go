package oracle

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"
)

// An Activity is a row that occupies a device, or a launch call on the host.
// Times are in nanoseconds from the file's own origin.
type Activity struct {
	What        string // "kernel", "memcpy", "memset" or "launch"
	Name        string
	PID, TID    string // as the file has them, quotes removed
	Device      string // args.device, else PID
	Stream      string // args.stream, else TID
	Correlation string // "" for none
	Start, End  int64
	Bytes       int64
}

// A File is what a trace says.
type File struct {
	Base       int64 // baseTimeNanoseconds, 0 where missing
	Rows       int64 // objects in traceEvents
	Activities []Activity
	Other      map[string]int64 // rows by phase and category, for all that are no activity
}

// ReadFile reads the trace at path, plain or gzip, by its name.
func ReadFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var src io.Reader = bufio.NewReaderSize(f, 1<<20)
	if strings.HasSuffix(path, ".gz") {
		if src, err = gzip.NewReader(src); err != nil {
			return nil, err
		}
	}
	return Read(src)
}

// Read reads the text of a trace in object or list form.
func Read(src io.Reader) (*File, error) {
	r := &reader{dec: json.NewDecoder(src), file: &File{Other: map[string]int64{}}, processes: map[string]string{}}
	first, err := r.dec.Token()
	switch {
	case err != nil:
		return nil, err
	case first == json.Delim('['):
		err = r.events()
	case first == json.Delim('{'):
		err = r.members()
	default:
		err = fmt.Errorf("unexpected %v", first)
	}
	if err != nil {
		return nil, fmt.Errorf("%d: %w", r.dec.InputOffset(), err)
	}
	return r.file, r.settle()
}

type reader struct {
	dec       *json.Decoder
	file      *File
	processes map[string]string // pid to process_name
	tasks     []Activity        // of NPUs, kernels if their process is the hardware
}

func (r *reader) members() error {
	for r.dec.More() {
		key, err := r.dec.Token()
		if err != nil {
			return err
		}
		switch key {
		case "traceEvents":
			if _, err := r.dec.Token(); err != nil {
				return err
			}
			err = r.events()
		case "baseTimeNanoseconds":
			err = r.dec.Decode(&r.file.Base)
		default:
			var skipped json.RawMessage
			err = r.dec.Decode(&skipped)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// events reads rows up to and including the closing bracket.
func (r *reader) events() error {
	for r.dec.More() {
		var x *row
		if err := r.dec.Decode(&x); err != nil {
			return err
		}
		if x == nil {
			continue
		}
		r.file.Rows++
		if err := r.add(x); err != nil {
			return err
		}
	}
	_, err := r.dec.Token()
	return err
}

// A row has what the figures need of an element of traceEvents.
type row struct {
	Ph   string          `json:"ph"`
	Cat  *string         `json:"cat"`
	Name json.RawMessage `json:"name"`
	PID  json.RawMessage `json:"pid"`
	TID  json.RawMessage `json:"tid"`
	TS   json.RawMessage `json:"ts"`
	Dur  json.RawMessage `json:"dur"`
	Args json.RawMessage `json:"args"`
}

type args struct {
	Device      json.RawMessage `json:"device"`
	Stream      json.RawMessage `json:"stream"`
	Correlation json.RawMessage `json:"correlation"`
	Bytes       json.RawMessage `json:"bytes"`
	TaskType    string          `json:"Task Type"`
	Name        string          `json:"name"`
}

func (r *reader) add(x *row) error {
	if x.Ph == "M" && plain(x.Name) == "process_name" {
		var a args
		if err := json.Unmarshal(x.Args, &a); err != nil {
			return err
		}
		r.processes[plain(x.PID)] = a.Name
	}
	what := ""
	if x.Ph == "X" && x.Cat != nil {
		what = kind(*x.Cat)
	}
	if what == "" && x.Ph == "X" && x.Cat == nil && bytes.Contains(x.Args, []byte(`"Task Type"`)) {
		what = "task"
	}
	if what == "" {
		cat := ""
		if x.Cat != nil {
			cat = *x.Cat
		}
		r.file.Other[x.Ph+" "+cat]++
		return nil
	}
	return r.activity(what, x)
}

func (r *reader) activity(what string, x *row) error {
	var a args
	if x.Args != nil {
		if err := json.Unmarshal(x.Args, &a); err != nil {
			return err
		}
	}
	start, err := nanoseconds(plain(x.TS))
	if err != nil {
		return err
	}
	var dur int64
	if x.Dur != nil {
		if dur, err = nanoseconds(plain(x.Dur)); err != nil {
			return err
		}
	}
	act := Activity{
		What: what, Name: plain(x.Name), PID: plain(x.PID), TID: plain(x.TID),
		Device: plain(a.Device), Stream: plain(a.Stream), Correlation: plain(a.Correlation),
		Start: start, End: start + max(0, dur),
	}
	if act.Device == "" {
		act.Device = act.PID
	}
	if act.Stream == "" {
		act.Stream = act.TID
	}
	if a.Bytes != nil {
		bytes, ok := new(big.Int).SetString(plain(a.Bytes), 10)
		if !ok {
			return fmt.Errorf("bytes %s", a.Bytes)
		}
		act.Bytes = bytes.Int64()
	}
	if what != "task" {
		r.file.Activities = append(r.file.Activities, act)
		return nil
	}
	if !waits(a.TaskType) {
		r.tasks = append(r.tasks, act)
	}
	return nil
}

// waits reports whether an NPU's task only waits for, or marks, an event.
func waits(taskType string) bool {
	for _, prefix := range []string{"EVENT_WAIT", "EVENT_RECORD", "Notify Wait", "NOTIFY_WAIT"} {
		if strings.HasPrefix(taskType, prefix) {
			return true
		}
	}
	return false
}

// settle makes NPU tasks kernels, once all process names are known.
func (r *reader) settle() error {
	for _, t := range r.tasks {
		if r.processes[t.PID] == "Ascend Hardware" {
			t.What = "kernel"
			r.file.Activities = append(r.file.Activities, t)
		}
	}
	return nil
}

// kinds are the categories that all versions of the profiler have used.
var kinds = map[string][]string{
	"kernel": {"kernel"},
	"memcpy": {"gpu_memcpy", "memcpy"},
	"memset": {"gpu_memset", "memset"},
	"launch": {
		"cuda_runtime", "cuda_driver", "runtime", "hip_runtime", "hip_driver", "xpu_runtime", "xpu_driver",
		"mtia_runtime", "glow_runtime", "privateuse1_runtime", "privateuse1_driver",
	},
}

func kind(cat string) string {
	for _, part := range strings.Split(cat, ",") {
		for what, cats := range kinds {
			if slices.Contains(cats, strings.ToLower(strings.TrimSpace(part))) {
				return what
			}
		}
	}
	return ""
}

// plain returns a JSON string's value, or the text of anything else.
func plain(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}

// nanoseconds converts decimal microseconds exactly, rounding half to even
// what is finer than a nanosecond.
func nanoseconds(text string) (int64, error) {
	us, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("time %q", text)
	}
	ns := us.Mul(us, big.NewRat(1000, 1))
	n := Round(ns)
	if !n.IsInt64() {
		return 0, fmt.Errorf("time %q is beyond 64 bits", text)
	}
	return n.Int64(), nil
}

// Round returns the integer nearest to x, the even one where two are.
func Round(x *big.Rat) *big.Int {
	twice := new(big.Int).Lsh(x.Num(), 1)
	floor, rest := new(big.Int).DivMod(twice.Add(twice, x.Denom()), new(big.Int).Lsh(x.Denom(), 1), new(big.Int))
	if rest.Sign() == 0 && floor.Bit(0) == 1 {
		floor.Sub(floor, big.NewInt(1))
	}
	return floor
}
