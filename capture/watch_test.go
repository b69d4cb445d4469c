package capture

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// A scene is a directory that changes under a watch, with a clock of its own.
type scene struct {
	t     *testing.T
	files fstest.MapFS
	watch *watch
	now   time.Time
}

func newScene(t *testing.T, complete func(fs.FS, string) error, before ...string) *scene {
	s := &scene{t: t, files: fstest.MapFS{}, now: time.Now()}
	for _, name := range before {
		s.put(name, "old")
	}
	var err error
	if s.watch, err = newWatch(s.files, complete, time.Second); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) put(name, data string) {
	s.files[name] = &fstest.MapFile{Data: []byte(data), ModTime: s.now}
}

// after lets time pass and looks: complete traces, and what is waited for.
func (s *scene) after(d time.Duration) (complete, waiting string) {
	s.t.Helper()
	s.now = s.now.Add(d)
	seen, err := s.watch.look(s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	return paths(seen.complete), strings.Join(seen.waiting, "; ")
}

func whole(fs.FS, string) error { return nil }

const trace0 = "20261124-040118_stage0_rank0_1795492878/trace_rank0.json"

// TestFlushOrder plays the order that was seen on a real vLLM-Omni 0.26.0: .tmp
// grows, is renamed, an empty .gz appears, grows, and the plain file goes.
func TestFlushOrder(t *testing.T) {
	t.Parallel()
	ready := errors.New("the gzip stream ends early")
	s := newScene(t, func(fs.FS, string) error { return ready })
	expect := func(d time.Duration, wantComplete, wantWaiting string) {
		t.Helper()
		complete, waiting := s.after(d)
		if complete != wantComplete || !strings.Contains(waiting, wantWaiting) || (wantWaiting == "") != (waiting == "") {
			t.Errorf("complete %q waiting %q, want %q %q", complete, waiting, wantComplete, wantWaiting)
		}
	}
	expect(0, "", "")
	s.put(trace0+".tmp", "{")
	expect(time.Minute, "", "has not renamed")
	delete(s.files, trace0+".tmp")
	s.put(trace0, "{}")
	expect(10*time.Millisecond, "", "it changed 0s ago")
	expect(2*time.Second, "", "it changed 2s ago") // a plain file must rest longer
	s.put(trace0+".gz", "")
	expect(time.Minute, "", "gzip is at work on it")
	delete(s.files, trace0)
	s.put(trace0+".gz", "half")
	expect(10*time.Millisecond, "", "it changed")
	expect(time.Minute, "", "ends early")
	ready = nil
	s.put(trace0+".gz", "whole")
	expect(10*time.Millisecond, "", "it changed")
	expect(900*time.Millisecond, "", "it changed")
	expect(100*time.Millisecond, trace0+".gz", "")
}

func TestEarlierFilesAreNotOurs(t *testing.T) {
	t.Parallel()
	s := newScene(t, whole, trace0+".gz")
	if complete, waiting := s.after(time.Minute); complete != "" || waiting != "" {
		t.Errorf("%q %q", complete, waiting)
	}
	s.put(trace0+".gz", "written again")
	s.after(0)
	if complete, _ := s.after(time.Minute); complete != trace0+".gz" {
		t.Errorf("a rewritten file is %q", complete)
	}
}

// TestJudgedOnce: reading a trace to its end is dear.
func TestJudgedOnce(t *testing.T) {
	t.Parallel()
	reads := 0
	s := newScene(t, func(fs.FS, string) error { reads++; return nil })
	s.put(trace0+".gz", "x")
	for range 10 {
		s.after(time.Second)
	}
	count(t, "reads", reads, 1)
}

func TestWhichFilesAreTraces(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"d/trace_rank0.json":     true,
		"d/trace_rank0.json.gz":  true,
		"d/trace_rank0.json.tmp": true,
		"dp0_pp0_tp0_dcp0_ep0_rank0.1795492878000000000.pt.trace.json.gz": true,
		"d/trace_rank0.json.gz.partial":                                   false,
		"run.json":                                                        false,
		"run.log":                                                         false,
		"d/profiler_out_0.txt":                                            false,
		"d/ops_rank0.xlsx":                                                false,
		"d/memory_snapshot_rank0.pickle":                                  false,
		"d/execution_trace_rank0.json":                                    false,
		"d/h_1_2_ascend_pt/ASCEND_PROFILER_OUTPUT/trace_view.json":    true,
		"d/h_1_2_ascend_pt/ASCEND_PROFILER_OUTPUT/communication.json": false,
	} {
		if got := isTrace(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	trace := func(stage, rank int) traceFile { return traceFile{stage: stage, rank: rank, counted: true} }
	for _, c := range []struct {
		have   []traceFile
		stages []int
		ranks  int
		want   []string
	}{
		{nil, nil, 1, []string{"1 of 1 traces"}},
		{[]traceFile{trace(0, 0)}, nil, 1, nil},
		{[]traceFile{trace(0, 0)}, nil, 2, []string{"1 of 2 traces"}},
		{[]traceFile{trace(0, 0), trace(1, 0)}, []int{0, 2}, 1, []string{"stage 2 (0 of 1 ranks)"}},
		{[]traceFile{trace(0, 0), trace(0, 1), trace(2, 0)}, []int{0, 2}, 2, []string{"stage 2 (1 of 2 ranks)"}},
		{[]traceFile{trace(-1, 0), trace(-1, 0)}, []int{0, 2}, 1, nil},         // plain vLLM names tell no stage
		{[]traceFile{{stage: -1, rank: 0}}, nil, 1, []string{"1 of 1 traces"}}, // the frontend's does not count
	} {
		if got := missing(c.have, c.stages, c.ranks); !slices.Equal(got, c.want) {
			t.Errorf("%+v of %v×%d: %q, want %q", c.have, c.stages, c.ranks, got, c.want)
		}
	}
	if got := unasked([]traceFile{trace(2, 0), trace(1, 0), trace(1, 1), trace(0, 0)}, []int{0}); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("unasked %v", got)
	}
}
