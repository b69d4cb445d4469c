package analyze

import (
	"fmt"
	"slices"
	"strings"

	"omnitrace/trace"
)

func id(name, doc string) Column   { return Column{Name: name, Unit: ID, Doc: doc} }
func text(name, doc string) Column { return Column{Name: name, Unit: Text, Doc: doc} }

// The dimensions of work.
var (
	stageDimension = dimension{key: "stage", Column: id("stage", "stage of the pipeline"),
		id: func(s *Session, w *Work) int32 { return int32(s.Sources[s.source(w)].Stage) }}
	replicaDimension = dimension{key: "replica", Column: id("replica", "copy of the stage"),
		id: func(s *Session, w *Work) int32 { return int32(s.Sources[s.source(w)].Replica) }}
	rankDimension = dimension{key: "rank", Column: id("rank", "rank within the replica"),
		id: func(s *Session, w *Work) int32 { return int32(s.Sources[s.source(w)].Rank) }}
	deviceDimension = dimension{key: "device", Column: id("device", "device as its process numbers it"),
		id:     func(s *Session, w *Work) int32 { return s.devices[w.device].number },
		number: func(s *Session, i int32) int64 { return s.deviceNumbers[i] }}
	sourceDimension = dimension{key: "source", Column: text("source", "input file"),
		id:   func(s *Session, w *Work) int32 { return int32(s.source(w)) },
		text: func(s *Session, i int32) string { return s.Sources[i].ID }, ordered: true}
	categoryDimension = dimension{key: "category", Column: text("category", "what sort of work it is, by the kernel's name"),
		id:   func(_ *Session, w *Work) int32 { return w.category },
		text: func(s *Session, i int32) string { return s.categories.Text(trace.NameID(i)) }}
	kernelDimension = dimension{key: "kernel", Column: text("name", "the kernel's name"),
		id:   func(_ *Session, w *Work) int32 { return w.name },
		text: func(s *Session, i int32) string { return s.names.Text(trace.NameID(i)) }}
	requestDimension = dimension{key: "request", attributed: true, Column: id("request", "request of the source, from 0"),
		id: func(_ *Session, w *Work) int32 { return w.request }}
	phaseDimension = dimension{key: "phase", attributed: true, Column: text("phase", "phase of the request, or kind of the scheduler pass"),
		id:      func(_ *Session, w *Work) int32 { return int32(w.phase) },
		text:    func(_ *Session, i int32) string { return phaseNames[i] },
		ordered: true}
	stepDimension = dimension{key: "step", attributed: true, Column: id("step", "denoise step of the request, from 0"),
		id: func(s *Session, w *Work) int32 {
			if w.step < 0 {
				return -1
			}
			return s.steps[w.step].index
		}}
	iterationDimension = dimension{key: "iteration", attributed: true, Column: id("iteration", "scheduler pass of the source, from 0"),
		id: func(s *Session, w *Work) int32 {
			if w.iteration < 0 {
				return -1
			}
			return s.iterations[w.iteration].index
		}}
	memoryDimension = dimension{key: "memory", Column: text("name", "direction of the copy, or memset"),
		id: kernelDimension.id, text: kernelDimension.text}
)

// dimensions are those that work can be grouped by on request.
var dimensions = []dimension{
	stageDimension, replicaDimension, rankDimension, deviceDimension, sourceDimension,
	requestDimension, phaseDimension, stepDimension, iterationDimension,
	categoryDimension, kernelDimension,
}

// Dimensions lists the names that [By] takes.
func Dimensions() []string {
	names := make([]string, len(dimensions))
	for i, d := range dimensions {
		names[i] = d.key
	}
	return names
}

// By returns an analysis that splits the GPU time by any dimensions, in the
// order given. The error lists what there is.
func By(keys []string) (Analysis, error) {
	g := grouping{name: "by_" + strings.Join(keys, "_"), doc: "GPU time by " + strings.Join(keys, ", "), figures: standard}
	for k, key := range keys {
		if slices.Contains(keys[:k], key) {
			return Analysis{}, fmt.Errorf("dimension %q twice", key)
		}
		i := slices.IndexFunc(dimensions, func(d dimension) bool { return d.key == key })
		if i < 0 {
			return Analysis{}, fmt.Errorf("unknown dimension %q: want one of %s", key, strings.Join(Dimensions(), ", "))
		}
		g.dims = append(g.dims, dimensions[i])
	}
	if len(keys) > maxDimensions {
		return Analysis{}, fmt.Errorf("%d dimensions: at most %d can be combined", len(keys), maxDimensions)
	}
	return g.analysis(), nil
}
