package rules

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// The expected categories were decided by hand, from what each kernel computes.
func TestCategoryOfKnownKernels(t *testing.T) {
	f, err := os.Open("testdata/kernels.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, n := Default(), 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		want, name, ok := strings.Cut(line, " ")
		if !ok {
			t.Fatalf("line %q has no name", line)
		}
		if got := r.Category(name); got != want {
			t.Errorf("Category(%q) = %s, want %s", name, got, want)
		}
		n++
	}
	if n < 150 {
		t.Errorf("only %d names were checked", n)
	}
}

// A family of names must not be taken by a word that they share by accident.
func TestCategoryNearMisses(t *testing.T) {
	tests := []struct{ name, want, never string }{
		{"void fbgemm_gpu::permute_2D_data_kernel<false>()", "embedding", "gemm"},
		{"void at::native::templates::cuda::normal_kernel<float>()", "", "norm"},
		{"ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL", "collective", "reduce"},
		{"sm80_xmma_dgrad_implicit_gemm_tf32f32", "convolution", "gemm"},
		{"void vllm::rotary_embedding_kernel<float>()", "rotary", "embedding"},
		{"void vllm::reshape_and_cache_flash_kernel<float>()", "layout", "attention"},
		{"triton_poi_fused__scaled_dot_product_flash_attention_cat_transpose_view_10", "compiler", "attention"},
		{"my_property_kernel", OtherCategory, "rotary"},
		{"AdaptiveAvgPool3dGrad", "reduce", "convolution"},
	}
	for _, test := range tests {
		got := Default().Category(test.name)
		if got == test.never || test.want != "" && got != test.want {
			t.Errorf("Category(%q) = %s, want %q and never %s", test.name, got, test.want, test.never)
		}
	}
}

func TestCategoryOfNothing(t *testing.T) {
	for _, name := range []string{"", " ", "\x00\xff", "日本語", strings.Repeat("a", 1<<20)} {
		if got := Default().Category(name); got != OtherCategory {
			t.Errorf("Category(%.10q…) = %s, want other", name, got)
		}
	}
}

func TestCategoriesAreNamedAndExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Default().Categories() {
		if seen[c.Name] || c.Name == "" || c.About == "" || strings.Contains(c.About, "\n") {
			t.Errorf("category %q is named twice or not explained in one line", c.Name)
		}
		seen[c.Name] = true
	}
	for _, name := range []string{OtherCategory, MemcpyCategory, MemsetCategory, "gemm", "attention", "compiler"} {
		if !seen[name] {
			t.Errorf("category %q is not listed", name)
		}
	}
}

func BenchmarkCategory(b *testing.B) {
	text, err := os.ReadFile("testdata/kernels.txt")
	if err != nil {
		b.Fatal(err)
	}
	names := strings.Split(string(text), "\n")
	r := Default()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Category(names[i%len(names)])
	}
}
