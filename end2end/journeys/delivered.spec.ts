import path from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { bubble, cards, choose, onPhone, openConversation, openPhone, prepared, send } from '../support/desk.ts';
import { expect, test } from '../support/journey.ts';
import { look, noisyPng, readJpeg, type Jpeg } from '../support/pictures.ts';
import { media } from '../support/settings.ts';

const MAX_SIDE = 1024;
const MAX_BYTES = 600 * 1024;

/** Fetches what arrived at the phone, as it arrived, and holds it against the carrier's limits. */
async function expectWithinLimits(phone: Page, picture: Locator): Promise<Jpeg> {
  const answer = await phone.request.get((await picture.getAttribute('src'))!);
  expect(answer.status()).toBe(200);
  expect(answer.headers()['content-type']).toBe('image/jpeg');
  const bytes = await answer.body();
  expect(bytes.length).toBeLessThanOrEqual(MAX_BYTES);
  const jpeg = readJpeg(bytes);
  expect(Math.max(jpeg.width, jpeg.height)).toBeLessThanOrEqual(MAX_SIDE);
  // No Exif means no position either.
  expect(jpeg.carries).not.toContain('Exif');
  expect(bytes.includes('GPS')).toBe(false);
  return jpeg;
}

test('what arrives at the phone is a JPEG within the limits, and the thread says Delivered', async ({ staff, context }) => {
  await openConversation(staff, 'Amelia Hart');
  const phone = await openPhone(context, 'Amelia Hart');
  const noise = noisyPng('noise.png', 2000, 1500);
  const files = [media('photo.jpg')!, media('photo.heic')!, media('alpha.png')!, media('anim.gif')!, media('photo.webp')!];
  const real = ['heic/arrow.heic', 'heic/xiaomi.heic', 'jpeg/Landscape_6.jpg', 'made/noisy.jpg'].flatMap((name) => media(name) ?? []);
  for (const file of [...files, ...real, noise]) {
    const name = typeof file === 'string' ? path.basename(file) : file.name;
    await test.step(name, async () => {
      await staff.bringToFront();
      await choose(staff, file);
      await prepared(cards(staff));
      await send(staff, `This is ${name}`, 'Send MMS');
      await phone.bringToFront();
      const picture = onPhone(phone, `This is ${name}`).locator('img');
      await expect(picture).toBeVisible({ timeout: 60_000 });
      const { width, height } = await expectWithinLimits(phone, picture);
      if (name.startsWith('photo.') && !name.endsWith('webp')) {
        expect([width, height]).toEqual([768, 1024]);
        const { top, bottom } = await look(picture);
        // The sky is above the meadow.
        expect(top[2]).toBeGreaterThan(top[1] + 50);
        expect(bottom[1]).toBeGreaterThan(bottom[2]);
      }
    });
  }
  await staff.bringToFront();
  // The state stands at the end of a run.
  await expect(bubble(staff, 'This is noise.png').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
});

test('text reaches Delivered', async ({ staff }) => {
  await openConversation(staff, 'Ben Okafor');
  await send(staff, 'See you tomorrow', 'Send SMS');
  await expect(bubble(staff, 'See you tomorrow').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
});
