import type { Locator } from '@playwright/test';
import { bubble, onPhone, openConversation, openPhone } from '../support/desk.ts';
import { expect, test } from '../support/journey.ts';
import { media } from '../support/settings.ts';

const iphone = media('heic/arrow.heic') ?? media('photo.heic')!;

/** There is a picture to see: a better one may take its place at any moment. */
async function expectPicture(picture: Locator): Promise<void> {
  await expect(async () => {
    const width = picture.evaluate(
      (shown: HTMLImageElement | HTMLCanvasElement) => (shown instanceof HTMLImageElement ? shown.naturalWidth : shown.width),
      undefined,
      { timeout: 2_000 },
    );
    expect(await width).toBeGreaterThan(0);
  }).toPass({ timeout: 60_000 });
}

test('a phone shows the photo that it is about to send, and then that it sent', async ({ staff, context }) => {
  await openConversation(staff, 'Amelia Hart');
  const phone = await openPhone(context, 'Amelia Hart');
  await phone.getByLabel('Attach photos').setInputFiles([iphone, media('photo.jpg')!]);
  const chosen = phone.getByRole('list', { name: 'Photos to send' }).getByRole('listitem');
  await expect(chosen).toHaveCount(2);
  await expect(chosen.first()).toContainText('iPhone photo (HEIC)');
  for (const photo of await chosen.all()) {
    await expectPicture(photo.locator('img, canvas'));
  }
  await chosen.last().getByRole('button', { name: 'Leave out photo.jpg' }).click();
  await expect(chosen).toHaveCount(1);
  await phone.getByRole('textbox', { name: 'Message from this phone' }).fill('My knee');
  await phone.getByRole('button', { name: 'Send from this phone' }).click();

  // The browser cannot show it by itself; the phone does.
  const sent = onPhone(phone, 'My knee');
  await expect(chosen).toHaveCount(0);
  await expect(sent.getByRole('link', { name: 'Open the photo: iPhone photo (HEIC)' })).toBeVisible();
  await expectPicture(sent.locator('img, canvas'));
  await staff.bringToFront();
  await expect(bubble(staff, 'My knee').getByRole('img')).toBeVisible({ timeout: 60_000 });
});
