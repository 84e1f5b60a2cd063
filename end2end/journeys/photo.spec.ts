import { bubble, openConversation, openPhone } from '../support/desk.ts';
import { expect, expectAccessible, test } from '../support/journey.ts';
import { media } from '../support/settings.ts';

test('a photo goes out, the answer comes back by itself and is filed once', async ({ staff }) => {
  await openConversation(staff, 'Amelia Hart');

  await staff.locator('input[type=file]').first().setInputFiles(media('heic/arrow.heic') ?? media('photo.heic')!);
  // What the patient will get stands beside the picture once the server has made it.
  await expect(staff.getByText(/\d+ x \d+ · \d+ KB/)).toBeVisible({ timeout: 30_000 });
  await staff.getByPlaceholder('Add a caption (optional)').fill('Your new brace');
  await staff.getByRole('button', { name: 'Send MMS' }).click();

  const phone = await openPhone(staff.context(), 'Amelia Hart');
  await expect(phone.getByText('Your new brace')).toBeVisible({ timeout: 30_000 });
  await phone.locator('input[type=file]').first().setInputFiles(media('jpeg/Portrait_6.jpg') ?? media('photo.jpg')!);
  await phone.locator('main textarea').fill('Here is how it looks');
  await phone.locator('main').getByRole('button', { name: /send/i }).first().click();

  await staff.bringToFront();
  await expect(bubble(staff, 'Your new brace').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  const thread = staff.locator('main');
  await expect(thread.getByText('Here is how it looks').last()).toBeVisible({ timeout: 30_000 });
  await expect(thread.locator('img')).toHaveCount(2, { timeout: 30_000 });
  await expectAccessible(staff);

  await thread.locator('img').last().click();
  const viewer = staff.getByRole('dialog');
  await viewer.getByLabel('Category').selectOption('Devices');
  await viewer.getByRole('button', { name: 'Save to Images' }).click();
  const saved = viewer.getByRole('button', { name: 'Saved to Images' });
  await expect(saved).toBeVisible();
  await expect(saved).toBeDisabled();
});

test('what cannot be sent is refused by name before anything is uploaded', async ({ staff }) => {
  await openConversation(staff, 'Ben Okafor');
  await staff.locator('input[type=file]').first().setInputFiles({
    name: 'holiday.jpg',
    mimeType: 'image/jpeg',
    buffer: Buffer.from('<html><body>not a picture</body></html>'),
  });
  await expect(staff.getByText(/holiday\.jpg/)).toBeVisible();
  await expect(staff.getByRole('button', { name: 'Send MMS' })).toHaveCount(0);
});

test('text goes out and is counted in parts', async ({ staff }) => {
  await openConversation(staff, 'Chloe Nguyen');
  const text = staff.getByPlaceholder('Write a message');
  await text.fill('a'.repeat(161));
  await expect(staff.getByText(/161 \/ 306 · 2 parts/)).toBeVisible();
  await text.fill('See you at 10:30');
  await text.press('Enter');
  await expect(text).toHaveValue('');
  await expect(staff.getByRole('log').getByText('See you at 10:30')).toBeVisible();

  const phone = await openPhone(staff.context(), 'Chloe Nguyen');
  await expect(phone.locator('main').getByText('See you at 10:30').last()).toBeVisible({ timeout: 30_000 });
});
