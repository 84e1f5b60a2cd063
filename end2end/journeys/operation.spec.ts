import { createHmac } from 'node:crypto';
import type { Page } from '@playwright/test';
import { openConversation } from '../support/desk.ts';
import { expect, expectAccessible, test } from '../support/journey.ts';

const TOKEN = 'test_auth_token_0123456789abcdef';

/** A line at Twilio; answers the address at which Twilio calls. */
async function twilio(staff: Page): Promise<string> {
  const made = await staff.request.post('/api/ui/settings/create-line', {
    data: {
      name: 'Radiology',
      number: '0491 570 313',
      provider: 'twilio',
      credentials: { account_sid: 'AC00000000000000000000000000000001', auth_token: TOKEN },
    },
  });
  expect(made.status(), await made.text()).toBe(200);
  const line = (await made.json()) as { accounts: { inbound_url: string }[] };
  return line.accounts[0].inbound_url.split('#')[0];
}

/** Calls as Twilio does, signed with a token. */
async function calls(staff: Page, address: string, fields: Record<string, string>, token: string): Promise<void> {
  const signed = Object.keys(fields).sort().reduce((text, name) => text + name + fields[name], address);
  const signature = createHmac('sha1', token).update(signed).digest('base64');
  const answer = await staff.request.post(address, { form: fields, headers: { 'x-twilio-signature': signature } });
  expect(answer.status()).toBe(200);
}

test('an admin hears of webhooks that could not be read, replays them, and dismisses what stays', async ({ staff }) => {
  const address = await twilio(staff);
  // Signed, and without what names it.
  await calls(staff, address, { From: '+61491570157', Body: 'Hello' }, TOKEN);
  const line = staff.getByRole('status').filter({ hasText: 'Operation: 1 webhook could not be read.' });
  const mark = staff.getByRole('link', { name: 'Settings' }).locator('.rail-mark');

  await test.step('The inbox says so, and leads there', async () => {
    await staff.goto('/', { waitUntil: 'networkidle' });
    await expect(line).toBeVisible({ timeout: 30_000 });
    await expect(mark).toBeVisible();
    await expectAccessible(staff);
    await line.getByRole('link', { name: 'Look' }).click();
    await expect(staff).toHaveURL(/\/settings\/operation$/);
  });

  const webhooks = staff.getByRole('list', { name: 'Webhooks that could not be read' });
  await test.step('Replay reads it again; it still cannot be read, and says why', async () => {
    await expect(webhooks.getByText('Twilio, Radiology')).toBeVisible();
    await expect(webhooks.getByText('No MessageSid')).toBeVisible();
    await expectAccessible(staff);
    await webhooks.getByRole('button', { name: 'Replay' }).click();
    await expect(staff.getByText('It is read again now.')).toBeVisible();
    await expect(webhooks.getByText('It was accepted, and cannot be read any more')).toBeVisible({ timeout: 60_000 });
  });

  await test.step('Dismissed, it is gone, and all is well', async () => {
    await webhooks.getByRole('button', { name: 'Dismiss' }).click();
    await expect(staff.getByText('All is well')).toBeVisible({ timeout: 60_000 });
    await expect(webhooks).toBeHidden();
    await expect(mark).toBeHidden();
    await staff.getByRole('link', { name: 'Inbox' }).click();
    await expect(staff.getByRole('heading', { name: 'Inbox' })).toBeVisible();
    await expect(line).toBeHidden();
  });
});

test('webhooks that prove nothing lead to Lines, also on a small screen', async ({ staff }) => {
  const address = await twilio(staff);
  const message = { MessageSid: 'SM00000000000000000000000000000001', From: '+61491570157', To: '+61491570313', Body: 'Hello', NumMedia: '0' };
  await calls(staff, address, message, 'another token');
  await staff.setViewportSize({ width: 360, height: 740 });
  await staff.goto('/settings/operation', { waitUntil: 'networkidle' });
  const alerts = staff.getByRole('list', { name: 'Needs somebody to look' });
  await expect(alerts.getByText('1 webhook of the last day did not prove where it comes from')).toBeVisible();
  await expect(staff.getByRole('list', { name: 'In quarantine' }).getByText('Twilio, Radiology')).toBeVisible();
  await expectAccessible(staff);
  expect(await staff.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
  await alerts.getByRole('link', { name: 'Go there' }).click();
  await expect(staff).toHaveURL(/\/settings\/lines$/);
  await expect(staff.getByRole('list', { name: 'Carriers of Radiology' })).toBeVisible();
});

test('in an open conversation the alert leaves room to write', async ({ staff }) => {
  await calls(staff, await twilio(staff), { From: '+61491570157', Body: 'Hello' }, TOKEN);
  await openConversation(staff, 'Amelia Hart');
  for (const width of [1440, 360]) {
    await staff.setViewportSize({ width, height: 740 });
    await expect(staff.getByRole('status').filter({ hasText: 'could not be read' })).toBeVisible({ timeout: 30_000 });
    await expect(staff.getByPlaceholder('Write a message')).toBeInViewport();
  }
});
