package analyze

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math/big"
	"slices"
	"strings"

	"omnitrace/internal/oracle"
)

// A secondReading is what a trace says to a reader that shares no line with
// the program: GPU work and launches as package oracle reads them, and named
// host rows. Times are in nanoseconds from the file's own origin.
type secondReading struct {
	*oracle.File
	frames []hostRow // python frames that some truth is about
	ranges []hostRow // user annotations
}

type hostRow struct {
	name       string
	pid, tid   string
	start, end int64
}

// frameWords are parts of the names of frames that truths are about.
var frameWords = []string{
	": record_denoise_step", ": predict_noise_maybe_with_cfg", ": scheduler_step_maybe_with_cfg", ": diffuse",
	": denoise_step", ": step_scheduler", ": _decode_latents", ": integrate", ": _compute_step", ": step", ": update", ": decode",
	"Transformer2D", "Transformer3D", "Token2WavDiTModel", ": predict_noise",
}

// A layout is how a file's rows are separated, and how a row is completed that
// stands between two separators.
type layout struct{ separator, begin, end string }

var layouts = []layout{
	{"\n  },\n  {\n", "{", "}"},    // the profiler's
	{`}, {"ph": `, `{"ph": `, "}"}, // Python's json.dump
}

// readAgain hands the text to package oracle. Where the rows can be told apart
// by their text, those of operators, frames and arrows are taken out first: they
// hold no GPU time and are 99 of 100.
func readAgain(text []byte) (r *secondReading, err error) {
	r = &secondReading{}
	for _, l := range layouts {
		if bytes.Contains(text[:min(len(text), 1<<18)], []byte(l.separator)) {
			if text, err = r.filter(text, l); err != nil {
				return nil, err
			}
			break
		}
	}
	r.File, err = oracle.Read(bytes.NewReader(text))
	return r, err
}

// filter returns text without the rows of the host, of which it notes the
// ranges and the frames with a known word in their name. The first and the last
// row always stay: more than a row stands there.
func (r *secondReading) filter(text []byte, l layout) ([]byte, error) {
	separator := []byte(l.separator)
	i := bytes.Index(text, separator)
	out := slices.Clone(text[:i])
	if j := bytes.LastIndex(out, []byte("{\n    \"ph\"")); j >= 0 {
		row := out[j+1:]
		if err := r.addHost(catOf(row), row, l); err != nil {
			return nil, err
		}
	}
	text = text[i+len(separator):]
	for {
		i := bytes.Index(text, separator)
		if i < 0 {
			return append(append(out, separator...), text...), nil
		}
		row := text[:i]
		if cat := catOf(row); !slices.Contains(hostCats, cat) {
			out = append(append(out, separator...), row...)
		} else if err := r.addHost(cat, row, l); err != nil {
			return nil, err
		}
		text = text[i+len(separator):]
	}
}

// hostCats are the categories of rows that hold no GPU time and launch none.
var hostCats = []string{"cpu_op", "python_function", "user_annotation", "ac2g"}

// catOf returns what follows "cat" in a row's first words.
func catOf(row []byte) string {
	_, rest, _ := bytes.Cut(row[:min(len(row), 64)], []byte(`"cat": "`))
	cat, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(cat)
}

// addHost notes a range, or a frame with a known word in its name.
func (r *secondReading) addHost(cat string, row []byte, l layout) error {
	if cat == "python_function" {
		_, rest, _ := bytes.Cut(row, []byte(`"name": "`))
		name, _, _ := bytes.Cut(rest, []byte(`", "`))
		if !slices.ContainsFunc(frameWords, func(word string) bool { return bytes.Contains(name, []byte(word)) }) {
			return nil
		}
	} else if cat != "user_annotation" {
		return nil
	}
	var x struct {
		Name     string
		PID, TID json.RawMessage
		TS, Dur  json.Number
	}
	if err := json.Unmarshal([]byte(l.begin+string(row)+l.end), &x); err != nil {
		return err
	}
	start, dur := exactNS(x.TS.String()), exactNS(x.Dur.String())
	h := hostRow{x.Name, string(x.PID), string(x.TID), start, start + dur}
	if cat == "user_annotation" {
		r.ranges = append(r.ranges, h)
	} else {
		r.frames = append(r.frames, h)
	}
	return nil
}

// exactNS converts decimal microseconds.
func exactNS(us string) int64 {
	ns, ok := new(big.Rat).SetString(us)
	if !ok {
		return 0
	}
	return oracle.Round(ns.Mul(ns, big.NewRat(1000, 1))).Int64()
}

// named returns the frames whose name has a suffix, in time order, those that
// lie in another one of them on the same thread left out.
func (r *secondReading) named(suffixes ...string) []hostRow {
	return outermostRows(r.frames, func(name string) bool {
		for _, s := range suffixes {
			if strings.HasSuffix(name, s) {
				return true
			}
		}
		return false
	})
}

func outermostRows(rows []hostRow, wanted func(string) bool) []hostRow {
	var all []hostRow
	for _, row := range rows {
		if wanted(row.name) {
			all = append(all, row)
		}
	}
	var out []hostRow
	for i, x := range all {
		inside := false
		for j, y := range all {
			// Of two equal spans the one that stands first in the file is the outer.
			longer := y.end-y.start > x.end-x.start || y.end-y.start == x.end-x.start && j < i
			inside = inside || i != j && y.tid == x.tid && y.start <= x.start && x.end <= y.end && longer
		}
		if !inside {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b hostRow) int { return cmp.Compare(a.start, b.start) })
	return out
}

// A launchedKernel is a kernel with the thread and the time of its launch.
type launchedKernel struct {
	oracle.Activity
	tid string
	at  int64
}

// launchedKernels finds the launch of each kernel in the most obvious way: the
// first call with its correlation.
func (r *secondReading) launchedKernels() []launchedKernel {
	calls := map[string]oracle.Activity{}
	for _, a := range r.Activities {
		if a.What != "launch" || a.Correlation == "" {
			continue
		}
		if c, ok := calls[a.Correlation]; !ok || a.Start < c.Start {
			calls[a.Correlation] = a
		}
	}
	var all []launchedKernel
	for _, a := range r.Activities {
		if call, ok := calls[a.Correlation]; ok && a.What == "kernel" {
			all = append(all, launchedKernel{a, call.TID, call.Start})
		}
	}
	return all
}

// countIn counts the kernels launched in any of some intervals of a thread.
func countIn(kernels []launchedKernel, in ...hostRow) int {
	n := 0
	for _, k := range kernels {
		for _, x := range in {
			if k.tid == x.tid && x.start <= k.at && k.at < x.end {
				n++
				break
			}
		}
	}
	return n
}
