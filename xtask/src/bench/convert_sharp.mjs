// One path a line in, one line of JSON out: what sharp needs for the carrier copy.
// The arguments are the number of threads and where the copy goes.
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const sharp = createRequire(process.cwd() + "/")("sharp");
const [threads, copy] = process.argv.slice(2);
sharp.concurrency(Number(threads));
// Else the second conversion of a file would find it decoded.
sharp.cache(false);

const LONGEST = 1024, MOST_BYTES = 600_000, BEST = 85, LEAST = 50;

// What sharp does on its own: a JPEG is decoded at a fraction of its size, colours become sRGB, metadata go.
const printed = (path, longest) => sharp(path)
  .autoOrient()
  .resize(longest, longest, { fit: "inside", withoutEnlargement: true, kernel: "cubic" })
  .flatten({ background: "#ffffff" })
  .toColourspace("srgb");

const encoded = (image, quality) =>
  image.jpeg({ quality, chromaSubsampling: "4:2:0", optimiseCoding: true }).toBuffer({ resolveWithObject: true });

async function convert(path) {
  const best = await encoded(printed(path, LONGEST), BEST);
  return best.data.length <= MOST_BYTES ? best : await bisected(path, LONGEST);
}

async function bisected(path, longest) {
  const { data, info } = await printed(path, longest).raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const tried = (quality) => encoded(sharp(data, { raw: { width, height, channels } }), quality);
  let [found, quality, tooGood] = [await tried(LEAST), LEAST, BEST];
  if (found.data.length > MOST_BYTES) return bisected(path, Math.floor((longest * 3) / 4));
  while (tooGood > quality + 1) {
    const middle = Math.floor((quality + tooGood) / 2);
    const next = await tried(middle);
    if (next.data.length <= MOST_BYTES) [found, quality] = [next, middle];
    else tooGood = middle;
  }
  return found;
}

for await (const path of createInterface({ input: process.stdin })) {
  const started = performance.now();
  try {
    const { data, info } = await convert(path);
    const ms = performance.now() - started;
    writeFileSync(copy, data);
    console.log(JSON.stringify({ ms, bytes: data.length, width: info.width, height: info.height }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
