// Decodes one HEIC at a time, away from the page. Started by app/src/parts/preview.rs as
// worker.js?wasm=<url of preview_worker.wasm>.
//
// In:  { id, file: Blob, cover }: cover is the side of the square box to fill, in device pixels.
// Out: { id, kind: 'preview', stage: 'thumbnail' | 'whole', last, width, height, rgba }, the same with
//      `jpeg` (a Blob under 200 KB) in place of `rgba`, or
//      { id, kind: 'unsupported' | 'too_large' | 'broken', last: true, message }.
// Pixels come first because they can be painted at once; the JPEG is what is kept.
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
  const reply = (message, transfer) => postMessage({ id, ...message }, transfer);
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
      return { status, width, height, rgba: exports.memory.buffer.slice(pixels, pixels + length) };
    };
    const show = async ({ width, height, rgba }, stage, last) => {
      const kept = last && new Uint8ClampedArray(rgba.slice(0));
      reply({ kind: 'preview', stage, last: false, width, height, rgba }, [rgba]);
      if (last) reply({ kind: 'preview', stage, last, width, height, jpeg: await jpeg(kept, width, height) });
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
    // A trap leaves the instance in an unknown state: the page ends this worker on any refusal.
    reply({ kind: 'broken', last: true, message: String(error) });
  }
};

// The best quality that stays under the limit; a picture too large for all of them is halved.
async function jpeg(rgba, width, height) {
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
