package analyze

// Stages has one row a stage, over its replicas, ranks and devices.
var Stages = register(10, &grouping{
	name: "stages", doc: "GPU time of each stage, over its replicas, ranks and devices",
	dims:    []dimension{stageDimension},
	labels:  []label{stageName("name")},
	figures: standard,
	brief:   true,
})

// Devices keeps apart what Stages adds up.
var Devices = register(20, &grouping{
	name: "devices", doc: "GPU time of each device that a rank of a stage uses",
	dims:    []dimension{stageDimension, replicaDimension, rankDimension, deviceDimension},
	labels:  []label{stageName("stage_name")},
	figures: standard,
})

func stageName(column string) label {
	return label{text(column, "the stage's name"), func(s *Session, w *Work) Value {
		return Str(s.Sources[s.source(w)].StageName)
	}}
}
