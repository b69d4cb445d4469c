// Opens pages of comparisons in Chromium and holds them to what omnitrace diff
// says in JSON: rows and sums of every table, the waterfall, sorting, filtering,
// links, gates.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OMNITRACE, OUT, box, chartOf, check, checkLinks, checkNames, checkSorting, figures, open, picture, ready, same, showAll, silent } from './page.mjs';
import { diffusionTrace, hostileNames } from './traces.mjs';

// Exit codes of diff: 0, or 3 and 4 for gates that fail or abstain.
function omnitraceDiff(...args) {
  const run = spawnSync(OMNITRACE, ['diff', ...args], { maxBuffer: 1 << 30, encoding: 'utf8' });
  check([0, 3, 4].includes(run.status), 'omnitrace diff', args.join(' '), run.stderr);
  return run.stdout;
}

function pairs() {
  const made = (name, options) => {
    const file = join(OUT, name + '.json');
    writeFileSync(file, diffusionTrace(options));
    return file;
  };
  const corpus = process.env.OMNITRACE_CORPUS || '../shared/corpus';
  const runs = ['diffusion_flash_1', 'diffusion_cacheskip'].map((run) => join(corpus, 'own', run));
  const names = ['gemm_a', 'flash_fwd', 'layer_norm'];
  const all = [
    ['diff_slower', made('base', { names, steps: 12 }), made('slower', { names, steps: 16, slower: 1.2 })],
    ['diff_hostile', made('hostile_base', { names: hostileNames, steps: 8 }), made('hostile_slower', { names: hostileNames, steps: 8, slower: 1.2 })],
    ['diff_disjoint', 'testdata/qwen25omni', 'testdata/diffusion_nostack'],
  ];
  if (runs.every(existsSync)) all.push(['diff_cacheskip', ...runs]);
  else console.log(`no ${runs.join(', ')}: skipped`);
  return all;
}

// The tables of the page that JSON has under a name of its own.
const lists = { changes: (j) => j.changes, waterfall: (j) => j.waterfall, work: (j) => ['common', 'switched', 'only_base', 'only_new'].flatMap((k) => j.work[k]) };

async function checkTables(page, json) {
  const tables = { ...json.tables };
  for (const [name, of] of Object.entries(lists)) tables[name] = of(json);
  for (const [name, rows] of Object.entries(tables)) {
    if (!rows.length) {
      same(await box(page, name).count(), 0, `${name}: an empty table is left out`);
      continue;
    }
    await showAll(page, name);
    const got = await figures(page, name);
    same(got.rows, rows.length, `${name}: rows`);
    same(got.ids, rows.length, `${name}: different IDs of rows`);
    for (const column of ['base_ns', 'new_ns', 'delta_ns', 'duration_delta_ns', 'launches_delta_ns', 'work_delta_ns'].filter((c) => c in rows[0])) {
      const want = rows.reduce((sum, r) => sum + BigInt(r[column] ?? 0), 0n);
      same(got.sums[column] || '0', String(want), `${name}: sum of ${column}`);
    }
  }
}

// The waterfall has a bar for base, for each piece and for new, and each ends
// where the next begins.
async function checkWaterfall(page, json) {
  const chart = await chartOf(page, 'waterfall-chart');
  if (!json.waterfall.length) return check(chart === null, 'a waterfall without pieces');
  same(chart.series[0].length, json.waterfall.length + 2, 'bars of the waterfall');
  same(chart.rects, json.waterfall.length + 2, 'bars drawn');
  const bars = await page.evaluate(() => waterfallBars(JSON.parse(document.getElementById('data').textContent).waterfall));
  for (let i = 1; i < bars.length - 1; i++) same(bars[i].from, bars[i - 1].to, `bar ${i} begins`);
  same(bars.at(-2).to, json.totals.new_ns, 'the last piece ends');
  same(bars[0].to, json.totals.base_ns, 'base');
  same(bars.at(-1).to, json.totals.new_ns, 'new');
  const canvas = await page.locator('#waterfall-chart .canvas').boundingBox();
  await page.waitForTimeout(100); // scrolling hides tooltips, and its event comes late
  await page.mouse.move(canvas.x + canvas.width / 2, canvas.y + 8 + 26 * 1.5);
  const tip = page.locator('.tip');
  check(await tip.isVisible() && /GPU busy/.test(await tip.textContent()), 'no tooltip over a bar');
}

async function checkFilter(page, json) {
  const place = box(page, 'kernels'), input = place.locator('input[type=search]');
  if (!(await input.count())) return;
  const word = json.tables.kernels[0].category;
  await input.fill(word);
  const got = await figures(page, 'kernels');
  const want = json.tables.kernels.filter((r) => [r.stage_name, r.category, r.name, r.new_name, r.state, r.unit, r.why_null].join(' ').toLowerCase().includes(word));
  same(got.rows, want.length, `rows with ${word}`);
  same(got.sums.delta_ns, String(want.reduce((s, r) => s + BigInt(r.delta_ns), 0n)), `change of rows with ${word}`);
  await input.fill('');
  same((await figures(page, 'kernels')).rows, json.tables.kernels.length, 'rows without a filter');
}

async function checkWords(page, json) {
  const text = await page.locator('body').innerText();
  for (const words of [json.verdict, json.reason, ...json.gates.map((g) => g.reason)]) check(text.includes(words), 'not on the page:', words);
  same(await page.locator('#gates li').count(), json.gates.length, 'gates');
  same(await page.locator('#warnings li').count(), json.warnings.length, 'warnings');
  check(!(await page.title()).includes('owned'), 'a name ran as a script');
  same(await page.evaluate(() => document.querySelectorAll('img, script[src], iframe').length), 0, 'elements from names');
}

async function checkComparison(browser, name, base, made) {
  const file = join(OUT, name + '.html');
  const args = [base, made, '--gate', '3%', '--quiet'];
  omnitraceDiff(...args, '--format', 'html', '-o', file);
  const json = JSON.parse(omnitraceDiff(...args, '--format', 'json'));
  const best = await ready(browser, file);
  const page = await open(browser, file);
  await checkNames(page);
  await checkWords(page, json);
  await checkTables(page, json);
  await checkWaterfall(page, json);
  if (json.tables.kernels.length) {
    await checkSorting(page, 'delta_ns');
    await checkFilter(page, json);
    await checkLinks(browser, file, json);
  }
  silent(page, name);
  await page.close();
  await picture(browser, name, file);
  console.log(`${name}: ready in ${best} ms, ${json.verdict}`);
  return json;
}

export async function checkComparisons(browser) {
  for (const [name, base, made] of pairs()) {
    const json = await checkComparison(browser, name, base, made);
    // What was made slower by a fifth is found, as what was done.
    if (name === 'diff_slower') {
      same(json.verdict, 'regressed', name);
      same(json.changes[0].category, 'gemm', name);
      check(Math.abs(json.changes[0].ratio - 0.2) < 0.01, 'change of a kernel that was made slower', json.changes[0].ratio);
    }
  }
}
