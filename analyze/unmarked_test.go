package analyze

import (
	"slices"
	"strings"
	"testing"

	"omnitrace/trace"
)

func kernelKey(w *Work) [3]int64 { return [3]int64{int64(w.device), int64(w.Start), int64(w.stream)} }

func stepKey(request, index int32) int64 { return int64(request)<<32 | int64(index) }

// stepOfKernel tells for each kernel of a run which step of which request it is
// in.
func stepOfKernel(s *Session) map[[3]int64]int64 {
	steps := map[[3]int64]int64{}
	for i := range s.work {
		if w := &s.work[i]; w.kind == trace.Kernel {
			step := int64(-1)
			if w.step >= 0 {
				step = stepKey(s.steps[w.step].request, s.steps[w.step].index)
			}
			steps[kernelKey(w)] = step
		}
	}
	return steps
}

// With the python frames taken out of a trace, and the step markers of step
// execution too, the order of the kernels' names alone gives the same steps, and
// nearly every kernel lies in the same one.
func TestWithoutFrames(t *testing.T) {
	for _, want := range loopTruths {
		if strings.Contains(want.run, "stage2") || want.run == "own/diffusion_nostack" {
			continue // nothing marks the request without frames, or there are none: see TestPeriodAlone
		}
		t.Run(want.run, func(t *testing.T) {
			t.Parallel()
			path := affordable(t, want.run)
			gone := []trace.Kind{trace.Frame}
			if strings.Contains(want.run, "stepmode") {
				gone = append(gone, trace.Range)
			}
			framed, bare := run(t, Options{}, nil, path), run(t, Options{}, without(gone...), path)
			if len(framed.steps) != len(bare.steps) {
				t.Fatalf("%d steps with frames, %d without", len(framed.steps), len(bare.steps))
			}
			for i := range bare.steps {
				st, truth := &bare.steps[i], &framed.steps[i]
				if !kernelsOnly[st.method] {
					t.Errorf("step %d was found by %s", i, st.method)
				}
				if st.cached != truth.cached || st.forwards != truth.forwards {
					t.Errorf("step %d: %d forwards, cached %v; frames say %d, %v", i, st.forwards, st.cached, truth.forwards, truth.cached)
				}
				if st.expert >= 0 && st.expert != truth.expert {
					t.Errorf("step %d: expert %d; frames say %d", i, st.expert, truth.expert)
				}
			}
			compareSteps(t, "without frames", stepOfKernel(framed), stepOfKernel(bare))
		})
	}
}

// The steps that the period finds in each request are as many as the run was
// made with, and where frames say more, they hold the same kernels.
func TestPeriodAlone(t *testing.T) {
	for _, want := range loopTruths {
		t.Run(want.run, func(t *testing.T) {
			t.Parallel()
			s := run(t, Options{}, nil, affordable(t, want.run))
			found, counts := stepsByPeriod(s)
			if !slices.Equal(counts, want.steps) {
				t.Errorf("%v steps, want %v", counts, want.steps)
			}
			compareSteps(t, "period", stepOfKernel(s), found)
		})
	}
}

// The flow-matching loop of a generation stage is found without frames too:
// nsys has none.
func TestGenerationWithoutFrames(t *testing.T) {
	for _, want := range loopTruths {
		if !strings.Contains(want.run, "stage2") {
			continue
		}
		t.Run(want.run, func(t *testing.T) {
			t.Parallel()
			path := affordable(t, want.run)
			o := Options{StageMap: map[int]string{2: "code2wav"}}
			framed, bare := run(t, o, nil, path), run(t, o, without(trace.Frame), path)
			stepsAre(t, bare, want)
			compareSteps(t, "period", stepOfKernel(framed), stepOfKernel(bare))
		})
	}
}

func compareSteps(t *testing.T, method string, framed, found map[[3]int64]int64) {
	t.Helper()
	same := 0
	for k, step := range framed {
		if found[k] == step {
			same++
		}
	}
	t.Logf("%s: %d of %d kernels lie in the same step, %.2f %%", method, same, len(framed), 100*float64(same)/float64(len(framed)))
	if same*100 < len(framed)*99 {
		t.Errorf("%s: only %d of %d kernels lie in the same step", method, same, len(framed))
	}
}

// stepsByPeriod is what the period alone says about the requests of a run, and
// how many steps it finds in each.
func stepsByPeriod(s *Session) (steps map[[3]int64]int64, counts []int) {
	src := s.Sources[0]
	s.orderLaunches(src)
	steps = map[[3]int64]int64{}
	for k := range stepOfKernel(s) {
		steps[k] = -1
	}
	for _, track := range src.trackOrder() {
		for _, q := range src.threads[track].requests {
			r := request{Span: q.Span, track: track, known: true}
			l := findByPeriod(s, src, &r)
			if l == nil {
				counts = append(counts, 0)
				continue
			}
			counts = append(counts, len(l.steps))
			for _, k := range s.launchOrder(src, &r) {
				for i, st := range l.steps {
					if st.span.Contains(k.at) {
						steps[kernelKey(&s.work[k.work])] = stepKey(q.value, int32(i))
					}
				}
			}
		}
	}
	return steps, counts
}

// No diffusion loop is seen in what is not one, with frames and ranges or
// without.
func TestNoFalseLoops(t *testing.T) {
	for _, path := range corpusTraces(t, "torch", "own", "vllm-omni") {
		if slices.ContainsFunc(loopTruths, func(l loopTruth) bool { return strings.HasPrefix(path, l.run) }) {
			continue
		}
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			for _, change := range []func(*trace.Trace) *trace.Trace{
				without(), without(trace.Frame), without(trace.Range), without(trace.Frame, trace.Range, trace.Op),
			} {
				s := run(t, Options{}, change, path)
				for i := range s.steps {
					if i == 0 {
						t.Errorf("%d steps by %s", len(s.steps), s.steps[i].method)
					}
				}
			}
		})
	}
}
