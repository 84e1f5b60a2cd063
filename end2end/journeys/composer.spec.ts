import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Locator } from '@playwright/test';
import { bubble, cards, choose, onPhone, openConversation, openPhone, prepared, send, thread } from '../support/desk.ts';
import { expect, test } from '../support/journey.ts';
import { dragged, look, noisyPng } from '../support/pictures.ts';
import { held, media } from '../support/settings.ts';

const photo = media('photo.jpg')!;
const iphone = media('heic/arrow.heic') ?? media('photo.heic')!;

/** The preview is a box of 150 x 150 with the file's name and size below it. */
async function expectCard(card: Locator, name: string, size: RegExp): Promise<Locator> {
  await expect(card.getByText(name, { exact: true })).toBeVisible();
  await expect(card.getByText(size)).toBeVisible();
  const picture = card.getByRole('img', { name });
  await expect(picture).toBeVisible();
  const box = await card.locator('.chosen-picture').boundingBox();
  expect([box?.width, box?.height]).toEqual([150, 150]);
  await expect(picture).toHaveCSS('object-fit', 'cover');
  return picture;
}

test('every kind of picture is shown, prepared and sent', async ({ staff, context }) => {
  await openConversation(staff, 'Amelia Hart');
  const kinds: [string, RegExp][] = [
    [photo, /^\d+ KB$/],
    [media('alpha.png')!, /^5 KB$/],
    [media('anim.gif')!, /^210 KB$/],
    [media('photo.webp')!, /^6 KB$/],
    [iphone, /^\d+ KB$/],
  ];
  for (const [at, [file, size]] of kinds.entries()) {
    const name = path.basename(file);
    await test.step(name, async () => {
      await choose(staff, file);
      await expectCard(cards(staff), name, size);
      await prepared(cards(staff));
      await send(staff, `Picture ${at + 1}`, 'Send MMS');
      await expect(cards(staff)).toHaveCount(0);
      await expect(bubble(staff, `Picture ${at + 1}`).getByRole('img')).toBeVisible();
    });
  }
  const phone = await openPhone(context, 'Amelia Hart');
  for (const at of kinds.keys()) {
    await expect(onPhone(phone, `Picture ${at + 1}`).locator('img')).toBeVisible({ timeout: 60_000 });
  }
});

test('one worker shows one iPhone photo after the other', async ({ staff }) => {
  const workers: string[] = [];
  staff.on('worker', (worker) => workers.push(worker.url()));
  await openConversation(staff, 'Amelia Hart');
  const another = { name: 'another.heic', mimeType: 'image/heic', buffer: await readFile(iphone) };
  for (const [at, file] of [iphone, another].entries()) {
    await choose(staff, file);
    await expect(cards(staff).getByRole('img')).toHaveCount(at + 1);
    await prepared(cards(staff).last());
  }
  expect(workers).toHaveLength(1);
});

test('a photo that was taken turned stands upright', async ({ staff }) => {
  await openConversation(staff, 'Amelia Hart');
  for (const file of [photo, media('photo.heic')!]) {
    await choose(staff, file);
    const { width, height, top, bottom } = await look(cards(staff).getByRole('img'));
    expect(height / width).toBeCloseTo(4 / 3, 1);
    // The sky is above the meadow.
    expect(top[2]).toBeGreaterThan(top[1] + 50);
    expect(bottom[1]).toBeGreaterThan(bottom[2]);
    await cards(staff).getByRole('button', { name: /^Remove/ }).click();
  }
});

test('a photo of more than 10 MB is sent', async ({ staff, context }) => {
  await openConversation(staff, 'Ben Okafor');
  const large = noisyPng('scan.png', 2000, 1800);
  expect(large.buffer.length).toBeGreaterThan(10 * 1024 * 1024);
  await choose(staff, large);
  await expectCard(cards(staff), 'scan.png', /^10\.\d MB$/);
  await prepared(cards(staff));
  await send(staff, 'The scan', 'Send MMS');
  const phone = await openPhone(context, 'Ben Okafor');
  await expect(onPhone(phone, 'The scan').locator('img')).toBeVisible({ timeout: 60_000 });
});

test('pictures are dropped anywhere on the thread', async ({ staff }) => {
  await openConversation(staff, 'Chloe Nguyen');
  const dataTransfer = await dragged(staff, [photo]);
  await thread(staff).dispatchEvent('dragenter', { dataTransfer });
  const overlay = staff.locator('.drop-here');
  await expect(overlay).toHaveText('Drop image here');
  await expect(overlay).toHaveCSS('border', '3px dashed rgb(94, 53, 177)');
  await expect(overlay).toHaveCSS('background-color', /94, 53, 177, 0\.1|0\.368\d* 0\.207\d* 0\.694\d* \/ 0\.1/);

  await thread(staff).dispatchEvent('dragleave', { dataTransfer });
  await expect(overlay).toHaveCount(0);

  await thread(staff).dispatchEvent('dragenter', { dataTransfer });
  await thread(staff).dispatchEvent('drop', { dataTransfer });
  await expect(overlay).toHaveCount(0);
  await expectCard(cards(staff), path.basename(photo), /KB$/);
});

test('a picture is pasted from the clipboard', async ({ staff, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await openConversation(staff, 'Chloe Nguyen');
  await staff.evaluate(async () => {
    const canvas = new OffscreenCanvas(300, 200);
    canvas.getContext('2d')!.fillRect(50, 50, 100, 100);
    const png = await canvas.convertToBlob({ type: 'image/png' });
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })]);
  });
  await staff.getByPlaceholder('Write a message').press('Control+V');
  await expectCard(cards(staff), 'image.png', /^\d+ (B|KB)$/);
  await prepared(cards(staff));
});

test('the same file is attached once, and again after it was taken out', async ({ staff }) => {
  await openConversation(staff, 'Dan Rossi');
  await choose(staff, photo);
  await prepared(cards(staff));
  await choose(staff, [photo, media('alpha.png')!]);
  await expect(staff.locator('.notice').filter({ hasText: 'photo.jpg is already attached.' })).toBeVisible();
  await expect(cards(staff)).toHaveCount(2);
  await cards(staff).getByRole('button', { name: 'Remove photo.jpg' }).click();
  await expect(cards(staff)).toHaveCount(1);
  await choose(staff, photo);
  await expect(cards(staff)).toHaveCount(2);
});

test('what is removed before sending never arrives', async ({ staff, context }) => {
  await openConversation(staff, 'Dan Rossi');
  await choose(staff, photo);
  await prepared(cards(staff));
  await cards(staff).getByRole('button', { name: 'Remove photo.jpg' }).click();
  await expect(cards(staff)).toHaveCount(0);
  await expect(staff.getByRole('button', { name: 'Send SMS' })).toBeDisabled();
  await send(staff, 'Only words', 'Send SMS');

  const phone = await openPhone(context, 'Dan Rossi');
  await expect(onPhone(phone, 'Only words')).toBeVisible({ timeout: 60_000 });
  await expect(phone.getByRole('list', { name: 'Messages on this phone' }).locator('img')).toHaveCount(0);
});

test('two photos and no caption make one message', async ({ staff, context }) => {
  await openConversation(staff, 'Elsie Brandt');
  await choose(staff, [photo, media('alpha.png')!]);
  await expect(cards(staff)).toHaveCount(2);
  await prepared(cards(staff).first());
  await prepared(cards(staff).last());
  await staff.getByRole('button', { name: 'Send MMS' }).click();
  await expect(thread(staff).getByRole('article')).toHaveCount(1);
  await expect(thread(staff).getByRole('img')).toHaveCount(2);

  const phone = await openPhone(context, 'Elsie Brandt');
  const arrived = phone.getByRole('list', { name: 'Messages on this phone' }).getByRole('listitem');
  await expect(arrived.locator('img')).toHaveCount(2, { timeout: 60_000 });
  await expect(arrived).toHaveCount(1);
});

test('a draft survives leaving the thread, and loading the page anew', async ({ staff }) => {
  await openConversation(staff, 'Elsie Brandt');
  await choose(staff, media('alpha.png')!);
  await prepared(cards(staff));
  const caption = staff.getByPlaceholder('Add a caption (optional)');
  await caption.fill('To be continued');
  await staff.getByRole('link', { name: 'Patients' }).click();
  await expect(staff).toHaveURL(/\/patients$/);
  await staff.goBack();
  await expect(caption).toHaveValue('To be continued');
  await expect(cards(staff)).toHaveCount(1);
  await staff.reload();
  await expect(caption).toHaveValue('To be continued');
  await expectCard(cards(staff), 'alpha.png', /^5 KB$/);
});

test('the list says where a draft waits, until it is sent', async ({ staff }) => {
  const row = staff.getByRole('region', { name: 'Conversations' }).getByRole('link', { name: /Elsie Brandt/ });
  const mark = row.getByText('Draft', { exact: true });
  await openConversation(staff, 'Elsie Brandt');
  await send(staff, 'See you', 'Send SMS');
  await expect(row).toBeVisible();
  await staff.getByRole('textbox', { name: 'Message', exact: true }).fill('To be continued');
  await expect(mark).toHaveCount(0);
  await openConversation(staff, 'Dan Rossi');
  await expect(mark).toBeVisible();
  await staff.reload({ waitUntil: 'networkidle' });
  await expect(mark).toBeVisible();
  await row.click();
  await staff.getByRole('button', { name: 'Send SMS' }).click();
  await expect(bubble(staff, 'To be continued')).toBeVisible();
  await openConversation(staff, 'Dan Rossi');
  await expect(mark).toHaveCount(0);
});

test('an upload goes on while one is on another screen', async ({ staff }) => {
  await openConversation(staff, 'Elsie Brandt');
  const upload = held();
  await staff.route('**/api/sms/upload-media/', async (route) => {
    await upload.released;
    await route.continue();
  });
  await choose(staff, media('alpha.png')!);
  await expect(cards(staff)).toHaveCount(1);
  await staff.getByRole('link', { name: 'Patients' }).click();
  await expect(staff).toHaveURL(/\/patients$/);
  const done = staff.waitForResponse('**/api/sms/upload-media/');
  upload.release();
  await done;
  await staff.goBack();
  await expectCard(cards(staff), 'alpha.png', /^5 KB$/);
  await prepared(cards(staff));
});

test('a kept picture stays while the server cannot be asked about it, and stands there once', async ({ staff }) => {
  await openConversation(staff, 'Elsie Brandt');
  await choose(staff, media('alpha.png')!);
  await prepared(cards(staff));
  await staff.route('**/api/ui/messages/attachment', (route) => route.abort());
  await staff.reload({ waitUntil: 'networkidle' });
  await expect(cards(staff)).toHaveCount(1);
  // Away and back, and anew: what could not be read is not forgotten, and not brought back a second time.
  await staff.getByRole('link', { name: 'Patients' }).click();
  await expect(staff).toHaveURL(/\/patients$/);
  await staff.goBack();
  await expect(cards(staff)).toHaveCount(1);
  await staff.reload({ waitUntil: 'networkidle' });
  await expect(cards(staff)).toHaveCount(1);
  await staff.unroute('**/api/ui/messages/attachment');
  await expectCard(cards(staff), 'alpha.png', /^5 KB$/);
  await prepared(cards(staff));
});
