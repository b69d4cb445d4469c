package rules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Execution says how a stage runs its model.
type Execution string

// The executions, after vLLM-Omni's StageExecutionType.
const (
	AR         Execution = "ar"         // llm_ar: prefill, then decode iterations
	Generation Execution = "generation" // llm_generation: the whole answer in one pass
	Diffusion  Execution = "diffusion"  // a diffusion pipeline
)

// UnmarshalYAML refuses words that are no execution.
func (e *Execution) UnmarshalYAML(node *yaml.Node) error {
	text, err := scalar(node, "an execution")
	*e = Execution(text)
	if err == nil {
		err = checkExecution(*e, node.Line)
	}
	return err
}

// A Stage is one stage of a model's pipeline. Its id is its place in the list.
type Stage struct {
	Name      string
	Execution Execution
}

// UnmarshalYAML reads "thinker ar".
func (s *Stage) UnmarshalYAML(node *yaml.Node) error {
	text, err := scalar(node, `a stage like "thinker ar"`)
	if err != nil {
		return err
	}
	name, execution, _ := strings.Cut(text, " ")
	*s = Stage{Name: name, Execution: Execution(execution)}
	return checkExecution(s.Execution, node.Line)
}

func checkExecution(e Execution, line int) error {
	if e != AR && e != Generation && e != Diffusion {
		return fmt.Errorf("line %d: unknown execution %q; it is ar, generation or diffusion", line, string(e))
	}
	return nil
}

func mergeModels(base, added map[string][]Stage) map[string][]Stage {
	merged := make(map[string][]Stage, len(base)+len(added))
	maps.Copy(merged, base)
	maps.Copy(merged, added)
	return merged
}

// Stages returns the stages of a model, in order of their ids, by the
// model_type that its configuration gives ("qwen3_omni_moe"); false where the
// type is not known. The slice is the caller's.
func (r *Rules) Stages(modelType string) ([]Stage, bool) {
	stages, ok := r.models[modelType]
	return slices.Clone(stages), ok
}

// StageExecution returns how the stage of that name runs its model; false where
// no model has such a stage, or where models differ.
func (r *Rules) StageExecution(name string) (Execution, bool) {
	found := Execution("")
	for _, stages := range r.models {
		for _, s := range stages {
			switch {
			case s.Name != name || s.Execution == found:
			case found != "":
				return "", false
			default:
				found = s.Execution
			}
		}
	}
	return found, found != ""
}

// ModelTypes returns the known model types, sorted.
func (r *Rules) ModelTypes() []string { return slices.Sorted(maps.Keys(r.models)) }

// A convention names the stages of a run whose executions are known and whose
// model is not.
type convention struct {
	Executions []Execution `yaml:"executions"`
	Names      []string    `yaml:"names"`
}

// ConventionalNames returns the usual names of a run's stages where nothing
// but their executions is known; false where there is no usage.
func (r *Rules) ConventionalNames(executions []Execution) ([]string, bool) {
	for _, c := range r.conventions {
		if slices.Equal(c.Executions, executions) && len(c.Names) == len(executions) {
			return slices.Clone(c.Names), true
		}
	}
	return nil, false
}

// A stageNameRule names the stage in whose trace a module or frame occurs.
type stageNameRule struct {
	Stage  string `yaml:"stage"`
	Module texts  `yaml:"module"`
	File   texts  `yaml:"file"`
}

// StageName returns the name of the stage that a frame betrays: a call of an
// nn.Module whose class belongs to one stage, or a function of one stage's
// source file; false for all others. Several stages share a model's outermost
// class, which therefore says nothing.
func (r *Rules) StageName(frame string) (string, bool) {
	class, _, isModule := Module(frame)
	file, _, isFrame := splitFrame(frame)
	for i := range r.stageNames {
		rule := &r.stageNames[i]
		if isModule && matchesAny(rule.Module, class) ||
			isFrame && len(rule.File) > 0 && matchesFile(rule.File, file) {
			return rule.Stage, true
		}
	}
	return "", false
}

// A Process is what the name of a worker process says about the stage that it
// runs; ids that it does not tell are -1.
type Process struct {
	Execution Execution // "" where the name does not tell
	Stage     int
	Replica   int
	Rank      int // of a diffusion stage's worker, or the tensor-parallel rank
	DP        int // data-parallel rank
	PP        int // pipeline-parallel rank
	EP        int // expert-parallel rank
}

// A processRule is a regular expression whose groups are named stage, replica,
// rank, dp, pp and ep.
type processRule struct {
	Name      processName `yaml:"name"`
	Execution Execution   `yaml:"execution"`
}

type processName struct{ re *regexp.Regexp }

// UnmarshalYAML compiles the expression.
func (n *processName) UnmarshalYAML(node *yaml.Node) error {
	text, err := scalar(node, "a regular expression")
	if err != nil {
		return err
	}
	if n.re, err = regexp.Compile(text); err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	return nil
}

// ParseProcess reads the name of a worker process, as vLLM and vLLM-Omni set
// it; false where it is not one of theirs ("python3").
func (r *Rules) ParseProcess(name string) (Process, bool) {
	for _, rule := range r.processes {
		if rule.Name.re == nil {
			continue
		}
		m := rule.Name.re.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		p := Process{Execution: rule.Execution, Stage: -1, Replica: -1, Rank: -1, DP: -1, PP: -1, EP: -1}
		for i, group := range rule.Name.re.SubexpNames() {
			if n, ok := number(m[i]); ok && n <= maxID {
				p.set(group, int(n))
			}
		}
		return p, true
	}
	return Process{}, false
}

// maxID bounds the ids that are believed; a larger number is not one.
const maxID = 1 << 20

func (p *Process) set(group string, id int) {
	switch group {
	case "stage":
		p.Stage = id
	case "replica":
		p.Replica = id
	case "rank":
		p.Rank = id
	case "dp":
		p.DP = id
	case "pp":
		p.PP = id
	case "ep":
		p.EP = id
	}
}
