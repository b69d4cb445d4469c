package analyze

import (
	"math"

	"omnitrace/analyze/rules"
	"omnitrace/trace"
)

// stacks tell what was open on its thread when something was launched: ranges
// and python frames, as a tree that the launches of a source share.
type stacks struct {
	nodes []stackNode
	texts []string // that nodes are named by
	at    []int32  // node of each launch call, by its index in the trace's events; 0 for none
}

// A stackNode is a name below another one. Node 0 is the root and has none.
type stackNode struct{ parent, text, depth int32 }

// deepest bounds a stack: recursion without end must not make a profile so.
const deepest = 100

// of returns the node of the launch of w, 0 for none.
func (st *stacks) of(call *launch) int32 {
	if call == nil {
		return 0
	}
	return st.at[call.event]
}

// depth returns how many names a node stands for.
func (st *stacks) depth(node int32) int { return int(st.nodes[node].depth) }

// names appends the names of a node, the outermost first.
func (st *stacks) names(to []string, node int32) []string {
	n := st.depth(node)
	to = append(to, make([]string, n)...)
	for i := len(to) - 1; node != 0; i-- {
		to[i] = st.texts[st.nodes[node].text]
		node = st.nodes[node].parent
	}
	return to
}

// readStacks returns the stacks of each source.
func (s *Session) readStacks() []*stacks {
	all := make([]*stacks, len(s.Sources))
	for i, src := range s.Sources {
		if src.counted() {
			all[i] = s.readSourceStacks(src)
		}
	}
	return all
}

// An openFrame is a range or frame that has not ended.
type openFrame struct {
	trace.Span
	text int32
	node int32 // of the stack from base on up to this one
	base int   // -1: not known yet
}

type stackReader struct {
	*stacks
	children map[stackNode]int32
	open     [][]openFrame // by track
}

func (s *Session) readSourceStacks(src *Source) *stacks {
	t := src.Trace
	r := stackReader{
		stacks:   &stacks{nodes: make([]stackNode, 1), at: make([]int32, len(t.Events))},
		children: map[stackNode]int32{}, open: make([][]openFrame, len(t.Tracks)),
	}
	texts := s.stackTexts(t, r.stacks)
	launching := src.launchingThreads()
	for i := range t.Events {
		e := &t.Events[i]
		switch {
		case e.Kind == trace.Launch:
			r.at[i] = r.node(e, src.opened(e))
		case (e.Kind == trace.Frame || e.Kind == trace.Range) && launching[e.Track]:
			if text := texts(e); text >= 0 {
				r.push(e, text)
			}
		}
	}
	return r.stacks
}

// stackTexts returns a function from a range or frame to the text that stands
// for it in stacks, -1 for those that do not stand there: ranges that are steps
// or passes, which stacks have already, and frames of libraries.
func (s *Session) stackTexts(t *trace.Trace, st *stacks) func(*trace.Event) int32 {
	known := make([]int32, 2*t.Names.Len()) // a text and 2 more; 0: not asked yet
	byText := map[string]int32{}
	return func(e *trace.Event) int32 {
		k := 2 * int(e.Name)
		if e.Kind == trace.Frame {
			k++
		}
		if known[k] == 0 {
			known[k] = 1
			if text, ok := s.stackText(t, e); ok {
				id, found := byText[text]
				if !found {
					id = int32(len(st.texts))
					byText[text] = id
					st.texts = append(st.texts, text)
				}
				known[k] = id + 2
			}
		}
		return known[k] - 2
	}
}

func (s *Session) stackText(t *trace.Trace, e *trace.Event) (string, bool) {
	text := t.Names.Text(e.Name)
	if e.Kind == trace.Range {
		w := s.readWord(t, e)
		return text, w.role == rules.NoRole && !w.pass
	}
	if class, _, ok := rules.Module(text); ok {
		return "nn.Module: " + class, true
	}
	return text, s.Rules.InStack(text)
}

// opened returns when the innermost request, pass or step of a launch began. What
// was open before is the same for all of it, and left out.
func (src *Source) opened(e *trace.Event) trace.Time {
	at := trace.Time(math.MinInt64)
	th := src.threads[e.Track]
	if th == nil {
		return at
	}
	for _, all := range []scopes{th.requests, th.passes, th.steps} {
		if i := all.index(e.Start); i >= 0 {
			at = max(at, all[i].Start)
		}
	}
	return at
}

// closed returns what is open on a track at a time.
func (r *stackReader) closed(track trace.TrackID, at trace.Time) []openFrame {
	open := r.open[track]
	for len(open) > 0 && open[len(open)-1].End <= at {
		open = open[:len(open)-1]
	}
	r.open[track] = open
	return open
}

// push opens a range or frame. One that outlasts what it began in is cut off
// there: so a stack is closed from its end.
func (r *stackReader) push(e *trace.Event, text int32) {
	open := r.closed(e.Track, e.Start)
	f := openFrame{Span: e.Span, text: text, base: -1}
	if n := len(open); n > 0 {
		f.End = min(f.End, open[n-1].End)
	}
	if len(open) < deepest && f.Start < f.End {
		r.open[e.Track] = append(open, f)
	}
}

// node returns the node of all that is open at a launch and began no earlier
// than a time. What is open keeps its node for the launches after it.
func (r *stackReader) node(e *trace.Event, from trace.Time) int32 {
	open := r.closed(e.Track, e.Start)
	base := len(open)
	for base > 0 && open[base-1].Start >= from {
		base--
	}
	known := len(open)
	for known > base && open[known-1].base != base {
		known--
	}
	node := int32(0)
	if known > base {
		node = open[known-1].node
	}
	for i := known; i < len(open); i++ {
		node = r.child(node, open[i].text)
		open[i].node, open[i].base = node, base
	}
	return node
}

func (r *stackReader) child(parent, text int32) int32 {
	key := stackNode{parent: parent, text: text, depth: r.nodes[parent].depth + 1}
	node, ok := r.children[key]
	if !ok {
		node = int32(len(r.nodes))
		r.children[key] = node
		r.nodes = append(r.nodes, key)
	}
	return node
}
