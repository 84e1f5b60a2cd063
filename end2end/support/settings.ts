import { existsSync } from 'node:fs';
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
  const root = path.resolve(import.meta.dirname, '../..');
  const folders = [
    path.join(root, 'end2end/media'),
    process.env.HELIOGRAPH_TEST_DATA,
    path.join(root, '../shared/data'),
  ];
  return folders
    .filter((folder) => folder !== undefined)
    .map((folder) => path.join(folder, name))
    .find((file) => existsSync(file));
}
