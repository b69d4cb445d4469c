package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// injective fails if two names have the same text, or one does not fit.
func injective(t *testing.T, names []string, limit int) {
	t.Helper()
	texts := shorten(names, limit)
	owner := map[string]string{}
	for _, name := range names {
		text, ok := texts[name]
		if !ok || width(text) > max(limit, leastName) {
			t.Errorf("limit %d: %q is %q, %d columns", limit, name, text, width(text))
		}
		if other, taken := owner[text]; taken && other != name {
			t.Errorf("limit %d: %q and %q are both %q", limit, name, other, text)
		}
		owner[text] = name
		if full := visible(name); width(full) <= limit && text != full {
			t.Errorf("limit %d: %q fits and is %q", limit, name, text)
		}
	}
	reversed := slices.Clone(names)
	slices.Reverse(reversed)
	if !maps.Equal(texts, shorten(reversed, limit)) {
		t.Errorf("limit %d: the order of names matters", limit)
	}
}

// Two different kernels of a table never look the same, in any width.
func TestShortenIsInjective(t *testing.T) {
	names := slices.Clone(realNames)
	for i := range 30 {
		names = append(names, // differ in the middle only, by length only, and twice
			fmt.Sprintf("void kernel<%s%d%s>(int)", strings.Repeat("a", 60), i, strings.Repeat("b", 60)),
			"k"+strings.Repeat("x", 80+i),
			fmt.Sprintf("void f<%s%d%s%d%s>()", strings.Repeat("p", 40), i%3, strings.Repeat("q", 40), i/3, strings.Repeat("r", 40)))
	}
	// What another name is shortened to may be a name itself.
	for _, text := range shorten(realNames, 24) {
		names = append(names, text)
	}
	names = append(names, "foo(int, int, int, int, int, int)", "foo(int, int, int, int, int, long)", "", " ", "\x1b", `\u{1b}`, `\\u{1b}`)
	for limit := 0; limit < 130; limit++ {
		injective(t, names, limit)
	}
}

// What tells kernels apart is kept, what all have in common goes first.
func TestShortenKeepsTheDifference(t *testing.T) {
	texts := shorten(realNames, 40)
	for i, want := range map[int]string{
		0: realNames[0], 1: "direct_copy_kernel_", 2: "CUDAFunctor_add<flo", 3: "BinaryFunctor<float",
		5: "simt_sgemm", 6: "tensorop", 7: "CUDAFunctor_add", 8: "FillFunctor<int>", 9: "FillFunctor<long",
	} {
		if got := texts[realNames[i]]; !strings.Contains(got, want) {
			t.Errorf("%q has lost %q", got, want)
		}
	}
}

func TestAbbreviate(t *testing.T) {
	for name, want := range map[string]string{
		"void at::native::reduce_kernel<512, 1, ReduceOp<float> >(ReduceOp<float>)":                         "reduce_kernel<512, 1, ReduceOp<float> >",
		"void at::native::(anonymous namespace)::f<float>(int, float const*)":                               "f<float>",
		"g<h(at::TensorIteratorBase&)::{lambda()#3}>(long, long)":                                           "g<h(…)::{lambda()#3}>",
		"unbalanced(at::TensorIteratorBase":                                                                 "unbalanced",
		"std::enable_if<!(false), void>::type internal::gemvx::kernel<int, float>(cublasGemvParamsEx<int>)": "internal::gemvx::kernel<int, float>",
		"plain_kernel_123": "plain_kernel_123",
		"f(int)":           "f(int)", // "(…)" is no shorter
		"a)b(c":            "a)b(c",
	} {
		if got := abbreviate(name); got != want {
			t.Errorf("abbreviate(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""}, {"one two three", "one two|  three"}, {"abcdefghijklmnop", "abcdefgh|  ijklmn|  op"},
		{"a bcdefghijk", "a|  bcdefg|  hijk"}, {"12345678 x", "12345678|  x"},
	} {
		if got := strings.Join(wrap(test.text, 8, 2), "|"); got != test.want {
			t.Errorf("wrap(%q) = %q, want %q", test.text, got, test.want)
		}
	}
}

func FuzzShorten(f *testing.F) {
	f.Add(strings.Join(realNames, "\n"), 20)
	f.Add("\xff\n\xfe\n\\xff\n\u200b\n世界世界世界世界世界世界a\n世界世界世界世界世界世界b", 14)
	f.Add("a…#1…b\n"+strings.Repeat("é", 40)+"\n"+strings.Repeat("e\u0301", 40), 16)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		injective(t, strings.Split(text, "\n"), min(limit, 300))
	})
}
