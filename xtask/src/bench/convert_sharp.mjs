// One path a line in, one line of JSON out: what sharp needs for the carrier copy.
// The argument is the number of threads.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const sharp = createRequire(process.cwd() + "/")("sharp");
sharp.concurrency(Number(process.argv[2]));
// Else the second conversion of a file would find it decoded.
sharp.cache(false);

for await (const path of createInterface({ input: process.stdin })) {
  const started = performance.now();
  try {
    const { data, info } = await sharp(path)
      .rotate()
      .resize(1024, 1024, { fit: "inside", withoutEnlargement: true })
      .flatten({ background: "#ffffff" })
      .toColourspace("srgb")
      .jpeg({ quality: 85 })
      .toBuffer({ resolveWithObject: true });
    const ms = performance.now() - started;
    console.log(JSON.stringify({ ms, bytes: data.length, width: info.width, height: info.height }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
