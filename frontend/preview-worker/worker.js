// Decodes one HEIC at a time, away from the page. Started by app/src/parts/preview.rs, which fetches the
// wasm and reads the file while this script is still on its way.
//
// In:  { id, module: WebAssembly.Module, bytes: ArrayBuffer, cover }: cover is the side of the square
//      box to fill, in device pixels.
// Out: { id, kind: 'pixels', width, height, rgba: Uint8ClampedArray }, which can be painted at once and may come
//      twice, the second better; then
//      { id, kind: 'jpeg', blob }, the same picture under 200 KB, small enough to be kept; or else
//      { id, kind: 'unsupported' | 'too_large' | 'broken', message }.
const JPEG_BYTES = 200_000;
const REFUSALS = {
  2: ['unsupported', 'This kind of HEIC cannot be shown here.'],
  3: ['too_large', 'This photo is too large to be shown here.'],
  4: ['broken', 'This file is damaged.'],
};

let started;

onmessage = async ({ data: { id, module, bytes, cover } }) => {
  const reply = (message) => postMessage({ id, ...message });
  const refuse = (status) => reply({ kind: REFUSALS[status][0], message: REFUSALS[status][1] });
  try {
    const { exports } = (started ??= await WebAssembly.instantiate(module));
    const length = bytes.byteLength;
    const at = exports.alloc(length);
    if (!at) return refuse(length ? 3 : 4);
    new Uint8Array(exports.memory.buffer).set(new Uint8Array(bytes), at);
    const run = (decode) => {
      const answer = decode(at, length, cover);
      const [status, width, height, pixels, size] = new Uint32Array(exports.memory.buffer, answer, 5);
      return { status, width, height, rgba: new Uint8ClampedArray(exports.memory.buffer, pixels, size).slice() };
    };
    let picture = run(exports.decode_thumbnail);
    if (picture.status === 0) reply({ kind: 'pixels', ...picture });
    if (picture.status || Math.min(picture.width, picture.height) < cover) {
      picture = run(exports.decode);
      if (picture.status === 0) reply({ kind: 'pixels', ...picture });
    }
    exports.free(at, length);
    if (picture.status) return refuse(picture.status);
    reply({ kind: 'jpeg', blob: await jpeg(picture) });
  } catch (error) {
    // A trap leaves the instance in an unknown state: the page ends a worker that refused a file.
    reply({ kind: 'broken', message: String(error) });
  }
};

// The best quality that stays under the limit; a picture too large for all of them is halved.
async function jpeg({ width, height, rgba }) {
  let canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d').putImageData(new ImageData(rgba, width, height), 0, 0);
  for (;;) {
    for (const quality of [0.85, 0.7, 0.5]) {
      const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality });
      if (blob.size < JPEG_BYTES) return blob;
    }
    const half = new OffscreenCanvas(Math.ceil(canvas.width / 2), Math.ceil(canvas.height / 2));
    half.getContext('2d').drawImage(canvas, 0, 0, half.width, half.height);
    canvas = half;
  }
}
