// Opens HTML reports in Chromium and holds them to what omnitrace says in JSON:
// right rows and sums, sorting, filtering, links, charts, the keyboard, no
// network, no errors, no code from names. Screenshots and a printed page of each
// are kept in $OUT. See run.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { hostileNames, hostileTrace } from './traces.mjs';

const { OMNITRACE, MODULES, CHROMIUM, OUT } = process.env;
const { chromium } = createRequire(join(MODULES, '/'))('playwright-core');

// A page must be ready in this time after it was opened.
const readyWithin = Number(process.env.READY_MS || 1000);

let failures = 0;
function check(ok, ...what) {
  if (ok) return;
  failures++;
  console.log('  FAIL', ...what);
}
const same = (got, want, what) => check(got === want, `${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);

function inputs() {
  mkdirSync(OUT, { recursive: true });
  const hostile = join(OUT, 'hostile.json');
  writeFileSync(hostile, hostileTrace());
  const more = process.argv.slice(2).map((path, i) => [`argument${i + 1}`, path]);
  return [
    ['qwen25omni', 'testdata/qwen25omni'], ['omni_session', 'testdata/omni_session'],
    ['diffusion_nostack', 'testdata/diffusion_nostack'], ['hostile', hostile], ...more,
  ];
}

const omnitrace = (...args) => execFileSync(OMNITRACE, ['summarize', '--quiet', ...args], { maxBuffer: 1 << 30, encoding: 'utf8' });

// open opens a page and watches everything that it says and asks for.
async function open(browser, file, options = {}) {
  const page = await browser.newPage({ viewport: { width: options.width || 1440, height: 900 }, colorScheme: options.dark ? 'dark' : 'light' });
  page.complaints = [];
  page.on('console', (m) => page.complaints.push(`console ${m.type()}: ${m.text()}`));
  page.on('pageerror', (e) => page.complaints.push(`error: ${e.stack || e}`));
  page.on('dialog', (d) => { page.complaints.push('dialog: ' + d.message()); d.dismiss(); });
  page.on('request', (r) => { if (r.url() !== 'file://' + file) page.complaints.push('request: ' + r.url().slice(0, 200)); });
  await page.goto('file://' + file);
  await page.waitForSelector('html[data-ready]', { timeout: 20000 });
  page.ready = await page.evaluate(() => performance.now());
  return page;
}

const silent = (page, where) => check(page.complaints.length === 0, where, page.complaints.join('\n'));

const box = (page, table) => page.locator(`.table[data-table="${table}"]`);

// showAll shows all rows and columns of a table.
async function showAll(page, table) {
  const place = box(page, table);
  const more = place.locator('button', { hasText: 'show all' });
  if (await more.isVisible()) await more.click();
  const wide = place.locator('input[type=checkbox]');
  if (await wide.count()) await wide.check();
}

// figures returns the integers in the titles of a table's columns by name, and
// the number of rows.
const figures = (page, table) => box(page, table).evaluate((place) => {
  const names = [...place.querySelectorAll('thead th')].map((th) => th.dataset.column || '');
  const rows = [...place.querySelectorAll('tbody tr')];
  const sums = {};
  for (const tr of rows) {
    [...tr.cells].forEach((td, i) => {
      const n = /^-?[\d,]+( |$)/.exec(td.title);
      if (!names[i] || !n || td.classList.contains('share')) return;
      sums[names[i]] = String(BigInt(sums[names[i]] || 0) + BigInt(n[0].replaceAll(',', '').trim()));
    });
  }
  return { rows: rows.length, ids: new Set(rows.map((r) => r.id)).size, sums };
});

// The tables hold what JSON holds: every row, and sums to the nanosecond.
async function checkTables(page, json) {
  for (const [name, rows] of Object.entries(json.tables)) {
    if (!rows.length) {
      same(await box(page, name).count(), 0, `${name}: an empty table is left out`);
      continue;
    }
    await showAll(page, name);
    const got = await figures(page, name);
    same(got.rows, rows.length, `${name}: rows`);
    same(got.ids, rows.length, `${name}: different IDs of rows`);
    for (const column of Object.keys(rows[0]).filter((c) => c.endsWith('_ns'))) {
      const want = rows.reduce((sum, r) => sum + BigInt(r[column] ?? 0), 0n);
      same(got.sums[column] || '0', String(want), `${name}: sum of ${column}`);
    }
  }
}

const column = (page, table, name) => box(page, table).evaluate((place, name) => {
  const i = [...place.querySelectorAll('thead th')].findIndex((th) => th.dataset.column === name);
  return [...place.querySelectorAll('tbody tr')].map((tr) => Number((tr.cells[i].title || '-1').replace(/[^\d-]/g, '')));
}, name);

const falling = (values) => values.every((v, i) => i === 0 || values[i - 1] >= v);

// Headers sort: the largest first, the smallest first, as it was; by mouse and
// by keyboard. Assistive technology is told.
async function checkSorting(page) {
  const header = box(page, 'kernels').locator('th[data-column=count]'), button = header.locator('button');
  const before = await column(page, 'kernels', 'count');
  await button.click();
  same(await header.getAttribute('aria-sort'), 'descending', 'aria-sort');
  check(falling(await column(page, 'kernels', 'count')), 'kernels are not sorted by count, largest first');
  check(await button.evaluate((b) => b === document.activeElement), 'sorting loses the focus');
  await page.keyboard.press('Enter');
  same(await header.getAttribute('aria-sort'), 'ascending', 'aria-sort');
  check(falling((await column(page, 'kernels', 'count')).reverse()), 'kernels are not sorted by count, smallest first');
  await page.keyboard.press('Space');
  same(await header.getAttribute('aria-sort'), 'none', 'aria-sort');
  same(String(await column(page, 'kernels', 'count')), String(before), 'the natural order');
}

// The filter keeps the rows that hold all its words, and adds them up.
async function checkFilter(page, json) {
  const place = box(page, 'kernels'), input = place.locator('input[type=search]');
  if (!(await input.count())) return;
  const word = json.tables.kernels[0].category;
  const want = json.tables.kernels.filter((r) => `${r.name} ${r.category} stage ${r.stage}`.toLowerCase().includes(word));
  await input.fill(word);
  const got = await figures(page, 'kernels');
  same(got.rows, want.length, `rows with ${word}`);
  same(got.sums.exclusive_ns, String(want.reduce((s, r) => s + BigInt(r.exclusive_ns), 0n)), `time of rows with ${word}`);
  const status = await place.locator('[role=status]').textContent();
  check(status.startsWith(`${want.length} of ${json.tables.kernels.length} rows`), 'status', status);
  await input.fill('no such kernel anywhere');
  same((await figures(page, 'kernels')).rows, 0, 'rows with a word that none has');
  await input.fill('');
  same((await figures(page, 'kernels')).rows, json.tables.kernels.length, 'rows without a filter');
}

// Rows are link targets, also those that are not shown at first, and the arrow
// keys go from row to row.
async function checkLinks(browser, file, json) {
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
const chartOf = async (page, id) => {
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
  return {
    series: o.series.map((s) => ({ type: s.type, name: s.name, length: s.data.length })),
    columns: new Set([...bars, ...signs]).size, shapes: shapes.length, zoom: o.dataZoom?.map((z) => [z.startValue, z.endValue]),
  };
};

// Each step, or each pass where there are no steps, is one mark of the chart.
async function checkSteps(page, json) {
  const steps = json.tables.steps.filter((r) => r.step !== null && r.exclusive_ns > 0).length;
  const passes = json.tables.iterations.filter((r) => r.iteration !== null && r.exclusive_ns > 0).length;
  const chart = await chartOf(page, 'steps-chart');
  if (!steps && !passes) return check(chart === null, 'a chart of steps without steps');
  const stages = new Set((steps ? json.tables.steps.filter((r) => r.step !== null) : json.tables.iterations.filter((r) => r.iteration !== null)).map((r) => r.stage));
  const first = [...stages][0];
  const want = (steps ? json.tables.steps.filter((r) => r.step !== null) : json.tables.iterations.filter((r) => r.iteration !== null))
    .filter((r) => r.stage === first && r.kernels > 0).length;
  for (const s of chart.series) same(s.length, want, `marks of series ${s.name}`);
  same(chart.columns, want, 'bars drawn');
  const canvas = await page.locator('#steps-chart .canvas').boundingBox();
  await page.waitForTimeout(100); // scrolling hides tooltips, and its event comes late
  await page.mouse.move(canvas.x + canvas.width / 2, canvas.y + canvas.height / 2);
  const tip = page.locator('.tip');
  check(await tip.isVisible() && /GPU busy/.test(await tip.textContent()), 'no tooltip over a bar');
  const legend = page.locator('#steps-chart .legend button').first();
  await legend.click();
  same(await legend.getAttribute('aria-pressed'), 'false', 'aria-pressed of a hidden category');
  same((await chartOf(page, 'steps-chart')).series.length, chart.series.length - 1, 'series without a hidden category');
  await legend.click();
}

// The timeline zooms with its buttons and its keys.
async function checkTimeline(page) {
  const canvas = page.locator('#timeline-chart .canvas');
  const zoom = async () => (await chartOf(page, 'timeline-chart')).zoom[0];
  const [from, to] = await zoom();
  await page.locator('#timeline-chart button[aria-label="zoom in"]').click();
  const [a, b] = await zoom();
  check(a > from && b < to, 'the button does not zoom', a, b);
  await canvas.focus();
  await page.keyboard.press('+');
  await page.keyboard.press('ArrowRight');
  const [c, d] = await zoom();
  check(c > a && d - c < b - a, 'the keys do not zoom or move', c, d);
  await page.keyboard.press('0');
  same(String(await zoom()), String([from, to]), 'the whole run');
  const place = await canvas.boundingBox();
  await page.mouse.move(place.x + 400, place.y + 25);
  check((await chartOf(page, 'timeline-chart')).shapes > 3, 'an empty timeline');
}

// All controls have names, and headings come in order.
async function checkNames(page) {
  const nameless = await page.evaluate(() => [...document.querySelectorAll('button, input, select, a')]
    .filter((e) => !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).map((e) => e.outerHTML.slice(0, 100)));
  same(nameless.length, 0, 'controls without a name: ' + nameless.join(' '));
  same(await page.locator('h1').count(), 1, 'h1');
}

// Names are text and nothing else.
async function checkHostile(page) {
  check(!(await page.title()).includes('owned'), 'a name ran as a script');
  same(await page.evaluate(() => document.querySelectorAll('img, script[src], iframe').length), 0, 'elements from names');
  await showAll(page, 'kernels');
  const shown = await page.locator('.table[data-table=kernels] tbody tr').evaluateAll((rows) => rows.map((r) => [...r.cells].map((c) => c.title + ' ' + c.textContent).join(' ')));
  same(shown.length, hostileNames.length, 'kernels');
  for (const name of hostileNames.slice(0, 5)) check(shown.some((s) => s.includes(name)), 'not shown as it is:', name);
  check(shown.some((s) => s.includes('\\u{0}')), 'control characters are not made visible');
}

async function picture(browser, name, file) {
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

async function checkReport(browser, name, path) {
  const file = join(OUT, name + '.html');
  omnitrace(path, '--format', 'html', '-o', file);
  const json = JSON.parse(omnitrace(path, '--format', 'json'));
  let best = Infinity;
  for (let i = 0; i < 3 && best > readyWithin; i++) {
    const page = await open(browser, file);
    best = Math.min(best, page.ready);
    await page.close();
  }
  check(best <= readyWithin, `ready after ${Math.round(best)} ms, want ${readyWithin}`);
  const page = await open(browser, file);
  await checkNames(page);
  if (name === 'hostile') await checkHostile(page);
  await checkTables(page, json);
  await checkSorting(page);
  await checkFilter(page, json);
  await checkSteps(page, json);
  await checkTimeline(page);
  silent(page, name);
  await page.close();
  await checkLinks(browser, file, json);
  await picture(browser, name, file);
  console.log(`${name}: ready in ${Math.round(best)} ms`);
}

const browser = await chromium.launch({ executablePath: CHROMIUM, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
try {
  for (const [name, path] of inputs()) await checkReport(browser, name, path);
} finally {
  await browser.close();
}
if (failures) {
  console.log(`${failures} failures`);
  process.exit(1);
}
console.log(`HTML reports hold; screenshots are in ${OUT}`);
