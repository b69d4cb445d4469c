package diff

import "testing"

// Rule: a kernel that torch and nsys spell differently is one kernel; others
// are not. The names are of one program under both profilers (Qwen-Image).
func TestSpelling(t *testing.T) {
	same := [][2]string{
		{
			"void at::native::(anonymous namespace)::CatArrayBatchedCopy<at::native::(anonymous namespace)::OpaqueType<2u>, unsigned int, 4, 64, 64>(at::native::(anonymous namespace)::OpaqueType<2u>*, int, unsigned int)",
			"void at::native::<unnamed>::CatArrayBatchedCopy<at::native::<unnamed>::OpaqueType<(unsigned int)2>, unsigned int, (int)4, (int)64, (int)64>(T1 *, int, T2)",
		},
		{
			"void at::native::(anonymous namespace)::vectorized_layer_norm_kernel<c10::BFloat16, float, false>(int, float, c10::BFloat16 const*)",
			"void at::native::<unnamed>::vectorized_layer_norm_kernel<c10::BFloat16, float, (bool)0>(int, T2, const T1 *)",
		},
		{
			"void (anonymous namespace)::elementwise_kernel_with_index<int, at::native::arange_cuda_out(c10::Scalar const&, at::Tensor&)::{lambda()#1}::operator()() const::{lambda(long)#1}>(int)",
			"void <unnamed>::elementwise_kernel_with_index<int, at::native::arange_cuda_out(const c10::Scalar &, at::Tensor &)::[lambda() (instance 1)]::operator ()() const::[lambda(long) (instance 1)]>(T1)",
		},
	}
	for _, names := range same {
		if spelling(names[0]) != spelling(names[1]) || nvidia.MatchString(names[0]) || !nvidia.MatchString(names[1]) {
			t.Errorf("%q and %q:\n%q\n%q", names[0], names[1], spelling(names[0]), spelling(names[1]))
		}
	}
	for _, names := range [][2]string{
		{"f<128>(int)", "f<(int)64>(int)"}, {"f<true>()", "f<(bool)0>()"}, {"a::{lambda()#1}", "a::[lambda() (instance 2)]"}, {"f<float>(float*)", "f<double>(T1 *)"},
	} {
		if spelling(names[0]) == spelling(names[1]) {
			t.Errorf("%q and %q are spelled alike: %q", names[0], names[1], spelling(names[0]))
		}
	}
}
