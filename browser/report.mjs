// Opens the reports of runs in Chromium and holds them to what omnitrace says in
// JSON: right rows and sums, sorting, filtering, links, charts, the keyboard, no
// network, no errors, no code from names. Screenshots and a printed page of each
// are kept in $OUT. See run.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHROMIUM, OUT, box, chartOf, check, checkLinks, checkNames, checkSorting, chromium, failed, figures, omnitrace, open, picture, ready, same, showAll, silent } from './page.mjs';
import { checkComparisons } from './diff.mjs';
import { diffusionTrace, hostileNames } from './traces.mjs';

// Runs that are looked at where they are: too large for the repository.
const corpus = process.env.OMNITRACE_CORPUS || '../shared/corpus';
const corpusRuns = ['own/diffusion_cacheskip', 'vllm-omni/wan_s8_a', 'vllm-omni/nsys/qwenimage_img.1.sqlite'];

function inputs() {
  const made = (name, options) => {
    const file = join(OUT, name + '.json');
    writeFileSync(file, diffusionTrace(options));
    return [name, file];
  };
  const larger = corpusRuns.map((run) => [run.replace(/.*\//, '').replace(/\..*/, ''), join(corpus, run)]).filter(([, path]) => {
    if (!existsSync(path)) console.log(`no ${path}: skipped`);
    return existsSync(path);
  });
  const more = process.argv.slice(2).map((path, i) => [`argument${i + 1}`, path]);
  return [
    ['qwen25omni', 'testdata/qwen25omni'], ['omni_session', 'testdata/omni_session'],
    ['diffusion_nostack', 'testdata/diffusion_nostack'], made('hostile', { names: hostileNames, steps: 4 }),
    made('cached', { names: ['gemm_a', 'flash_fwd', 'layer_norm'], steps: 12, cached: [3, 6, 9] }),
    made('many_steps', { names: ['gemm_a', 'flash_fwd'], steps: 5000 }), ...larger, ...more,
  ];
}

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

// unitsOf returns the steps, or the passes where there are no steps, of the stage
// whose chart is shown first.
function unitsOf({ steps, iterations }) {
  for (const [name, rows] of [['step', steps], ['iteration', iterations]]) {
    const units = rows.filter((r) => r[name] !== null && r.kernels > 0);
    if (units.length) return [name, units.filter((r) => r.stage === units[0].stage)];
  }
  return ['', []];
}

// mostMarks is how many marks a chart has before it joins units.
const mostMarks = 2000;

// Each step, or each pass where there are no steps, is one mark of the chart;
// the first of a request and those from a cache have a sign.
async function checkSteps(page, json) {
  const [kind, units] = unitsOf(json.tables);
  const chart = await chartOf(page, 'steps-chart');
  if (!units.length) return check(chart === null, 'a chart of steps without steps');
  if (units.length <= mostMarks) {
    for (const s of chart.series) same(s.length, units.length, `marks of series ${s.name}`);
    same(chart.columns, units.length, 'bars drawn');
    same(chart.first, kind === 'step' ? units.filter((r) => r.step === 0).length : 0, 'signs of first steps');
    same(chart.cached, units.filter((r) => r.cached).length, 'signs of cached steps');
  } else {
    check(chart.series[0].length > mostMarks / 2 && chart.series[0].length <= mostMarks, 'joined marks', chart.series[0].length);
  }
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

// Warnings stand on top, and each figure has its exact value at hand.
async function checkWords(page, json) {
  same(await page.locator('#warnings li').count(), json.warnings.length, 'warnings');
  const text = await page.locator('body').innerText();
  for (const w of json.warnings) check(text.includes(w.message), 'not on the page:', w.message);
  const untitled = await page.evaluate(() => [...document.querySelectorAll('.table th[data-column]')].flatMap((th) => {
    if (!/_(ns|bytes)$/.test(th.dataset.column)) return [];
    const i = [...th.parentNode.children].indexOf(th);
    return [...th.closest('table').tBodies[0].rows].map((tr) => tr.cells[i]).filter((td) => td.textContent && !td.querySelector('.null') && !/^-?[\d,]+ (ns|bytes)$/.test(td.title));
  }).length);
  same(untitled, 0, 'figures without their exact value');
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

async function checkReport(browser, name, path) {
  const file = join(OUT, name + '.html');
  omnitrace('summarize', path, '--format', 'html', '-o', file);
  const json = JSON.parse(omnitrace('summarize', path, '--format', 'json'));
  const best = await ready(browser, file);
  const page = await open(browser, file);
  await checkNames(page);
  if (name === 'hostile') await checkHostile(page);
  if (name !== 'hostile') await checkWords(page, json);
  await checkTables(page, json);
  await checkSorting(page, 'count');
  await checkFilter(page, json);
  await checkSteps(page, json);
  await checkTimeline(page);
  silent(page, name);
  await page.close();
  await checkLinks(browser, file, json);
  await picture(browser, name, file);
  console.log(`${name}: ready in ${best} ms`);
}

mkdirSync(OUT, { recursive: true });
const browser = await chromium.launch({ executablePath: CHROMIUM, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
try {
  for (const [name, path] of inputs()) await checkReport(browser, name, path);
  await checkComparisons(browser);
} finally {
  await browser.close();
}
if (failed()) {
  console.log(`${failed()} failures`);
  process.exit(1);
}
console.log(`HTML reports hold; screenshots are in ${OUT}`);
