package analyze

import "testing"

// Steps that a cache spared have rows even if they launch nothing, as have steps
// and passes between others with work. An idle engine's dummy passes have none,
// nor has what a trimmed trace only has marks of.
func TestRowsWithoutWork(t *testing.T) {
	s := written(t, `
		range t=0 d=1000 track=host/1 "diffusion_forward"
		frame t=100 d=300 track=host/1 "p.py(1): diffuse"
		frame t=100 d=50 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
		frame t=160 d=10 track=host/1 "c.py(1): scheduler_step_maybe_with_cfg"
		frame t=200 d=10 track=host/1 "c.py(1): scheduler_step_maybe_with_cfg"
		frame t=300 d=50 track=host/1 "c.py(1): predict_noise_maybe_with_cfg"
		frame t=360 d=10 track=host/1 "c.py(1): scheduler_step_maybe_with_cfg"
		`+calls("a@110", "b@310"))
	tab := table(s, Steps)
	for i, want := range []int64{1, 0, 1} {
		row := rowOf(t, &tab, keyOf("stage", 0, "request", 0, "step", i))
		if got := cell(t, &tab, row, "kernels"); got != want {
			t.Errorf("step %d: %d kernels, want %d", i, got, want)
		}
	}
	if len(tab.Rows) != 3 || tab.Sum("busy_ns") != 10 {
		t.Errorf("%d rows with %d ns, want 3 with 10", len(tab.Rows), tab.Sum("busy_ns"))
	}

	s = written(t, `
		range t=0 d=10 track=host/1 "execute_context_0(0)_generation_0(0)"
		range t=100 d=10 track=host/1 "execute_context_0(0)_generation_1(1)"
		range t=200 d=10 track=host/1 "execute_context_0(0)_generation_1(1)"
		range t=300 d=10 track=host/1 "execute_context_0(0)_generation_1(1)"
		range t=400 d=10 track=host/1 "execute_context_0(0)_generation_1(1)"
		`+calls("a@105", "b@305"))
	tab = table(s, Iterations)
	for i, want := range []int64{1, 0, 1} {
		row := rowOf(t, &tab, keyOf("stage", 0, "iteration", i+1))
		if got := cell(t, &tab, row, "kernels"); got != want {
			t.Errorf("iteration %d: %d kernels, want %d", i+1, got, want)
		}
	}
	if len(tab.Rows) != 3 {
		t.Errorf("%d rows, want 3: dummies, and what lies outside of all work, have none", len(tab.Rows))
	}
}
