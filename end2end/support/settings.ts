import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** A setting that the journeys cannot run without. */
export function required(name: string): string {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: run the journeys with \`cargo xtask test browser\``);
  }
  return value;
}

/**
 * Where a photo of the shared test media lies, such as `heic/arrow.heic`; undefined on a machine that
 * does not have them. A file that the project itself carries wins.
 */
export function media(name: string): string | undefined {
  return folders()
    .map((folder) => path.join(folder, name))
    .find((file) => existsSync(file));
}

/** Every file of a folder of media, by name; those that the project carries are always there. */
export function allMedia(folder: string): string[] {
  const found = new Map<string, string>();
  for (const root of folders().map((root) => path.join(root, folder)).filter((root) => existsSync(root))) {
    for (const name of readdirSync(root).sort()) {
      if (!found.has(name)) {
        found.set(name, path.join(root, name));
      }
    }
  }
  return [...found.values()];
}

function folders(): string[] {
  const root = path.resolve(import.meta.dirname, '../..');
  return [
    path.join(root, 'end2end/media'),
    process.env.HELIOGRAPH_TEST_DATA,
    path.join(root, '../shared/data'),
  ].filter((folder) => folder !== undefined);
}

/** Something that waits until the journey lets it go on. */
export function held(): { released: Promise<void>; release: () => void } {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { released, release };
}
