package period

import "strings"

// A Hint is what a kernel's name says about its work. It serves only to tell
// a denoiser from an encoder, a decoder, a token generator and a training
// step, all of which repeat too; the steps themselves come from the order of
// the names alone.
type Hint uint16

// The hints. A name may carry several.
const (
	GEMM       Hint = 1 << iota // a matrix product
	SingleRow                   // a matrix product shaped for very few rows
	Attention                   // fused attention, or the softmax of an unfused one
	Conv                        // a convolution, its layout change, or an up-sampling
	Embedding                   // a table lookup
	Sampling                    // choosing a token: arg max, top k, sort
	CacheWrite                  // writing keys and values into a cache
	Training                    // a gradient, a loss or an optimizer
	Noise                       // normally distributed random numbers
	Timestep                    // sines and cosines
)

// hintWords lists, for each hint, words of which one must occur in the
// lower-cased kernel name, and words that forbid it. The words are those of
// the CUDA, ROCm and Ascend kernels of torch 1.8 to 2.11 and of vLLM.
var hintWords = []struct {
	hint     Hint
	any, not []string
}{
	{GEMM, []string{"gemm", "nvjet", "cijk_", "gemv", "matmul", "cutlass::kernel2", "cutlass_80_", "cutlass_75_"}, []string{"fprop", "dgrad", "wgrad", "flash"}},
	{SingleRow, []string{"gemv", "gemmk1", "gemmsn", "_8x64_64x16", "_64x8_64x16", "_16x64_64x16", "_64x16_64x16", "_384x8_"}, nil},
	{Attention, []string{"flash", "fmha", "sdpa", "attn_fwd", "attention", "softmax"}, []string{"combine", "prepare_varlen", "backward", "bwd", "logsoftmax", "log_softmax"}},
	{Conv, []string{"fprop", "implicit_gemm", "convolution", "conv1d", "conv2d", "conv3d", "conv_depthwise", "depthwise_conv", "winograd", "nchwtonhwc", "nhwctonchw", "miopen", "igemm", "im2", "upsample", "naive_conv"}, []string{"sdpa", "triton_"}},
	{Embedding, []string{"vectorized_gather", "indexselect", "embedding", "gatherv2"}, nil},
	{Sampling, []string{"argmax", "topk", "radix_sort", "radixsort", "multinomial", "sampling", "bitonicsort", "sample_kernel"}, nil},
	{CacheWrite, []string{"reshape_and_cache", "concat_and_cache", "index_copy", "slot_mapping", "kv_cache", "kvcache", "paged_"}, nil},
	{Training, []string{"backward", "multi_tensor_apply", "adam", "addcdiv", "nll_loss", "nllloss", "mse_kernel", "_bwd", "dgrad", "wgrad", "grad_"}, nil},
	{Noise, []string{"normal_and_transform", "normal_kernel", "stateless_random_normal", "randn"}, nil},
	{Timestep, []string{"sin_kernel", "cos_kernel", "_sin_", "_cos_"}, nil},
}

// NameHint reads the hints from a kernel's full name. A caller with better
// knowledge of its kernels may use its own function instead.
func NameHint(name string) Hint {
	low := strings.ToLower(name)
	var h Hint
	for _, w := range hintWords {
		if containsAny(low, w.any) && !containsAny(low, w.not) {
			h |= w.hint
		}
	}
	return h
}

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}
