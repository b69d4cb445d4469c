package chrome_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"omnitrace/internal/oracle"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/open"
)

// Every real trace gives the figures that a slow, independent reading of it
// gives, to the nanosecond.
func TestCorpus(t *testing.T) {
	root := corpus(t)
	for _, path := range tracesIn(t, root) {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			stored, err := os.ReadFile(filepath.Join(root, path))
			if err != nil {
				t.Fatal(err)
			}
			if testing.Short() && len(stored) > 1<<20 && !strings.HasPrefix(path, "torch/") {
				t.Skip("the independent reading of a large trace takes seconds; without -short it is read")
			}
			want, err := oracle.ReadFile(filepath.Join(root, path))
			if err != nil {
				t.Fatal(err)
			}
			got := read(t, stored, work)
			if len(got.Health.Defects()) > 0 {
				t.Logf("defects %v", got.Health.Defects())
			}
			if got.Rows != want.Rows {
				t.Errorf("%d rows, want %d", got.Rows, want.Rows)
			}
			compareFigures(t, figuresOf(got), withBase(want.Figures(), want.Base))
		})
	}
}

// tracesIn lists the traces below root, by path relative to it.
func tracesIn(t *testing.T, root string) []string {
	var paths []string
	for _, dir := range []string{"torch", "own", "vllm-omni"} {
		err := fs.WalkDir(os.DirFS(root), dir, func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, ".json.gz") {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

func read(t *testing.T, stored []byte, want trace.Want) *trace.Trace {
	t.Helper()
	src, err := open.Reader(bytes.NewReader(stored))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	got, err := trace.Read(chrome.NewReader(src, want))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// figuresOf computes from events what the oracle computes from text.
func figuresOf(t *trace.Trace) []oracle.Figures {
	groups := map[int][]int{}
	for i, e := range t.Events {
		if e.Kind.GPU() {
			d := t.Tracks[e.Track].Device
			groups[d] = append(groups[d], i)
		}
	}
	links := trace.Link(t)
	var all []oracle.Figures
	for d, group := range groups {
		x := oracle.Figures{
			Device:   fmt.Sprint(t.Devices[d].Index),
			ByKernel: map[string]oracle.Stat{}, ByMemory: map[string]oracle.Stat{},
		}
		var events []trace.Event
		owners := map[int32]bool{}
		for _, i := range group {
			e := t.Events[i]
			events = append(events, e)
			x.GPUNS += int64(e.Len())
			if e.Kind != trace.Kernel {
				count(x.ByMemory, t, e)
				continue
			}
			count(x.ByKernel, t, e)
			x.Kernels++
			x.KernelNS += int64(e.Len())
			if call := links.Launch[i]; call >= 0 {
				owners[call] = true
			} else {
				x.Unlaunched++
			}
		}
		extent, _ := trace.Extent(events)
		x.First, x.SpanNS = int64(extent.Start), int64(extent.Len())
		x.BusyNS = int64(trace.Busy(events))
		x.Launches = int64(len(owners))
		all = append(all, x)
	}
	return all
}

func count(by map[string]oracle.Stat, t *trace.Trace, e trace.Event) {
	name, d := t.Names.Text(e.Name), int64(e.Len())
	s, ok := by[name]
	if !ok {
		s.Min = d
	}
	s = oracle.Stat{
		Count: s.Count + 1, Sum: s.Sum + d, Min: min(s.Min, d), Max: max(s.Max, d),
		Bytes: s.Bytes + t.Details[e.Detail].Bytes,
	}
	by[name] = s
}

func withBase(all []oracle.Figures, base int64) []oracle.Figures {
	for i := range all {
		all[i].First += base
		all[i].PID = "" // devices of the event model have none
	}
	return all
}

func compareFigures(t *testing.T, got, want []oracle.Figures) {
	t.Helper()
	order := func(a, b oracle.Figures) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.First, b.First))
	}
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if len(got) != len(want) {
		t.Fatalf("%d devices, want %d", len(got), len(want))
	}
	for i := range got {
		g, w := got[i], want[i]
		compareStats(t, g.ByKernel, w.ByKernel)
		compareStats(t, g.ByMemory, w.ByMemory)
		g.ByKernel, g.ByMemory, w.ByKernel, w.ByMemory = nil, nil, nil, nil
		if g, w := fmt.Sprintf("%+v", g), fmt.Sprintf("%+v", w); g != w {
			t.Errorf("device figures\n got %s\nwant %s", g, w)
		}
	}
}

func compareStats(t *testing.T, got, want map[string]oracle.Stat) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d names, want %d", len(got), len(want))
	}
	for name, w := range want {
		if g := got[name]; g != w {
			t.Errorf("%q: got %+v, want %+v", name, g, w)
		}
	}
}
