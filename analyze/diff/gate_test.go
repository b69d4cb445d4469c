package diff

import (
	"strings"
	"testing"
	"time"
)

func TestParseGate(t *testing.T) {
	for _, c := range []struct {
		text string
		want Gate
	}{
		{"3%", Gate{Relative: true, Ratio: 0.03}},
		{"0.5 %", Gate{Relative: true, Ratio: 0.005}},
		{"0%", Gate{Relative: true}},
		{"0.5ms", Gate{NS: 500_000}},
		{"stage=talker:2%", Gate{Stage: "talker", Relative: true, Ratio: 0.02}},
		{"stage=1,phase=decode,category=gemm:20us", Gate{Stage: "1", Phase: "decode", Category: "gemm", NS: 20_000}},
		{"kernel=ns::f:1%", Gate{Kernel: "ns::f", Relative: true, Ratio: 0.01}},
	} {
		c.want.Expression = c.text
		got, err := ParseGate(c.text, time.ParseDuration)
		if err != nil || got != c.want {
			t.Errorf("%q: %+v, %v, want %+v", c.text, got, err, c.want)
		}
	}
}

func TestParseGateRefuses(t *testing.T) {
	for _, text := range []string{"", "3", "%", "-1%", "NaN%", "Inf%", "stage:3%", "colour=red:3%", "stage=:3%", "stage=a,stage=b:3%", "3%:stage=a", ":3%"} {
		if g, err := ParseGate(text, time.ParseDuration); err == nil {
			t.Errorf("%q is taken for %+v", text, g)
		} else if !strings.Contains(err.Error(), "gate") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A gate that names something that is not there abstains, also where nothing
// else has changed.
func TestGateOfNothing(t *testing.T) {
	a := sampled(t, flash[0], nil)
	r := Compare(runs(a), runs(a), Options{Gates: gates(t, "stage=talker:2%", "phase=denoise:1%")})
	if r.Gates[0].Outcome != Undecided || r.Gates[0].Why != WhyNothing || r.Gates[1].Outcome != Holds {
		t.Errorf("%+v", r.Gates)
	}
}

// A gate of a time counts for one unit: 5 % of the gemm of a step are 87 µs.
func TestGateOfTime(t *testing.T) {
	base := sampled(t, flash[0], nil)
	new := sampled(t, flash[1], slowGemm)
	r := Compare(runs(base), runs(new), Options{Gates: gates(t, "phase=denoise:80us", "phase=denoise:95us", "phase=denoise,category=gemm:80us", "category=norm:1us")})
	want := []Outcome{Fails, Holds, Fails, Holds}
	for i, g := range r.Gates {
		if g.Outcome != want[i] || g.Unit != "step" && i < 3 {
			t.Errorf("%s: %+v", g.Expression, g)
		}
	}
}

// Whatever is typed is refused or a threshold.
func FuzzParseGate(f *testing.F) {
	for _, text := range []string{"3%", "0.5ms", "stage=talker:2%", "phase=a,category=b:1us", "kernel=a::b:1%", "1e400%", ":", "=:%"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ParseGate(text, time.ParseDuration)
		if err == nil && (g.Expression != text || g.Relative && !(g.Ratio >= 0 && g.Ratio < 1e307)) {
			t.Errorf("%q: %+v", text, g)
		}
	})
}
