import { randomFillSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { crc32, deflateSync } from 'node:zlib';
import type { Locator, Page } from '@playwright/test';
import type { Upload } from './desk.ts';

/** A PNG of noise, which no coding makes smaller: about three bytes a pixel. */
export function noisyPng(name: string, width: number, height: number): Exclude<Upload, string> {
  const rows = Buffer.alloc(height * (1 + width * 3));
  randomFillSync(rows);
  for (let row = 0; row < height; row += 1) {
    // Every row begins with its filter: none.
    rows[row * (1 + width * 3)] = 0;
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits of red, green and blue.
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const chunks = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows, { level: 0 })), chunk('IEND', Buffer.alloc(0))];
  return { name, mimeType: 'image/png', buffer: Buffer.concat([signature, ...chunks]) };
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const around = Buffer.alloc(8);
  around.writeUInt32BE(data.length, 0);
  around.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([around.subarray(0, 4), body, around.subarray(4)]);
}

/** What the segments of a JPEG say. */
export interface Jpeg {
  width: number;
  height: number;
  /** Names of its application segments: `Exif`, `JFIF`, `ICC_PROFILE`. */
  carries: string[];
}

/** Reads a JPEG up to its pixels; throws for anything else. */
export function readJpeg(bytes: Buffer): Jpeg {
  if (bytes.readUInt16BE(0) !== 0xffd8) {
    throw new Error(`not a JPEG: begins with ${bytes.subarray(0, 4).toString('hex')}`);
  }
  const carries: string[] = [];
  for (let at = 2; ; ) {
    const marker = bytes.readUInt16BE(at);
    const length = bytes.readUInt16BE(at + 2);
    // Start of frame, in any coding; C4, C8 and CC are tables.
    if (marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker)) {
      return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5), carries };
    }
    if (marker >= 0xffe0 && marker <= 0xffef) {
      carries.push(bytes.subarray(at + 4, at + 2 + length).toString('latin1').split('\0', 1)[0]);
    }
    at += 2 + length;
  }
}

/** A picture as the browser shows it: its size, and the colours in the middle of its upper and lower edge. */
export interface Seen {
  width: number;
  height: number;
  top: [red: number, green: number, blue: number];
  bottom: [red: number, green: number, blue: number];
}

/** Looks at a picture of the page; it is to be of the page's own origin. */
export async function look(picture: Locator): Promise<Seen> {
  return picture.evaluate(async (element) => {
    const picture = element as HTMLImageElement | HTMLCanvasElement;
    if (picture instanceof HTMLImageElement) await picture.decode();
    const [width, height] =
      picture instanceof HTMLImageElement ? [picture.naturalWidth, picture.naturalHeight] : [picture.width, picture.height];
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d')!;
    context.drawImage(picture, 0, 0);
    const colour = (y: number) => {
      const [red, green, blue] = context.getImageData(width / 2, y, 1, 1).data;
      return [red, green, blue] as [number, number, number];
    };
    return { width, height, top: colour(height / 20), bottom: colour(height - height / 20) };
  });
}

/** Files as the browser hands them over in a drop. */
export async function dragged(page: Page, files: string[]): ReturnType<Page['evaluateHandle']> {
  const given = await Promise.all(
    files.map(async (file) => ({ name: file.split('/').pop()!, base64: (await readFile(file)).toString('base64') })),
  );
  return page.evaluateHandle((given) => {
    const transfer = new DataTransfer();
    for (const { name, base64 } of given) {
      transfer.items.add(new File([Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))], name));
    }
    return transfer;
  }, given);
}
