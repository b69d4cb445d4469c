package report

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/google/pprof/profile"

	"omnitrace/analyze"
)

// pprofTypes are the values of a sample, in order. The first is what tools show
// unless asked for another.
var pprofTypes = []struct {
	name, unit string
	of         func(*analyze.StackSample) int64
}{
	{"exclusive", "nanoseconds", func(s *analyze.StackSample) int64 { return s.ExclusiveNS }},
	{"kernel", "nanoseconds", func(s *analyze.StackSample) int64 { return s.KernelNS }},
	{"launches", "count", func(s *analyze.StackSample) int64 { return s.Launches }},
	{"bytes", "bytes", func(s *analyze.StackSample) int64 { return s.Bytes }},
}

// WritePprof writes samples as a gzipped profile in the format of
// github.com/google/pprof (proto/profile.proto), for go tool pprof, flame
// graphs and continuous-profiling backends. The profile's comments say what was
// run, and warn; of the runs no tables are needed.
//
// Frames are functions without addresses; those of python have a file and a
// line. Labels are run, stage
// and category (texts) and replica, rank, device, stream, request, step and
// iteration (numbers), so that -tagfocus=step=2:5 is a range.
func WritePprof(w io.Writer, samples []analyze.StackSample, runs []*analyze.Summary) error {
	b := pprofBuilder{
		p:         &profile.Profile{DefaultSampleType: pprofTypes[0].name, Comments: comments(runs)},
		locations: map[string]*profile.Location{}, functions: map[profile.Function]*profile.Function{},
	}
	for _, t := range pprofTypes {
		b.p.SampleType = append(b.p.SampleType, &profile.ValueType{Type: t.name, Unit: t.unit})
	}
	for i := range samples {
		b.add(&samples[i])
	}
	if err := b.p.CheckValid(); err != nil {
		return fmt.Errorf("making a profile: %w", err)
	}
	return b.p.Write(w)
}

func comments(runs []*analyze.Summary) []string {
	var all []string
	for _, s := range runs {
		what, state, _ := headline(s)
		all = append(all, what, state)
		for i, w := range s.Warnings {
			label, text := noteText(i, w)
			all = append(all, label+" "+text)
		}
	}
	return all
}

type pprofBuilder struct {
	p         *profile.Profile
	locations map[string]*profile.Location
	functions map[profile.Function]*profile.Function
	last      *analyze.StackSample // the sample before
}

func (b *pprofBuilder) add(s *analyze.StackSample) {
	sample := &profile.Sample{Value: make([]int64, 0, len(pprofTypes)), NumUnit: pprofUnits}
	for _, t := range pprofTypes {
		sample.Value = append(sample.Value, t.of(s))
	}
	sample.Location = make([]*profile.Location, 0, len(s.Stack))
	for i := len(s.Stack) - 1; i >= 0; i-- { // pprof's stacks begin with the leaf
		sample.Location = append(sample.Location, b.location(s.Stack[i]))
	}
	b.label(sample, s)
	b.p.Sample = append(b.p.Sample, sample)
	b.last = s
}

// label sets the sample's labels. It shares them with the sample before where
// they are equal: a map for each would cost more than all else.
func (b *pprofBuilder) label(sample *profile.Sample, s *analyze.StackSample) {
	texts, numbers := [3]string{s.Run, s.Stage, s.Category}, pprofNumbers(s)
	var before *profile.Sample
	if b.last != nil {
		before = b.p.Sample[len(b.p.Sample)-1]
	}
	if before != nil && texts == [3]string{b.last.Run, b.last.Stage, b.last.Category} {
		sample.Label = before.Label
	} else {
		sample.Label = map[string][]string{"run": {s.Run}, "stage": {s.Stage}, "category": {s.Category}}
	}
	if before != nil && numbers == pprofNumbers(b.last) {
		sample.NumLabel = before.NumLabel
		return
	}
	sample.NumLabel = map[string][]int64{}
	for i, n := range numbers {
		if n >= 0 {
			sample.NumLabel[pprofNumberKeys[i]] = []int64{n}
		}
	}
}

// pprofNumberKeys are the labels that are numbers.
var pprofNumberKeys = [...]string{"replica", "rank", "device", "stream", "request", "step", "iteration"}

func pprofNumbers(s *analyze.StackSample) [len(pprofNumberKeys)]int64 {
	return [...]int64{
		int64(s.Replica), int64(s.Rank), s.Device, s.Stream, int64(s.Request), int64(s.Step), int64(s.Iteration),
	}
}

// pprofUnits gives every number a unit: without one a label of 0 is not encoded
// at all. With this one, pprof compares and prints plain numbers.
var pprofUnits = func() map[string][]string {
	units := map[string][]string{}
	for _, key := range pprofNumberKeys {
		units[key] = []string{"count"}
	}
	return units
}()

// location returns the frame of that name. One name is one function, wherever
// in a stack it stands: so a kernel is one row of -top for the whole run. A
// python function is one whatever its line is, which moves between versions.
func (b *pprofBuilder) location(name string) *profile.Location {
	if l, ok := b.locations[name]; ok {
		return l
	}
	line := profile.Line{}
	if file, number, function, ok := pythonFrame(name); ok {
		line.Line = number
		line.Function = b.function(path.Base(file)+": "+function, file, "")
	} else {
		short, system := frameName(name), ""
		if name != short || strings.HasPrefix(name, "_Z") { // which pprof demangles
			system = strings.ToValidUTF8(name, "\ufffd")
		} // else pprof would take the name for one to be cut at its template arguments
		line.Function = b.function(short, "", system)
	}
	l := &profile.Location{ID: uint64(len(b.p.Location) + 1), Line: []profile.Line{line}}
	b.p.Location = append(b.p.Location, l)
	b.locations[name] = l
	return l
}

func (b *pprofBuilder) function(name, file, system string) *profile.Function {
	key := profile.Function{Name: name, Filename: file, SystemName: system}
	f, ok := b.functions[key]
	if !ok {
		f = &profile.Function{ID: uint64(len(b.p.Function) + 1), Name: name, Filename: file, SystemName: system}
		b.p.Function = append(b.p.Function, f)
		b.functions[key] = f
	}
	return f
}

// pythonFrame takes a name of the form "path/file.py(76): function" apart.
func pythonFrame(name string) (file string, line int64, function string, ok bool) {
	name = strings.ToValidUTF8(name, "\ufffd")
	file, rest, ok := strings.Cut(name, ".py(")
	if !ok {
		return "", 0, "", false
	}
	number, function, ok := strings.Cut(rest, "): ")
	line, err := strconv.ParseInt(number, 10, 64)
	return file + ".py", line, function, ok && err == nil && line >= 0 && function != ""
}

// frameName shortens the name of a C++ kernel for a flame graph: without what
// [abbreviate] calls noise, and without the parameters of a template's instance,
// which its arguments tell. It depends on the name alone, so that two profiles
// can be compared; the whole name is the function's system name.
func frameName(name string) string {
	name = cmp.Or(strings.ToValidUTF8(name, "\ufffd"), "(no name)")
	short := noise.Replace(strings.TrimPrefix(name, "void "))
	if i := parameters(short); i > 0 && short[i-1] == '>' {
		short = short[:i]
	}
	return short
}

// parameters returns where the parenthesis opens that closes at the end of
// name, -1 where none does.
func parameters(name string) int {
	depth := 0
	for i := len(name) - 1; i >= 0; i-- {
		switch name[i] {
		case ')':
			depth++
		case '(':
			depth--
		}
		if depth <= 0 {
			if name[i] == '(' && depth == 0 {
				return i
			}
			return -1
		}
	}
	return -1
}
