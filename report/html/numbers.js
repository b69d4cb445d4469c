"use strict";

// Integers of base units as text, by the rules of the text output: the same
// digits, rounded halves up, and never 0 for what is not 0.

const unknown = "–";

// group prints an integer with thousands separators. It may be a text: one that
// a number can't hold.
function group(n) {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}

// scaled prints n in units of 10^exp with some digits behind the point.
function scaled(n, scale) {
  n = Number(n);
  if (n === 0) return "0";
  const step = 10 ** (scale.exp - scale.digits);
  let last = Math.floor((Math.abs(n) + Math.floor(step / 2)) / step);
  let sign = n < 0 ? "-" : "";
  if (last === 0) {
    sign = n < 0 ? ">-" : "<";
    last = 1;
  }
  const one = 10 ** scale.digits;
  let text = sign + group(Math.floor(last / one));
  if (scale.digits > 0) text += "." + String(last % one).padStart(scale.digits, "0");
  return text;
}

// percent prints what part is of whole, with one digit.
function percent(part, whole) {
  if (!whole) return "";
  const tenths = Math.round(Number(part) * 1000 / whole);
  if (tenths === 0) return part ? "<0.1 %" : "0 %";
  return (tenths / 10).toFixed(1) + " %";
}

// plus puts a sign before what is not negative: "<0.1" becomes "<+0.1".
const plus = (text) => text[0] === "<" ? "<+" + text.slice(1) : "+" + text;

// signed prints a change: as scaled, with a sign.
const signed = (n, scale) => Number(n) > 0 ? plus(scaled(n, scale)) : scaled(n, scale);

// ratio prints a change as a part of what it is a change of.
function ratio(x) {
  const tenths = Math.sign(x) * Math.round(Math.abs(x) * 1000);
  if (tenths === 0) return x > 0 ? "<+0.1 %" : x < 0 ? ">-0.1 %" : "0 %";
  const text = group(Math.trunc(tenths / 10)) + "." + Math.abs(tenths % 10) + " %";
  return tenths > 0 ? "+" + text : tenths > -10 ? "-" + text : text;
}

// probability prints a p-value.
const probability = (p) => p < 0.001 ? "<0.001" : p >= 1 ? "1" : p.toFixed(3);

// exact prints a figure in full with its unit, for titles.
function exact(n, unit) {
  if (unit === "ratio" || unit === "part" || unit === "p") return String(n);
  if (unit === "change") return (Number(n) > 0 ? "+" : "") + group(n) + " ns";
  return group(n) + (unit === "ns" || unit === "bytes" || unit === "bytes/s" ? " " + unit : "");
}

const timeUnits = [["s", 9], ["ms", 6], ["µs", 3], ["ns", 0]];

// time prints nanoseconds with a unit of their own and about four digits.
function time(ns) {
  const size = Math.abs(ns);
  const [symbol, exp] = timeUnits.find(([, e]) => size >= 10 ** e) || timeUnits[3];
  const whole = Math.floor(size / 10 ** exp);
  const digits = Math.max(0, Math.min(exp, 4 - String(whole).length));
  return scaled(ns, { exp, digits }) + " " + symbol;
}

const signedTime = (ns) => ns > 0 ? plus(time(ns)) : time(ns);

// axisTime prints a place on a time axis that ends at a given time, with no more
// digits than it needs.
function axisTime(ns, end) {
  const [symbol, exp] = timeUnits.find(([, e]) => end >= 10 ** e) || timeUnits[3];
  const text = (ns / 10 ** exp).toFixed(exp);
  return (exp ? text.replace(/\.?0+$/, "") : text) + " " + symbol;
}
