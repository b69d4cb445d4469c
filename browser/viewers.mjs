// Opens every kind of trace that omnitrace writes in the viewers that people
// use, Perfetto's page and chrome://tracing's, and holds what they found in it to
// what omnitrace says of the run: the same kernels with the same nanoseconds,
// arrows from launches to kernels, names, and nothing lost on the way. $UI is
// the folder with both viewers. See run.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { file, inPerfetto, inTracing, loaded, serve } from './pages.mjs';
import { overlappingTrace } from './traces.mjs';

const { OMNITRACE, MODULES, CHROMIUM, OUT, UI } = process.env;
const { chromium } = createRequire(join(MODULES, '/'))('playwright-core');
const corpus = process.env.OMNITRACE_CORPUS || '../shared/corpus';

let failures = 0;
function check(ok, ...what) {
  if (ok) return;
  failures++;
  console.log('  FAIL', ...what);
}
const same = (got, want, what) => check(JSON.stringify(got) === JSON.stringify(want), `${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);

const omnitrace = (...args) => execFileSync(OMNITRACE, args, { maxBuffer: 1 << 30, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

// A case is an input, the command that writes from it, the flags that choose a
// part, and the endings of what is written. Inputs that are not there are left
// out: those of the public corpus.
const overlapping = join(OUT, 'overlapping.json');
const cases = [
  { input: 'testdata/omni_session', command: 'trim', flags: ['--stage', '1', '--iteration', '3'], as: ['.json.gz', '.pftrace'], shot: true },
  { input: 'testdata/omni_session', command: 'trim', flags: ['--stage', '0', '--iteration', '2..4', '--clip'], as: ['.json', '.pftrace'] },
  { input: 'testdata/diffusion_nostack', command: 'trim', flags: ['--phase', 'denoise'], as: ['.json.gz', '.pftrace'] },
  { input: overlapping, command: 'trim', as: ['.json', '.pftrace'], overlaps: 3 },
  { input: 'testdata/omni_session', command: 'merge', as: ['.json.gz', '.pftrace'], shot: true },
  { input: 'testdata/qwen25omni', command: 'merge', as: ['.json.gz', '.pftrace'] },
  { input: `${corpus}/torch/dlrm_8rank`, command: 'merge', as: ['.json.gz', '.pftrace'] },
  // Its graph launch has no arrow in the input.
  { input: `${corpus}/torch/tracelens_xdit_flux_aiter__profile_trace_rank_0_5b6fe1.json.gz`, command: 'trim', flags: ['--step', '1'], as: ['.json.gz', '.pftrace'], loose: 1 },
].filter(({ input }) => input === overlapping || existsSync(input)).filter(({ input }) => input.includes(process.env.CASE ?? ''));

// expected returns what omnitrace says of the part: totals, and kernels by name.
function expected({ input, flags = [] }) {
  const { totals, tables } = JSON.parse(omnitrace('summarize', '-q', input, ...flags.filter((f) => f !== '--clip'), '--format', 'json'));
  const kernels = new Map();
  for (const k of tables.kernels) {
    const [n, ns] = kernels.get(k.name) ?? [0, 0];
    kernels.set(k.name, [n + k.count, ns + k.kernel_ns]);
  }
  return { totals, kernels };
}

const sorted = (rows) => [...rows].sort((a, b) => (a[0] < b[0] ? -1 : 1));

// work asks for the GPU work that a format's tables hold.
const work = {
  json: { from: "slice where category in ('kernel', 'gpu_memcpy', 'gpu_memset')", kernel: "category = 'kernel'" },
  pftrace: { from: 'gpu_slice where true', kernel: "not (name like 'mem%' or name like 'Mem%')" },
};

async function checkWork(query, name, { from, kernel }, { totals, kernels }) {
  const byName = await query(`select name, count(*), sum(dur) from ${from} and ${kernel} group by name`);
  same(sorted(byName), sorted([...kernels].map(([k, [n, ns]]) => [k, n, ns])), `${name}: kernels by name`);
  const [[ns, span]] = await query(`select sum(dur), max(ts + dur) - min(ts) from ${from}`);
  same(ns, totals.gpu_ns, `${name}: ns of GPU work`);
  if (totals.span_ns !== null) same(span, totals.span_ns, `${name}: first start to last end`);
}

// checkImport asserts that Perfetto read all rows: also those that it drops and
// counts as no error, because they overlap others of their track.
async function checkImport(query, name) {
  const lost = await query(`select name, value from stats where value > 0 and
    (severity in ('error', 'data_loss') or name glob '*drop*' or name glob '*overlap*')`);
  same(lost, [], `${name}: import errors`);
}

// checkNames asserts that what works and what launches has a name. Rows of the
// profiler itself have none in the input.
async function checkNames(query, name) {
  const unnamed = await query(`select distinct p.pid, p.name, t.tid, t.name from slice s
    join thread_track on thread_track.id = s.track_id join thread t using (utid) left join process p using (upid)
    where (p.name is null or t.name is null) and s.category not in ('overhead', 'python_function', 'frame', 'other', 'Trace')`);
  same(unnamed, [], `${name}: without a name`);
}

// checkArrows asserts that each call that launched kernels is tied to them. A
// driver call inside a runtime call has the ID of that one, and may have the
// arrow.
async function checkArrows(query, name, totals, loose = 0) {
  const [[launches]] = await query(`select count(distinct extract_arg(a.arg_set_id, 'args.correlation')) from flow
    join slice a on a.id = slice_out join slice b on b.id = slice_in
    where b.category = 'kernel' and a.category in ('cuda_runtime', 'cuda_driver')`);
  same(launches, totals.launches - loose, `${name}: launches with an arrow to their kernels`);
}

// checkLinks asserts the same of a .pftrace, in which calls name the numbers of
// the work that they launched.
async function checkLinks(query, name, totals) {
  const [[named, work]] = await query(`select
    (select count(distinct int_value) from args where flat_key = 'gpu_correlation.render_stage_submission_event_ids'), (select count(*) from gpu_slice)`);
  same(named, work - totals.unlaunched, `${name}: GPU work that a call names`);
}

async function perfetto(page, origin, name, c, want) {
  const { query, ms } = await inPerfetto(page, origin, `${origin}/trace/${name}`);
  console.log(`${name}: ${statSync(join(OUT, name)).size} bytes, open after ${ms} ms`);
  await checkImport(query, name);
  await checkNames(query, name);
  await checkWork(query, name, name.endsWith('.pftrace') ? work.pftrace : work.json, want);
  if (name.endsWith('.pftrace')) await checkLinks(query, name, want.totals);
  else await checkArrows(query, name, want.totals, c.loose);
  if (c.command === 'merge') {
    const [[labelled]] = await query("select count(*) from process where name glob '*rank *'");
    check(labelled > 0, `${name}: no process is called by its rank`);
  }
  if (c.overlaps) {
    const [[moved]] = await query("select count(*) from slice where name glob 'overlapping*'");
    same(moved, c.overlaps, `${name}: slices that overlap`);
  }
  if (c.shot) await page.screenshot({ path: join(OUT, name + '.png') });
}

// kinds counts warnings that differ in numbers only.
function kinds(warnings) {
  const counts = new Map();
  for (const w of warnings) {
    const kind = w.replace(/-?\d[\d.]*/g, 'N');
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

// traces lists the traces of a file or folder that chrome://tracing reads.
const traces = (path) => (statSync(path).isDirectory()
  ? readdirSync(path, { recursive: true }).map((f) => join(path, f)).filter((f) => /trace.*\.json(\.gz)?$|\.json\.gz$/.test(f))
  : [path]);

async function tracing(page, origin, name, c, want) {
  const got = await inTracing(page, origin, UI, join(OUT, name));
  same(sorted(got.kernels), sorted([...want.kernels].map(([k, [n]]) => [k, n])), `${name} in chrome://tracing: kernels by name`);
  const before = [];
  for (const path of traces(c.input)) before.push(...(await inTracing(page, origin, UI, path)).warnings);
  const known = kinds(before);
  for (const [kind, n] of kinds(got.warnings)) check(n <= (known.get(kind) ?? 0), `${name} in chrome://tracing: ${n} times ${kind}, in the input ${known.get(kind) ?? 0}`);
}

// checkView opens the link that view prints: a page that is called
// https://ui.perfetto.dev fetches the trace as the real one does, with its rules
// about where it may fetch from, and view ends.
async function checkView(browser, args, want) {
  const view = spawn(OMNITRACE, ['view', '-q', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((done) => view.on('exit', done));
  const link = await Promise.race([new Promise((done) => view.stdout.once('data', (text) => done(String(text).trim()))), ended]);
  if (typeof link !== 'string') return check(false, `view ${args.join(' ')}: exit code ${link}`);
  const context = await browser.newContext();
  await context.grantPermissions(['local-network-access']).catch(() => {});
  await context.route('https://ui.perfetto.dev/**', (route) => {
    try {
      const { body, type } = file(UI, new URL(route.request().url()).pathname);
      return route.fulfill({ body, contentType: type });
    } catch {
      return route.fulfill({ status: 404, body: '' });
    }
  });
  try {
    const page = await context.newPage();
    await page.goto(link);
    const { query } = await loaded(page);
    await checkWork(query, `view ${args.join(' ')}`, work.json, want);
    same(await ended, 0, `view ${args.join(' ')}: exit code`);
  } catch (e) {
    check(false, 'view', link, String(e));
  } finally {
    view.kill();
    await context.close();
  }
}

mkdirSync(OUT, { recursive: true });
writeFileSync(overlapping, overlappingTrace());
const { origin, close } = await serve(UI, OUT);
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
for (const [i, c] of cases.entries()) {
  const want = expected(c);
  for (const suffix of c.as) {
    const name = `${i}-${c.command}-${basename(c.input).replace(/\..*/, '')}${suffix}`;
    omnitrace(c.command, '-q', c.input, ...(c.flags ?? []), '-o', join(OUT, name));
    const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
    await perfetto(page, origin, name, c, want).catch((e) => check(false, name, String(e)));
    if (suffix !== '.pftrace') await tracing(page, origin, name, c, want).catch((e) => check(false, name, String(e)));
    await page.close();
  }
}
const part = ['--stage', '1', '--iteration', '3'];
await checkView(browser, ['testdata/omni_session', ...part], expected({ input: 'testdata/omni_session', flags: part }));
await browser.close();
close();
console.log(failures ? `${failures} failures` : 'ok');
process.exit(failures ? 1 : 0);
