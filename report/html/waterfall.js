"use strict";

// The chart of a comparison: from the GPU time of base to that of new, with a bar
// for each piece of the change where the one before ended.

// waterfallBars returns the bars from the top down: those of base and new begin
// at 0, those of pieces where the one before ended.
function waterfallBars({ base, pieces, new: last }) {
  const bars = [{ name: "base", from: 0, to: base }];
  let at = base;
  for (const p of pieces) {
    bars.push({ name: p.name, from: at, to: at + p.delta, piece: p });
    at += p.delta;
  }
  bars.push({ name: "new", from: 0, to: last });
  return bars;
}

// waterfallRange returns where the axis begins and ends. Where the pieces are
// small beside the totals it does not begin at 0: they could not be seen.
function waterfallRange(bars) {
  const ends = bars.map((b) => b.to);
  const low = Math.min(...ends), high = Math.max(...ends), spread = high - low || high || 1;
  const max = high + spread * .12;
  return low > 0 && spread < high * .4 ? [Math.max(0, low - spread * .25), max] : [Math.min(0, low), max];
}

function waterfallChart(place, waterfall, open) {
  const bars = waterfallBars(waterfall);
  const [min, max] = waterfallRange(bars);
  const c = newChart(place, 40 + 26 * bars.length, () => waterfallOption(bars, min, max));
  if (min > 0) place.append(element("p", "hint", "The axis does not begin at 0."));
  if (bars.some((b) => b.piece && !b.piece.known)) place.append(element("p", "hint", "Grey and ~: may be noise."));
  c.ready = () => {
    const zr = c.chart.getZr();
    const at = (e) => {
      if (e.offsetY < 8 || e.offsetY > 8 + 26 * bars.length) return null;
      return bars[Math.floor((e.offsetY - 8) / 26)];
    };
    zr.on("mousemove", (e) => {
      const b = at(e);
      zr.setCursorStyle(b?.piece ? "pointer" : "default");
      if (b) showTip(waterfallTip(b, waterfall), e.event);
      else hideTip();
    });
    zr.on("globalout", hideTip);
    zr.on("click", (e) => { const b = at(e); if (b?.piece) open(b.piece.row); });
  };
}

function waterfallTip({ name, to, piece }, { base }) {
  if (!piece) return tipBody(name, [], [["GPU busy", to]]);
  const words = piece.known ? [] : ["may be noise"];
  return tipBody(name, words, [["change", piece.delta, barColor(piece), base ? ratio(piece.delta / base) + " of base" : ""], ["GPU busy after it", to]]);
}

const barColor = (piece) => !piece ? cssColor("busy") : cssColor(!piece.known ? "c9" : piece.delta > 0 ? "worse" : "better");

function barLabel({ to, piece }) {
  return piece ? signedTime(piece.delta) + (piece.known ? "" : " ~") : time(to);
}

function waterfallOption(bars, min, max) {
  const { symbol, factor } = scaleFor(max);
  const narrow = innerWidth < 760;
  return {
    grid: { left: narrow ? 150 : 360, right: 90, top: 8, height: 26 * bars.length },
    xAxis: { type: "value", min: min / factor, max: max / factor, name: symbol, nameLocation: "end", ...axisStyle(),
      axisLabel: { color: cssColor("muted"), fontSize: 11, showMinLabel: false, showMaxLabel: false } },
    yAxis: { type: "category", inverse: true, data: bars.map((b) => b.name), ...axisStyle(), axisTick: { show: false }, splitLine: { show: false },
      axisLabel: { color: cssColor("text"), fontSize: 12, width: narrow ? 135 : 345, overflow: "truncate" } },
    series: [{
      type: "custom", name: "waterfall", silent: true, clip: false, encode: { x: [1, 2], y: 0 },
      data: bars.map((b, i) => [i, Math.max(b.from, min) / factor, b.to / factor]),
      renderItem: (params, api) => barShapes(bars, api),
    }],
  };
}

// barShapes draws a bar, what it is, and the line to the next one.
function barShapes(bars, api) {
  const i = api.value(0), b = bars[i];
  const [x0, y] = api.coord([api.value(1), i]), [x1] = api.coord([api.value(2), i]);
  const half = 9, left = Math.min(x0, x1), width = Math.max(1, Math.abs(x1 - x0));
  const shapes = [
    { type: "rect", shape: { x: left, y: y - half, width, height: 2 * half, r: Math.min(2, width / 2) }, style: { fill: barColor(b.piece), opacity: b.piece && !b.piece.known ? .7 : 1 } },
    { type: "text", x: Math.max(x0, x1) + 6, y, style: { text: barLabel(b), fill: cssColor("text"), fontSize: 11, verticalAlign: "middle" } },
  ];
  if (i < bars.length - 1) {
    shapes.push({ type: "line", shape: { x1, y1: y + half, x2: x1, y2: y + 26 - half }, style: { stroke: cssColor("muted"), lineWidth: 1, lineDash: [2, 2] } });
  }
  return { type: "group", children: shapes };
}
