package report

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"omnitrace/analyze"
)

const cppName = "void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float> >(at::native::ReduceOp<float>)"

func stackSamples() []analyze.StackSample {
	return []analyze.StackSample{
		{
			Stack: []string{"dit", "request 0", "denoise", "step 0", "aten::linear", "nvjet_tst"}, Run: "a", Stage: "dit", Category: "gemm",
			Stream: 7, Iteration: -1, ExclusiveNS: 1000, KernelNS: 1200, Launches: 3,
		},
		{
			Stack: []string{"dit", "request 0", "denoise", "step 1", cppName}, Run: "a", Stage: "dit", Category: "reduce",
			Stream: 7, Step: 1, Iteration: -1, ExclusiveNS: 500, KernelNS: 500, Launches: 1,
		},
		{
			Stack: []string{"dit", "memcpy HtoD"}, Run: "a", Stage: "dit", Category: "memcpy",
			Stream: 9, Request: -1, Step: -1, Iteration: -1, ExclusiveNS: 20, Bytes: 4096,
		},
		{Stack: []string{"dit", "", "bad \xff name"}, Stage: "dit", Request: -1, Step: -1, Iteration: -1, ExclusiveNS: 1},
	}
}

func pprofBytes(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WritePprof(&b, stackSamples(), []*analyze.Summary{run()}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A profile survives being written and read: values, stacks from the leaf up,
// and labels, those that are 0 included.
func TestPprof(t *testing.T) {
	p, err := profile.ParseData(pprofBytes(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckValid(); err != nil {
		t.Fatal(err)
	}
	var types []string
	sums := make([]int64, len(p.SampleType))
	for i, st := range p.SampleType {
		types = append(types, st.Type+"/"+st.Unit)
		for _, s := range p.Sample {
			sums[i] += s.Value[i]
		}
	}
	if got := strings.Join(types, " "); got != "exclusive/nanoseconds kernel/nanoseconds launches/count bytes/bytes" || p.DefaultSampleType != "exclusive" {
		t.Errorf("types %s, default %s", got, p.DefaultSampleType)
	}
	for i, want := range []int64{1521, 1700, 4, 4096} {
		if sums[i] != want {
			t.Errorf("%s adds up to %d, want %d", types[i], sums[i], want)
		}
	}
	first := p.Sample[0]
	var stack []string
	for _, l := range first.Location {
		stack = append(stack, l.Line[0].Function.Name)
	}
	if got := strings.Join(stack, " < "); got != "nvjet_tst < aten::linear < step 0 < denoise < request 0 < dit" {
		t.Errorf("stack %s", got)
	}
	if v, ok := first.NumLabel["step"]; !ok || v[0] != 0 {
		t.Errorf("step 0 has the labels %v", first.NumLabel)
	}
	if _, ok := first.NumLabel["iteration"]; ok || first.Label["category"][0] != "gemm" || first.Label["run"][0] != "a" {
		t.Errorf("labels %v %v", first.Label, first.NumLabel)
	}
	if len(p.Comments) < 2 || !strings.Contains(p.Comments[0], "omni_session") {
		t.Errorf("comments %q", p.Comments)
	}
}

// A python function is one whatever its line is; it has its file and line where
// tools ask for them. What only looks like one is a name.
func TestPprofPython(t *testing.T) {
	for name, want := range map[string]string{
		"vllm/v1/core.py(576): step": "core.py: step|vllm/v1/core.py|576",
		"vllm/v1/core.py(580): step": "core.py: step|vllm/v1/core.py|580",
		"core.py(576): <lambda>":     "core.py: <lambda>|core.py|576",
		"k.py(x): f":                 "k.py(x): f||0",
		"k.py(1)":                    "k.py(1)||0",
		"k.py(-1): f":                "k.py(-1): f||0",
		"nn.Module: Linear":          "nn.Module: Linear||0",
	} {
		b := pprofBuilder{p: &profile.Profile{}, locations: map[string]*profile.Location{}, functions: map[profile.Function]*profile.Function{}}
		line := b.location(name).Line[0]
		if got := fmt.Sprintf("%s|%s|%d", line.Function.Name, line.Function.Filename, line.Line); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
		b.location("vllm/v1/core.py(1): step")
		b.location("vllm/v1/core.py(2): step")
		if n := len(b.p.Function); n > 2 || len(b.p.Location) < 2 {
			t.Errorf("%q: %d functions", name, n)
		}
	}
}

// The same samples give the same bytes.
func TestPprofIsReproducible(t *testing.T) {
	if !bytes.Equal(pprofBytes(t), pprofBytes(t)) {
		t.Error("two profiles of the same samples differ")
	}
}

// Names of frames depend on the kernel's name alone and keep what tells
// templates apart.
func TestFrameName(t *testing.T) {
	for name, want := range map[string]string{
		cppName:               "reduce_kernel<512, 1, ReduceOp<float> >",
		"nvjet_sm90_tst":      "nvjet_sm90_tst",
		"void f(float*)":      "f(float*)", // an overload: the parameters are all there is
		"k<(bool)1>(int)":     "k<(bool)1>",
		"k<a>(b)::{lambda#1}": "k<a>(b)::{lambda#1}",
		"":                    "(no name)",
		"odd)":                "odd)",
		"(x)":                 "(x)",
	} {
		if got := frameName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// Go's own pprof reads the profile: the totals, a range of steps, the category.
func TestGoToolPprof(t *testing.T) {
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command here to read the profile with")
	}
	path := filepath.Join(t.TempDir(), "gpu.pb.gz")
	if err := os.WriteFile(path, pprofBytes(t), 0o666); err != nil {
		t.Fatal(err)
	}
	pprof := func(args ...string) string {
		out, err := exec.Command(tool, append([]string{"tool", "pprof", "-unit=ns"}, append(args, path)...)...).Output()
		if err != nil {
			t.Fatalf("go tool pprof %v: %v", args, err)
		}
		return string(out)
	}
	total := regexp.MustCompile(`Showing nodes accounting for (\d+)`)
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"-top", "-nodefraction=0"}, 1521},
		{[]string{"-top", "-nodefraction=0", "-sample_index=kernel"}, 1700},
		{[]string{"-top", "-nodefraction=0", "-tagfocus=step=0"}, 1000},
		{[]string{"-top", "-nodefraction=0", "-tagfocus=step=1:9"}, 500},
		{[]string{"-top", "-nodefraction=0", "-tagfocus=category=gemm|reduce"}, 1500},
		{[]string{"-top", "-nodefraction=0", "-focus=denoise"}, 1500},
		{[]string{"-top", "-nodefraction=0", "-diff_base=" + path}, 0},
	} {
		out := pprof(c.args...)
		found := total.FindStringSubmatch(out)
		if found == nil || found[1] != strconv.Itoa(c.want) {
			t.Errorf("%v: want %d in\n%s", c.args, c.want, out)
		}
	}
	if raw := pprof("-raw"); !strings.Contains(raw, "exclusive/nanoseconds[dflt] kernel/nanoseconds launches/count bytes/bytes") {
		t.Errorf("-raw prints %s", raw)
	}
}
