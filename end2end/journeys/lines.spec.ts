import { mkdirSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { test } from '../support/carrier.ts';
import { bubble, cards, choose, openConversation, prepared, send } from '../support/desk.ts';
import { expect, expectAccessible } from '../support/journey.ts';
import { media } from '../support/settings.ts';

/** Shows a screen in every size and scheme, for people, where `HELIOGRAPH_SCREENSHOTS` names a folder. */
async function look(page: Page, name: string): Promise<void> {
  const folder = process.env.HELIOGRAPH_SCREENSHOTS;
  if (folder === undefined) {
    return;
  }
  mkdirSync(folder, { recursive: true });
  for (const width of [1440, 360]) {
    await page.setViewportSize({ width, height: width === 360 ? 740 : 900 });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png` });
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: 'light' });
}

test('one number with two carriers: the cheapest way, and the next one after a refusal', async ({ staff, context, carrier }) => {
  await test.step('a real carrier takes the simulator\'s place', async () => {
    await staff.goto('/settings/lines', { waitUntil: 'networkidle' });
    await staff.getByRole('button', { name: 'Add a carrier' }).click();
    const dialog = staff.getByRole('dialog', { name: 'Add a carrier' });
    await dialog.getByLabel('Carrier', { exact: true }).selectOption('Twilio');
    await dialog.getByLabel('Account SID').fill('AC00000000000000000000000000000001');
    await dialog.getByLabel('Auth token', { exact: true }).fill('test_auth_token_0123456789abcdef');
    await look(staff, 'add-a-carrier');
    await dialog.getByRole('button', { name: 'Add carrier' }).click();
    const carriers = staff.getByRole('list', { name: 'Carriers of Front desk' });
    await expect(carriers.getByText('Twilio', { exact: true })).toBeVisible();
    await expect(carriers.getByText('Simulator', { exact: true })).toBeHidden();
  });

  await test.step('its prices are entered', async () => {
    await staff.getByRole('button', { name: 'More for Twilio' }).click();
    await staff.getByRole('menuitem', { name: 'Change' }).click();
    const dialog = staff.getByRole('dialog', { name: 'Change Twilio' });
    await dialog.getByLabel('SMS part sent').fill('cheap');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await expect(dialog.getByText('Write an amount, for example 0.079.')).toBeVisible();
    await dialog.getByLabel('Currency').selectOption('AUD');
    await dialog.getByLabel('SMS part sent').fill('0.0415');
    await dialog.getByLabel('MMS sent').fill('0.24');
    await look(staff, 'change-a-carrier');
    await expectAccessible(staff);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await expect(staff.getByText('SMS A$0.0415, MMS A$0.24 (your prices)')).toBeVisible();
    await look(staff, 'lines');
    await expectAccessible(staff);
  });

  await test.step('how fast it sends is entered', async () => {
    await staff.getByRole('button', { name: 'More for Twilio' }).click();
    await staff.getByRole('menuitem', { name: 'Change' }).click();
    const dialog = staff.getByRole('dialog', { name: 'Change Twilio' });
    const pace = dialog.getByLabel('Texts a second');
    await expect(pace).toHaveValue('');
    await expect(pace).toHaveAttribute('placeholder', '10');
    await pace.fill('fast');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await expect(dialog.getByText('Write a number, for example 2 or 0.5.')).toBeVisible();
    await pace.fill('200');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await expect(dialog.getByText('Write how many texts may leave in a second, from 0.1 to 100.')).toBeVisible();
    await expect(pace).toBeFocused();
    await pace.fill('2.5');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await expect(staff.getByText('Texts a second: 2.5.')).toBeVisible();
  });

  // The browser's form offers no other API address than the carrier's own.
  const lines = await (await staff.request.post('/api/ui/settings/lines', { data: {} })).json();
  const account = lines[0].accounts.find((one: { route: { provider: string } }) => one.route.provider === 'twilio');
  const changed = await staff.request.post('/api/ui/settings/change-carrier', {
    data: {
      id: account.route.account_id,
      credentials: { api_base: `http://${carrier.host}` },
      verification: 'enforce',
      addresses: '',
      pace: null,
      tariff: account.route.tariff,
    },
  });
  expect(changed.status(), await changed.text()).toBe(200);
  const added = await staff.request.post('/api/ui/settings/add-carrier', {
    data: {
      line: lines[0].id,
      provider: 'messagemedia',
      credentials: { api_key: 'key', api_secret: 'secret', api_base: `http://${carrier.host}` },
    },
  });
  expect(added.status(), await added.text()).toBe(200);

  await openConversationAtHome(staff, 'Amelia Hart');
  const box = staff.getByRole('textbox', { name: 'Message', exact: true });
  await test.step('the composer says what sending takes', async () => {
    await box.fill('Please come at three');
    await expect(staff.getByText('SMS through Twilio, about A$0.0415')).toBeVisible();
    await choose(staff, media('photo.jpg')!);
    await prepared(cards(staff).first());
    await expect(staff.getByText(/^MMS through Twilio, \d+ KB of 4\.8 MB, about A\$0\.24$/)).toBeVisible();
    await look(staff, 'composer');
    await cards(staff).first().getByRole('button', { name: /^Remove/ }).click();
    await expect(staff.getByText('SMS through Twilio, about A$0.0415')).toBeVisible();
  });

  const elsewhere = await context.newPage();
  await openConversationAtHome(elsewhere, 'Ben Okafor');
  await elsewhere.getByRole('textbox', { name: 'Message', exact: true }).fill('See you soon');
  await expect(elsewhere.getByText('SMS through Twilio, about A$0.0415')).toBeVisible();
  await staff.bringToFront();

  await test.step('what Twilio refuses goes through the other carrier, and the message says so', async () => {
    carrier.answers.push(400);
    await staff.getByRole('button', { name: 'Send SMS' }).click();
    const message = bubble(staff, 'Please come at three');
    await expect(message.getByText(/^Twilio did not take it .*sent through Sinch MessageMedia\.$/)).toBeVisible({ timeout: 60_000 });
    expect(carrier.asked).toEqual(['Please come at three', 'Please come at three']);
    // Whoever writes in another window is told of the other carrier now.
    await expect(elsewhere.getByText(/^SMS through Sinch MessageMedia/)).toBeVisible();
    await elsewhere.close();
    await look(staff, 'detour');
  });

  await test.step('the list of carriers says that Twilio rests, and why', async () => {
    await staff.goto('/settings/lines', { waitUntil: 'networkidle' });
    await expect(staff.getByText(/^Rests until/)).toBeVisible();
    await expect(staff.getByText('The line\'s other carriers go first until then.')).toBeVisible();
    await look(staff, 'rests');
  });
});

test('another number is taken only when it is asked for, and the patient\'s side of it is said first', async ({ staff }) => {
  const made = await staff.request.post('/api/ui/settings/create-line', {
    data: { name: 'Radiology', number: '0491 570 313', provider: 'simulator', credentials: null },
  });
  expect(made.status(), await made.text()).toBe(200);
  await openConversationAtHome(staff, 'Ben Okafor');
  await send(staff, 'From the front desk', 'Send SMS');
  await expect(bubble(staff, 'From the front desk').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  await staff.getByRole('button', { name: 'Send from another number' }).click();
  await look(staff, 'offers');
  await staff.getByRole('menuitem', { name: 'Send from +61 491 570 313 instead (Radiology)' }).click();
  const warning = staff.getByText('The patient will see +61 491 570 313 (Radiology)');
  await expect(warning).toBeVisible();
  await look(staff, 'other-number');
  await expectAccessible(staff);
  await staff.getByRole('button', { name: 'Send from the usual number' }).click();
  await expect(warning).toBeHidden();
  await staff.getByRole('button', { name: 'Send from another number' }).click();
  await staff.getByRole('menuitem', { name: /Radiology/ }).click();
  await send(staff, 'From radiology', 'Send SMS');
  await expect(warning).toBeHidden();
  await expect(bubble(staff, 'From radiology').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
});

async function openConversationAtHome(staff: Page, patient: string): Promise<void> {
  await staff.goto('/', { waitUntil: 'networkidle' });
  await openConversation(staff, patient);
}
