package report

import (
	"fmt"
	"strings"

	"omnitrace/analyze"
	"omnitrace/trace"
)

// run returns a summary as an omni session of three stages gives one: made by
// hand, with kernel names of real traces.
func run() *analyze.Summary {
	return &analyze.Summary{
		Run: analyze.Run{Label: "omni_session", Model: "qwen2_5_omni", GPUs: []string{"2 × NVIDIA H100 80GB HBM3"}},
		Sources: []analyze.SourceInfo{
			source("s0", 0, "thinker", 19_528, 1_507, 812_345_678),
			source("s1", 1, "talker", 1_284_311, 40_211, 6_512_345_678),
			{
				ID: "s2", Path: "20261124-043724_stage2_rank0_1795495044/trace_rank0.json.gz", Format: "chrome", Role: "trace",
				Stage: 2, StageName: "token2wav", Rank: 0, Replica: -1, IdentifiedBy: "directory", NamedBy: "module",
				Events: 88_101, Kernels: 9_313, Clock: trace.ClockUnix, SpanNS: 412_999_100,
				Health: []trace.Defect{{Kind: trace.GzipTruncated, Count: 1, FirstOffset: 1_843_021}, {Kind: trace.NaNLiteral, Count: 2, FirstOffset: 881}},
			},
			{
				ID: "s3", Path: "host_2184.async_llm.1795495044.pt.trace.json.gz", Format: "chrome", Role: "frontend",
				Stage: -1, Replica: -1, Rank: -1, Complete: true, Events: 5_120, Clock: trace.ClockUnknown,
			},
		},
		Tables: []analyze.Table{stages(), devices(), iterations(), categories(), kernels(), memory(), steps()},
		Totals: totals(),
		Warnings: []analyze.Warning{
			{Code: "gzip_truncated", Source: "s2", Message: "the compressed stream ends early at byte 1,843,021: the profiler was stopped, or is still writing, so sums are low"},
			{Code: "clock_unknown", Message: "no common clock for 1 of 4 files: spans over several stages are not known"},
		},
	}
}

func totals() analyze.Row {
	known := map[string]int64{
		"kernels": 51_031, "launches": 41_270, "unlaunched": 12, "kernel_ns": 3_405_117_020, "memcpy_ns": 9_120_334, "memset_ns": 512_001,
		"gpu_ns": 3_414_749_355, "busy_ns": 3_301_220_117, "exclusive_ns": 3_301_220_117,
	}
	r := analyze.Row{Key: "total"}
	for _, c := range analyze.TotalColumns() {
		v := analyze.Null
		if n, ok := known[c.Name]; ok {
			v = analyze.Int(n)
		}
		r.Cells = append(r.Cells, v)
	}
	return r
}

func source(id string, stage int, name string, events, kernels, span int64) analyze.SourceInfo {
	return analyze.SourceInfo{
		ID: id, Path: fmt.Sprintf("20261124-043724_stage%d_rank0_1795495044/trace_rank0.json.gz", stage), Format: "chrome", Role: "trace",
		Stage: stage, StageName: name, Rank: 0, Replica: -1, IdentifiedBy: "directory", NamedBy: "module", Complete: true,
		Events: events, Kernels: kernels, Clock: trace.ClockUnix, SpanNS: span,
	}
}

// ints returns cells; -1 stands for null.
func ints(values ...int64) []analyze.Value {
	var cells []analyze.Value
	for _, v := range values {
		if v < 0 {
			cells = append(cells, analyze.Null)
		} else {
			cells = append(cells, analyze.Int(v))
		}
	}
	return cells
}

func row(key string, whole int64, cells ...any) analyze.Row {
	r := analyze.Row{Key: key, Whole: whole}
	for _, c := range cells {
		switch c := c.(type) {
		case int:
			r.Cells = append(r.Cells, ints(int64(c))...)
		case string:
			r.Cells = append(r.Cells, analyze.Str(c))
		case analyze.Value:
			r.Cells = append(r.Cells, c)
		}
	}
	return r
}

func column(name string, u analyze.Unit, doc string) analyze.Column {
	return analyze.Column{Name: name, Unit: u, Doc: doc}
}

func share(c analyze.Column) analyze.Column { c.Share = true; return c }
func wide(c analyze.Column) analyze.Column  { c.Wide = true; return c }

var timeColumns = []analyze.Column{
	column("kernels", analyze.Count, "kernels"),
	wide(column("launches", analyze.Count, "distinct launch calls that own them")),
	wide(column("unlaunched", analyze.Count, "kernels whose launch call is not in the file")),
	column("kernel_ns", analyze.Nanoseconds, "sum of kernel durations; concurrent streams count twice"),
	column("memcpy_ns", analyze.Nanoseconds, "sum of copies"),
	column("memset_ns", analyze.Nanoseconds, "sum of sets"),
	column("gpu_ns", analyze.Nanoseconds, "kernels, copies and sets together"),
	share(column("busy_ns", analyze.Nanoseconds, "union of the GPU events: nothing counts twice")),
	wide(column("exclusive_ns", analyze.Nanoseconds, "busy time dealt out to single events")),
	column("span_ns", analyze.Nanoseconds, "first GPU start to last GPU end"),
	column("idle_ns", analyze.Nanoseconds, "span without busy"),
}

func stages() analyze.Table {
	const whole = 3_301_220_117
	return analyze.Table{
		Name: "stages", Doc: "GPU time of each stage, over its replicas, ranks and devices", ShareOf: "of the run's busy time",
		Columns: append([]analyze.Column{column("stage", analyze.ID, "stage"), column("name", analyze.Text, "its name")}, timeColumns...),
		Rows: []analyze.Row{
			row("stage=0", whole, 0, "thinker", 1507, 1320, 0, 102_334_999, 1_204_120, 88_001, 103_627_120, 101_998_410, 101_998_410, 812_345_678, 710_347_268),
			row("stage=1", whole, 1, "talker", 40_211, 31_037, 12, 3_211_004_021, 7_711_914, 411_000, 3_219_126_935, 3_108_120_300, 3_108_120_300, 6_512_345_678, 3_404_225_378),
			row("stage=2", whole, 2, "token2wav", 9313, 8913, 0, 91_778_000, 204_300, 13_000, 91_995_300, 91_101_407, 91_101_407, -1, -1),
		},
	}
}

func devices() analyze.Table {
	const whole = 3_301_220_117
	ids := []analyze.Column{column("stage", analyze.ID, ""), column("replica", analyze.ID, ""), column("rank", analyze.ID, ""), column("device", analyze.ID, "")}
	return analyze.Table{
		Name: "devices", Doc: "GPU time of each device of each process", ShareOf: "of the run's busy time",
		Columns: append(ids, timeColumns...),
		Rows: []analyze.Row{
			row("stage=0/replica=0/rank=0/device=0", whole, 0, -1, 0, 0, 1507, 1320, 0, 102_334_999, 1_204_120, 88_001, 103_627_120, 101_998_410, 101_998_410, 812_345_678, 710_347_268),
			row("stage=1/replica=0/rank=0/device=0", whole, 1, -1, 0, 0, 40_211, 31_037, 12, 3_211_004_021, 7_711_914, 411_000, 3_219_126_935, 3_108_120_300, 3_108_120_300, 6_512_345_678, 3_404_225_378),
			row("stage=2/replica=0/rank=0/device=1", whole, 2, -1, 0, 1, 9313, 8913, 0, 91_778_000, 204_300, 13_000, 91_995_300, 91_101_407, 91_101_407, 412_999_100, 321_897_693),
		},
	}
}

func iterations() analyze.Table {
	t := analyze.Table{
		Name: "iterations", Doc: "scheduler passes of the autoregressive stages", ShareOf: "of the stage's busy time", Top: 6,
		Columns: []analyze.Column{
			column("stage", analyze.ID, "stage"), column("iteration", analyze.ID, "counts from 0 within the source"), column("phase", analyze.Text, "prefill, decode, …"),
			column("context_tokens", analyze.Count, ""), column("generation_tokens", analyze.Count, ""), column("method", analyze.Text, "how it was found"),
			column("kernels", analyze.Count, ""), column("kernel_ns", analyze.Nanoseconds, ""), share(column("exclusive_ns", analyze.Nanoseconds, "")),
		},
	}
	for i := range 48 {
		phase, context := "decode", 0
		if i == 0 {
			phase, context = "prefill", 2_115
		}
		t.Rows = append(t.Rows, row(fmt.Sprintf("stage=1/iteration=%d", i), 3_108_120_300,
			1, i, phase, context, 1, "annotation", 612+i%3, 58_120_311+i*1013, 57_000_019+i*977))
	}
	t.Rows = append(t.Rows, row("stage=1/(unattributed)", 3_108_120_300, 1, -1, "(unattributed)", -1, -1, analyze.Null, 41, 3_204_100, 3_104_100))
	return t
}

func categories() analyze.Table {
	const whole = 3_108_120_300
	return analyze.Table{
		Name: "categories", Doc: "GPU time by kind of work", ShareOf: "of the stage's busy time", Top: 12,
		Columns: []analyze.Column{
			column("stage", analyze.ID, "stage"), column("category", analyze.Text, "kind of work"), column("kernels", analyze.Count, ""),
			column("kernel_ns", analyze.Nanoseconds, ""), share(column("exclusive_ns", analyze.Nanoseconds, "")),
		},
		Rows: []analyze.Row{
			row("stage=1/category=gemm", whole, 1, "gemm", 9_020, 1_904_220_411, 1_901_004_221),
			row("stage=1/category=attention", whole, 1, "attention", 2_304, 612_004_100, 601_220_000),
			row("stage=1/category=elementwise", whole, 1, "elementwise", 20_111, 402_110_220, 380_100_999),
			row("stage=1/category=norm", whole, 1, "norm", 4_031, 180_220_100, 171_004_120),
			row("stage=1/category=memcpy", whole, 1, "memcpy", 0, 0, 1_044_120),
			row("stage=1/category=memset", whole, 1, "memset", 0, 0, 411_000),
			row("stage=1/category=other", whole, 1, "other", 99, 1_020, 1_020),
		},
	}
}

// realNames are kernels of the public traces, among them some that are alike at
// both ends.
var realNames = []string{
	"nvjet_sm90_tst_384x8_64x4_2x1_v_bz_TNT",
	"void at::native::elementwise_kernel<128, 2, at::native::gpu_kernel_impl_nocast<at::native::direct_copy_kernel_cuda(at::TensorIteratorBase&)::{lambda()#3}::operator()() const::{lambda()#7}::operator()() const::{lambda(float)#1}>(at::TensorIteratorBase&, at::native::direct_copy_kernel_cuda(at::TensorIteratorBase&)::{lambda()#3}::operator()() const::{lambda()#7}::operator()() const::{lambda(float)#1} const&)::{lambda(int)#1}>(int, at::native::gpu_kernel_impl_nocast<at::native::direct_copy_kernel_cuda(at::TensorIteratorBase&)::{lambda()#3}::operator()() const::{lambda()#7}::operator()() const::{lambda(float)#1}>(at::TensorIteratorBase&, at::native::direct_copy_kernel_cuda(at::TensorIteratorBase&)::{lambda()#3}::operator()() const::{lambda()#7}::operator()() const::{lambda(float)#1} const&)::{lambda(int)#1})",
	"void at::native::elementwise_kernel<128, 2, at::native::gpu_kernel_impl_nocast<at::native::CUDAFunctor_add<float> >(at::TensorIteratorBase&, at::native::CUDAFunctor_add<float> const&)::{lambda(int)#1}>(int, at::native::gpu_kernel_impl_nocast<at::native::CUDAFunctor_add<float> >(at::TensorIteratorBase&, at::native::CUDAFunctor_add<float> const&)::{lambda(int)#1})",
	"void at::native::elementwise_kernel<128, 2, at::native::gpu_kernel_impl_nocast<at::native::BinaryFunctor<float, float, float, at::native::binary_internal::MulFunctor<float> > >(at::TensorIteratorBase&, at::native::BinaryFunctor<float, float, float, at::native::binary_internal::MulFunctor<float> > const&)::{lambda(int)#1}>(int, at::native::gpu_kernel_impl_nocast<at::native::BinaryFunctor<float, float, float, at::native::binary_internal::MulFunctor<float> > >(at::TensorIteratorBase&, at::native::BinaryFunctor<float, float, float, at::native::binary_internal::MulFunctor<float> > const&)::{lambda(int)#1})",
	"sm80_xmma_gemm_f32f32_f32f32_f32_tn_n_tilesize32x32x8_stage3_warpsize1x2x1_ffma_aligna4_alignc4_execute_kernel__5x_cublas",
	"void cutlass::Kernel2<cutlass_80_simt_sgemm_64x64_8x5_tn_align1>(cutlass_80_simt_sgemm_64x64_8x5_tn_align1::Params)",
	"void cutlass::Kernel2<cutlass_80_tensorop_s1688gemm_64x64_16x6_nn_align4>(cutlass_80_tensorop_s1688gemm_64x64_16x6_nn_align4::Params)",
	"void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>, std::array<char*, 3ul> >(int, at::native::CUDAFunctor_add<float>, std::array<char*, 3ul>)",
	"void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<int>, std::array<char*, 1ul> >(int, at::native::FillFunctor<int>, std::array<char*, 1ul>)",
	"void at::native::vectorized_elementwise_kernel<2, at::native::FillFunctor<long>, std::array<char*, 1ul> >(int, at::native::FillFunctor<long>, std::array<char*, 1ul>)",
	"void at::native::(anonymous namespace)::vectorized_layer_norm_kernel<float, float, false>(int, float, float const*, float const*, float const*, float*, float*, float*)",
	"void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float, at::native::ArgMaxOps<float>, unsigned int, long, 4, 4> >(at::native::ReduceOp<float, at::native::ArgMaxOps<float>, unsigned int, long, 4, 4>)",
	"fmha_cutlassF_f32_aligned_64x64_rf_sm80(PyTorchMemEffAttention::AttentionKernel<float, cutlass::arch::Sm80, true, 64, 64, 64, true, true>::Params)",
	"triton_poi_fused_add_mul_3",
	"ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)",
}

func kernels() analyze.Table {
	t := analyze.Table{
		Name: "kernels", Doc: "GPU time by kernel, largest first", ShareOf: "of the stage's busy time", Top: 10,
		Columns: []analyze.Column{
			column("stage", analyze.ID, "stage"), column("name", analyze.Text, "the kernel's name as in the trace"), column("category", analyze.Text, "kind of work"),
			column("count", analyze.Count, "calls"), column("kernel_ns", analyze.Nanoseconds, "sum of durations; concurrent streams count twice"),
			share(column("exclusive_ns", analyze.Nanoseconds, "part of the busy time")),
			column("min_ns", analyze.Nanoseconds, "shortest"), column("median_ns", analyze.Nanoseconds, "nearest rank"),
			column("p95_ns", analyze.Nanoseconds, "nearest rank"), column("max_ns", analyze.Nanoseconds, "longest"),
		},
	}
	sum := 612_004_100
	for i, name := range realNames {
		category := "elementwise"
		if strings.Contains(name, "gemm") || strings.Contains(name, "nvjet") {
			category = "gemm"
		}
		t.Rows = append(t.Rows, row("stage=1/kernel="+name, 3_108_120_300,
			1, name, category, 9_020>>i+1, sum, sum-sum/50, 1_184+i*31, sum/(9_020>>i+1)/2, sum/(9_020>>i+1)*2, sum/(9_020>>i+1)*3))
		sum = sum * 2 / 3
	}
	return t
}

func memory() analyze.Table {
	return analyze.Table{
		Name: "memory", Doc: "copies and sets by direction", ShareOf: "of the stage's busy time",
		Columns: []analyze.Column{
			column("stage", analyze.ID, ""), column("name", analyze.Text, ""), column("count", analyze.Count, ""),
			column("gpu_ns", analyze.Nanoseconds, ""), share(column("exclusive_ns", analyze.Nanoseconds, "")), column("bytes", analyze.Bytes, ""), column("bytes_per_s", analyze.BytesPerSecond, ""),
		},
		Rows: []analyze.Row{
			row("stage=0/memory=memcpy HtoD", 101_998_410, 0, "memcpy HtoD", 1_204, 1_204_120, 1_100_004, 50_331_648, 41_799_528_286),
			row("stage=1/memory=memcpy DtoD", 3_108_120_300, 1, "memcpy DtoD", 7_711, 7_711_914, 7_000_120, 1_610_612_736, 208_847_367_437),
			row("stage=1/memory=memset", 3_108_120_300, 1, "memset", 88, 411_000, 398_112, -1, -1),
		},
	}
}

func steps() analyze.Table {
	return analyze.Table{Name: "steps", Doc: "turns of denoise loops", Columns: []analyze.Column{column("step", analyze.ID, "")}}
}
