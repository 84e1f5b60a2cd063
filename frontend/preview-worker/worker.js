// Decodes one HEIC at a time, away from the page. Started by app/src/parts/preview.rs as
// worker.js?wasm=<url of preview_worker.wasm>.
//
// In:  { id, file: Blob, cover }: cover is the side of the square box to fill, in device pixels.
// Out: { id, kind: 'preview', stage: 'thumbnail' | 'whole', last, blob, width, height } or
//      { id, kind: 'unsupported' | 'too_large' | 'broken', last: true, message }.
// What can be painted comes at once as a bitmap file, which costs nothing to make; the last blob is
// a JPEG under 200 KB, small enough to be kept.
const MOST_BYTES = 60_000_000;
const JPEG_BYTES = 200_000;
const REFUSALS = {
  2: ['unsupported', 'This kind of HEIC cannot be shown here.'],
  3: ['too_large', 'This photo is too large to be shown here.'],
  4: ['broken', 'This file is damaged.'],
};

// Fetching and compiling start with the worker, while the page still hands over the file.
const started = WebAssembly.instantiateStreaming(fetch(new URL(location.href).searchParams.get('wasm')));
started.catch(() => {}); // Told where it is awaited.

onmessage = async ({ data: { id, file, cover } }) => {
  const reply = (message) => postMessage({ id, ...message });
  const refuse = (status) => reply({ kind: REFUSALS[status][0], last: true, message: REFUSALS[status][1] });
  if (file.size > MOST_BYTES) return refuse(3);
  try {
    const [{ instance: { exports } }, bytes] = await Promise.all([started, file.arrayBuffer()]);
    const at = exports.alloc(bytes.byteLength);
    if (!at) return refuse(bytes.byteLength ? 3 : 4);
    new Uint8Array(exports.memory.buffer).set(new Uint8Array(bytes), at);
    const run = (decode) => {
      const answer = decode(at, bytes.byteLength, cover);
      const [status, width, height, pixels, length] = new Uint32Array(exports.memory.buffer, answer, 5);
      return { status, width, height, rgba: new Uint8ClampedArray(exports.memory.buffer, pixels, length).slice() };
    };
    const show = async (picture, stage, last) => {
      const { width, height } = picture;
      reply({ kind: 'preview', stage, last: false, width, height, blob: bitmap(picture) });
      if (last) reply({ kind: 'preview', stage, last, width, height, blob: await jpeg(picture) });
    };

    const thumbnail = run(exports.decode_thumbnail);
    const enough = Math.min(thumbnail.width, thumbnail.height) >= cover;
    if (thumbnail.status === 0) await show(thumbnail, 'thumbnail', enough);
    if (!enough) {
      const whole = run(exports.decode);
      if (whole.status) refuse(whole.status);
      else await show(whole, 'whole', true);
    }
    exports.free(at, bytes.byteLength);
  } catch (error) {
    // A trap leaves the instance in an unknown state: the page ends a worker that refused a file.
    reply({ kind: 'broken', last: true, message: String(error) });
  }
};

// The pixels behind a bitmap header: 32 bits each, top row first, red in the lowest byte.
function bitmap({ width, height, rgba }) {
  const header = new DataView(new ArrayBuffer(66));
  header.setUint16(0, 0x424d);
  const fields = { 2: 66 + rgba.length, 10: 66, 14: 40, 18: width, 22: -height, 30: 3, 34: rgba.length };
  for (const [at, value] of Object.entries(fields)) header.setInt32(Number(at), value, true);
  header.setUint32(26, 0x200001, true);
  [0xff, 0xff00, 0xff0000].forEach((mask, channel) => header.setUint32(54 + 4 * channel, mask, true));
  return new Blob([header, rgba], { type: 'image/bmp' });
}

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
