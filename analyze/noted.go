package analyze

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"

	"omnitrace/trace"
)

// A NotedRequest is a request as a copy of a part of its trace notes it. Steps
// that were found from kernels can't be found again in a few of them; with the
// note they are the same in the copy.
type NotedRequest struct {
	Number     int32      `json:"number"` // counts from 0 within the source
	PID        string     `json:"pid"`    // of the thread that launched it
	TID        string     `json:"tid"`
	Start      trace.Time `json:"start_ns"` // on the file's clock
	End        trace.Time `json:"end_ns"`
	Generation bool       `json:"generation,omitempty"`
	Loop       *NotedLoop `json:"loop,omitempty"`
}

// A NotedLoop is a request's loop.
type NotedLoop struct {
	Method     string      `json:"method"`
	Confidence string      `json:"confidence"`
	Framed     bool        `json:"framed,omitempty"` // it has a frame of its own
	Steps      []NotedStep `json:"steps"`
}

// A NotedStep is a step: start and end in nanoseconds from the request's start,
// calls of the denoiser, 1 where a cache spared them, and which of several
// denoisers; -1 for what is not known.
type NotedStep [5]int64

// note returns the requests of a source that launched anything in the windows.
func (src *Source) note(host Windows) []NotedRequest {
	var all []NotedRequest
	for i := range src.requests {
		r := &src.requests[i]
		if !host.Touch(r.Span) {
			continue
		}
		track := threadOf(src.Trace, r.track)
		n := NotedRequest{Number: r.number, PID: track.pid, TID: track.tid, Start: r.Start, End: r.End, Generation: r.generation}
		if l := r.loop; l != nil {
			n.Loop = &NotedLoop{Method: l.method, Confidence: confidenceNames[l.sure], Framed: l.framed}
			for _, st := range l.steps {
				n.Loop.Steps = append(n.Loop.Steps, NotedStep{
					int64(st.span.Start - r.Start), int64(st.span.End - r.Start), int64(st.forwards), flag(st.cached).int, int64(st.expert)})
			}
		}
		all = append(all, n)
	}
	return all
}

// unmarked reports whether the marks of a source do not tell its steps apart
// without its kernels.
func (src *Source) unmarked() bool {
	return slices.ContainsFunc(src.requests, func(r request) bool {
		return r.loop != nil && (r.loop.counted || kernelsOnly[r.loop.method] || r.loop.method == byModule)
	})
}

// noted returns the requests that a copy notes, and false where the source is
// no such copy. What makes no sense in a note is left out.
func (src *Source) noted() ([]request, bool) {
	var note struct {
		Part     bool           `json:"part"`
		Requests []NotedRequest `json:"requests"`
	}
	text, ok := src.Trace.Meta[trace.NoteKey]
	if !ok || json.Unmarshal([]byte(text), &note) != nil {
		return nil, false
	}
	src.part = note.Part
	if note.Requests == nil {
		return nil, false
	}
	threads := map[threadOfProcess]trace.TrackID{}
	for i := range src.Trace.Events {
		if id := src.Trace.Events[i].Track; src.Trace.Tracks[id].Device < 0 {
			threads[threadOf(src.Trace, id)] = id
		}
	}
	var all []request
	for _, n := range note.Requests {
		if track, ok := threads[threadOfProcess{n.PID, n.TID}]; ok && n.Number >= 0 {
			all = append(all, request{
				Span: trace.Span{Start: n.Start, End: n.End}, track: track, generation: n.Generation,
				number: n.Number, loop: n.Loop.found(n.Start)})
			src.thread(track)
		}
	}
	return all, true
}

func (n *NotedLoop) found(start trace.Time) *foundLoop {
	if n == nil || len(n.Steps) == 0 {
		return nil
	}
	l := &foundLoop{method: n.Method, sure: guess, framed: n.Framed, counted: true}
	if i := slices.Index(confidenceNames, n.Confidence); i >= 0 {
		l.sure = confidence(i)
	}
	for _, st := range n.Steps {
		l.steps = append(l.steps, step{
			span:     trace.Span{Start: start + trace.Time(st[0]), End: start + trace.Time(st[1])},
			forwards: int(st[2]), cached: st[3] == 1, expert: int(st[4]),
		})
	}
	return l
}

// A threadOfProcess is a host thread as files have it.
type threadOfProcess struct{ pid, tid string }

func threadOf(t *trace.Trace, id trace.TrackID) threadOfProcess {
	track := &t.Tracks[id]
	key := threadOfProcess{tid: cmp.Or(track.Text, strconv.FormatInt(track.ID, 10))}
	if track.Process >= 0 {
		key.pid = t.Processes[track.Process].PID
	}
	return key
}
