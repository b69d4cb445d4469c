"use strict";

// What all charts share: colours, tooltips, size, theme and print.

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
