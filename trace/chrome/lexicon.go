package chrome

import (
	"bytes"
	"strings"

	"omnitrace/trace"
)

// A lexicon gives a worker's names, lanes and details small IDs. Each worker
// has its own and keeps it over all its pieces; the reader translates IDs into
// those of the file, in file order, so that they do not depend on which worker
// saw what first.
type lexicon struct {
	names   map[string]trace.NameID
	tracks  map[trackKey]trace.TrackID
	details map[trace.Detail]trace.DetailID

	// What the IDs stand for, in order.
	nameList   []string
	trackList  []trackKey
	detailList []trace.Detail

	kinds   map[string]trace.Kind
	lastCat []byte // the category of the row before, which the next one often shares
	lastOf  trace.Kind

	// The caller's decision about each name, for the kinds it is asked about.
	decided [2]map[string]*decision
	last    *decision

	lastHost  trackKey
	lastTrack trace.TrackID
}

// A decision is a kept name's ID, or that it is not kept.
type decision struct {
	kind trace.Kind
	name string
	id   trace.NameID
	keep bool
	next *decision // about the row that followed the last one of this name
}

// about reports whether d is the decision about a kind and name.
func (d *decision) about(kind trace.Kind, name []byte) bool {
	return d != nil && d.kind == kind && d.name == string(name)
}

// A trackKey is a lane as the file names it.
type trackKey struct {
	pid, tid       string
	gpu            bool
	device, stream string // "" where the row's arguments do not say
}

func newLexicon() *lexicon {
	return &lexicon{
		names: map[string]trace.NameID{}, tracks: map[trackKey]trace.TrackID{},
		details: map[trace.Detail]trace.DetailID{{}: 0}, detailList: make([]trace.Detail, 1),
		kinds:   map[string]trace.Kind{},
		decided: [2]map[string]*decision{{}, {}},
	}
}

// categories maps Kineto's categories (ActivityType.cpp, all eras, lower case)
// to kinds. Names of other writers follow.
var categories = map[string]trace.Kind{
	"kernel": trace.Kernel, "gpu_memcpy": trace.Memcpy, "memcpy": trace.Memcpy,
	"gpu_memset": trace.Memset, "memset": trace.Memset,
	"cuda_runtime": trace.Launch, "cuda_driver": trace.Launch, "runtime": trace.Launch,
	"xpu_runtime": trace.Launch, "xpu_driver": trace.Launch, "mtia_runtime": trace.Launch, "glow_runtime": trace.Launch,
	"privateuse1_runtime": trace.Launch, "privateuse1_driver": trace.Launch,
	"hip_runtime": trace.Launch, "hip_driver": trace.Launch,
	"cuda_sync": trace.Sync, "cuda_event": trace.Sync, "xpu_sync": trace.Sync,
	"cpu_op": trace.Op, "operator": trace.Op, "hpu_op": trace.Op,
	"user_annotation": trace.Range, "nvtx": trace.Range,
	"gpu_user_annotation": trace.GPURange,
	"python_function":     trace.Frame,
	"overhead":            trace.Overhead,
}

// kind returns the kind of a category, which may be a comma list; case does
// not matter.
func (l *lexicon) kind(cat field) trace.Kind {
	if len(cat.text) > 0 && bytes.Equal(cat.text, l.lastCat) {
		return l.lastOf
	}
	k, ok := l.kinds[string(cat.text)]
	if !ok {
		for part := range strings.SplitSeq(strings.ToLower(cat.value()), ",") {
			if k = categories[strings.TrimSpace(part)]; k != trace.Other {
				break
			}
		}
		l.kinds[string(cat.text)] = k
	}
	l.lastCat = append(l.lastCat[:0], cat.text...)
	l.lastOf = k
	return k
}

// keep returns a name's ID and whether the caller wants events of it.
func (l *lexicon) keep(f field, kind trace.Kind, keep func(trace.Kind, string) bool) (trace.NameID, bool) {
	if keep == nil || kind != trace.Frame && kind != trace.Op {
		return l.name(f), true
	}
	d := l.decision(f, kind, keep)
	return d.id, d.keep
}

// decision returns the caller's decision about a name. Programs repeat
// themselves: three times in five the next row is the one that came last time,
// and comparing two texts spares looking one up.
func (l *lexicon) decision(f field, kind trace.Kind, keep func(trace.Kind, string) bool) *decision {
	if l.last != nil && f.plain && l.last.next.about(kind, f.text) {
		l.last = l.last.next
		return l.last
	}
	d := l.decide(f, kind, keep)
	if l.last != nil {
		l.last.next = d
	}
	l.last = d
	return d
}

func (l *lexicon) decide(f field, kind trace.Kind, keep func(trace.Kind, string) bool) *decision {
	decided := l.decided[0]
	if kind == trace.Op {
		decided = l.decided[1]
	}
	if d, ok := decided[string(f.text)]; ok && f.plain {
		return d
	}
	name := f.value()
	if d, ok := decided[name]; ok {
		return d
	}
	d := &decision{kind: kind, name: name, keep: keep(kind, name)}
	if d.keep {
		d.id = l.name(f)
	}
	decided[name] = d
	return d
}

func (l *lexicon) name(f field) trace.NameID {
	if f.plain || !f.quoted {
		if id, ok := l.names[string(f.text)]; ok {
			return id
		}
	}
	name := f.value()
	id, ok := l.names[name]
	if !ok {
		id = trace.NameID(len(l.nameList))
		l.names[name] = id
		l.nameList = append(l.nameList, name)
	}
	return id
}

func (l *lexicon) hostTrack(r *row) trace.TrackID {
	if string(r.tid.text) == l.lastHost.tid && string(r.pid.text) == l.lastHost.pid && l.lastHost != (trackKey{}) {
		return l.lastTrack
	}
	key := trackKey{pid: r.pid.value(), tid: r.tid.value()}
	id := l.track(key)
	if r.pid.plain && r.tid.plain {
		l.lastHost, l.lastTrack = key, id
	}
	return id
}

func (l *lexicon) gpuTrack(r *row, a gpuArgs) trace.TrackID {
	return l.track(trackKey{
		pid: r.pid.value(), tid: r.tid.value(), gpu: true,
		device: a.device, stream: a.stream,
	})
}

func (l *lexicon) track(key trackKey) trace.TrackID {
	id, ok := l.tracks[key]
	if !ok {
		id = trace.TrackID(len(l.trackList))
		l.tracks[key] = id
		l.trackList = append(l.trackList, key)
	}
	return id
}

func (l *lexicon) detail(d trace.Detail) trace.DetailID {
	id, ok := l.details[d]
	if !ok {
		id = trace.DetailID(len(l.detailList))
		l.details[d] = id
		l.detailList = append(l.detailList, d)
	}
	return id
}
