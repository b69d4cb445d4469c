"use strict";

// The charts with a time axis: how busy each GPU was, and what it worked on.

const labelWidth = 160; // px left of the lanes
const figureWidth = 162; // px right of them

// busySpans unpacks a lane's stretches of work: start, end, busy time.
function busySpans(lane) {
  if (lane.spans) return lane.spans;
  const spans = [];
  let at = 0;
  for (let i = 0; i < lane.busy.length; i += 3) {
    const start = at + lane.busy[i];
    at = start + lane.busy[i + 1];
    spans.push([start, at, lane.busy[i + 2]]);
  }
  return (lane.spans = spans);
}

// firstAt returns the index of the first span that ends after a time.
function firstAt(spans, t) {
  let lo = 0, hi = spans.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (spans[mid][1] <= t) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

// busyIn returns the busy time of a lane between two times; within a stretch
// with gaps it is taken for even.
function busyIn(lane, from, to) {
  const spans = busySpans(lane);
  let sum = 0;
  for (let i = firstAt(spans, from); i < spans.length && spans[i][0] < to; i++) {
    const [start, end, busy] = spans[i];
    const part = Math.min(end, to) - Math.max(start, from);
    sum += end > start ? busy * part / (end - start) : 0;
  }
  return sum;
}

// A strip is one row of a lane. Those with spans are drawn as boxes, those
// without as a curve of the lane's use.
function strips(lane) {
  const all = [{ name: "", lane, use: true, height: 34 }];
  const add = (name, spans, height, more) => spans.length && all.push({ name, lane, spans, height, ...more });
  add("phase", lane.phases.map((p) => [p.start, p.end, p]), 18, { kind: "phase" });
  for (const kind of ["iteration", "step"]) {
    const units = lane.units.filter((u) => u.kind === kind);
    const byStart = (side) => units.map((u) => [u[side][0], u[side][1], u]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    add(kind + "s", byStart("gpu"), 18, { kind: "unit" });
    add("on the host", byStart("host"), 10, { kind: "host" });
  }
  return all;
}

// lay gives each strip its place, and returns the height of all.
function lay(lanes, stripsOf, between) {
  const placed = [];
  let y = 0;
  lanes.forEach((lane, i) => {
    if (i) y += between;
    for (const s of stripsOf(lane)) {
      placed.push({ ...s, y, lane });
      y += s.height + 3;
    }
  });
  return { placed, height: y };
}

const runEnd = (timeline) => Math.max(1, ...timeline.lanes.map((l) => l.end));

function timeAxis(timeline) {
  // The host is ahead of the GPU: what it launched first began before time 0.
  const hosts = timeline.lanes.flatMap((l) => l.units.map((u) => u.host[0]));
  const end = runEnd(timeline), from = Math.max(-end / 10, hosts.reduce((a, b) => Math.min(a, b), 0)), margin = (end - from) * .004;
  return {
    type: "value", min: from - margin, max: end + margin, ...axisStyle(), axisLine: { onZero: false, lineStyle: { color: cssColor("line") } }, splitLine: { show: true, lineStyle: { color: cssColor("line"), opacity: .5 } },
    axisLabel: { color: cssColor("muted"), fontSize: 11, hideOverlap: true, showMinLabel: false, showMaxLabel: false,
      formatter: (v) => axisTime(v, end) },
    splitNumber: 8,
  };
}

// stripSeries draws one strip.
function stripSeries(strip) {
  return {
    type: "custom", name: strip.name, silent: true, clip: true, data: [[0, strip.y]], encode: { x: 0, y: 1 },
    renderItem(params, api) {
      const box = params.coordSys;
      const [left, y] = api.coord([axisRange(api, box)[0], strip.y]);
      const [from, to] = axisRange(api, box);
      const view = { left, y, from, to, width: box.width, height: strip.height, scale: box.width / (to - from) };
      return { type: "group", children: strip.use ? useShapes(strip.lane, view) : boxShapes(strip, view) };
    },
  };
}

// axisRange returns the first and last time on the axis as it is zoomed.
function axisRange(api, box) {
  const a = api.coord([0, 0])[0], b = api.coord([1e6, 0])[0];
  const perNS = (b - a) / 1e6;
  const from = (box.x - a) / perNS;
  return [from, from + box.width / perNS];
}

// useShapes draws how much of each pixel column the device worked.
function useShapes(lane, v) {
  const shapes = [];
  const x = (t) => v.left + (t - v.from) * v.scale;
  const start = Math.max(v.from, lane.start), end = Math.min(v.to, lane.end);
  if (end <= start) return shapes;
  shapes.push({ type: "rect", shape: { x: x(start), y: v.y, width: Math.max(1, x(end) - x(start)), height: v.height }, style: { fill: cssColor("track") } });
  const columns = Math.max(1, Math.min(Math.ceil(v.width), Math.ceil(x(end) - x(start))));
  const points = [[x(start), v.y + v.height]];
  const each = (end - start) / columns;
  for (let i = 0; i < columns; i++) {
    const a = start + i * each, b = a + each;
    const part = Math.min(1, busyIn(lane, a, b) / each);
    const top = v.y + v.height * (1 - part) - (part > 0 && part * v.height < 1 ? 1 - part * v.height : 0);
    points.push([x(a), top], [x(b), top]);
  }
  points.push([x(end), v.y + v.height]);
  shapes.push({ type: "polygon", shape: { points }, style: { fill: cssColor("busy") } });
  return shapes;
}

// boxShapes draws the spans that are in view. Of those narrower than a pixel
// only one is drawn for each pixel.
function boxShapes(strip, v) {
  const shapes = [];
  const edge = cssColor("edge"), colors = stripColors(strip);
  let drawnTo = -1;
  for (let i = firstAt(strip.spans, v.from); i < strip.spans.length && strip.spans[i][0] < v.to; i++) {
    const [start, end, what] = strip.spans[i];
    const x0 = Math.max(v.left, v.left + (start - v.from) * v.scale);
    const x1 = Math.min(v.left + v.width, v.left + (end - v.from) * v.scale);
    if (x1 - x0 < 1 && x0 < drawnTo) continue;
    const width = Math.max(1, x1 - x0);
    drawnTo = x0 + width;
    const style = { ...colors(what, i) };
    if (width > 3) Object.assign(style, { stroke: edge, lineWidth: 1 });
    shapes.push({ type: "rect", shape: { x: x0, y: v.y, width, height: v.height, r: width > 6 ? 2 : 0 }, style });
    const label = strip.kind === "phase" ? what.name : strip.kind === "unit" ? unitLabel(what) : "";
    if (label && v.height > 14 && width > 7 * label.length + 6) {
      shapes.push({ type: "text", x: x0 + width / 2, y: v.y + v.height / 2 + .5, style: { text: label, fill: style.ink, fontSize: 11, align: "center", verticalAlign: "middle" } });
    }
  }
  return shapes;
}

const unitLabel = (u) => (u.count === 1 ? String(u.first) : `${u.first}–${u.last}`) + (u.cached ? " cached" : "");

// stripColors returns a function from a span to its style.
function stripColors(strip) {
  const ink = cssColor("text");
  const phase = (name) => colorOf("phase", name);
  if (strip.kind === "phase") return (p) => ({ fill: phase(p.name), ink: "#fff", opacity: p.name === "(unattributed)" ? .6 : 1 });
  const host = strip.kind === "host";
  return (u, i) => ({ fill: phase(u.phase || "other"), opacity: (host ? .3 : .45) * (i % 2 ? .6 : 1) * (u.cached ? .5 : 1), ink });
}

// laneLabels writes names beside the lanes.
function laneLabels(box, placed, timeline, top) {
  for (const s of placed) {
    if (!s.use) {
      if (s.height < 14 && s.kind !== "host") continue;
      const l = element("div", "strip-label", s.name);
      l.style.top = top + s.y + (s.height - 11) / 2 + "px";
      box.append(l);
      continue;
    }
    const l = element("div", "lane-label"), a = element("a", "", s.lane.name);
    a.href = "#" + s.lane.row;
    l.append(element("b")), l.firstChild.append(a);
    l.append(element("span", "", s.lane.detail || "GPU use"));
    l.title = [s.lane.name, s.lane.detail].filter(Boolean).join(" · ");
    l.style.top = top + s.y - 1 + "px";
    box.append(l);
  }
}

function laneFigures(box, placed, top) {
  for (const s of placed) {
    const span = s.lane.end - s.lane.start, busy = busySpans(s.lane).reduce((sum, b) => sum + b[2], 0);
    const f = element("div", "lane-figure");
    f.append(element("b", "", percent(busy, span) + " busy"), element("span", "", `${time(busy)} of ${time(span)}`));
    f.title = `busy ${exact(busy, "ns")}, idle ${exact(span - busy, "ns")}, from the first to the last GPU event ${exact(span, "ns")}`;
    f.style.top = top + s.y - 1 + "px";
    box.append(f);
  }
}

function stripOption(timeline, laid, right, zoom) {
  const option = {
    grid: { left: labelWidth, right, top: 8, height: laid.height },
    xAxis: timeAxis(timeline),
    yAxis: { type: "value", min: 0, max: laid.height, inverse: true, show: false },
    series: laid.placed.map(stripSeries),
  };
  if (zoom) option.dataZoom = zoom;
  return option;
}

function busyTip(lane, from, to) {
  const busy = busyIn(lane, from, to);
  return tipBody(lane.name, [lane.detail, `${time(from)} to ${time(to)}`].filter(Boolean), [["busy", Math.round(busy), cssColor("busy"), percent(busy, to - from)]]);
}

// pointAt returns the strip and the time under the pointer.
function pointAt(c, laid, e) {
  const at = [e.offsetX, e.offsetY];
  if (!c.chart.containPixel({ gridIndex: 0 }, at)) return null;
  const [t, y] = c.chart.convertFromPixel({ gridIndex: 0 }, at);
  const strip = laid.placed.find((s) => y >= s.y && y <= s.y + s.height);
  const [next] = c.chart.convertFromPixel({ gridIndex: 0 }, [e.offsetX + 1, e.offsetY]);
  return strip && { strip, t, pixel: next - t };
}

// spanAt returns the span at a point, or the nearest one within three pixels.
function spanAt({ strip, t, pixel }) {
  let best = null, distance = 3 * pixel;
  for (let i = firstAt(strip.spans, t - distance); i < strip.spans.length && strip.spans[i][0] < t + distance; i++) {
    const [start, end] = strip.spans[i];
    const d = t < start ? start - t : t >= end ? t - end : 0;
    if (d < distance || d === 0) {
      best = strip.spans[i];
      distance = d;
    }
  }
  return best;
}

function overviewChart(place, timeline) {
  const laid = lay(timeline.lanes, (lane) => [{ name: "", lane, use: true, height: 38 }], 8);
  const box = element("div", "lanes");
  place.append(box);
  const narrow = () => innerWidth < 760;
  const c = newChart(box, laid.height + 42, () => stripOption(timeline, laid, narrow() ? 10 : figureWidth));
  laneLabels(box, laid.placed, timeline, 8);
  laneFigures(box, laid.placed, 8);
  c.ready = () => {
    const zr = c.chart.getZr();
    zr.on("mousemove", (e) => {
      const p = pointAt(c, laid, e);
      if (p && p.t >= p.strip.lane.start && p.t <= p.strip.lane.end) showTip(busyTip(p.strip.lane, Math.max(p.t, p.strip.lane.start), p.t + p.pixel), e.event);
      else hideTip();
    });
    zr.on("globalout", hideTip);
  };
  if (!timeline.aligned) place.append(element("p", "hint", "The clocks of these files can't be compared: each lane begins at its own first GPU event."));
}

function timelineChart(place, timeline, open) {
  const laid = lay(timeline.lanes, strips, 14);
  const tools = element("div", "bar-tools"), box = element("div", "lanes");
  place.append(tools, box);
  const axis = timeAxis(timeline), min = axis.min, max = axis.max;
  let view = [min, max];
  const c = newChart(box, laid.height + 82, () => stripOption(timeline, laid, 16, [
    { type: "inside", filterMode: "none", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false, moveOnMouseMove: true, preventDefaultMouseMove: false, startValue: view[0], endValue: view[1], minValueSpan: 100 },
    { type: "slider", filterMode: "none", bottom: 6, height: 20, showDataShadow: false, startValue: view[0], endValue: view[1], labelFormatter: (v) => time(v), ...sliderStyle() },
  ]));
  const zoomTo = (from, to) => {
    if (!c.chart) return;
    const least = 200;
    if (to - from < least) to = from + least;
    const width = Math.min(to - from, max - min);
    from = Math.max(min, Math.min(from, max - width));
    c.chart.dispatchAction({ type: "dataZoom", startValue: from, endValue: from + width });
  };
  const zoomBy = (factor, at = (view[0] + view[1]) / 2) => zoomTo(at - (at - view[0]) * factor, at + (view[1] - at) * factor);
  const moveBy = (part) => { const d = (view[1] - view[0]) * part; zoomTo(view[0] + d, view[1] + d); };
  for (const [label, name, action] of [["+", "zoom in", () => zoomBy(.5)], ["−", "zoom out", () => zoomBy(2)], ["←", "earlier", () => moveBy(-.25)],
    ["→", "later", () => moveBy(.25)], ["all", "show the whole run", () => zoomTo(min, max)]]) {
    const b = element("button", "tool", label);
    b.type = "button";
    b.title = name;
    b.setAttribute("aria-label", name);
    b.addEventListener("click", action);
    tools.append(b);
  }
  tools.append(element("span", "hint", "Drag to move, Ctrl + wheel or double click to zoom; with the keyboard + − ← → 0."));
  c.box.tabIndex = 0;
  c.box.setAttribute("role", "img");
  c.box.setAttribute("aria-label", "Timeline; keys + and - zoom, arrows move, 0 shows all. The tables below hold the same figures.");
  c.box.addEventListener("keydown", (e) => {
    const action = { "+": () => zoomBy(.5), "=": () => zoomBy(.5), "-": () => zoomBy(2), ArrowLeft: () => moveBy(-.25), ArrowRight: () => moveBy(.25), 0: () => zoomTo(min, max) }[e.key];
    if (action) {
      e.preventDefault();
      action();
    }
  });
  c.ready = () => {
    c.chart.on("datazoom", () => {
      const z = c.chart.getOption().dataZoom[0];
      view = [z.startValue, z.endValue];
      hideTip();
    });
    const zr = c.chart.getZr();
    zr.on("mousemove", (e) => {
      const p = pointAt(c, laid, e);
      const s = p && !p.strip.use ? spanAt(p) : null;
      if (s) showTip(spanTip(p.strip, s, timeline), e.event);
      else if (p && p.strip.use && p.t >= p.strip.lane.start && p.t <= p.strip.lane.end) showTip(busyTip(p.strip.lane, Math.max(p.t, p.strip.lane.start), p.t + p.pixel), e.event);
      else hideTip();
    });
    zr.on("globalout", hideTip);
    zr.on("click", (e) => {
      const p = pointAt(c, laid, e), s = p && p.strip.kind !== "phase" && !p.strip.use ? spanAt(p) : null;
      if (s && e.event.altKey) open(s[2].row);
    });
    zr.on("dblclick", (e) => {
      const p = pointAt(c, laid, e), s = p && !p.strip.use ? spanAt(p) : null;
      if (s) zoomTo(s[0] - (s[1] - s[0]) * .05, s[1] + (s[1] - s[0]) * .05);
      else if (p) zoomBy(.4, p.t);
    });
  };
  laneLabels(box, laid.placed, timeline, 8);
  const phases = new Set(timeline.lanes.flatMap((l) => [...l.phases.map((p) => p.name), ...l.units.map((u) => u.phase).filter(Boolean)]));
  if (phases.size) place.append(legend("phase", phases));
}

function spanTip(strip, [start, end, what], timeline) {
  if (strip.kind === "phase") {
    const busy = Math.round(busyIn(strip.lane, start, end));
    return tipBody(what.name, [strip.lane.name, `from ${time(start)}`], [["length", end - start], ["busy", busy, cssColor("busy"), percent(busy, end - start)]]);
  }
  return unitTip(what, timeline, strip.lane);
}
