// What the checks of pages share: a browser that watches what a page says and
// asks for, and readers of its tables and charts.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export const { OMNITRACE, MODULES, CHROMIUM, OUT } = process.env;
export const { chromium } = createRequire(join(MODULES, '/'))('playwright-core');

// A page must be ready in this time after it was opened.
export const readyWithin = Number(process.env.READY_MS || 1000);

let failures = 0;
export const failed = () => failures;
export function check(ok, ...what) {
  if (ok) return;
  failures++;
  console.log('  FAIL', ...what);
}
export const same = (got, want, what) => check(got === want, `${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);

export const omnitrace = (...args) => execFileSync(OMNITRACE, args, { maxBuffer: 1 << 30, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

// open opens a page and watches everything that it says and asks for.
export async function open(browser, file, options = {}) {
  const page = await browser.newPage({ viewport: { width: options.width || 1440, height: 900 }, colorScheme: options.dark ? 'dark' : 'light' });
  page.complaints = [];
  page.on('console', (m) => page.complaints.push(`console ${m.type()}: ${m.text()}`));
  page.on('pageerror', (e) => page.complaints.push(`error: ${e.stack || e}`));
  page.on('dialog', (d) => { page.complaints.push('dialog: ' + d.message()); d.dismiss(); });
  page.on('request', (r) => { if (r.url() !== 'file://' + file) page.complaints.push('request: ' + r.url().slice(0, 200)); });
  await page.goto('file://' + file);
  await page.waitForSelector('html[data-ready]', { timeout: 20000 });
  page.ready = Number(await page.evaluate(() => document.documentElement.dataset.ready));
  return page;
}

export const silent = (page, where) => check(page.complaints.length === 0, where, page.complaints.join('\n'));

export const box = (page, table) => page.locator(`.table[data-table="${table}"]`);

// showAll shows all rows and columns of a table.
export async function showAll(page, table) {
  const place = box(page, table);
  const more = place.locator('button', { hasText: 'show all' });
  if (await more.isVisible()) await more.click();
  const wide = place.locator('input[type=checkbox]');
  if (await wide.count()) await wide.check();
}

// figures returns the integers in the titles of a table's columns by name, and
// the number of rows.
export const figures = (page, table) => box(page, table).evaluate((place) => {
  const names = [...place.querySelectorAll('thead th')].map((th) => th.dataset.column || '');
  const rows = [...place.querySelectorAll('tbody tr')];
  const sums = {};
  for (const tr of rows) {
    [...tr.cells].forEach((td, i) => {
      const n = /^[+-]?[\d,]+( |$)/.exec(td.title);
      if (!names[i] || !n || td.classList.contains('share')) return;
      sums[names[i]] = String(BigInt(sums[names[i]] || 0) + BigInt(n[0].replaceAll(',', '').trim()));
    });
  }
  return { rows: rows.length, ids: new Set(rows.map((r) => r.id)).size, sums };
});

export const column = (page, table, name) => box(page, table).evaluate((place, name) => {
  const i = [...place.querySelectorAll('thead th')].findIndex((th) => th.dataset.column === name);
  return [...place.querySelectorAll('tbody tr')].map((tr) => Number((tr.cells[i].title || '-1').replace(/[^\d-]/g, '')));
}, name);

export const falling = (values) => values.every((v, i) => i === 0 || values[i - 1] >= v);

// Headers sort: the largest first, the smallest first, as it was; by mouse and
// by keyboard. Assistive technology is told.
export async function checkSorting(page, name) {
  const header = box(page, 'kernels').locator(`th[data-column=${name}]`), button = header.locator('button');
  const before = await column(page, 'kernels', name);
  await button.click();
  same(await header.getAttribute('aria-sort'), 'descending', 'aria-sort');
  check(falling(await column(page, 'kernels', name)), `kernels are not sorted by ${name}, largest first`);
  check(await button.evaluate((b) => b === document.activeElement), 'sorting loses the focus');
  await page.keyboard.press('Enter');
  same(await header.getAttribute('aria-sort'), 'ascending', 'aria-sort');
  check(falling((await column(page, 'kernels', name)).reverse()), `kernels are not sorted by ${name}, smallest first`);
  await page.keyboard.press('Space');
  same(await header.getAttribute('aria-sort'), 'none', 'aria-sort');
  same(String(await column(page, 'kernels', name)), String(before), 'the natural order');
}

// Rows are link targets, also those that are not shown at first, and the arrow
// keys go from row to row.
export async function checkLinks(browser, file, json) {
  const page = await open(browser, file);
  const ids = await page.evaluate(() => JSON.parse(document.getElementById('data').textContent).tables.find((t) => t.name === 'kernels').rows.map((r) => r.id));
  same(ids.length, json.tables.kernels.length, 'IDs of kernels');
  const last = ids.at(-1);
  await page.evaluate((id) => { location.hash = id; }, last);
  await page.waitForFunction((id) => document.getElementById(id)?.classList.contains('target'), last);
  const row = page.locator('tr.target');
  check(await row.isVisible(), 'the row that a link leads to is not visible');
  check(await row.evaluate((r) => r === document.activeElement), 'the row that a link leads to has no focus');
  await page.keyboard.press('ArrowUp');
  if (ids.length > 1) same(await page.evaluate(() => document.activeElement.id), ids.at(-2), 'row above');
  await page.keyboard.press('Enter');
  check(await page.evaluate(() => document.activeElement.classList.contains('open')), 'Enter does not open a row');
  silent(page, 'links');
  await page.close();
}

// chartOf returns facts about a chart: its series and the boxes on its canvas.
export const chartOf = async (page, id) => {
  if (!(await page.locator('#' + id).count())) return null;
  await page.locator(`#${id} .canvas`).scrollIntoViewIfNeeded();
  await page.waitForFunction((id) => charts.find((c) => document.getElementById(id).contains(c.box)).chart, id);
  return page.evaluate(readChart, id);
};

const readChart = (id) => {
  const c = charts.find((c) => document.getElementById(id).contains(c.box));
  const o = c.chart.getOption();
  const shapes = c.chart.getZr().storage.getDisplayList(true);
  // The bars are the boxes of the width that most boxes have; steps that a cache
  // made too short for one have a sign in its place.
  const byWidth = new Map();
  for (const { shape } of shapes.filter((r) => r.type === 'rect' && !r.ignore)) {
    const width = shape.width.toFixed(2);
    if (!byWidth.has(width)) byWidth.set(width, []);
    byWidth.get(width).push(Math.round(shape.x + shape.width / 2));
  }
  const bars = [...byWidth.values()].sort((a, b) => b.length - a.length)[0] || [];
  const signs = shapes.filter((t) => String(t.style.text).includes('◇') && t.parent?.type === 'text').map((t) => t.parent.x)
    .filter((x) => !bars.some((b) => Math.abs(b - x) < 3));
  const signed = (sign) => shapes.filter((t) => t.parent?.type === 'text' && String(t.style.text).includes(sign)).length;
  return {
    series: o.series.map((s) => ({ type: s.type, name: s.name, length: s.data.length })),
    first: signed('▾'), cached: signed('◇'), startup: signed('•'),
    rects: shapes.filter((r) => r.type === 'rect' && !r.ignore).length,
    columns: new Set([...bars, ...signs]).size, shapes: shapes.length, zoom: o.dataZoom?.map((z) => [z.startValue, z.endValue]),
  };
};

// All controls have names, and headings come in order.
export async function checkNames(page) {
  const nameless = await page.evaluate(() => [...document.querySelectorAll('button, input, select, a')]
    .filter((e) => !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).map((e) => e.outerHTML.slice(0, 100)));
  same(nameless.length, 0, 'controls without a name: ' + nameless.join(' '));
  same(await page.locator('h1').count(), 1, 'h1');
}

// ready opens a page up to three times and returns the shortest time in which it
// was ready.
export async function ready(browser, file) {
  let best = Infinity;
  for (let i = 0; i < 3 && best > readyWithin; i++) {
    const page = await open(browser, file);
    best = Math.min(best, page.ready);
    await page.close();
  }
  check(best <= readyWithin, `ready after ${best} ms, want ${readyWithin}`);
  return best;
}

// picture takes screenshots at two widths and in the dark, and prints the page.
export async function picture(browser, name, file) {
  for (const [label, options] of [['1440', {}], ['1024', { width: 1024 }], ['1440-dark', { dark: true }]]) {
    const page = await open(browser, file, options);
    const light = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    same(light === 'rgb(255, 255, 255)', !options.dark, `white background at ${label}`);
    same(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, `page fits ${label}`);
    for (const chart of await page.locator('.chart').all()) await chartOf(page, await chart.getAttribute('id'));
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: join(OUT, `${name}-${label}.png`), fullPage: true });
    silent(page, label);
    await page.close();
  }
  const page = await open(browser, file);
  const size = await page.pdf({ path: join(OUT, `${name}.pdf`), format: 'A4', printBackground: true });
  check(size.length > 10000, 'an empty printed page');
  silent(page, 'print');
  await page.close();
}
