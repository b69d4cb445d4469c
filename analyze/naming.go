package analyze

import (
	"fmt"
	"slices"

	"omnitrace/analyze/rules"
	"omnitrace/trace"
	"omnitrace/trace/session"
)

// A namer finds names of stages; the first one that knows a stage wins.
type stageNamer struct {
	by   string
	find func(*Session) (map[int]string, error)
}

// stageNamers are the ways to learn a stage's name, the surest first. No trace
// of any version holds the name itself.
var stageNamers = []stageNamer{
	{"--stage-map", func(s *Session) (map[int]string, error) { return s.StageMap, nil }},
	{"--model-type", (*Session).namesByModel},
	{"module", (*Session).namesByModule},
	{"convention", (*Session).namesByConvention},
	{"number", (*Session).namesByNumber},
}

// nameStages names the stages of all counted sources.
func (s *Session) nameStages() error {
	for _, namer := range stageNamers {
		names, err := namer.find(s)
		if err != nil {
			return err
		}
		for _, src := range s.Sources {
			if name, ok := names[src.Stage]; ok && src.counted() && src.StageName == "" {
				src.StageName, src.NamedBy = name, namer.by
			}
		}
	}
	return nil
}

func (s *Session) namesByModel() (map[int]string, error) {
	if s.ModelType == "" {
		return nil, nil
	}
	stages, ok := s.Rules.Stages(s.ModelType)
	if !ok {
		return nil, fmt.Errorf("unknown model type %q: want one of %v", s.ModelType, s.Rules.ModelTypes())
	}
	names := map[int]string{}
	for i, stage := range stages {
		names[i] = stage.Name
	}
	return names, nil
}

// namesByModule looks for classes and source files that belong to one stage.
// Where a stage's sources disagree, they say nothing.
func (s *Session) namesByModule() (map[int]string, error) {
	names := map[int]string{}
	doubt := map[int]bool{}
	for _, src := range s.Sources {
		if !src.counted() {
			continue
		}
		for name := range s.moduleNames(src.Trace) {
			if known, ok := names[src.Stage]; ok && known != name {
				doubt[src.Stage] = true
			}
			names[src.Stage] = name
		}
	}
	for stage := range doubt {
		delete(names, stage)
	}
	return names, nil
}

func (s *Session) moduleNames(t *trace.Trace) map[string]bool {
	asked := make([]bool, t.Names.Len())
	names := map[string]bool{}
	for i := range t.Events {
		e := &t.Events[i]
		if e.Kind != trace.Frame || asked[e.Name] {
			continue
		}
		asked[e.Name] = true
		if name, ok := s.Rules.StageName(t.Names.Text(e.Name)); ok {
			names[name] = true
		}
	}
	return names
}

// namesByConvention goes by how the stages run their models, where that is
// known of all of them.
func (s *Session) namesByConvention() (map[int]string, error) {
	stages := s.stages()
	var executions []rules.Execution
	for i, stage := range stages {
		e := s.execution(stage)
		if i != stage || e == "" {
			return nil, nil
		}
		executions = append(executions, e)
	}
	words, ok := s.Rules.ConventionalNames(executions)
	if !ok {
		return nil, nil
	}
	names := map[int]string{}
	for i, w := range words {
		names[i] = w
	}
	return names, nil
}

// execution tells from a stage's ranges how it runs its model: only an
// autoregressive stage has passes that decode and nothing else.
func (s *Session) execution(stage int) rules.Execution {
	e := rules.Execution("")
	for _, src := range s.Sources {
		if !src.counted() || src.Stage != stage {
			continue
		}
		if src.Kind == session.Diffusion {
			return rules.Diffusion
		}
		for _, name := range rangeNames(src.Trace) {
			it, ok := s.Rules.ParseIteration(name)
			switch {
			case ok && it.Phase == rules.Decode:
				return rules.AR
			case ok && it.Phase == rules.Prefill:
				e = rules.Generation
			}
			if role, ok := s.Rules.Range(name); ok && role == rules.Request {
				return rules.Diffusion
			}
		}
	}
	return e
}

// rangeNames returns the distinct names of host ranges, sorted.
func rangeNames(t *trace.Trace) []string {
	var ids []trace.NameID
	for i := range t.Events {
		if t.Events[i].Kind == trace.Range {
			ids = append(ids, t.Events[i].Name)
		}
	}
	slices.Sort(ids)
	var names []string
	for _, id := range slices.Compact(ids) {
		names = append(names, t.Names.Text(id))
	}
	slices.Sort(names)
	return names
}

func (s *Session) namesByNumber() (map[int]string, error) {
	names := map[int]string{}
	for _, stage := range s.stages() {
		names[stage] = fmt.Sprintf("stage%d", stage)
	}
	return names, nil
}
