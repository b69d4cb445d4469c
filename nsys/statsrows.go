package nsys

import (
	"bytes"
	"strconv"
	"strings"

	"omnitrace/trace"
)

// fields are the cells of a row in the order of its report's columns.
type fields struct {
	cells   [][]byte
	at      []int  // where each column stands, -1 for nowhere
	units   []unit // of each column
	rounded bool   // a time was printed with too few decimals
}

// find looks up the columns of r, and reports whether the needed ones are there.
func (f *fields) find(r *report, columns []TableColumn) bool {
	f.at, f.units = f.at[:0], f.units[:0]
	for i, title := range r.columns {
		at := -1
		for j, c := range columns {
			if c.Name == title {
				at = j
			}
		}
		if at < 0 && i < r.needed {
			return false
		}
		u := unit{base: "ns", scale: 1}
		if at >= 0 {
			if known, ok := units[columns[at].Unit]; ok {
				u = known
			}
		}
		f.at, f.units = append(f.at, at), append(f.units, u)
	}
	return true
}

// text returns a field, nil where it has no value.
func (f *fields) text(i int) []byte {
	if f.at[i] < 0 || f.at[i] >= len(f.cells) {
		return nil
	}
	return present(f.cells[f.at[i]])
}

// name returns a field as it stands: names may begin or end with space.
func (f *fields) name(i int) []byte {
	if f.at[i] < 0 || f.at[i] >= len(f.cells) {
		return nil
	}
	return f.cells[f.at[i]]
}

// number returns a field in its column's base unit.
func (f *fields) number(i int) (int64, bool) {
	n, _, ok := f.units[i].parse(f.text(i))
	return n, ok
}

// time returns a field that is a time.
func (f *fields) time(i int) (trace.Time, bool) {
	n, decimals, ok := f.units[i].parse(f.text(i))
	f.rounded = f.rounded || decimals < f.units[i].decimals
	return trace.Time(n), ok
}

// triple reads a grid or block printed as one field: "  64    1    1".
func (f *fields) triple(i int) (t [3]int32) {
	for j, part := range bytes.Fields(f.text(i)) {
		if n, err := strconv.ParseInt(string(part), 10, 32); err == nil && j < 3 {
			t[j] = int32(n)
		}
	}
	return t
}

// three reads a grid or block printed as three fields.
func (f *fields) three(i int) (t [3]int32) {
	for j := range t {
		if n, ok := f.number(i + j); ok && n>>31 == 0 {
			t[j] = int32(n)
		}
	}
	return t
}

// span reads a start and a duration, and counts what is wrong with them.
func (s *Stats) span(f *fields, start, duration int) (trace.Span, bool) {
	at, ok := f.time(start)
	if !ok {
		s.header.Health.Add(missing(f.text(start), trace.MissingTime), -1)
		return trace.Span{}, false
	}
	d, ok := f.time(duration)
	if !ok {
		s.header.Health.Add(missing(f.text(duration), trace.MissingDuration), -1)
	}
	if d < 0 {
		s.header.Health.Add(trace.NegativeDuration, -1)
		d = 0
	}
	if at+d < at {
		s.header.Health.Add(trace.TimeOutOfRange, -1)
		return trace.Span{}, false
	}
	return trace.Span{Start: at, End: at + d}, true
}

// missing tells a field without a value from one that is no number.
func missing(text []byte, kind trace.DefectKind) trace.DefectKind {
	if text == nil {
		return kind
	}
	return trace.BadNumber
}

func (s *Stats) gpuRow(f *fields) {
	span, ok := s.span(f, gpuFieldStart, gpuFieldDuration)
	if !ok {
		return
	}
	e := trace.Event{Span: span, Kind: trace.Kernel, Correlation: trace.NoCorrelation}
	if id, ok := f.number(gpuFieldCorrelation); ok {
		e.Correlation = correlation(id)
	}
	name := f.name(gpuFieldName)
	d := trace.Detail{Grid: f.three(gpuFieldGrid), Block: f.three(gpuFieldBlock)}
	if kind, ok := memoryKind(name); ok {
		e.Kind = kind
		bytes, _ := f.number(gpuFieldBytes)
		d = trace.Detail{Bytes: bytes}
		s.key = append(append(append(s.key[:0], name...), 0), f.text(gpuFieldSource)...)
		s.key = append(append(s.key, 0), f.text(gpuFieldTarget)...)
		e.Name = s.copyNames.text(s.key)
	} else {
		e.Name = s.plainNames.text(name)
	}
	e.Track = s.stream(f.text(gpuFieldDevice), f.text(gpuFieldContext), f.text(gpuFieldStream))
	e.Detail = s.detail(d)
	s.add(e)
}

func (s *Stats) apiRow(f *fields) {
	span, ok := s.span(f, apiFieldStart, apiFieldDuration)
	if !ok {
		return
	}
	e := trace.Event{Span: span, Kind: trace.Launch, Correlation: trace.NoCorrelation, Name: s.callNames.text(f.name(apiFieldName))}
	if id, ok := f.number(apiFieldCorrelation); ok {
		e.Correlation = correlation(id)
	}
	e.Track = s.thread(f.text(apiFieldPID), f.text(apiFieldTID), f.text(apiFieldThread))
	s.add(e)
}

// A launch is a call, or a kernel, of cuda_kern_exec_trace, which has no
// correlation IDs: rows with equal ones are about the same.
type launch struct {
	span  trace.Span
	name  trace.NameID
	track trace.TrackID
}

// execRow reads a kernel and its call. A call that launched several kernels (a
// graph) has a row for each, a kernel that was launched through two layers has
// one for each layer, the outer one first. Calls are numbered in their order to
// tie them to their kernels.
func (s *Stats) execRow(f *fields) {
	span, ok := s.span(f, execFieldStart, execFieldDuration)
	if !ok {
		return
	}
	run, ok := s.span(f, execFieldKernelStart, execFieldKernelDuration)
	if !ok {
		return
	}
	kernel := launch{run, s.plainNames.text(f.name(execFieldKernel)), s.anyStream(f.text(execFieldPID), f.text(execFieldDevice))}
	if s.kernels[kernel] && !f.rounded {
		return
	}
	s.kernels[kernel] = true
	call := launch{span, s.callNames.text(f.name(execFieldName)), s.thread(f.text(execFieldPID), f.text(execFieldTID), nil)}
	id, ok := s.launches[call]
	if !ok {
		id = int64(len(s.launches)) + 1
		s.launches[call] = id
		s.add(trace.Event{Span: call.span, Correlation: id, Name: call.name, Track: call.track, Kind: trace.Launch})
	}
	detail := s.detail(trace.Detail{Grid: f.triple(execFieldGrid), Block: f.triple(execFieldBlock)})
	s.add(trace.Event{Span: run, Correlation: id, Name: kernel.name, Track: kernel.track, Detail: detail, Kind: trace.Kernel})
}

func (s *Stats) rangeRow(f *fields) {
	start, ok := f.time(rangeFieldStart)
	end, hasEnd := f.time(rangeFieldEnd)
	switch {
	case !ok:
		s.header.Health.Add(missing(f.text(rangeFieldStart), trace.MissingTime), -1)
		return
	case !hasEnd:
		s.header.Health.Add(missing(f.text(rangeFieldEnd), trace.MissingDuration), -1)
		end = start
	case end < start:
		s.header.Health.Add(trace.NegativeDuration, -1)
		end = start
	}
	s.add(trace.Event{
		Span: trace.Span{Start: start, End: end}, Correlation: trace.NoCorrelation, Name: s.rangeNames.text(f.name(rangeFieldName)),
		Track: s.thread(f.text(rangeFieldPID), f.text(rangeFieldTID), nil), Kind: trace.Range,
	})
}

func (s *Stats) projectionRow(f *fields) {
	e := trace.Event{
		Correlation: trace.NoCorrelation, Name: s.rangeNames.text(f.name(projFieldName)),
		Track: s.thread(f.text(projFieldPID), f.text(projFieldTID), nil), Kind: trace.Range,
	}
	var ok bool
	if e.Span, ok = s.span(f, projFieldRangeStart, projFieldRangeDuration); ok {
		s.add(e)
	}
	if e.Span, ok = s.span(f, projFieldStart, projFieldDuration); ok {
		e.Kind, e.Track = trace.GPURange, s.anyStream(f.text(projFieldPID), nil)
		s.add(e)
	}
}

// memoryKind tells copies and fills from kernels: "[CUDA memcpy HtoD]",
// "[CUDA memcpy Host-to-Device]", "[CUDA memset]".
func memoryKind(name []byte) (trace.Kind, bool) {
	switch {
	case !bytes.HasPrefix(name, []byte("[CUDA ")) || !bytes.HasSuffix(name, []byte("]")):
		return 0, false
	case bytes.Contains(name, []byte("memcpy")):
		return trace.Memcpy, true
	case bytes.Contains(name, []byte("memset")):
		return trace.Memset, true
	}
	return 0, false
}

// directions are the words of newer versions for those of older ones.
var directions = strings.NewReplacer(
	"Host-to-Device", "HtoD", "Device-to-Host", "DtoH", "Device-to-Device", "DtoD", "Host-to-Host", "HtoH", "Peer-to-Peer", "PtoP",
	"Host-to-Array", "HtoA", "Array-to-Host", "AtoH", "Array-to-Array", "AtoA", "Array-to-Device", "AtoD", "Device-to-Array", "DtoA")

// memoryOperation spells "[CUDA memcpy Host-to-Device]", "Pinned" and "Device",
// separated by NUL, as the rows of an export are: "Memcpy HtoD (Pinned -> Device)".
func memoryOperation(s string) string {
	parts := strings.SplitN(s, "\x00", 3)
	name := strings.TrimSuffix(strings.TrimPrefix(parts[0], "[CUDA "), "]")
	source, target := parts[1], parts[2]
	if strings.HasPrefix(name, "memset") {
		if source == "" {
			return "Memset"
		}
		return "Memset (" + source + ")"
	}
	name = "Memcpy " + directions.Replace(strings.TrimPrefix(name, "memcpy "))
	if (source == "" || source == "Unknown") && (target == "" || target == "Unknown") {
		return name
	}
	return name + " (" + source + " -> " + target + ")"
}
