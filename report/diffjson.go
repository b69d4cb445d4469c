package report

import (
	"bufio"
	"encoding/csv"
	"io"
	"strconv"

	"omnitrace/analyze"
	"omnitrace/analyze/diff"
)

// diffSchema names the form of a diff's JSON; its fields are added to, never
// renamed.
const diffSchema = "omnitrace.diff/v1"

func writeDiffJSON(w io.Writer, r *diff.Result, o Options) error {
	tables, err := chooseDiff(r, o)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	member := func(name string) { out.WriteString(",\n  \"" + name + "\": ") }
	out.WriteString("{\n  \"schema\": \"" + diffSchema + "\"")
	member("base")
	out.Write(sideObject(&r.Base).end())
	member("new")
	out.Write(sideObject(&r.New).end())
	member("identical")
	out.WriteString(strconv.FormatBool(r.Identical))
	member("verdict")
	out.Write(appendString(nil, string(r.Verdict.Word)))
	member("verdict_code")
	out.Write(appendString(nil, r.Verdict.Why))
	member("reason")
	out.Write(appendString(nil, Reason(r)))
	member("changes")
	writeArray(out, "  ", r.Changes, changeObject)
	member("work")
	writeWork(out, &r.Work)
	member("totals")
	out.Write(diffTotals(&r.Totals).end())
	member("waterfall")
	writeArray(out, "  ", r.Waterfall, pieceObject)
	member("tables")
	out.WriteByte('{')
	for i := range tables {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n    ")
		out.Write(appendString(nil, tables[i].Name))
		out.WriteString(": ")
		columns := columnsOf(&tables[i])
		writeArray(out, "    ", tables[i].Rows, func(row diff.Row) object { return diffRowObject(columns, &row) })
	}
	out.WriteString("\n  }")
	member("gates")
	writeArray(out, "  ", r.Gates, gateObject)
	member("noise")
	writeArray(out, "  ", r.Noise, noiseObject)
	member("warnings")
	writeArray(out, "  ", r.Warnings, warningObject)
	out.WriteString("\n}\n")
	return out.Flush()
}

func (o object) figure(f figure, m measure) object {
	switch {
	case f.real:
		return o.literal(f.exactly(m))
	case m == flagMeasure:
		return o.value(f.Value, analyze.Flag)
	}
	return o.value(f.Value, analyze.Count)
}

func (o object) texts(all []string) object {
	o = append(o, '[')
	for i, s := range all {
		if i > 0 {
			o = append(o, ", "...)
		}
		o = o.text(s)
	}
	return append(o, ']')
}

func diffRowObject(columns []diffColumn, r *diff.Row) object {
	o := object{}.field("key").text(r.Key)
	for _, c := range columns {
		if c.name != "" {
			o = o.field(c.name).figure(c.of(r), c.measure)
		}
	}
	return o
}

func sideObject(s *diff.Side) object {
	return object{}.field("labels").texts(s.Labels).field("gpus").texts(s.GPUs).field("profilers").texts(s.Tools).
		field("runs").integer(int64(s.Runs)).field("units").integer(int64(s.Units)).
		field("complete").value(boolValue(s.Complete), analyze.Flag).field("busy_ns").integer(s.BusyNS)
}

func diffTotals(t *diff.Totals) object {
	o := object{}.field("base_ns").integer(t.BaseNS).field("new_ns").integer(t.NewNS).field("delta_ns").integer(t.DeltaNS).
		field("duration_delta_ns").integer(t.DurationNS).field("launches_delta_ns").integer(t.LaunchesNS).field("work_delta_ns").integer(t.WorkNS).
		field("base_idle_ns").integer(t.BaseIdleNS).field("new_idle_ns").integer(t.NewIdleNS).field("idle_delta_ns").integer(t.IdleDeltaNS)
	span := func(p *int64) analyze.Value {
		if p == nil {
			return analyze.Null
		}
		return analyze.Int(*p)
	}
	delta, why := analyze.Null, analyze.Str("the clocks of a run's files can't be compared")
	if t.BaseSpanNS != nil && t.NewSpanNS != nil {
		delta, why = analyze.Int(*t.NewSpanNS-*t.BaseSpanNS), analyze.Null
	}
	return o.field("base_span_ns").value(span(t.BaseSpanNS), analyze.Count).field("new_span_ns").value(span(t.NewSpanNS), analyze.Count).
		field("span_delta_ns").value(delta, analyze.Count).field("why_null").value(why, analyze.Text)
}

func placeFields(o object, p diff.Place, stageName string) object {
	return o.field("stage").value(analyze.Known(p.Stage), analyze.ID).field("stage_name").value(known(stageName), analyze.Text).
		field("phase").value(known(p.Phase), analyze.Text).field("category").value(known(p.Category), analyze.Text)
}

func changeObject(c diff.Change) object {
	o := placeFields(object{}, c.Place, c.StageName).field("unit").text(c.Unit)
	o = o.field("base_unit_ns").figure(when(c.Cached == 0, wholeNS(c.BaseUnitNS)), nsMeasure).
		field("new_unit_ns").figure(when(c.Cached == 0, wholeNS(c.NewUnitNS)), nsMeasure)
	return o.field("delta_ns").figure(wholeNS(c.DeltaNS), nsMeasure).
		field("ratio").figure(when(c.BaseUnitNS > 0, number(c.Ratio)), percentMeasure).
		field("phase_ratio").figure(number(c.PhaseRatio), percentMeasure).
		field("p_value").figure(when(c.Cached == 0, number(c.P)), pMeasure).
		field("cached_steps").integer(int64(c.Cached)).field("small").value(boolValue(c.Small), analyze.Flag)
}

func pieceObject(p diff.Piece) object {
	o := placeFields(object{}, p.Place, p.StageName).field("effect").text(p.Effect).field("kind").value(known(p.Kind), analyze.Text)
	return o.field("units").integer(int64(p.Units)).field("rows").integer(int64(p.Rows)).
		field("delta_ns").integer(p.DeltaNS).field("known").value(boolValue(p.Known), analyze.Flag)
}

func noiseObject(n diff.Noise) object {
	return object{}.field("stage").integer(int64(n.Stage)).field("drift_ratio").figure(number(n.Drift), percentMeasure).
		field("within_ratio").figure(number(n.Within), percentMeasure).
		field("between_ratio").figure(when(n.Repeats > 1, number(n.Between)), percentMeasure).
		field("sides_ratio").figure(number(n.Sides), percentMeasure).
		field("repeats").integer(int64(n.Repeats))
}

func gateObject(g diff.GateResult) object {
	holds := analyze.Null
	if g.Outcome != diff.Undecided {
		holds = boolValue(g.Outcome == diff.Holds)
	}
	decided := g.BaseUnits > 0
	o := object{}.field("expression").text(g.Expression).field("key").text(g.Key).
		field("outcome").text(string(g.Outcome)).field("holds").value(holds, analyze.Flag).field("reason").text(GateReason(&g))
	return o.field("unit").text(g.Unit).field("base_units").integer(int64(g.BaseUnits)).field("new_units").integer(int64(g.NewUnits)).
		field("base_unit_ns").figure(when(decided, wholeNS(g.BaseNS)), nsMeasure).field("new_unit_ns").figure(when(decided, wholeNS(g.NewNS)), nsMeasure).
		field("ratio").figure(when(decided && g.BaseNS > 0, number(g.Ratio)), percentMeasure).
		field("p_value").figure(when(decided, number(g.P)), pMeasure)
}

func writeWork(out *bufio.Writer, w *diff.Work) {
	out.WriteString("{\n    \"common\": ")
	writeArray(out, "    ", w.Common, workObject)
	out.WriteString(",\n    \"switched\": ")
	writeArray(out, "    ", w.Switched, workObject)
	out.WriteString(",\n    \"only_base\": ")
	writeArray(out, "    ", w.OnlyBase, workObject)
	out.WriteString(",\n    \"only_new\": ")
	writeArray(out, "    ", w.OnlyNew, workObject)
	out.WriteString(",\n    \"savings\": ")
	writeArray(out, "    ", w.Savings, savingObject)
	out.WriteString(",\n    \"differences\": ")
	writeArray(out, "    ", w.Differences(), differenceObject)
	out.WriteString(",\n    \"signature\": ")
	writeArray(out, "    ", w.Signature, differenceObject)
	out.WriteString("\n  }")
}

func workObject(r diff.WorkRow) object {
	return placeFields(object{}, r.Place, r.StageName).field("kind").text(r.Kind).field("units").integer(int64(r.Units)).
		field("base_ns").integer(r.BaseNS).field("new_ns").integer(r.NewNS).field("delta_ns").integer(r.NewNS - r.BaseNS)
}

func savingObject(s diff.Saving) object {
	return placeFields(object{}, s.Place, s.StageName).
		field("base_cached_steps").integer(int64(s.BaseSteps)).field("new_cached_steps").integer(int64(s.NewSteps)).
		field("base_saved_ns").figure(wholeNS(s.BaseSavedNS), nsMeasure).field("new_saved_ns").figure(wholeNS(s.NewSavedNS), nsMeasure)
}

func differenceObject(d diff.Difference) object {
	return object{}.field("what").text(d.What).field("base").text(d.Base).field("new").text(d.New).field("work").value(boolValue(d.Work), analyze.Flag)
}

// writeDiffCSV writes one table, by default that of the kernels.
func writeDiffCSV(w io.Writer, r *diff.Result, o Options) error {
	if len(o.Tables) == 0 {
		o.Tables = []string{csvTable}
	}
	tables, err := chooseDiff(r, o)
	if err != nil {
		return err
	}
	if len(tables) > 1 {
		return &OptionError{Option: "table", Value: tables[1].Name, Problem: "csv holds one table", Known: diffNames(r)}
	}
	columns := columnsOf(&tables[0])
	header := []string{"key"}
	for _, c := range columns {
		if c.name != "" {
			header = append(header, c.name)
		}
	}
	records := [][]string{header}
	for i := range tables[0].Rows {
		row := &tables[0].Rows[i]
		record := []string{row.Key}
		for _, c := range columns {
			if c.name != "" {
				record = append(record, c.of(row).exactly(c.measure))
			}
		}
		records = append(records, record)
	}
	return csv.NewWriter(w).WriteAll(records)
}
