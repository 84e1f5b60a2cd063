import { bubble } from '../support/desk.ts';
import { expect, expectAccessible, test } from '../support/journey.ts';

test.use({ scene: 'full' });

test('a first visit finds conversations, a photo, and one that waits', async ({ staff }) => {
  await staff.goto('/', { waitUntil: 'networkidle' });
  for (const name of ['Ben Okafor', 'Chloe Nguyen', 'Dan Rossi']) {
    await expect(staff.locator('.conversation').filter({ hasText: name })).toBeVisible();
  }
  const waiting = staff.locator('.conversation').filter({ hasText: 'Elsie Brandt' });
  await expect(waiting.getByText('unread')).toHaveCount(1);
  await expectAccessible(staff);

  await staff.locator('.conversation').filter({ hasText: 'Chloe Nguyen' }).click();
  const photo = bubble(staff, 'The pharmacy asks').getByRole('img');
  await expect(photo).toBeVisible({ timeout: 60_000 });
  await expect(bubble(staff, 'Yes, that is the one').getByText('Delivered')).toBeVisible();
  await photo.click();
  await expect(staff.getByRole('dialog').getByRole('img')).toBeVisible();
});
