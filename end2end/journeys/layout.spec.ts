import { bubble, choose, openConversation, send } from '../support/desk.ts';
import { expect, test } from '../support/journey.ts';

test('what is said stands clear of what one writes with, on every screen', async ({ staff }) => {
  await openConversation(staff, 'Amelia Hart');
  await send(staff, 'See you tomorrow', 'Send SMS');
  await expect(bubble(staff, 'See you tomorrow')).toBeVisible();
  // A failure stays until it is closed.
  await choose(staff, { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Not a picture') });
  const notice = staff.locator('.notice').filter({ hasText: 'notes.txt' });
  await expect(notice).toBeVisible();
  await staff.getByRole('textbox', { name: 'Message', exact: true }).fill('And bring your referral');
  const words = staff.locator('.route-words');
  await expect(words).toHaveText('SMS through Simulator, about A$0.05');
  const form = staff.getByRole('form', { name: 'Write a message' });

  for (const size of [{ width: 1440, height: 900 }, { width: 780, height: 800 }, { width: 360, height: 740 }]) {
    await test.step(`${size.width} px`, async () => {
      await staff.setViewportSize(size);
      const [above, composer] = [(await notice.boundingBox())!, (await form.boundingBox())!];
      expect(above.y + above.height).toBeLessThan(composer.y);
      expect(above.x).toBeGreaterThanOrEqual(0);
      expect(above.x + above.width).toBeLessThanOrEqual(size.width);
      // What sending takes can be read to its end.
      expect(await words.evaluate((element) => element.scrollWidth - element.clientWidth)).toBeLessThanOrEqual(0);
      const price = (await words.boundingBox())!;
      expect(price.x + price.width).toBeLessThanOrEqual(composer.x + composer.width);
      // The line of a day hides what passes below it, from side to side.
      const day = staff.locator('.day');
      await expect(day).not.toHaveCSS('background-color', 'rgba(0, 0, 0, 0)');
      const [line, log] = [(await day.boundingBox())!, (await staff.locator('.thread-content').boundingBox())!];
      expect(Math.abs(line.width - log.width)).toBeLessThan(1);
      // Messages fade out below it, in a gap that is there at rest.
      const fade = await day.evaluate((element) => parseFloat(getComputedStyle(element, '::after').height));
      const first = (await bubble(staff, 'See you tomorrow').first().boundingBox())!;
      expect(fade).toBeGreaterThan(0);
      expect(first.y - line.y - line.height).toBeGreaterThanOrEqual(fade - 0.5);
    });
  }
});

test('the rail names its places, and leads to the simulated phone', async ({ staff }) => {
  const rail = staff.getByRole('navigation', { name: 'Main' });
  for (const name of ['Inbox', 'Patients', 'Images', 'Reports', 'Settings', 'Phone']) {
    const label = rail.getByRole('link', { name, exact: true }).getByText(name);
    expect((await label.boundingBox())!.width).toBeGreaterThan(20);
  }
  await rail.getByRole('link', { name: 'Phone', exact: true }).click();
  await expect(staff.getByRole('heading', { name: 'Simulated phone' }).first()).toBeVisible();
  await expect(rail.getByRole('link', { name: 'Phone', exact: true })).toHaveAttribute('aria-current', 'page');
});

test('pages stand in the middle of a wide screen, and whole on a narrow one', async ({ staff }) => {
  await staff.setViewportSize({ width: 2560, height: 1200 });
  await staff.goto('/settings/lines', { waitUntil: 'networkidle' });
  const [page, main] = [(await staff.locator('.page-wide').boundingBox())!, (await staff.locator('.page').boundingBox())!];
  const [left, right] = [page.x - main.x, main.x + main.width - page.x - page.width];
  expect(left).toBeGreaterThan(300);
  expect(Math.abs(left - right)).toBeLessThan(20);

  await staff.setViewportSize({ width: 360, height: 740 });
  for (const tab of await staff.getByRole('navigation', { name: 'Settings' }).getByRole('link').all()) {
    await expect(tab).toBeInViewport({ ratio: 1 });
  }
  // The mark of the default line and the menu beside it stand in one line.
  const [badge, menu] = [staff.getByText('Default', { exact: true }), staff.getByRole('button', { name: 'More for Front desk' })];
  const [mark, button] = [(await badge.boundingBox())!, (await menu.boundingBox())!];
  expect(mark.y).toBeGreaterThanOrEqual(button.y);
  expect(mark.y + mark.height).toBeLessThanOrEqual(button.y + button.height);
});
