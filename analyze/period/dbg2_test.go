package period

import (
	"fmt"
	"os"
	"testing"
)

func TestFit(t *testing.T) {
	var seed uint64
	if os.Getenv("PPFIT") == "" {
		t.Skip()
	}
	fmt.Sscan(os.Getenv("PPFIT"), &seed)
	s := pipeline(seed)
	x := newIndex(s.names, func(id uint32) Hint { return s.hints[id] })
	c := x.combs()[0]
	teeth := x.teeth(c)
	b := x.body(c, len(teeth))
	b.lead, b.trail = b.edges(teeth)
	b.phase = b.phaseOf(teeth)
	begins := b.begins(teeth)
	f := x.fitter(b, begins)
	fmt.Println("unit", b.unit, "phase", b.phase, "lead", b.lead, b.trail, "refs", f.refs, "density", b.density)
	for i, at := range begins {
		if i > 24 {
			break
		}
		best := 0.0
		for _, r := range f.refs {
			if r != at {
				best = max(best, x.similar(at, r, b.unit*3/4))
			}
		}
		fmt.Println(i, "tooth", teeth[i], "begin", at, "share", b.share(at, at+b.unit/2), "similar", best)
	}
}
