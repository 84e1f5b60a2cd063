import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { required } from './settings.ts';

const START_WITHIN_MS = 90_000;

/** What a new demo begins with: `empty` has patients alone, `full` conversations of earlier days as well. */
export type Scene = 'empty' | 'full';

/** A running Heliograph with the demo organisation and a data folder of its own. */
export interface Heliograph {
  /** Where it is served, without a slash at the end. */
  url: string;
  /** Its process. */
  pid: number;
  /** Signs the first admin in, once. */
  welcomeLink: string;
  /** What it has printed so far, for a journey that failed and for one that reads the log. */
  output(): string;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/**
 * Starts the program in `HELIOGRAPH_BIN` with the site in `HELIOGRAPH_SITE` on a free port.
 * `settings` are further environment variables, such as `{ MESSAGING_MOCK_MODE: 'true' }`.
 */
export async function startHeliograph(settings: Record<string, string> = {}, scene: Scene = 'empty'): Promise<Heliograph> {
  const data = await mkdtemp(path.join(tmpdir(), 'heliograph-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = spawn(required('HELIOGRAPH_BIN'), ['serve', `--demo=${scene}`], {
    cwd: data,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HELIOGRAPH_SITE: required('HELIOGRAPH_SITE'),
      HELIOGRAPH_ADDR: `127.0.0.1:${port}`,
      HELIOGRAPH_DATA: data,
      APP_URL: url,
      ...settings,
    },
  });
  // A worker that is ended from outside takes its server along.
  const kill = () => server.kill('SIGKILL');
  process.on('exit', kill);
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));

  const printed: string[] = [];
  const stop = async () => {
    server.kill('SIGTERM');
    const patience = setTimeout(kill, 10_000);
    await ended;
    clearTimeout(patience);
    process.off('exit', kill);
    await rm(data, { recursive: true, force: true });
  };

  const welcomeLink = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`Heliograph ${why}\n${printed.join('\n')}`));
    const patience = setTimeout(() => fail('printed no sign-in link in time'), START_WITHIN_MS);
    const read = (line: string) => {
      printed.push(line);
      const link = line.match(/https?:\/\/\S+\/welcome\/[\w-]+/)?.[0];
      if (link) {
        clearTimeout(patience);
        resolve(link);
      }
    };
    createInterface({ input: server.stdout }).on('line', read);
    createInterface({ input: server.stderr }).on('line', read);
    server.once('error', (error) => fail(`cannot be started: ${error.message}`));
    server.once('exit', (code, signal) => fail(`ended with ${code ?? signal} before it was ready`));
  }).catch(async (error: unknown) => {
    await stop();
    throw error;
  });

  await ready(url);
  return { url, pid: server.pid!, welcomeLink, output: () => printed.join('\n'), stop };
}

/** The link is printed while the socket opens; this waits until requests are answered. */
async function ready(url: string): Promise<void> {
  const deadline = Date.now() + START_WITHIN_MS;
  for (;;) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.ok) {
      return;
    }
    if (Date.now() > deadline) {
      throw new Error(`Heliograph is not ready: /readyz answers ${answer?.status ?? 'nothing'}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  if (address === null || typeof address === 'string') {
    throw new Error('a listening socket has a port');
  }
  probe.close();
  await once(probe, 'close');
  return address.port;
}
