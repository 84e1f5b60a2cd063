import { readFile } from 'node:fs/promises';
import { bubble, cards, choose, openConversation, prepared, send } from '../support/desk.ts';
import { expect, test } from '../support/journey.ts';
import { media } from '../support/settings.ts';

test('what was sent stands in the reports with its cost, and in the file', async ({ staff }) => {
  await openConversation(staff, 'Amelia Hart');
  await send(staff, 'See you tomorrow', 'Send SMS');
  await expect(bubble(staff, 'See you tomorrow').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  await expect(bubble(staff, 'See you tomorrow').getByTitle('About A$0.05')).toBeVisible();
  await choose(staff, media('photo.jpg')!);
  await prepared(cards(staff));
  await send(staff, 'Your photo', 'Send MMS');
  await expect(bubble(staff, 'Your photo').getByText('Delivered')).toBeVisible({ timeout: 60_000 });

  await staff.getByRole('link', { name: 'Reports' }).click();
  await expect(staff.getByRole('heading', { name: 'Reports' })).toBeVisible();
  const tile = (name: string) => staff.locator('.tiles > div').filter({ hasText: name }).locator('dd');
  await expect(tile('Sent')).toHaveText('2');
  await expect(tile('Received')).toHaveText('0');
  await expect(tile('Cost')).toHaveText('A$0.30');
  await expect(staff.getByRole('img', { name: /^Messages by day, .*: 2 in all, at most 2 on one day$/ })).toBeVisible();

  // The slider stands on today and walks along the days by keys.
  const slider = staff.getByRole('slider', { name: 'Choose a day' });
  await expect(slider).toHaveAttribute('aria-valuetext', /: 1 SMS sent, 1 MMS sent$/);
  await slider.press('ArrowLeft');
  await expect(slider).toHaveAttribute('aria-valuetext', /: nothing$/);
  await expect(staff.locator('.plot-words')).toHaveText(/: nothing$/);

  await staff.getByRole('link', { name: 'By channel' }).click();
  await expect(staff.getByRole('row', { name: /^MMS/ })).toHaveText(/1.*0.*1.*A\$0\.25/);
  await expect(staff.getByRole('row', { name: /^Total/ })).toHaveText(/2.*0.*2.*A\$0\.30/);
  await expect(staff).toHaveURL(/by=channel/);

  const begun = staff.waitForEvent('download');
  await staff.getByRole('link', { name: 'Download CSV' }).click();
  const file = await begun;
  expect(file.suggestedFilename()).toMatch(/^messages-by-channel-.*\.csv$/);
  const rows = (await readFile(await file.path(), 'utf8')).trim().split('\r\n');
  expect(rows).toEqual([
    'channel,direction,messages,parts,currency,cost',
    'SMS,outbound,1,1,AUD,0.05',
    'MMS,outbound,1,1,AUD,0.25',
  ]);

  // Any days, by the picker; what lies outside of them is not there.
  await staff.getByLabel('From', { exact: true }).fill('2020-01-01');
  await staff.getByLabel('To', { exact: true }).fill('2020-01-31');
  await staff.getByRole('button', { name: 'Show' }).click();
  await expect(staff.getByText('Nothing sent or received')).toBeVisible();
  await staff.goBack();
  await expect(tile('Sent')).toHaveText('2');
});

test('volumes that are typed in change what each carrier would cost', async ({ staff }) => {
  await staff.goto('/reports', { waitUntil: 'networkidle' });
  // One real carrier has a price, above the made-up one of the simulator.
  await staff.route('**/api/ui/reports/compare', async (route) => {
    const comparison = await (await route.fetch()).json();
    const of = (provider: string) => comparison.offers.find((offer: { provider: string }) => offer.provider === provider);
    of('clicksend').tariff = { ...of('simulator').tariff, sms: 60_000 };
    await route.fulfill({ json: comparison });
  });
  await staff.getByRole('link', { name: 'Compare carriers' }).click();
  const simulator = staff.getByRole('row', { name: /^Simulator/ });
  const clicksend = staff.getByRole('row', { name: /^ClickSend/ });
  await expect(simulator).toContainText('made up, to try it out');
  await expect(simulator.getByRole('cell')).toHaveText(['A$0.00', 'A$0.00']);
  await staff.getByLabel('MMS sent').fill('500');
  await expect(simulator.getByRole('cell')).toHaveText(['A$125.00', 'A$25.00']);
  await expect(clicksend.getByRole('cell').last()).toHaveText(/^A\$30\.00\s*Cheapest$/);
  // Whose price nobody knows stands apart, with the way to enter it.
  await expect(staff.getByRole('row', { name: /^SMS Broadcast/ })).toHaveCount(0);
  const unpriced = staff.getByRole('region', { name: /^No price known/ });
  await expect(unpriced.getByRole('link', { name: 'enter yours in Settings, Lines' })).toHaveAttribute('href', '/settings/lines');
  await expect(unpriced.getByRole('listitem').filter({ hasText: 'SMS Broadcast' })).toHaveText(/Cannot send MMS$/);
  await expect(unpriced.getByRole('listitem').filter({ hasText: 'Telnyx' })).toHaveText(/Cannot send MMS with numbers of this country$/);
  // On a phone every carrier stands by itself, and its mark in one line.
  await staff.setViewportSize({ width: 360, height: 740 });
  const [row, mark] = [await clicksend.boundingBox(), await clicksend.getByText('Cheapest').boundingBox()];
  expect(row!.width).toBeLessThanOrEqual(360);
  expect(mark!.height).toBeLessThan(32);
  expect((await simulator.getByRole('cell').last().boundingBox())!.y).toBeGreaterThan((await simulator.getByRole('cell').first().boundingBox())!.y);
  await staff.setViewportSize({ width: 1440, height: 900 });
  await staff.getByLabel('MMS sent').fill('1.5');
  await expect(staff.getByText('Write a whole number, for example 500.')).toBeVisible();
});
