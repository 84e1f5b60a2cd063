// Times a HEIC from chosen to painted: our preview worker against the npm packages heic2any and heic-to,
// in one Chromium, on the same photos. `cargo xtask bench preview [FILES…]` installs, builds and starts it.
//
//   HELIOGRAPH_SITE           the bundled site: the worker as it is shipped, and the first load's weight
//   HELIOGRAPH_BENCH_MODULES  node_modules with heic2any and heic-to
//   HELIOGRAPH_CHROMIUM       the browser (default /usr/bin/chromium)
//   HELIOGRAPH_TEST_DATA      where the usual photos lie (default ../shared/data beside the project)
//   HELIOGRAPH_PREVIEW_WASM   another build of the worker's wasm, to compare builds
//   HELIOGRAPH_BENCH_RUNS     warm runs per file and side (default 5)
//
// All sides run in one bare page (preview.html) that stands for the composer: the clock starts at the
// file input's `change` event and stops in the first task after the frame that contains the picture.
// "Cold" is a fresh profile in which nothing of the decoder has been fetched.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

const here = import.meta.dirname;
const root = path.join(here, '../..');
const modules = path.resolve(process.env.HELIOGRAPH_BENCH_MODULES ?? 'node_modules');
const { chromium } = [path.join(here, 'from.js'), path.join(modules, 'from.js')]
  .map((from) => { try { return createRequire(from)('playwright-core'); } catch { return {}; } })
  .find((found) => found.chromium) ?? fail('playwright-core is not installed: run npm ci in end2end');

const site = process.env.HELIOGRAPH_SITE;
const manifest = site ? JSON.parse(readFileSync(path.join(site, 'pkg/manifest.json'))) : {};
const shipped = (name) => manifest[name] && path.join(site, manifest[name]);
const wasm = readFileSync(process.env.HELIOGRAPH_PREVIEW_WASM ?? shipped('preview-worker.wasm')
  ?? fail('set HELIOGRAPH_SITE to the bundled site'));
const script = readFileSync(shipped('preview-worker.js') ?? path.join(root, 'frontend/preview-worker/worker.js'));

const data = process.env.HELIOGRAPH_TEST_DATA ?? path.join(root, '../shared/data');
const usual = ['arrow.heic', 'xiaomi.heic'].map((name) => path.join(data, 'heic', name));
const files = process.argv.length > 2 ? process.argv.slice(2) : usual.filter((file) => existsSync(file));
if (!files.length) fail(`${data} is not there: set HELIOGRAPH_TEST_DATA, or name files of your own`);
const runs = Number(process.env.HELIOGRAPH_BENCH_RUNS ?? 5);
const coldRuns = 3;
const SIDES = ['ours', 'heic2any', 'heic_to'];

function fail(message) {
  console.error(message);
  process.exit(1);
}

// What a first visit loads, as small as the server sends it.
function firstLoadBytes() {
  const paths = ['frontend.js', 'frontend.wasm', 'main.css'].map(shipped).filter(Boolean);
  return paths.reduce((sum, file) => sum + statSync(existsSync(`${file}.br`) ? `${file}.br` : file).size, 0);
}

const library = (name) => readFileSync(path.join(modules, name));
const SERVED = {
  '/': ['text/html', readFileSync(path.join(here, 'preview.html'))],
  '/worker.js': ['text/javascript', script],
  '/preview_worker.wasm': ['application/wasm', wasm],
  '/heic2any.js': ['text/javascript', library('heic2any/dist/heic2any.min.js')],
  '/heic-to.js': ['text/javascript', library('heic-to/dist/heic-to.min.js')],
};
for (const entry of Object.values(SERVED)) {
  entry.push(brotliCompressSync(entry[1], { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }));
}

const server = createServer((request, response) => {
  const found = SERVED[new URL(request.url, 'http://localhost').pathname];
  if (!found) return response.writeHead(404).end();
  response.writeHead(200, {
    'content-type': found[0],
    'content-encoding': 'br',
    'cache-control': 'public, max-age=31536000, immutable',
  });
  response.end(found[2]);
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const browser = await chromium.launch({
  executablePath: process.env.HELIOGRAPH_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

async function fresh(side) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error(`${side}: ${error}`));
  await page.goto(`http://127.0.0.1:${server.address().port}/?side=${side}`);
  return page;
}

async function once(page, file) {
  await page.evaluate(() => window.reset());
  await page.setInputFiles('input', file);
  return page.evaluate(() => window.painted);
}

// Null where a side could not show the file.
const median = (values) => {
  const shown = values.filter((value) => value !== null).toSorted((a, b) => a - b);
  return shown.length ? Math.round(shown[shown.length >> 1] * 10) / 10 : null;
};
const cases = [];
try {
  for (const file of files) {
    const times = Object.fromEntries(SIDES.map((side) => [side, { cold: [], warm: [] }]));
    // The sides take turns, so that whatever else the machine does falls on all of them.
    for (let round = 0; round < coldRuns; round++) {
      for (const side of SIDES) {
        const page = await fresh(side);
        times[side].cold.push(await once(page, file));
        if (round === coldRuns - 1) times[side].page = page;
        else await page.context().close();
      }
    }
    for (let round = 0; round < runs; round++) {
      for (const side of SIDES) times[side].warm.push(await once(times[side].page, file));
    }
    for (const side of SIDES) await times[side].page.context().close();
    const ms = (side, kind) => median(times[side][kind]);
    cases.push({
      file: path.basename(file),
      ours_ms: ms('ours', 'warm'),
      ours_cold_ms: ms('ours', 'cold'),
      heic2any_ms: ms('heic2any', 'warm'),
      heic2any_cold_ms: ms('heic2any', 'cold'),
      heic_to_ms: ms('heic_to', 'warm'),
    });
  }
} finally {
  await browser.close();
  server.close();
}

const ratio = (theirs, ours) => (theirs && ours ? `${(theirs / ours).toFixed(1)}x` : '');
console.log('Milliseconds from file chosen to preview painted (medians).');
console.table(cases.map((one) => ({
  ...one,
  warm: ratio(one.heic2any_ms, one.ours_ms),
  cold: ratio(one.heic2any_cold_ms, one.ours_cold_ms),
})));
console.log(JSON.stringify({
  bench: 'preview',
  cases,
  worker_gzip_bytes: gzipSync(wasm, { level: 9 }).length,
  first_load_bytes: firstLoadBytes(),
}));
