package rules

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed data/*.yaml
var builtin embed.FS

// Rules is a set of tables. It does not change after it was loaded, so that
// any number of goroutines may ask it at once. Its methods are meant to be
// asked once for each distinct name of a trace, and the answer kept.
type Rules struct {
	categoryNames []CategoryInfo
	categories    []categoryRule
	frames        []frameRule
	ranges        []rangeRule
	quietDomains  patterns
	workerOps     patterns
	iterations    []iterationForm
	calls         []callRule
	models        map[string][]Stage
	stageNames    []stageNameRule
	processes     []processRule
	conventions   []convention
	plumbing      texts

	framesByFunc map[string][]int // frames rules that name a function
	framesByFile []int            // frames rules for any function of a file
	moduleRules  []int            // frames rules for nn.Module classes
}

// Default returns the built-in rules.
func Default() *Rules { return loadDefault() }

var loadDefault = sync.OnceValue(func() *Rules {
	r := &Rules{}
	names, err := fs.Glob(builtin, "data/*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, name := range names {
		text, err := fs.ReadFile(builtin, name)
		if err != nil {
			panic(err) // embedded
		}
		next, err := loadBytes(r, text)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", name, err)) // a test loads them
		}
		r = next
	}
	return r
})

// Load returns base with the tables of a user's YAML file put in front of it,
// so that the user's entries are tried first; models of the same name are
// replaced. The file has the form of the built-in ones and needs only what it
// adds. Anything that the schema does not know is an error that names the
// line. base is not changed; nil stands for no rules at all.
func Load(base *Rules, r io.Reader) (*Rules, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxRulesFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	if len(text) > maxRulesFile {
		return nil, fmt.Errorf("reading rules: more than %d bytes; is this a rules file?", maxRulesFile)
	}
	return loadBytes(base, text)
}

// maxRulesFile is in bytes; the built-in tables together take about 60 kB. A
// trace given by mistake is refused before it is parsed as YAML.
const maxRulesFile = 4 << 20

func loadBytes(base *Rules, text []byte) (*Rules, error) {
	if base == nil {
		base = &Rules{}
	}
	f, err := parseFile(text)
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	r := &Rules{
		categoryNames: mergeCategoryNames(base.categoryNames, f.CategoryNames),
		categories:    prepend(f.Categories, base.categories),
		frames:        prepend(f.Frames, base.frames),
		ranges:        prepend(f.Ranges, base.ranges),
		quietDomains:  prepend(f.QuietDomains, base.quietDomains),
		workerOps:     prepend(f.WorkerOps, base.workerOps),
		iterations:    prepend(f.Iterations, base.iterations),
		calls:         prepend(f.Calls, base.calls),
		models:        mergeModels(base.models, f.Models),
		stageNames:    prepend(f.StageNames, base.stageNames),
		processes:     prepend(f.Processes, base.processes),
		conventions:   prepend(f.Conventions, base.conventions),
		plumbing:      prepend(f.Plumbing, base.plumbing),
	}
	if err := r.check(f); err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	r.indexFrames()
	return r, nil
}

// prepend joins two tables into a new one; base's own memory is never shared
// in a way that a later append could write to.
func prepend[T any](first, then []T) []T {
	return append(slices.Clone(first), then...)
}

// A file is the schema of a rules file; every key may be left out.
type file struct {
	CategoryNames []CategoryInfo     `yaml:"category_names"`
	Categories    []categoryRule     `yaml:"categories"`
	Frames        []frameRule        `yaml:"frames"`
	Ranges        []rangeRule        `yaml:"ranges"`
	QuietDomains  patterns           `yaml:"quiet_domains"`
	WorkerOps     patterns           `yaml:"worker_ops"`
	Iterations    []iterationForm    `yaml:"iterations"`
	Calls         []callRule         `yaml:"calls"`
	Models        map[string][]Stage `yaml:"models"`
	StageNames    []stageNameRule    `yaml:"stage_names"`
	Processes     []processRule      `yaml:"processes"`
	Conventions   []convention       `yaml:"conventions"`
	Plumbing      texts              `yaml:"plumbing"`
}

func parseFile(text []byte) (*file, error) {
	f := &file{}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(f); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := d.Decode(&file{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one YAML document; put everything into one")
	}
	return f, nil
}

// check finds what a schema cannot: words outside their vocabulary, and
// entries that could never match.
func (r *Rules) check(f *file) error {
	return errors.Join(
		checkEach(f.Categories, r.checkCategory),
		checkEach(f.Frames, checkFrame),
		checkEach(f.Ranges, checkRange),
		checkEach(f.Iterations, checkIteration),
		checkEach(f.Calls, checkCall),
	)
}

func checkEach[T any](entries []T, check func(*T) error) error {
	for i := range entries {
		if err := check(&entries[i]); err != nil {
			return err
		}
	}
	return nil
}
