import type { Browser, Page, Route } from '@playwright/test';
import { bubble, invite, onPhone, openConversation, openPhone, reply, send } from '../support/desk.ts';
import { expect, signIn, test } from '../support/journey.ts';

/** A window of another member of the staff, in a browser of their own. */
async function colleague(browser: Browser, staff: Page, name: string): Promise<Page> {
  const link = await invite(staff, name, `${name.toLowerCase()}@harbour.example`);
  await staff.goto('/', { waitUntil: 'networkidle' });
  const context = await browser.newContext({ baseURL: new URL(link).origin });
  const page = await context.newPage();
  await signIn(page, link);
  await page.waitForLoadState('networkidle');
  return page;
}

/** The row of a conversation in the list. */
function row(page: Page, name: string) {
  return page.getByRole('region', { name: 'Conversations' }).getByRole('link', { name: new RegExp(name) });
}

test('two windows see the same without loading anew', async ({ staff, browser }) => {
  const other = await colleague(browser, staff, 'Robin');

  await test.step('what one sends, the other sees', async () => {
    await openConversation(staff, 'Amelia Hart');
    await openConversation(other, 'Amelia Hart');
    await send(staff, 'Good morning', 'Send SMS');
    await expect(bubble(other, 'Good morning')).toBeVisible();
    await expect(bubble(other, 'Good morning').getByText('Alex Morgan')).toBeVisible();
    await expect(bubble(other, 'Good morning').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
    await send(other, 'And from me', 'Send SMS');
    await expect(bubble(staff, 'And from me').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  });

  await test.step('what one reads is read for both', async () => {
    // Somewhere else, so that nobody looks at the conversation when the message arrives.
    await openConversation(staff, 'Ben Okafor');
    await openConversation(other, 'Ben Okafor');
    const phone = await openPhone(staff.context(), 'Amelia Hart');
    await reply(phone, 'May I come at ten?');
    await phone.close();
    await expect(row(staff, 'Amelia Hart').getByText('1 unread')).toBeAttached({ timeout: 60_000 });
    await expect(row(other, 'Amelia Hart').getByText('1 unread')).toBeAttached();
    await staff.bringToFront();
    await row(staff, 'Amelia Hart').click();
    await expect(bubble(staff, 'May I come at ten?')).toBeVisible();
    await expect(row(staff, 'Amelia Hart').getByText('unread')).toHaveCount(0);
    await expect(row(other, 'Amelia Hart').getByText('unread')).toHaveCount(0);
  });

  await test.step('who looks after it is known to both', async () => {
    await staff.getByLabel('Assigned to').selectOption('Robin');
    await other.getByRole('button', { name: 'Mine' }).click();
    await expect(row(other, 'Amelia Hart')).toBeVisible();
    await expect(row(other, 'Ben Okafor')).toHaveCount(0);
    await row(other, 'Amelia Hart').click();
    await expect(other.getByLabel('Assigned to').getByRole('option', { name: 'Robin' })).toHaveJSProperty('selected', true);
  });
  await other.context().close();
});

test('an assignment that fails leaves the one who has it', async ({ staff }) => {
  await openConversation(staff, 'Dan Rossi');
  const assigned = staff.getByLabel('Assigned to');
  await assigned.selectOption('Alex Morgan');
  await expect(row(staff, 'Dan Rossi')).toBeVisible();
  await staff.getByRole('button', { name: 'Mine' }).click();
  await expect(row(staff, 'Dan Rossi')).toBeVisible();
  await staff.route('**/api/ui/inbox/assign', (route) => route.abort());
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await assigned.selectOption('Nobody');
    await expect(assigned.getByRole('option', { name: 'Alex Morgan' })).toHaveJSProperty('selected', true);
  }
});

test('a request that fails is made again, and nobody is texted twice', async ({ staff, context }) => {
  await openConversation(staff, 'Chloe Nguyen');
  await staff.route('**/api/ui/messages/send', (route) => route.abort(), { times: 1 });
  await send(staff, 'On the second try', 'Send SMS');
  await expect(bubble(staff, 'On the second try').getByText('Waiting for connection')).toBeVisible();
  await expect(bubble(staff, 'On the second try').getByText('Delivered')).toBeVisible({ timeout: 60_000 });

  // The server has it; the browser never hears so.
  const lose = async (route: Route) => {
    await route.fetch();
    await route.abort();
  };
  await staff.route('**/api/ui/messages/send', lose, { times: 1 });
  await send(staff, 'Once only', 'Send SMS');
  await expect(bubble(staff, 'Once only').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  await expect(bubble(staff, 'Once only')).toHaveCount(1);
  const phone = await openPhone(context, 'Chloe Nguyen');
  await expect(onPhone(phone, 'On the second try')).toHaveCount(1);
  await expect(onPhone(phone, 'Once only')).toHaveCount(1);
});

test('an unknown number makes a conversation that becomes a patient', async ({ staff }) => {
  const phone = await openPhone(staff.context(), '+61491570313');
  await reply(phone, 'Hello, my name is Finn Walsh');
  await staff.bringToFront();
  await row(staff, '\\+61 491 570 313').click();
  await expect(bubble(staff, 'my name is Finn Walsh')).toBeVisible();

  await staff.getByRole('complementary', { name: 'Patient' }).getByText('Make a patient').click();
  const dialog = staff.getByRole('dialog');
  await expect(dialog.getByLabel('Number', { exact: true })).toHaveValue('+61491570313');
  await dialog.getByLabel('Name').fill('Finn Walsh');
  await dialog.getByRole('button', { name: 'Make record' }).click();
  await expect(staff.getByRole('heading', { name: 'Finn Walsh' })).toBeVisible();
  await staff.getByRole('link', { name: /^Open the conversation/ }).click();
  await expect(row(staff, 'Finn Walsh')).toBeVisible();
  await expect(bubble(staff, 'my name is Finn Walsh')).toBeVisible();
});

test('an unknown number is linked to a patient who is known', async ({ staff }) => {
  const phone = await openPhone(staff.context(), '+61491570737');
  await reply(phone, 'This is Dan from another phone');
  await staff.bringToFront();
  await row(staff, '\\+61 491 570 737').click();
  await staff.getByRole('button', { name: 'Link to a patient' }).click();
  await staff.getByRole('dialog').getByText('Dan Rossi').click();
  await expect(staff.getByRole('heading', { name: 'Dan Rossi' })).toBeVisible();
  await expect(row(staff, 'Dan Rossi')).toBeVisible();
  // Both numbers are there to write to.
  await expect(staff.getByRole('combobox', { name: 'To', exact: true }).getByRole('option')).toHaveCount(2);
});

test('what is written without a connection is sent once it is back', async ({ staff, context }) => {
  await openConversation(staff, 'Elsie Brandt');
  const phone = await openPhone(context, 'Elsie Brandt');
  await staff.bringToFront();
  await context.setOffline(true);
  await expect(staff.getByText(/^Waiting for connection\. What you write is kept/)).toBeVisible({ timeout: 60_000 });
  await send(staff, 'Written in the cellar', 'Send SMS');
  await expect(bubble(staff, 'Written in the cellar').getByText('Waiting for connection')).toBeVisible();

  await context.setOffline(false);
  await expect(staff.getByText(/^Waiting for connection\. What you write is kept/)).toBeHidden({ timeout: 60_000 });
  await expect(bubble(staff, 'Written in the cellar').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  await phone.bringToFront();
  await expect(onPhone(phone, 'Written in the cellar')).toHaveCount(1);
});

test('what waits survives a page that is loaded anew, and goes out from any screen', async ({ staff, context }) => {
  await openConversation(staff, 'Ben Okafor');
  const thread = staff.url();
  await context.route('**/api/ui/messages/send', (route) => route.abort());
  await send(staff, 'Before the lights went out', 'Send SMS');
  await expect(bubble(staff, 'Before the lights went out').getByText('Waiting for connection')).toBeVisible();
  await staff.reload({ waitUntil: 'networkidle' });
  await expect(bubble(staff, 'Before the lights went out').getByText('Waiting for connection')).toBeVisible();

  await staff.goto('/patients', { waitUntil: 'networkidle' });
  await context.unroute('**/api/ui/messages/send');
  const phone = await openPhone(context, 'Ben Okafor');
  await expect(onPhone(phone, 'Before the lights went out')).toHaveCount(1, { timeout: 60_000 });
  await staff.goto(thread, { waitUntil: 'networkidle' });
  await expect(bubble(staff, 'Before the lights went out').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  await expect(bubble(staff, 'Before the lights went out')).toHaveCount(1);
});

test('what was sent too fast waits and is not lost', async ({ staff }) => {
  await openConversation(staff, 'Amelia Hart');
  const error = { code: 'too_many_requests', message: 'Too many messages in a short time.', field: null };
  await staff.route('**/api/ui/messages/send', (route) =>
    route.fulfill({ status: 429, headers: { 'retry-after': '5' }, json: { error } }),
  );
  await send(staff, 'One too many', 'Send SMS');
  await send(staff, 'And another', 'Send SMS');
  await expect(bubble(staff, 'One too many').getByText('Queued: too many at once')).toBeVisible();
  await expect(bubble(staff, 'And another').getByText('Queued: too many at once')).toBeVisible();
  await staff.unroute('**/api/ui/messages/send');
  // One below the other, they tell their state once.
  await expect(bubble(staff, 'And another').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  for (const text of ['One too many', 'And another']) {
    await expect(bubble(staff, text)).toHaveCount(1);
    await expect(bubble(staff, text).getByText('Queued: too many at once')).toHaveCount(0);
  }
});

test.describe('mock mode', () => {
  test.use({ settings: { MESSAGING_MOCK_MODE: 'true' } });

  test('says on every page that nothing leaves the server', async ({ staff }) => {
    for (const path of ['/', '/patients', '/images', '/settings', '/phone']) {
      await staff.goto(path, { waitUntil: 'networkidle' });
      await expect(staff.getByText(/^Mock mode: nothing leaves this server/)).toBeVisible();
    }
    await staff.goto('/', { waitUntil: 'networkidle' });
    await openConversation(staff, 'Amelia Hart');
    await send(staff, 'Only a rehearsal', 'Send SMS');
    await expect(bubble(staff, 'Only a rehearsal').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
    await expect(bubble(staff, 'Only a rehearsal').getByText('simulated')).toBeVisible();
    await staff.getByRole('link', { name: 'Open the phone' }).click();
    await expect(staff).toHaveURL(/\/phone/);
  });
});

test.describe('with sending switched off', () => {
  test.use({ settings: { MESSAGING_ENABLED: 'false' } });

  test('staff are told why they cannot send, and go on receiving', async ({ staff }) => {
    await openConversation(staff, 'Amelia Hart');
    await staff.getByRole('textbox', { name: 'Message', exact: true }).fill('Hello');
    await expect(staff.getByRole('button', { name: 'Send SMS' })).toBeDisabled();
    await expect(staff.locator('.composer-why')).not.toBeEmpty();
    const phone = await openPhone(staff.context(), 'Amelia Hart');
    await reply(phone, 'Are you there?');
    await staff.bringToFront();
    await expect(bubble(staff, 'Are you there?')).toBeVisible({ timeout: 60_000 });
  });
});
