package capture

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Variant is one side of an A/B capture: the command with more arguments, or
// with more environment.
type Variant struct {
	Label string
	Env   []string
	Args  []string
}

var (
	label      = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*$`)
	assignment = regexp.MustCompile(`^[A-Za-z_]\w*=`)
)

// ParseVariant reads "label=arguments", as in --ab 'math=--sdpa math'. Leading
// words of the form NAME=value are environment. Words are split as a shell
// does: blanks separate, quotes and backslashes keep together.
func ParseVariant(spec string) (Variant, error) {
	const form = `its form is label=arguments, as in 'math=--sdpa math'`
	name, rest, ok := strings.Cut(spec, "=")
	if !ok || !label.MatchString(name) {
		return Variant{}, failure(Usage, form, "%q has no label", spec)
	}
	words, err := splitWords(rest)
	if err != nil {
		return Variant{}, failure(Usage, form, "variant %q: %w", name, err)
	}
	v := Variant{Label: name}
	for i, w := range words {
		if !assignment.MatchString(w) {
			v.Args = words[i:]
			break
		}
		v.Env = append(v.Env, w)
	}
	return v, nil
}

// splitWords splits a line as a POSIX shell does, without expansions.
func splitWords(line string) (words []string, err error) {
	var word strings.Builder
	quote, begun := rune(0), false
	escaped := false
	for _, c := range line {
		switch {
		case escaped:
			escaped = false
			word.WriteRune(c)
		case c == '\\' && quote != '\'':
			escaped, begun = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, begun = c, true
		case quote == 0 && strings.ContainsRune(" \t\n", c):
			if begun {
				words = append(words, word.String())
				word.Reset()
			}
			begun = false
		default:
			begun = true
			word.WriteRune(c)
		}
	}
	if quote != 0 || escaped {
		return nil, fmt.Errorf("a quote is not closed in %q", line)
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}

// Interleave makes the plans of an A/B capture, in the order in which they run:
// A B, then B A, then A B again, so that a machine that warms up or slows down
// does so for both. The sessions lie in Out/LABEL/1, Out/LABEL/2, ….
func Interleave(o Options, variants []Variant, rounds int, e Engine) ([]Plan, error) {
	if len(variants) < 2 || rounds < 1 {
		return nil, failure(Usage, "give --ab at least twice, and --rounds of at least 1", "nothing to compare: %d variants, %d rounds", len(variants), rounds)
	}
	if o.Attach != "" {
		return nil, failure(Usage, "give the server's command after --", "variants of a server that runs already cannot be started")
	}
	var plans []Plan
	for round := range rounds {
		order := slices.Clone(variants)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, v := range order {
			p, err := NewPlan(v.options(o, round+1), e)
			if err != nil {
				return nil, err
			}
			plans = append(plans, p)
		}
	}
	return plans, distinct(variants)
}

func distinct(variants []Variant) error {
	for i, v := range variants {
		if slices.ContainsFunc(variants[:i], func(w Variant) bool { return w.Label == v.Label }) {
			return failure(Usage, "give each variant a label of its own", "two variants are called %q", v.Label)
		}
	}
	return nil
}

func (v Variant) options(o Options, round int) Options {
	o.Label = v.Label
	o.Out = filepath.Join(o.Out, v.Label, strconv.Itoa(round))
	o.Env = slices.Concat(o.Env, v.Env)
	o.Command = slices.Concat(o.Command, v.Args)
	return o
}

// RunAll runs plans one after another and then compares the first label's
// sessions with those of each other label. It ends at the first run that
// fails; the sessions before it stay.
func RunAll(ctx context.Context, plans []Plan, h Host) ([]Sessions, error) {
	h = h.withDefaults()
	var sides []Sessions
	one := h
	one.Summarize = nil // the comparison says it all
	for i, p := range plans {
		o := p.Options
		h.logf("run %d of %d: %s into %s", i+1, len(plans), o.Label, o.Out)
		if _, err := Run(ctx, p, one); err != nil {
			if e, ok := errors.AsType[*Error](err); ok {
				e.During = fmt.Sprintf("run %d of %d (%s): %s", i+1, len(plans), o.Label, e.During)
			}
			return sides, err
		}
		at := slices.IndexFunc(sides, func(s Sessions) bool { return s.Label == o.Label })
		if at < 0 {
			at, sides = len(sides), append(sides, Sessions{Label: o.Label})
		}
		sides[at].Dirs = append(sides[at].Dirs, o.Out)
	}
	if h.Compare == nil {
		return sides, nil
	}
	for _, changed := range sides[1:] {
		if err := h.Compare(ctx, sides[0], changed); err != nil {
			return sides, during("compare "+sides[0].Label+" with "+changed.Label, err)
		}
	}
	return sides, nil
}
