package analyze

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"omnitrace/internal/tracetest"
)

// A timeline is small, in order, and adds up to the tables.
func TestTimelineAddsUp(t *testing.T) {
	for _, path := range corpusTraces(t, "torch", "own", "vllm-omni") {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			checkTimeline(t, run(t, Options{}, nil, path))
		})
	}
	rapid.Check(t, func(t *rapid.T) { checkTimeline(t, drawSession(t)) })
}

// drawSession draws a run of one to three files.
func drawSession(t *rapid.T) *Session {
	var inputs []Input
	for i := range rapid.IntRange(1, 3).Draw(t, "files") {
		tr, err := tracetest.Parse(strings.Join(drawLines(t), "\n"))
		if err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, input(fmt.Sprintf("20261123-224312_stage%d_rank0_1/trace_rank%d.json.gz", i/2, i), tr))
	}
	s, err := NewSession(inputs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func checkTimeline(t failer, s *Session) {
	t.Helper()
	devices := s.Summarize([]Analysis{Devices}).Tables[0]
	line := s.Timeline()
	if len(line.Lanes) != len(devices.Rows) {
		t.Errorf("%d lanes, want one for each of %d devices", len(line.Lanes), len(devices.Rows))
		return
	}
	perStage := map[int]int{}
	for i := range line.Lanes {
		l := &line.Lanes[i]
		if row := devices.Rows[i]; row.Key != l.Key {
			t.Errorf("lane %d is %s, the device %s", i, l.Key, row.Key)
			continue
		} else if busy, _ := row.Cells[devices.Column("busy_ns")].Int(); busy != laneBusy(t, l) || busy != mixed(l.Mix) {
			t.Errorf("%s: stretches of %d ns and a mix of %d ns, busy are %d", l.Key, laneBusy(t, l), mixed(l.Mix), busy)
		}
		perStage[l.Stage] += len(l.Busy)
		checkPhases(t, l)
	}
	for stage, n := range perStage {
		if n > stretchesPerStage+leastPerLane*len(line.Lanes) {
			t.Errorf("stage %d has %d stretches", stage, n)
		}
	}
	for _, a := range []struct{ kind, column string }{{"step", "step"}, {"iteration", "iteration"}} {
		table := s.Summarize([]Analysis{map[string]Analysis{"step": Steps, "iteration": Iterations}[a.kind]}).Tables[0]
		want, got := int64(0), int64(0)
		for _, r := range table.Rows {
			if r.Cells[table.Column(a.column)].IsNull() {
				continue
			}
			n, _ := r.Cells[table.Column("exclusive_ns")].Int()
			want += n
		}
		for _, l := range line.Lanes {
			for _, u := range l.Units {
				if u.Kind == a.kind {
					got += partsNS(u.Parts)
				}
			}
		}
		if got != want {
			t.Errorf("%ss have %d ns, in the table %d", a.kind, got, want)
		}
	}
}

func laneBusy(t failer, l *Lane) (sum int64) {
	t.Helper()
	at := l.Extent.Start
	for _, b := range l.Busy {
		if b.Start < at || b.End <= b.Start || b.End > l.Extent.End || b.BusyNS <= 0 || b.BusyNS > int64(b.Len()) {
			t.Errorf("%s: stretch %+v in %+v, the one before ends at %d", l.Key, b, l.Extent, at)
		}
		at, sum = b.End, sum+b.BusyNS
	}
	return sum
}

func mixed(mix []PhaseMix) (sum int64) {
	for _, m := range mix {
		sum += partsNS(m.Parts)
	}
	return sum
}

func partsNS(parts []CategoryTime) (sum int64) {
	for _, p := range parts {
		sum += p.ExclusiveNS
	}
	return sum
}

func checkPhases(t failer, l *Lane) {
	t.Helper()
	if len(l.Phases) > phasesPerLane {
		t.Errorf("%s: %d phases", l.Key, len(l.Phases))
	}
	for i, p := range l.Phases {
		if i > 0 && (p.Start < l.Phases[i-1].Start || p.Phase == l.Phases[i-1].Phase) {
			t.Errorf("%s: phase %+v after %+v", l.Key, p, l.Phases[i-1])
		}
		if !l.Extent.Covers(p.Span) {
			t.Errorf("%s: phase %+v outside of %+v", l.Key, p, l.Extent)
		}
	}
}

// Where there are too many stretches, the shortest gaps are closed: 100 pauses
// stay visible among 50,000 kernels.
func TestTimelineClosesShortGaps(t *testing.T) {
	var b strings.Builder
	at := int64(0)
	for i := range 50_000 {
		fmt.Fprintf(&b, "kernel t=%d d=10 track=gpu0/7 \"k\"\n", at)
		at += 12
		if i%500 == 499 {
			at += 10_000
		}
	}
	lane := written(t, b.String()).Timeline().Lanes[0]
	if n := len(lane.Busy); n != stretchesPerStage {
		t.Errorf("%d stretches, want %d", n, stretchesPerStage)
	}
	pauses := 0
	for i, s := range lane.Busy[1:] {
		if s.Start-lane.Busy[i].End >= 10_000 {
			pauses++
		}
	}
	if pauses != 99 {
		t.Errorf("%d of 99 pauses are left", pauses)
	}
	if sum := laneBusy(t, &lane); sum != 500_000 {
		t.Errorf("%d ns busy, want 500,000", sum)
	}
}

// Too many units are joined in a row, and keep their time.
func TestTimelineJoinsUnits(t *testing.T) {
	var units []UnitSpan
	for i := range 1000 {
		phase := "decode"
		if i < 3 {
			phase = "prefill"
		}
		units = append(units, UnitSpan{Kind: "iteration", First: i, Last: i, Count: 1, Phase: phase, Parts: []CategoryTime{{i % 2, 1}}})
	}
	joined := joinUnits(units, 300)
	if len(joined) != 250 {
		t.Fatalf("%d units, want 250 of 4 each", len(joined))
	}
	first, last := joined[0], joined[249]
	if first.First != 0 || first.Last != 3 || first.Phase != "" || first.Count != 4 || last.First != 996 || last.Last != 999 || last.Phase != "decode" {
		t.Errorf("first %+v, last %+v", first, last)
	}
	if first.String() != "iterations 0–3" || partsNS(first.Parts) != 4 || len(first.Parts) != 2 {
		t.Errorf("%s: %+v", first.String(), first.Parts)
	}
}

// Phases that are too many lose the shortest.
func TestTimelineLeavesOutShortPhases(t *testing.T) {
	var b strings.Builder
	b.WriteString("range t=0 d=100000000 track=host/1 \"diffusion_forward\"\n")
	at := 1000
	for i := range 3000 {
		fmt.Fprintf(&b, "launch t=%d d=1 track=host/%d corr=%d \"cudaLaunchKernel\"\n", at, 1+i%2, i+1)
		fmt.Fprintf(&b, "kernel t=%d d=%d track=gpu0/7 corr=%d \"k\"\n", at+10, 1+i%2*(10+i), i+1)
		at += 10_000
	}
	lane := written(t, b.String()).Timeline().Lanes[0]
	if n := len(lane.Phases); n == 0 || n > phasesPerLane {
		t.Errorf("%d phases", n)
	}
	checkPhases(t, &lane)
}
