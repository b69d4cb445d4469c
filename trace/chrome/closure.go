package chrome

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"omnitrace/trace"
)

// A lane is what was kept of one process and thread ID.
type lane struct {
	kept    bool
	gpu     bool // GPU work was kept
	anchors []anchor
	sorted  bool
	latest  []trace.Time // once sorted
}

func (k *copying) lane(pid, tid string) *lane {
	key := [2]string{pid, tid}
	l := k.lanes[key]
	if l == nil {
		l = &lane{}
		k.lanes[key] = l
	}
	return l
}

// settle writes the held rows that are kept: ranges, then arrows, then names.
func (k *copying) settle() {
	k.settleHalves()
	k.settleFlows()
	pids := map[string]bool{}
	for key, l := range k.lanes {
		if l.kept {
			pids[key[0]] = pids[key[0]] || l.gpu
		}
	}
	k.result.Moved = slices.SortedFunc(maps.Keys(k.moved), func(a, b MovedLane) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.TID, b.TID))
	})
	for _, pid := range slices.Sorted(maps.Keys(pids)) {
		k.result.Processes = append(k.result.Processes, CopiedProcess{pid, pids[pid]})
	}
	k.writeHeld(func(h *heldRow) bool {
		if h.phase != 'M' {
			return false
		}
		_, used := pids[h.pid]
		return used && (h.allThread || k.lane(h.pid, h.tid).kept) || h.pid == "" && h.allThread
	})
}

func (k *copying) writeHeld(keep func(*heldRow) bool) {
	for i := range k.held {
		if h := &k.held[i]; keep(h) {
			k.result.Kept++
			k.d.Row([]byte(h.text))
		}
	}
}

// settleHalves pairs the ends of ranges as reading does: by nesting on a
// thread or by ID, in time order.
func (k *copying) settleHalves() {
	var order []*heldRow
	for i := range k.held {
		if k.held[i].isHalf {
			order = append(order, &k.held[i])
		}
	}
	if len(order) == 0 {
		return
	}
	slices.SortStableFunc(order, func(a, b *heldRow) int { return cmp.Compare(a.half.event.Start, b.half.event.Start) })
	kept := map[*heldRow]bool{}
	open := map[string][]*heldRow{}
	for _, h := range order {
		stack := open[h.half.lane]
		switch n := len(stack); {
		case h.half.begin:
			open[h.half.lane] = append(stack, h)
		case n > 0:
			begin := stack[n-1]
			open[h.half.lane] = stack[:n-1]
			kept[begin] = k.keepRange(begin, h.half.event.Start)
			kept[h] = kept[begin]
		}
	}
	k.writeHeld(func(h *heldRow) bool { return h.isHalf && kept[h] })
}

func (k *copying) keepRange(begin *heldRow, end trace.Time) bool {
	row := Row{kind: begin.half.event.Kind, span: trace.Span{Start: begin.half.event.Start, End: end}, name: begin.name}
	row.span.Start += k.Origin
	row.span.End += k.Origin
	if !k.Keep(&row) {
		return false
	}
	l := k.lane(begin.pid, begin.tid)
	l.kept, l.sorted = true, false
	l.anchors = append(l.anchors, anchor{span: row.span})
	return true
}

// settleFlows keeps an arrow if both its ends are at kept rows.
func (k *copying) settleFlows() {
	const from, to = 1, 2
	ends := map[string]uint8{}
	isFlow := func(h *heldRow) bool { return h.phase == 's' || h.phase == 't' || h.phase == 'f' }
	anchored := make([]bool, len(k.held))
	for i := range k.held {
		h := &k.held[i]
		if !isFlow(h) {
			continue
		}
		if anchored[i] = k.lane(h.pid, h.tid).holds(h.time); anchored[i] {
			if h.phase == 's' {
				ends[h.id] |= from
			} else {
				ends[h.id] |= to
			}
		}
	}
	i := -1
	k.writeHeld(func(h *heldRow) bool {
		i++
		return isFlow(h) && anchored[i] && ends[h.id] == from|to
	})
}

// holds reports whether a kept row of the lane can be the end of an arrow: GPU
// work that starts at the time, or anything of a host thread that covers it.
func (l *lane) holds(t trace.Time) bool {
	if !l.sorted {
		l.sort()
	}
	i, found := slices.BinarySearchFunc(l.anchors, t, func(a anchor, t trace.Time) int { return cmp.Compare(a.span.Start, t) })
	return found || i > 0 && l.latest[i-1] >= t
}

// sort sorts the anchors by start and notes the latest end of those on the
// host up to each.
func (l *lane) sort() {
	slices.SortFunc(l.anchors, func(a, b anchor) int { return cmp.Compare(a.span.Start, b.span.Start) })
	l.latest = make([]trace.Time, len(l.anchors))
	end := trace.Time(math.MinInt64)
	for i, a := range l.anchors {
		if !a.gpu {
			end = max(end, a.span.End)
		}
		l.latest[i] = end
	}
	l.sorted = true
}
