package rules

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A pattern is one entry of a match list:
//
//	rms_norm           the name contains this, in any case
//	prefix:nvjet       it begins with this, in any case
//	suffix:_memset     it ends with this, in any case
//	exact:_kernel      it is this, in any case
//	regexp:^Add\d*$    it matches this; case counts, as Go's regexp says it
//
// Three texts in four need no regular expression, and are twenty times as fast
// and easier to read without.
type pattern struct {
	kind patternKind
	text string // in lower case, but for regexp
	re   *regexp.Regexp
}

type patternKind uint8

const (
	contains patternKind = iota
	prefix
	suffix
	exact
	expression
)

var patternKinds = map[string]patternKind{
	"prefix": prefix, "suffix": suffix, "exact": exact, "regexp": expression, "regex": expression,
}

// UnmarshalYAML compiles the pattern, so that a bad one is reported with its
// line before anything is matched.
func (p *pattern) UnmarshalYAML(node *yaml.Node) error {
	text, err := scalar(node, "a text to match")
	if err != nil {
		return err
	}
	*p, err = compilePattern(text)
	if err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	return nil
}

func compilePattern(text string) (pattern, error) {
	p := pattern{kind: contains, text: text}
	// "at::native" has a colon too: only the known words are kinds.
	if word, rest, ok := strings.Cut(text, ":"); ok {
		if kind, known := patternKinds[word]; known {
			p = pattern{kind: kind, text: rest}
		}
	}
	if p.text == "" {
		return p, fmt.Errorf("matching %q: an empty text would match everything", text)
	}
	if p.kind != expression {
		p.text = strings.ToLower(p.text)
		return p, nil
	}
	re, err := regexp.Compile(p.text)
	if err != nil {
		return p, fmt.Errorf("matching %q: %w", text, err)
	}
	p.re = re
	return p, nil
}

// A subject is a name to be matched, with what several patterns need of it.
type subject struct{ name, lower string }

func newSubject(name string) subject { return subject{name, strings.ToLower(name)} }

func (p *pattern) matches(s subject) bool {
	switch p.kind {
	case prefix:
		return strings.HasPrefix(s.lower, p.text)
	case suffix:
		return strings.HasSuffix(s.lower, p.text)
	case exact:
		return s.lower == p.text
	case expression:
		return p.re.MatchString(s.name)
	default:
		return strings.Contains(s.lower, p.text)
	}
}

// patterns is a match list: it matches where one of its entries does. In YAML
// a list of one may be written without brackets.
type patterns []pattern

// UnmarshalYAML accepts a list or a single text.
func (ps *patterns) UnmarshalYAML(node *yaml.Node) error {
	return oneOrMany(node, (*[]pattern)(ps))
}

func (ps patterns) match(s subject) bool {
	for i := range ps {
		if ps[i].matches(s) {
			return true
		}
	}
	return false
}

// texts is a list of words; in YAML a list of one may be written without brackets.
type texts []string

// UnmarshalYAML accepts a list or a single word.
func (ts *texts) UnmarshalYAML(node *yaml.Node) error {
	return oneOrMany(node, (*[]string)(ts))
}

func oneOrMany[T any](node *yaml.Node, into *[]T) error {
	if node.Kind == yaml.SequenceNode {
		return node.Decode(into)
	}
	var one T
	if err := node.Decode(&one); err != nil {
		return err
	}
	*into = []T{one}
	return nil
}

func scalar(node *yaml.Node, want string) (string, error) {
	if node.Kind != yaml.ScalarNode {
		return "", fmt.Errorf("line %d: want %s, not a list or map", node.Line, want)
	}
	return node.Value, nil
}

// A word is a name from a fixed vocabulary and the line it stands on, so that
// an unknown one can be reported where it was written.
type word struct {
	text string
	line int
}

// UnmarshalYAML keeps the line.
func (w *word) UnmarshalYAML(node *yaml.Node) error {
	text, err := scalar(node, "a word")
	*w = word{text: text, line: node.Line}
	return err
}
