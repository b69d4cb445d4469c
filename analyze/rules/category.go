package rules

import (
	"fmt"
	"slices"
)

// Categories that are not set by a kernel's name.
const (
	OtherCategory  = "other"  // no rule matched
	MemcpyCategory = "memcpy" // set by the event's kind
	MemsetCategory = "memset" // set by the event's kind
)

// A CategoryInfo names a category and says what belongs to it.
type CategoryInfo struct {
	Name  string `yaml:"name"`
	About string `yaml:"about"` // one line
}

// A categoryRule gives the kernels that match it, and match nothing under
// Unless, a category. Its own Rules refine it: they are asked first, and where
// none of them answers, Category does. Without a Category such a rule is only
// a gate that keeps a vendor's rules together, and names that its Rules do not
// know go on to the next rule.
type categoryRule struct {
	Category word           `yaml:"category"`
	Match    patterns       `yaml:"match"`
	Unless   patterns       `yaml:"unless"`
	Rules    []categoryRule `yaml:"rules"`
}

// Category returns the category of the kernel with the given name: one of
// [Rules.Categories]. A name that no rule knows is [OtherCategory].
func (r *Rules) Category(kernel string) string {
	if c, ok := categorize(r.categories, newSubject(kernel)); ok {
		return c
	}
	return OtherCategory
}

func categorize(rules []categoryRule, s subject) (string, bool) {
	for i := range rules {
		rule := &rules[i]
		if !rule.Match.match(s) || rule.Unless.match(s) {
			continue
		}
		if c, ok := categorize(rule.Rules, s); ok {
			return c, true
		}
		if rule.Category.text != "" {
			return rule.Category.text, true
		}
	}
	return "", false
}

// Categories returns all categories in the order in which they are explained,
// with memcpy and memset. The slice is the caller's.
func (r *Rules) Categories() []CategoryInfo {
	return slices.Clone(r.categoryNames)
}

// mergeCategoryNames appends the names that are new and lets the others'
// explanation be replaced.
func mergeCategoryNames(base, added []CategoryInfo) []CategoryInfo {
	merged := slices.Clone(base)
	for _, c := range added {
		i := slices.IndexFunc(merged, func(m CategoryInfo) bool { return m.Name == c.Name })
		if i < 0 {
			merged = append(merged, c)
		} else {
			merged[i] = c
		}
	}
	return merged
}

func (r *Rules) checkCategory(rule *categoryRule) error {
	if len(rule.Match) == 0 {
		return fmt.Errorf("line %d: a category rule without match would take every kernel", rule.Category.line)
	}
	if rule.Category.text == "" && len(rule.Rules) == 0 {
		return fmt.Errorf("matching %q: the rule has neither a category nor rules", rule.Match[0].text)
	}
	if c := rule.Category; c.text != "" && !r.hasCategory(c.text) {
		return fmt.Errorf("line %d: unknown category %q; name new ones under category_names", c.line, c.text)
	}
	return checkEach(rule.Rules, r.checkCategory)
}

func (r *Rules) hasCategory(name string) bool {
	return slices.ContainsFunc(r.categoryNames, func(c CategoryInfo) bool { return c.Name == name })
}
