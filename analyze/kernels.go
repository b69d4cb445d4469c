package analyze

import "omnitrace/trace"

// Categories splits each stage by the sort of work.
var Categories = register(60, &grouping{
	name: "categories", doc: "GPU time of each stage by sort of work; memory operations included",
	dims:    []dimension{stageDimension, categoryDimension},
	labels:  []label{stageName("stage_name")},
	figures: standard,
	bySize:  true,
	brief:   true,
})

// Kernels has one row for each kernel of each stage.
var Kernels = register(70, &grouping{
	name: "kernels", doc: "the kernels of each stage, largest first",
	dims: []dimension{stageDimension, kernelDimension},
	labels: []label{
		{text("category", "sort of work"), func(s *Session, w *Work) Value { return Str(categoryDimension.text(s, w.category)) }},
	},
	keep:    func(w *Work) bool { return w.kind == trace.Kernel },
	figures: []figure{events, kernelNS, exclusiveNS, minNS, medianNS, p95NS, maxNS},
	overall: true,
	top:     20,
	brief:   true,
})

// Memory has one row for each direction of copying, and one for fills.
var Memory = register(80, &grouping{
	name: "memory", doc: "copies and fills of each stage by direction",
	dims:    []dimension{stageDimension, memoryDimension},
	keep:    func(w *Work) bool { return w.kind != trace.Kernel },
	figures: []figure{events, narrow(gpuNS), exclusiveNS, bytesMoved, throughput},
	bySize:  true,
})

func narrow(f figure) figure { f.Wide = false; return f }
