"use strict";

// The charts of bars: a bar for each step, and one for each phase.

// The chart of steps: a bar for each step or pass, stacked by category.
function stepChart(place, timeline, open) {
  const choices = [];
  for (const lane of timeline.lanes) {
    for (const kind of ["step", "iteration"]) {
      const units = lane.units.filter((u) => u.kind === kind);
      const count = units.reduce((sum, u) => sum + u.count, 0);
      const joined = count > units.length ? `each bar is up to ${units[0].count}` : "";
      if (count) choices.push({ lane, kind, units, label: [lane.name, lane.detail, `${group(count)} ${kind}${count === 1 ? "" : "s"}`, joined].filter(Boolean).join(" · ") });
    }
  }
  choices.sort((a, b) => (a.kind === b.kind ? 0 : a.kind === "step" ? -1 : 1));
  let chosen = choices[0];
  const tools = element("div", "bar-tools");
  const marks = element("span", "hint");
  if (choices.length > 1) {
    const select = element("select", "tool");
    select.setAttribute("aria-label", "stage and kind of unit");
    choices.forEach((c, i) => select.append(new Option(c.label, i)));
    select.addEventListener("change", () => { chosen = choices[select.value]; say(); c.redraw(); });
    tools.append(select);
  } else {
    tools.append(element("span", "", chosen.label));
  }
  tools.append(marks);
  const colors = element("div");
  place.append(tools, colors);
  const say = () => {
    colors.replaceChildren(categoryLegend(c, categoriesOf(chosen.units.map((u) => u.parts), timeline)));
    const said = [];
    if (chosen.units.some((u) => u.kind === "step" && u.first === 0)) said.push("▾ first step of a request");
    if (chosen.units.some((u) => u.cached)) said.push("◇ cached step");
    if (chosen.units.some((u) => u.startup)) said.push("• touched by start-up work");
    marks.textContent = said.join("   ");
  };
  const c = newChart(place, 280, ({ hidden }) => stepOption(chosen, timeline, hidden));
  c.ready = () => {
    const zr = c.chart.getZr();
    const at = (e) => {
      const [x] = c.chart.convertFromPixel({ gridIndex: 0 }, [e.offsetX, e.offsetY]);
      return c.chart.containPixel({ gridIndex: 0 }, [e.offsetX, e.offsetY]) ? chosen.units[Math.round(x)] : null;
    };
    zr.on("mousemove", (e) => {
      const u = at(e);
      if (u) showTip(unitTip(u, timeline, chosen.lane), e.event);
      else hideTip();
      zr.setCursorStyle(u ? "pointer" : "default");
    });
    zr.on("globalout", hideTip);
    zr.on("click", (e) => { const u = at(e); if (u) open(u.row); });
  };
  say();
}

function stepOption({ units, kind }, timeline, hidden) {
  const shown = (c) => !hidden.has(timeline.categories[c]);
  const totals = units.map((u) => parts(u.parts).reduce((sum, [c, ns]) => sum + (shown(c) ? ns : 0), 0));
  const { symbol, factor } = scaleFor(Math.max(...totals));
  const present = [...new Set(units.flatMap((u) => parts(u.parts).map(([c]) => c)))].filter(shown).sort((a, b) => a - b);
  const several = new Set(units.map((u) => u.request)).size > 1;
  const label = (u) => {
    const n = u.count === 1 ? String(u.first) : `${u.first}–${u.last}`;
    return several && u.request >= 0 ? `${u.request}:${n}` : n;
  };
  const series = present.map((category) => {
    const name = timeline.categories[category], color = colorOf("category", name);
    return {
      type: "bar", stack: "time", name, itemStyle: { color, borderColor: cssColor("edge"), borderWidth: units.length < 120 ? .5 : 0 },
      barCategoryGap: units.length > 150 ? "0%" : "18%", emphasis: { disabled: true }, barMaxWidth: 48,
      data: units.map((u) => {
        const p = parts(u.parts).find(([c]) => c === category);
        const value = p ? p[1] / factor : 0;
        return u.cached ? { value, itemStyle: { opacity: .55 } } : value;
      }),
    };
  });
  series.push(unitMarks(units, totals.map((t) => t / factor)));
  return {
    grid: { left: 64, right: 16, top: 24, bottom: units.length > 60 ? 76 : 44 },
    xAxis: { type: "category", data: units.map(label), name: several ? "request:" + kind : kind, nameLocation: "middle", nameGap: 26, ...axisStyle(), splitLine: { show: false } },
    yAxis: { type: "value", name: `GPU time (${symbol})`, nameLocation: "middle", nameGap: 46, ...axisStyle() },
    dataZoom: units.length > 60 ? [{ type: "slider", bottom: 8, height: 18, showDataShadow: false, ...sliderStyle() }] : [],
    series,
  };
}

// unitMarks draws a sign above steps that are special.
function unitMarks(units, heights) {
  return {
    type: "custom", name: "marks", silent: true, z: 5, clip: false,
    data: units.map((u, i) => [i, heights[i]]),
    encode: { x: 0, y: 1 },
    renderItem(params, api) {
      const u = units[api.value(0)];
      const sign = (u.kind === "step" && u.first === 0 ? "▾" : "") + (u.cached ? "◇" : "") + (u.startup ? "•" : "");
      const [x, y] = api.coord([api.value(0), api.value(1)]);
      return { type: "text", ignore: !sign, x, y: y - 3, style: { text: sign, fill: cssColor("text"), fontSize: 13, align: "center", verticalAlign: "bottom" } };
    },
  };
}

const sliderStyle = () => ({
  borderColor: cssColor("line"), fillerColor: cssColor("bar") + "88", backgroundColor: cssColor("raised"), brushSelect: false,
  handleStyle: { color: cssColor("bg"), borderColor: cssColor("muted") }, moveHandleStyle: { color: cssColor("line") },
  emphasis: { handleStyle: { borderColor: cssColor("accent") }, moveHandleStyle: { color: cssColor("muted") } },
  textStyle: { color: cssColor("muted"), fontSize: 10 }, dataBackground: { lineStyle: { opacity: 0 }, areaStyle: { opacity: 0 } },
});

// The chart of categories: a bar for each phase of each stage.
function categoryChart(place, timeline) {
  const bars = [];
  for (const lane of timeline.lanes) {
    const where = [lane.name, lane.detail].filter(Boolean).join(" · ");
    for (const m of lane.mix) {
      const only = lane.mix.length === 1;
      bars.push({ label: only ? where : `${where} · ${m.phase}`, mix: m, total: sumParts(m.parts) });
    }
  }
  const shown = bars.filter((b) => b.total > 0).sort((a, b) => b.total - a.total).slice(0, 24);
  const colors = element("div");
  place.append(colors);
  const c = newChart(place, 50 + 30 * shown.length, ({ hidden }) => categoryOption(shown, timeline, hidden));
  colors.append(categoryLegend(c, categoriesOf(shown.map((b) => b.mix.parts), timeline)));
  c.ready = () => {
    const zr = c.chart.getZr();
    zr.on("mousemove", (e) => {
      const inside = c.chart.containPixel({ gridIndex: 0 }, [e.offsetX, e.offsetY]);
      const [, y] = c.chart.convertFromPixel({ gridIndex: 0 }, [e.offsetX, e.offsetY]);
      const b = inside && shown[Math.round(y)];
      if (!b) return hideTip();
      const figures = parts(b.mix.parts).sort((p, q) => q[1] - p[1]).map(([k, ns]) => {
        const name = timeline.categories[k];
        return [name, ns, colorOf("category", name), percent(ns, b.total)];
      });
      showTip(tipBody(b.label, [], [["GPU busy", b.total], ...figures]), e.event);
    });
    zr.on("globalout", hideTip);
  };
}

function categoryOption(bars, timeline, hidden) {
  const { symbol, factor } = scaleFor(Math.max(...bars.map((b) => b.total)));
  const present = [...new Set(bars.flatMap((b) => parts(b.mix.parts).map(([c]) => c)))]
    .filter((c) => !hidden.has(timeline.categories[c])).sort((a, b) => a - b);
  return {
    grid: { left: 8, right: 72, top: 10, bottom: 30, containLabel: true },
    xAxis: { type: "value", name: symbol, nameLocation: "end", ...axisStyle() },
    yAxis: { type: "category", inverse: true, data: bars.map((b) => b.label), ...axisStyle(), axisTick: { show: false },
      axisLabel: { color: cssColor("text"), fontSize: 12, width: 210, overflow: "truncate" } },
    series: present.map((category) => {
      const name = timeline.categories[category];
      return {
        type: "bar", stack: "time", name, barMaxWidth: 18, emphasis: { disabled: true },
        itemStyle: { color: colorOf("category", name), borderColor: cssColor("edge"), borderWidth: .5 },
        data: bars.map((b) => (parts(b.mix.parts).find(([c]) => c === category) || [0, 0])[1] / factor),
      };
    }),
  };
}
