"use strict";

// What all charts share: colours, tooltips, size, theme and print; and the
// charts of bars.

// Colours of what is known; anything else takes the next free one. The same
// word has the same colour in every report.
const palette = {
  category: {
    gemm: 0, attention: 1, convolution: 6, norm: 4, elementwise: 3, layout: 7, activation: 5, reduce: 8, embedding: 11,
    softmax: 10, rotary: 12, collective: 2, moe: 13, quantisation: 2, sampling: 15, compiler: 13, memcpy: 9, memset: 14, other: 14,
  },
  phase: {
    text_encode: 3, image_encode: 11, denoise: 0, vae_decode: 1, prefill: 6, decode: 10, mixed: 12, dummy: 14,
    generate: 5, vocode: 1, profiler_step: 7, other: 9, "(unattributed)": 14,
  },
};
const free = [8, 11, 13, 2, 5, 12, 10, 4];
const given = {};

function slot(kind, name) {
  if (Object.hasOwn(palette[kind], name)) return palette[kind][name];
  given[kind] ??= new Map();
  if (!given[kind].has(name)) given[kind].set(name, free[given[kind].size % free.length]);
  return given[kind].get(name);
}

// cssColor returns a colour of the style sheet, which the theme may change.
const known = new Map();
function cssColor(name) {
  if (!known.has(name)) known.set(name, getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim());
  return known.get(name);
}
const colorOf = (kind, name) => cssColor("c" + slot(kind, name));

function chip(kind, name) {
  const c = element("span", "chip");
  c.style.setProperty("--chip", `var(--c${slot(kind, name)})`);
  return c;
}

// legend lists what the colours mean. With toggle its entries are switches.
function legend(kind, names, toggle) {
  const ul = element("ul", "legend");
  for (const name of names) {
    const li = element("li"), entry = toggle ? element("button") : li;
    entry.append(chip(kind, name), name);
    if (toggle) {
      entry.type = "button";
      entry.setAttribute("aria-pressed", "true");
      entry.addEventListener("click", () => {
        const on = entry.getAttribute("aria-pressed") !== "true";
        entry.setAttribute("aria-pressed", String(on));
        toggle(name, on);
      });
      li.append(entry);
    }
    ul.append(li);
  }
  return ul;
}

// categoryLegend shows and hides the categories of a chart. Its option must ask
// hidden for what is hidden now.
function categoryLegend(c, names) {
  c.hidden.clear();
  return legend("category", names, (name, on) => {
    if (on) c.hidden.delete(name);
    else c.hidden.add(name);
    c.redraw();
  });
}

const categoriesOf = (flats, timeline) =>
  [...new Set(flats.flatMap((flat) => parts(flat).map(([c]) => c)))].sort((a, b) => a - b).map((c) => timeline.categories[c]);

// tip is the one tooltip of the page.
const tip = element("div", "tip");
tip.hidden = true;

function showTip(content, event) {
  tip.replaceChildren(content);
  tip.hidden = false;
  const box = tip.getBoundingClientRect(), gap = 14;
  let x = event.clientX + gap, y = event.clientY + gap;
  if (x + box.width > innerWidth - 8) x = Math.max(8, event.clientX - gap - box.width);
  if (y + box.height > innerHeight - 8) y = Math.max(8, event.clientY - gap - box.height);
  tip.style.left = x + "px";
  tip.style.top = y + "px";
}

function hideTip() { tip.hidden = true; }

// tipBody returns a tooltip's content: a title, lines of words, rows of figures.
function tipBody(title, words, figures) {
  const box = document.createDocumentFragment();
  box.append(element("b", "", title));
  for (const w of words) box.append(element("div", "dim", w));
  const table = element("table");
  for (const [name, ns, color, share] of figures) {
    const tr = element("tr"), label = element("td");
    if (color) {
      const c = element("span", "chip");
      c.style.setProperty("--chip", color);
      label.append(c);
    }
    label.append(name);
    tr.append(label, element("td", "n", time(ns)), element("td", "n dim", exact(ns, "ns")), element("td", "n dim", share || ""));
    table.append(tr);
  }
  box.append(table);
  return box;
}

// charts are all that are on the page, for resizing, the theme and print.
const charts = [];

// newChart makes a chart that draws itself by calling option, again whenever
// the theme or the width changes, and first once it is near the view: a page
// should be ready before what nobody sees yet is drawn.
function newChart(place, height, option) {
  const box = element("div", "canvas");
  box.style.height = height + "px";
  place.append(box);
  const c = { box, chart: null, hidden: new Set(), width: undefined };
  c.redraw = () => {
    if (c.chart) c.chart.dispose();
    c.chart = echarts.init(box, null, { renderer: "canvas", height, width: c.width, devicePixelRatio: Math.max(2, devicePixelRatio) });
    c.chart.setOption({ animation: false, textStyle: { fontFamily: "system-ui, sans-serif" }, ...option(c) });
    if (c.ready) c.ready();
  };
  charts.push(c);
  near.observe(box);
  return c;
}

const near = new IntersectionObserver((entries) => {
  for (const e of entries) {
    if (!e.isIntersecting) continue;
    near.unobserve(e.target);
    const c = charts.find((c) => c.box === e.target);
    if (!c.chart) c.redraw();
  }
}, { rootMargin: "500px" });

// redrawAll draws the charts again; those that were not drawn yet only if all
// must be.
function redrawAll(width, all) {
  known.clear();
  for (const c of charts) {
    c.width = width;
    if (c.chart || all) c.redraw();
  }
}

function watchPage() {
  document.body.append(tip);
  let timer = 0, width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(timer);
    timer = setTimeout(() => redrawAll(), 100);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redrawAll());
  // Paper is white and as wide as a page, whatever the window is.
  addEventListener("beforeprint", () => {
    document.documentElement.classList.add("print");
    redrawAll(700, true);
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("print");
    redrawAll();
  });
  addEventListener("scroll", hideTip, { passive: true });
}

const axisStyle = () => ({
  axisLine: { lineStyle: { color: cssColor("line") } },
  axisTick: { lineStyle: { color: cssColor("line") } },
  axisLabel: { color: cssColor("muted"), fontSize: 11 },
  splitLine: { lineStyle: { color: cssColor("line"), opacity: .6 } },
  nameTextStyle: { color: cssColor("muted"), fontSize: 11 },
});

// parts turns a flat list of category and time into pairs.
function parts(flat) {
  const pairs = [];
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i], flat[i + 1]]);
  return pairs;
}

const sumParts = (flat) => parts(flat).reduce((sum, [, ns]) => sum + ns, 0);

// scaleFor chooses the unit of an axis whose largest figure is given.
function scaleFor(max) {
  const [symbol, exp] = timeUnits.find(([, e]) => max >= 10 ** e) || timeUnits[3];
  return { symbol, factor: 10 ** exp };
}

// unitWords says in words what is special about a step or pass.
function unitWords(u) {
  const words = [];
  if (u.kind === "step" && u.first === 0) words.push("first step of its request");
  if (u.cached) words.push("cached: the denoiser was spared");
  if (u.startup) words.push("start-up work: " + u.startup);
  return words;
}

const unitTitle = (u) => u.request >= 0 ? `${u.name} · request ${u.request}` : u.name + (u.phase ? " · " + u.phase : "");

function unitTip(u, timeline, lane) {
  const total = sumParts(u.parts);
  const figures = [["GPU busy", total], ["on the GPU, first to last", u.gpu[1] - u.gpu[0]], ["on the host", u.host[1] - u.host[0]]];
  const byTime = parts(u.parts).sort((a, b) => b[1] - a[1]);
  for (const [c, ns] of byTime.slice(0, 10)) {
    const name = timeline.categories[c];
    figures.push([name, ns, colorOf("category", name), percent(ns, total)]);
  }
  return tipBody(unitTitle(u), [lane.name, ...unitWords(u)], figures);
}

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
