package report

import (
	"math"
	"strconv"
	"strings"

	"omnitrace/analyze"
	"omnitrace/analyze/diff"
	"omnitrace/internal/unit"
)

// A figure is one cell of a table of differences: what [analyze.Value] holds,
// or a number that is no integer.
type figure struct {
	analyze.Value
	float float64
	real  bool
}

func text(s string) figure       { return figure{Value: known(s)} }
func integerOf(n int64) figure   { return figure{Value: analyze.Int(n)} }
func flagOf(b bool) figure       { return figure{Value: boolValue(b)} }
func nothing() figure            { return figure{} }
func wholeNS(ns float64) figure  { return integerOf(int64(math.Round(ns))) }
func stageOf(stage int) figure   { return figure{Value: analyze.Known(stage)} }
func (f figure) unknown() bool   { return !f.real && f.IsNull() }
func (f figure) integer() int64  { n, _ := f.Int(); return n }
func countOf[T ~int](n T) figure { return integerOf(int64(n)) }
func when(ok bool, f figure) figure {
	if ok {
		return f
	}
	return nothing()
}

// number returns a float, or nothing where it is none.
func number(x float64) figure {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nothing()
	}
	return figure{float: x, real: true}
}

// A measure says how a column's figures are printed for people.
type measure uint8

const (
	wordMeasure    measure = iota
	idMeasure              // a number that is a name
	countMeasure           // how many
	nsMeasure              // a duration
	changeOfNS             // how much longer
	percentMeasure         // a signed part of base
	pMeasure
	flagMeasure
)

// A diffColumn is one column of a table of differences.
type diffColumn struct {
	name string // as in JSON and CSV
	head string // for people; "" for columns that only programs get
	measure
	wide bool
	doc  string
	of   func(*diff.Row) figure
}

// evidenced returns a column of rows with evidence.
func evidenced(name, head string, m measure, wide bool, doc string, of func(*diff.Evidence) figure) diffColumn {
	return diffColumn{name, head, m, wide, doc, func(r *diff.Row) figure {
		if r.Evidence == nil {
			return nothing()
		}
		return of(r.Evidence)
	}}
}

// rowColumns are those of every table of rows.
var rowColumns = []diffColumn{
	{"stage", "stage", idMeasure, true, "stage of the pipeline", func(r *diff.Row) figure { return stageOf(r.Stage) }},
	{"stage_name", "stage name", wordMeasure, false, "name of the stage", func(r *diff.Row) figure { return text(r.StageName) }},
	{"phase", "phase", wordMeasure, false, "phase of the request, or kind of the pass", func(r *diff.Row) figure { return text(r.Phase) }},
	{"category", "category", wordMeasure, false, "sort of work", func(r *diff.Row) figure { return text(r.Category) }},
	{"name", "", wordMeasure, false, "the kernel, the direction of a copy, or the cause of idle time", rowName},
	{"new_name", "", wordMeasure, false, "the kernel that took its place", func(r *diff.Row) figure { return text(r.NewName) }},
	{"", "what", wordMeasure, false, "", shownName},
	{"state", "state", wordMeasure, false, "same, slower, faster, more or fewer (launches), replaced, new, removed, moved", func(r *diff.Row) figure { return text(string(r.State)) }},
	{"detail", "", wordMeasure, true, "where a kernel has moved to", func(r *diff.Row) figure { return text(r.Detail) }},
	{"base_ns", "base", nsMeasure, false, "exclusive_ns of base", func(r *diff.Row) figure { return integerOf(r.BaseNS) }},
	{"new_ns", "new", nsMeasure, false, "exclusive_ns of new", func(r *diff.Row) figure { return integerOf(r.NewNS) }},
	{"delta_ns", "delta", changeOfNS, false, "new_ns - base_ns", func(r *diff.Row) figure { return integerOf(r.DeltaNS) }},
	{"delta_ratio", "change", percentMeasure, false, "delta_ns / base_ns", func(r *diff.Row) figure {
		ratio, ok := r.Ratio()
		return when(ok, number(ratio))
	}},
	{"base_count", "base count", countMeasure, true, "GPU events of base", func(r *diff.Row) figure { return integerOf(r.BaseCount) }},
	{"new_count", "new count", countMeasure, true, "GPU events of new", func(r *diff.Row) figure { return integerOf(r.NewCount) }},
	{"duration_delta_ns", "by durations", changeOfNS, false, "part of delta_ns: the same launches took longer", func(r *diff.Row) figure { return integerOf(r.DurationNS) }},
	{"launches_delta_ns", "by launches", changeOfNS, false, "part of delta_ns: more launches for the same work", func(r *diff.Row) figure { return integerOf(r.LaunchesNS) }},
	{"work_delta_ns", "by work", changeOfNS, false, "part of delta_ns: work that only one side did", func(r *diff.Row) figure { return integerOf(r.WorkNS) }},
	{"base_work_units", "", countMeasure, true, "steps, passes and parts of requests on base; of stages and phases", func(r *diff.Row) figure { return when(r.BaseWork+r.NewWork > 0, integerOf(r.BaseWork)) }},
	{"new_work_units", "", countMeasure, true, "the same on new", func(r *diff.Row) figure { return when(r.BaseWork+r.NewWork > 0, integerOf(r.NewWork)) }},
	{"base_tokens", "base tokens", countMeasure, true, "tokens that the passes of base worked on", func(r *diff.Row) figure { return when(r.BaseTokens+r.NewTokens > 0, integerOf(r.BaseTokens)) }},
	{"new_tokens", "new tokens", countMeasure, true, "tokens that the passes of new worked on", func(r *diff.Row) figure { return when(r.BaseTokens+r.NewTokens > 0, integerOf(r.NewTokens)) }},
	{"base_token_ns", "base a token", nsMeasure, true, "base_ns over base_tokens, rounded down", func(r *diff.Row) figure { return perToken(r.BaseNS, r.BaseTokens) }},
	{"new_token_ns", "new a token", nsMeasure, true, "new_ns over new_tokens, rounded down", func(r *diff.Row) figure { return perToken(r.NewNS, r.NewTokens) }},
	evidenced("unit_ratio", "per unit", percentMeasure, false, "change of the medians of common units; ~ where it may be chance", func(e *diff.Evidence) figure { return when(e.BaseNS > 0, number(e.Ratio)) }),
	evidenced("unit", "", wordMeasure, true, "what a unit is: step, pass or request", func(e *diff.Evidence) figure { return text(e.Unit) }),
	evidenced("base_units", "", countMeasure, true, "common units measured on base", func(e *diff.Evidence) figure { return countOf(e.BaseUnits) }),
	evidenced("new_units", "", countMeasure, true, "common units measured on new", func(e *diff.Evidence) figure { return countOf(e.NewUnits) }),
	evidenced("base_unit_ns", "base unit", nsMeasure, true, "time of a common unit of base, by medians", func(e *diff.Evidence) figure { return wholeNS(e.BaseUnitNS) }),
	evidenced("new_unit_ns", "new unit", nsMeasure, true, "the same of new", func(e *diff.Evidence) figure { return wholeNS(e.NewUnitNS) }),
	evidenced("low_ns", "at least", changeOfNS, true, "lower end of the 95 % interval of the change of the common work", func(e *diff.Evidence) figure { return wholeNS(e.LowNS) }),
	evidenced("high_ns", "at most", changeOfNS, true, "upper end of it", func(e *diff.Evidence) figure { return wholeNS(e.HighNS) }),
	evidenced("p_value", "p", pMeasure, true, "probability of such a difference by chance, adjusted for all rows of the table", func(e *diff.Evidence) figure { return number(e.Adjusted) }),
	evidenced("p_alone", "", pMeasure, true, "the same without the adjustment", func(e *diff.Evidence) figure { return number(e.P) }),
	evidenced("noise_ratio", "noise", percentMeasure, true, "relative change that the runs show against themselves", func(e *diff.Evidence) figure { return number(e.Floor) }),
	evidenced("significant", "", flagMeasure, false, "more than chance and noise", func(e *diff.Evidence) figure { return flagOf(e.Significant) }),
	{"why_null", "", wordMeasure, true, "why there is no evidence", func(r *diff.Row) figure { return text(r.WhyNull) }},
}

func perToken(ns, tokens int64) figure {
	if tokens == 0 {
		return nothing()
	}
	return integerOf(ns / tokens)
}

// shownName is a row's name as people see it.
func shownName(r *diff.Row) figure {
	if r.NewName != "" {
		return text(r.Name + " → " + r.NewName)
	}
	if strings.HasSuffix(r.Key, "/"+unattributedName) {
		return text(unattributedName)
	}
	return text(r.Name)
}

// rowName names the rows of what could not be assigned, too.
func rowName(r *diff.Row) figure {
	if r.Name == "" && strings.Contains(r.Key, unattributedName) {
		return text(unattributedName)
	}
	return text(r.Name)
}

// unitColumns come first in the tables of steps and iterations.
var unitColumns = []diffColumn{
	{"base_run", "", countMeasure, true, "run of the unit on base, from 0", unitFigure(false, func(u *diff.UnitName) int { return u.Run })},
	{"base_request", "base request", idMeasure, false, "request of the unit on base", unitFigure(false, func(u *diff.UnitName) int { return u.Request })},
	{"base_step", "base step", idMeasure, false, "step on base", unitFigure(false, func(u *diff.UnitName) int { return u.Step })},
	{"base_iteration", "base iteration", idMeasure, false, "pass on base", unitFigure(false, func(u *diff.UnitName) int { return u.Iteration })},
	{"new_run", "", countMeasure, true, "run of the unit on new, from 0", unitFigure(true, func(u *diff.UnitName) int { return u.Run })},
	{"new_request", "new request", idMeasure, false, "request of the unit on new", unitFigure(true, func(u *diff.UnitName) int { return u.Request })},
	{"new_step", "new step", idMeasure, false, "step on new", unitFigure(true, func(u *diff.UnitName) int { return u.Step })},
	{"new_iteration", "new iteration", idMeasure, false, "pass on new", unitFigure(true, func(u *diff.UnitName) int { return u.Iteration })},
	{"base_kind", "base kind", wordMeasure, false, "first, computed or cached step, or pass, on base", unitKind(false)},
	{"new_kind", "new kind", wordMeasure, false, "the same on new", unitKind(true)},
	{"link", "", wordMeasure, false, "common, switched (cached on one side), only_base, only_new", func(r *diff.Row) figure {
		if r.Unit == nil {
			return nothing()
		}
		return text(string(r.Unit.Link))
	}},
}

func unitOn(r *diff.Row, new bool) *diff.UnitName {
	switch {
	case r.Unit == nil:
		return nil
	case new:
		return r.Unit.New
	}
	return r.Unit.Base
}

func unitFigure(new bool, of func(*diff.UnitName) int) func(*diff.Row) figure {
	return func(r *diff.Row) figure {
		if u := unitOn(r, new); u != nil {
			return figure{Value: analyze.Known(of(u))}
		}
		return nothing()
	}
}

func unitKind(new bool) func(*diff.Row) figure {
	return func(r *diff.Row) figure {
		if u := unitOn(r, new); u != nil {
			return text(u.Kind)
		}
		return nothing()
	}
}

// columnsOf returns the columns of a table.
func columnsOf(t *diff.Table) []diffColumn {
	if t.Name == "steps" || t.Name == "iterations" {
		return append(unitColumns[:len(unitColumns):len(unitColumns)], rowColumns...)
	}
	return rowColumns
}

// exactly prints a figure in base units, "" where it is not known.
func (f figure) exactly(m measure) string {
	if f.real {
		return strconv.FormatFloat(f.float, 'g', -1, 64)
	}
	if m == flagMeasure {
		return plain(f.Value, analyze.Flag)
	}
	return plain(f.Value, analyze.Count)
}

// percent prints a ratio as signed percent: "+5.1 %".
func percent(ratio float64) string {
	s := unit.Percent(int64(math.Round(ratio*1e9)), 1e9)
	if ratio > 0 {
		s = plus(s)
	}
	return s + " %"
}

// plus puts a sign before a positive number: "<0.1" becomes "<+0.1".
func plus(s string) string {
	if s != "" && s[0] == '<' {
		return "<+" + s[1:]
	}
	return "+" + s
}
