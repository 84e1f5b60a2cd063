import { expect, expectAccessible, test } from '../support/journey.ts';

test('the printed link signs the first admin in, once', async ({ staff, heliograph, browser }) => {
  await expect(staff).toHaveURL(`${heliograph.url}/`);
  await expectAccessible(staff);

  const stranger = await browser.newContext();
  const again = await stranger.newPage();
  await again.goto(heliograph.welcomeLink);
  await again.goto(heliograph.url);
  await expect(again).toHaveURL(/\/sign-in/);
  await stranger.close();
});
