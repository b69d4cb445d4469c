package rules

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Phase says what kind of work one scheduler pass did.
type Phase string

// The phases of iterations.
const (
	Prefill      Phase = "prefill" // prompts only, or parts of them
	Decode       Phase = "decode"  // one or a few tokens for each running request
	Mixed        Phase = "mixed"   // both
	Dummy        Phase = "dummy"   // nothing was scheduled: a pass to keep ranks in step, or idle
	ProfilerStep Phase = "profiler_step"
)

var phases = map[Phase]bool{Prefill: true, Decode: true, Mixed: true, Dummy: true, ProfilerStep: true}

// Unknown is the value of an iteration's figure that its name does not tell.
const Unknown = -1

// An Iteration is what the name of a scheduler pass's range says. Figures that
// it does not tell are [Unknown].
type Iteration struct {
	Phase              Phase
	ContextRequests    int64 // requests whose prompt, or a part of it, was computed
	ContextTokens      int64 // prompt tokens of the pass
	GenerationRequests int64 // requests that were decoded
	GenerationTokens   int64 // tokens that went into the model for them; more than one each with speculation
	Number             int64 // the k of ProfilerStep#k, else Unknown
}

// An iterationForm is one historical form of an iteration's name: a regular
// expression whose groups are named after the figures of an [Iteration]. Text
// after the match is ignored, so that a form outlives additions at its end.
type iterationForm struct {
	Form form `yaml:"form"`
	// Phase is what the figures would say, where they cannot.
	Phase word `yaml:"phase"`
}

// A form is a compiled regular expression with its line and what a name must
// begin with to match it.
type form struct {
	re      *regexp.Regexp
	literal string
	line    int
}

// UnmarshalYAML compiles the form.
func (f *form) UnmarshalYAML(node *yaml.Node) error {
	text, err := scalar(node, "a regular expression")
	if err != nil {
		return err
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	// An anchor is not part of Go's literal prefix, so take it off first.
	bare, err := regexp.Compile(strings.TrimPrefix(text, "^"))
	if err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	literal, _ := bare.LiteralPrefix()
	*f = form{re: re, literal: literal, line: node.Line}
	return nil
}

func checkIteration(f *iterationForm) error {
	if f.Form.re == nil {
		return fmt.Errorf("line %d: an iteration needs a form", f.Phase.line)
	}
	if !strings.HasPrefix(f.Form.re.String(), "^") {
		return fmt.Errorf("line %d: an iteration's form must begin with ^", f.Form.line)
	}
	if p := f.Phase; p.text != "" && !phases[Phase(p.text)] {
		return fmt.Errorf("line %d: unknown phase %q", p.line, p.text)
	}
	var it Iteration
	for _, name := range f.Form.re.SubexpNames() {
		if name != "" && it.figure(name) == nil {
			return fmt.Errorf("line %d: unknown figure %q", f.Form.line, name)
		}
	}
	return nil
}

// ParseIteration reads the name of a scheduler pass's range, in any of the
// forms that vLLM, SGLang and others have written; false where it is none.
// A lone ProfilerStep#k spans its whole file and means nothing; only the
// caller can see that.
func (r *Rules) ParseIteration(name string) (Iteration, bool) {
	for i := range r.iterations {
		f := &r.iterations[i]
		if !strings.HasPrefix(name, f.Form.literal) {
			continue
		}
		if m := f.Form.re.FindStringSubmatch(name); m != nil {
			return f.iteration(m), true
		}
	}
	return Iteration{}, false
}

func (f *iterationForm) iteration(match []string) Iteration {
	it := Iteration{
		ContextRequests: Unknown, ContextTokens: Unknown,
		GenerationRequests: Unknown, GenerationTokens: Unknown, Number: Unknown,
	}
	for i, name := range f.Form.re.SubexpNames() {
		if name == "" || match[i] == "" {
			continue
		}
		if n, ok := number(match[i]); ok {
			*it.figure(name) = n
		}
	}
	it.Phase = Phase(f.Phase.text)
	it.settle()
	return it
}

func (it *Iteration) figure(name string) *int64 {
	switch name {
	case "context_requests":
		return &it.ContextRequests
	case "context_tokens":
		return &it.ContextTokens
	case "generation_requests":
		return &it.GenerationRequests
	case "generation_tokens":
		return &it.GenerationTokens
	case "number":
		return &it.Number
	}
	return nil
}

// settle fills in what follows from the rest: no requests have no tokens, a
// pure prefill has no generation, and the phase follows from the requests
// where the form does not say it.
func (it *Iteration) settle() {
	switch it.Phase {
	case Prefill:
		it.GenerationRequests = 0
	case Decode:
		it.ContextRequests = 0
	case Dummy:
		it.ContextRequests, it.GenerationRequests = 0, 0
	}
	if it.ContextRequests == 0 {
		it.ContextTokens = 0
	}
	if it.GenerationRequests == 0 {
		it.GenerationTokens = 0
	}
	if it.Phase == "" {
		it.Phase = phaseOf(it.ContextRequests, it.GenerationRequests)
	}
}

func phaseOf(context, generation int64) Phase {
	switch {
	case context != 0 && generation != 0:
		return Mixed
	case context != 0:
		return Prefill
	case generation != 0:
		return Decode
	}
	return Dummy
}

// number parses decimal digits; false where there are none, something else,
// or more than an int64 holds.
func number(digits string) (int64, bool) {
	if digits == "" {
		return 0, false
	}
	var n int64
	for _, c := range []byte(digits) {
		d := int64(c - '0')
		if c < '0' || c > '9' || n > (math.MaxInt64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}
