// Times a HEIC from chosen to painted: the composer of a running Heliograph against the npm packages
// heic2any and heic-to, in one Chromium, on the same photos. `cargo xtask bench preview [FILES…]`
// installs, builds and starts it.
//
//   HELIOGRAPH_BIN            the server
//   HELIOGRAPH_SITE           the bundled site, as it is shipped
//   HELIOGRAPH_BENCH_MODULES  node_modules with heic2any and heic-to
//   HELIOGRAPH_CHROMIUM       the browser (default /usr/bin/chromium)
//   HELIOGRAPH_TEST_DATA      where the usual photos lie (default ../shared/data beside the project)
//   HELIOGRAPH_BENCH_RUNS     warm runs per file and side (default 7)
//
// Ours is the product: signed in, in a conversation, with the upload and the server's own conversion going on
// beside the preview. The others convert in a bare page (preview.html) that does nothing else. The clock starts
// at the file input's `change` event and stops in the first task after the frame that contains the picture.
// "Cold" is a fresh profile in which nothing of the decoder has been fetched.
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

const here = import.meta.dirname;
const root = path.join(here, '../..');
const modules = path.resolve(process.env.HELIOGRAPH_BENCH_MODULES ?? 'node_modules');
const { chromium } = [path.join(here, 'from.js'), path.join(modules, 'from.js')]
  .map((from) => { try { return createRequire(from)('playwright-core'); } catch { return {}; } })
  .find((found) => found.chromium) ?? fail('playwright-core is not installed: run npm ci in end2end');

const site = process.env.HELIOGRAPH_SITE ?? fail('set HELIOGRAPH_SITE to the bundled site');
const manifest = JSON.parse(readFileSync(path.join(site, 'pkg/manifest.json')));
const shipped = (name) => path.join(site, manifest[name]);

const data = process.env.HELIOGRAPH_TEST_DATA ?? path.join(root, '../shared/data');
const usual = ['arrow.heic', 'xiaomi.heic'].map((name) => path.join(data, 'heic', name));
const files = process.argv.length > 2 ? process.argv.slice(2) : usual.filter((file) => existsSync(file));
if (!files.length) fail(`${data} is not there: set HELIOGRAPH_TEST_DATA, or name files of your own`);
const runs = Number(process.env.HELIOGRAPH_BENCH_RUNS ?? 7);
const coldRuns = 3;
const SIDES = ['ours', 'heic2any', 'heic_to'];

function fail(message) {
  console.error(message);
  process.exit(1);
}

/**
 * The scripts, wasm and style sheets that a browser with an empty cache fetches until the page is alive, in bytes as
 * they come over the network. What it loads later, at rest, for screens that may be opened next, does not count.
 */
async function firstVisitBytes(address, storageState) {
  const context = await browser.newContext({ storageState });
  const page = await context.newPage();
  const fetched = new Map();
  page.on('response', (response) => {
    if (new URL(response.url()).pathname.startsWith('/pkg/')) fetched.set(response.url(), response);
  });
  await page.goto(address, { waitUntil: 'networkidle' });
  let bytes = 0;
  for (const [url, response] of fetched) {
    if (response.headers()['content-encoding'] !== 'br') fail(`${url} came without brotli`);
    bytes += (await response.request().sizes()).responseBodySize;
  }
  await context.close();
  return bytes;
}

const library = (name) => readFileSync(path.join(modules, name));
const SERVED = {
  '/': ['text/html', readFileSync(path.join(here, 'preview.html'))],
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

const folder = mkdtempSync(path.join(tmpdir(), 'heliograph-bench-'));
const heliograph = await startHeliograph();

/** Starts the demo on a free port; answers with its address and the link that signs the admin in. */
async function startHeliograph() {
  const probe = createServer();
  await new Promise((ready) => probe.listen(0, '127.0.0.1', ready));
  const { port } = probe.address();
  await new Promise((closed) => probe.close(closed));
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.env.HELIOGRAPH_BIN ?? fail('set HELIOGRAPH_BIN to the server'), ['serve', '--demo=empty'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env.PATH, HELIOGRAPH_SITE: site, HELIOGRAPH_DATA: folder,
      HELIOGRAPH_ADDR: `127.0.0.1:${port}`, APP_URL: url },
  });
  process.on('exit', () => child.kill('SIGKILL'));
  const link = await new Promise((found, lost) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const link = line.match(/https?:\/\/\S+\/welcome\/[\w-]+/)?.[0];
      if (link) found(link);
    });
    child.once('exit', () => lost(new Error('the server ended before it was ready')));
  });
  while (!(await fetch(`${url}/readyz`).catch(() => undefined))?.ok) await new Promise((again) => setTimeout(again, 50));
  return { url, link };
}

/** Signs in once and opens a conversation; answers with what a fresh profile needs to be there too. */
async function signIn() {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(heliograph.link, { waitUntil: 'networkidle' });
  await page.getByLabel('Password').fill('correct horse battery staple');
  await page.getByRole('button', { name: 'Set password and sign in' }).click();
  await page.waitForURL(`${heliograph.url}/`);
  await page.getByRole('button', { name: 'New conversation' }).first().click();
  await page.getByRole('dialog').getByText('Amelia Hart').first().click();
  await page.waitForURL(/\/c\//);
  const signedIn = { state: await context.storageState(), conversation: page.url() };
  await context.close();
  return signedIn;
}
const signedIn = await signIn();

/** In the composer: the same clock as in preview.html, started and stopped from outside of the product. */
function watchComposer() {
  window.reset = () => {
    window.painted = new Promise((resolve) => {
      let chosen;
      document.addEventListener('change', () => { chosen = performance.now(); }, { capture: true, once: true });
      const late = setTimeout(() => resolve(null), 60_000);
      const decoded = (picture) => picture instanceof HTMLCanvasElement || picture.decode().then(() => true, () => false);
      const isBlank = (picture) =>
        picture instanceof HTMLCanvasElement && picture.getContext('2d').getImageData(0, 0, 1, 1).data[3] === 0;
      const observer = new MutationObserver(async () => {
        const picture = document.querySelector('.chosen-picture :is(img, canvas)');
        // A better picture may take its place meanwhile; then that one counts.
        if (!picture || !(await decoded(picture))) return;
        requestAnimationFrame(() => {
          if (isBlank(picture)) return;
          observer.disconnect();
          clearTimeout(late);
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => resolve(performance.now() - chosen);
          port2.postMessage(null);
        });
      });
      observer.observe(document, { subtree: true, childList: true, attributes: true });
    });
  };
}

async function fresh(side) {
  const ours = side === 'ours';
  const context = await browser.newContext(ours ? { storageState: signedIn.state } : {});
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error(`${side}: ${error}`));
  if (ours) {
    await page.addInitScript(watchComposer);
    await page.goto(signedIn.conversation, { waitUntil: 'networkidle' });
  } else {
    await page.goto(`http://127.0.0.1:${server.address().port}/?side=${side}`);
  }
  return page;
}

async function once(page, file) {
  const remove = page.locator('.chosen-remove');
  while (await remove.count()) {
    await remove.first().click();
  }
  await page.evaluate(() => window.reset());
  await page.locator('input[type=file]').first().setInputFiles(file);
  return page.evaluate(() => window.painted);
}

// Null where a side could not show the file.
const median = (values) => {
  const shown = values.filter((value) => value !== null).toSorted((a, b) => a - b);
  return shown.length ? Math.round(shown[shown.length >> 1] * 10) / 10 : null;
};
const cases = [];
const firstVisits = {};
try {
  firstVisits.sign_in_bytes = await firstVisitBytes(`${heliograph.url}/sign-in`);
  firstVisits.inbox_bytes = await firstVisitBytes(heliograph.url, signedIn.state);
  firstVisits.conversation_bytes = await firstVisitBytes(signedIn.conversation, signedIn.state);
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
  rmSync(folder, { recursive: true, force: true });
}

const ratio = (theirs, ours) => (theirs && ours ? `${(theirs / ours).toFixed(1)}x` : '');
console.log('Milliseconds from file chosen to preview painted (medians).');
console.table(cases.map((one) => ({
  ...one,
  warm: ratio(one.heic2any_ms, one.ours_ms),
  cold: ratio(one.heic2any_cold_ms, one.ours_cold_ms),
})));
console.log('Bytes of script, wasm and style sheet that a first visit loads, with brotli.');
console.table(firstVisits);
console.log(JSON.stringify({
  bench: 'preview',
  cases,
  worker_gzip_bytes: gzipSync(readFileSync(shipped('preview-worker.wasm')), { level: 9 }).length,
  // A first visit begins with signing in, and ends at the inbox.
  first_load_bytes: Math.max(firstVisits.sign_in_bytes, firstVisits.inbox_bytes),
  ...firstVisits,
}));
process.exit(0);
