package analyze

import (
	"cmp"
	"hash/fnv"
	"runtime"
	"slices"
	"sync"

	"omnitrace/analyze/period"
	"omnitrace/analyze/rules"
	"omnitrace/trace"
)

// A launched kernel is a kernel of a request in the order of the launches.
type launched struct {
	work int32 // index in Session.work
	at   trace.Time
}

// launchOrder returns the kernels that a request's thread launched in it, in
// the order of their launches; those of one graph replay in that of the GPU.
func (s *Session) launchOrder(src *Source, r *request) []launched {
	all := src.launched[r.track]
	from, _ := slices.BinarySearchFunc(all, r.Start, launched.compare)
	to, _ := slices.BinarySearchFunc(all, r.End, launched.compare)
	return all[from:max(from, to)]
}

func (l launched) compare(t trace.Time) int { return cmp.Compare(l.at, t) }

// orderLaunches sorts the kernels of a source by thread and launch.
func (s *Session) orderLaunches(src *Source) {
	s.readHints()
	src.launched = map[trace.TrackID][]launched{}
	work := s.work[src.from:]
	for k := range work {
		if l := s.launchOf(&work[k]); l != nil && work[k].kind == trace.Kernel {
			src.launched[l.track] = append(src.launched[l.track], launched{int32(src.from + k), l.start})
		}
	}
	for _, kernels := range src.launched {
		slices.SortStableFunc(kernels, func(a, b launched) int {
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(s.work[a.work].Start, s.work[b.work].Start))
		})
	}
}

// findPeriods looks for the periods of requests side by side: that is most of
// the time that attribution takes.
func (s *Session) findPeriods(src *Source, all []request) {
	var running sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for k := range all {
		if all[k].loop != nil {
			continue
		}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			findByPeriod(s, src, &all[k])
		})
	}
	running.Wait()
}

// readHints keeps what names of kernels hint at: requests share most of them.
func (s *Session) readHints() {
	for n := len(s.hints); n < s.names.Len(); n++ {
		s.hints = append(s.hints, period.NameHint(s.names.Text(trace.NameID(n))))
	}
}

// findByPeriod finds steps in nothing but the order of the kernels' names.
func findByPeriod(s *Session, src *Source, r *request) *foundLoop {
	if r.periodDone {
		return r.period
	}
	r.periodDone = true
	kernels := s.launchOrder(src, r)
	result := s.repeating(kernels, r.known)
	if len(result.Loops) == 0 {
		return nil
	}
	// A request has one loop; should there be more, the longest is it.
	loop := slices.MaxFunc(result.Loops, func(a, b period.Loop) int { return cmp.Compare(a.End-a.First, b.End-b.First) })
	r.period = periodLoop(loop, kernels, r.End)
	return r.period
}

func (s *Session) repeating(kernels []launched, known bool) period.Result {
	seq := period.Sequence{Diffusion: known, Names: make([]uint32, len(kernels))}
	for i, k := range kernels {
		seq.Names[i] = uint32(s.work[k.work].name)
	}
	seq.Hint = func(name uint32) period.Hint { return s.hints[name] }
	return s.sequences.find(seq)
}

// periodLoop turns positions in the sequence of kernels into times of launch.
func periodLoop(loop period.Loop, kernels []launched, end trace.Time) *foundLoop {
	at := func(i int) trace.Time {
		if i < len(kernels) {
			return kernels[i].at
		}
		return end
	}
	l := &foundLoop{method: byPeriod, sure: likely}
	if loop.Confidence < 0.8 {
		l.sure = guess
	}
	for _, st := range loop.Steps {
		l.steps = append(l.steps, step{
			span:     trace.Span{Start: at(st.First), End: at(st.End)},
			forwards: st.Forwards, cached: st.Cached, expert: st.Expert,
		})
	}
	return l
}

// findByGraph takes the replays of one CUDA graph: the one that most kernels of
// the request come from.
func findByGraph(s *Session, src *Source, r *request) *foundLoop {
	kernels := s.launchOrder(src, r)
	calls, covered := mostReplayed(s.replays(kernels))
	if len(calls) < 2 || covered*2 < len(kernels) {
		return nil
	}
	times := make([]trace.Time, len(calls))
	for i, c := range calls {
		times[i] = kernels[c.first].at
	}
	l := s.pairs(src, r, times, turnEnd(calls, kernels, r.End))
	if p := findByPeriod(s, src, r); p != nil && len(p.steps) == len(l.steps) {
		last := &l.steps[len(l.steps)-1]
		last.span.End = max(last.span.Start, p.span().End)
	}
	return l
}

// A replay is the kernels [first, next) of one graph launch.
type replay struct {
	first, next int
	graph       uint64 // equal for equal kernels
}

// replays returns the launches that own several of the kernels.
func (s *Session) replays(kernels []launched) []replay {
	var all []replay
	for i := 0; i < len(kernels); {
		j := i
		h := fnv.New64a()
		for ; j < len(kernels) && s.work[kernels[j].work].launch == s.work[kernels[i].work].launch; j++ {
			n := s.work[kernels[j].work].name
			h.Write([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
		}
		if j-i > 1 {
			all = append(all, replay{i, j, h.Sum64()})
		}
		i = j
	}
	return all
}

// mostReplayed returns the replays of the graph that most kernels come from,
// and how many these are.
func mostReplayed(all []replay) (calls []replay, kernels int) {
	perGraph := map[uint64]int{}
	for _, p := range all {
		perGraph[p.graph] += p.next - p.first
	}
	best := uint64(0)
	for _, p := range all { // in order: a map's would not be the same every time
		if n := perGraph[p.graph]; n > kernels {
			best, kernels = p.graph, n
		}
	}
	return slices.DeleteFunc(all, func(p replay) bool { return p.graph != best }), kernels
}

// turnEnd returns where the last turn ends if it launches no more behind its
// replay than the others do: what follows is the decoder.
func turnEnd(calls []replay, kernels []launched, end trace.Time) trace.Time {
	behind := 0
	for i := 1; i < len(calls); i++ {
		behind = max(behind, calls[i].first-calls[i-1].next)
	}
	if i := calls[len(calls)-1].next + behind; i < len(kernels) {
		return kernels[i].at
	}
	return end
}

// findUnmarked looks for loops in a source in which nothing marks a request:
// no range, no frame, no scheduler pass. Each loop found is a request; what
// lies between two of them can't be told apart.
func (s *Session) findUnmarked(src *Source) []request {
	for _, th := range src.threads {
		if len(th.iterations)+len(th.marks[rules.Request]) > 0 {
			return nil
		}
	}
	track, ok := s.busiestThread(src)
	if !ok {
		return nil
	}
	whole := request{Span: trace.Span{Start: noTime + 1, End: 1<<63 - 1}, track: track}
	kernels := s.launchOrder(src, &whole)
	var all []request
	for _, loop := range s.repeating(kernels, false).Loops {
		l := periodLoop(loop, kernels, kernels[len(kernels)-1].at+1)
		all = append(all, request{Span: l.span(), track: track, loop: l})
	}
	if len(all) == 0 {
		return nil
	}
	src.thread(track)
	all[0].Start = kernels[0].at
	all[len(all)-1].End = kernels[len(kernels)-1].at + 1
	return all
}

// busiestThread returns the thread that launched the most.
func (s *Session) busiestThread(src *Source) (trace.TrackID, bool) {
	launches := map[trace.TrackID]int{}
	work := s.work[src.from:]
	for k := range work {
		if l := s.launchOf(&work[k]); l != nil {
			launches[l.track]++
		}
	}
	best, most := trace.TrackID(0), 0
	for t, n := range launches {
		if n > most || n == most && src.Trace.CompareTracks(t, best) < 0 {
			best, most = t, n
		}
	}
	return best, most > 0
}
