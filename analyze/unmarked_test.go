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

// With the python frames taken out of a trace, the order of the kernels' names
// alone gives the same steps, and nearly every kernel lies in the same one.
func TestWithoutFrames(t *testing.T) {
	for _, want := range loopTruths {
		if strings.Contains(want.run, "stage2") || want.run == "own/diffusion_nostack" || strings.Contains(want.run, "stepmode") {
			continue // an annotation, or nothing at all, would be all that is left or missing
		}
		t.Run(want.run, func(t *testing.T) {
			t.Parallel()
			path := affordable(t, want.run)
			framed, bare := run(t, Options{}, nil, path), run(t, Options{}, without(trace.Frame), path)
			if len(framed.steps) != len(bare.steps) {
				t.Errorf("%d steps with frames, %d without", len(framed.steps), len(bare.steps))
			}
			for i := range bare.steps {
				if m := bare.steps[i].method; !kernelsOnly[m] {
					t.Errorf("step %d was found by %s", i, m)
				}
				if i < len(framed.steps) && (bare.steps[i].cached != framed.steps[i].cached || bare.steps[i].forwards != framed.steps[i].forwards || bare.steps[i].expert != framed.steps[i].expert) {
					t.Logf("step %d: %d forwards, cached %v, expert %d; frames say %d, %v, %d", i, bare.steps[i].forwards, bare.steps[i].cached, bare.steps[i].expert, framed.steps[i].forwards, framed.steps[i].cached, framed.steps[i].expert)
				}
			}
			compareSteps(t, "graph or period", stepOfKernel(framed), stepOfKernel(bare))
			compareSteps(t, "period", stepOfKernel(framed), stepsByPeriod(bare))
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
	if same*100 < len(framed)*99 {
		t.Errorf("%s: %d of %d kernels lie in the same step", method, same, len(framed))
	}
}

// stepsByPeriod is what the period alone says about the requests of a run.
func stepsByPeriod(s *Session) map[[3]int64]int64 {
	src := s.Sources[0]
	s.orderLaunches(src)
	steps := map[[3]int64]int64{}
	for k := range stepOfKernel(s) {
		steps[k] = -1
	}
	for _, track := range src.trackOrder() {
		for _, q := range src.threads[track].requests {
			r := request{Span: q.Span, track: track, known: true}
			l := findByPeriod(s, src, &r)
			if l == nil {
				continue
			}
			for _, k := range s.launchOrder(src, &r) {
				for i, st := range l.steps {
					if st.span.Contains(k.at) {
						steps[kernelKey(&s.work[k.work])] = stepKey(q.value, int32(i))
					}
				}
			}
		}
	}
	return steps
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
