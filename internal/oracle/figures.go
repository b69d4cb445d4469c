package oracle

import (
	"cmp"
	"slices"
)

// A Stat sums up the activities of one name.
type Stat struct{ Count, Sum, Min, Max, Bytes int64 }

// Figures are those of one device of one file. Times are in nanoseconds.
type Figures struct {
	Device   string // args.device, or the pid of rows that have none
	PID      string
	Kernels  int64
	KernelNS int64 // concurrent streams count twice
	GPUNS    int64 // with memcpy and memset
	BusyNS   int64 // of the union
	SpanNS   int64 // from the first start to the last end
	First    int64 // the first start, on the file's own origin

	Launches   int64 // distinct calls that own kernels of this device
	Unlaunched int64 // kernels whose call is not in the file

	ByKernel map[string]Stat
	ByMemory map[string]Stat // memcpy and memset
}

// Figures computes those of each (pid, device) pair, sorted by device and pid.
func (f *File) Figures() []Figures {
	type device struct{ index, pid string }
	groups := map[device][]Activity{}
	for _, a := range f.Activities {
		if a.What != "launch" {
			d := device{a.Device, a.PID}
			groups[d] = append(groups[d], a)
		}
	}
	calls := f.calls()
	var all []Figures
	for d, group := range groups {
		x := figures(group, calls)
		x.Device, x.PID = d.index, d.pid
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b Figures) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.PID, b.PID))
	})
	return all
}

func figures(group []Activity, calls map[string][]Activity) Figures {
	x := Figures{ByKernel: map[string]Stat{}, ByMemory: map[string]Stat{}}
	owners := map[Activity]bool{}
	first, last := group[0].Start, group[0].End
	for _, a := range group {
		d := a.End - a.Start
		x.GPUNS += d
		first, last = min(first, a.Start), max(last, a.End)
		if a.What != "kernel" {
			count(x.ByMemory, a)
			continue
		}
		count(x.ByKernel, a)
		x.Kernels++
		x.KernelNS += d
		if call, ok := owner(calls[a.Correlation], a); ok {
			owners[call] = true
		} else {
			x.Unlaunched++
		}
	}
	x.Launches = int64(len(owners))
	x.First, x.SpanNS = first, last-first
	x.BusyNS = Union(group)
	return x
}

func count(by map[string]Stat, a Activity) {
	d := a.End - a.Start
	s, ok := by[a.Name]
	if !ok {
		s.Min, s.Max = d, d
	}
	s.Count++
	s.Sum += d
	s.Min, s.Max = min(s.Min, d), max(s.Max, d)
	s.Bytes += a.Bytes
	by[a.Name] = s
}

// Union returns the length of the union of the activities' spans: the parts
// between neighbouring edges during which the number of running activities is
// not zero.
func Union(group []Activity) int64 {
	type edge struct{ at, step int64 }
	var edges []edge
	for _, a := range group {
		edges = append(edges, edge{a.Start, 1}, edge{a.End, -1})
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	var busy, running int64
	for i, e := range edges {
		if running > 0 {
			busy += e.at - edges[i-1].at
		}
		running += e.step
	}
	return busy
}

// calls returns the launch calls by correlation ID in order of their start. A
// call inside another of the same ID and thread (a driver call inside the
// runtime call that makes it) is part of that one.
func (f *File) calls() map[string][]Activity {
	all := map[string][]Activity{}
	for _, a := range f.Activities {
		if a.What == "launch" && a.Correlation != "" {
			all[a.Correlation] = append(all[a.Correlation], a)
		}
	}
	for id, calls := range all {
		slices.SortStableFunc(calls, func(a, b Activity) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End))
		})
		var outer []Activity
		for _, c := range calls {
			inside := func(o Activity) bool {
				return o.PID == c.PID && o.TID == c.TID && o.Start <= c.Start && c.End <= o.End
			}
			if !slices.ContainsFunc(outer, inside) {
				outer = append(outer, c)
			}
		}
		all[id] = outer
	}
	return all
}

// owner returns the last of the calls that began before a did, or else the
// first: IDs are reused, and the clocks of host and device may disagree.
func owner(calls []Activity, a Activity) (Activity, bool) {
	if a.Correlation == "" || len(calls) == 0 {
		return Activity{}, false
	}
	best := calls[0]
	for _, c := range calls {
		if c.Start <= a.Start {
			best = c
		}
	}
	return best, true
}
