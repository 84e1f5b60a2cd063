import type { Page, Route } from '@playwright/test';
import { bubble, invite, onPhone, openConversation, openPhone, send, thread, write } from '../support/desk.ts';
import { expect, signIn, test } from '../support/journey.ts';

const AMELIA = '+61491570156';

const SEND = '**/api/ui/messages/send';

/** The row of a conversation in the list. */
function row(page: Page, name: string) {
  return page.getByRole('region', { name: 'Conversations' }).getByRole('link', { name: new RegExp(name) });
}

/** The conversation that was written in last, as the REST interface tells it, once it has so many unread messages. */
async function unread(staff: Page, count: number): Promise<{ id: string; unread: number }> {
  const newest = async () => {
    const answer = await staff.request.get('/api/conversations');
    return (await answer.json()).items[0] ?? {};
  };
  await expect.poll(async () => (await newest()).unread, { timeout: 60_000 }).toBe(count);
  return newest();
}

/** A link to the first message of a conversation. */
async function beginning(staff: Page, id: string): Promise<string> {
  const read = async (query: string) => (await (await staff.request.get(`/api/conversations/${id}${query}`)).json()).thread;
  let slice = await read('');
  while (slice.older) {
    slice = await read(`?older=${slice.older}`);
  }
  return `/c/${id}?m=${slice.messages[0].id}`;
}

test('a message that arrives while its thread loads is shown', async ({ staff }) => {
  await write(staff, AMELIA, ['Before it loads']);
  await expect(row(staff, 'Amelia Hart')).toContainText('Before it loads');
  const late = async (route: Route) => {
    const response = await route.fetch();
    await write(staff, AMELIA, ['While it loads']);
    // The page has heard of it: nothing else is going to tell the thread.
    await expect(row(staff, 'Amelia Hart')).toContainText('While it loads');
    await route.fulfill({ response });
  };
  await staff.route('**/api/ui/inbox/thread', late, { times: 1 });
  await row(staff, 'Amelia Hart').click();
  await expect(bubble(staff, 'Before it loads')).toBeVisible();
  await expect(bubble(staff, 'While it loads')).toBeVisible();
  await expect(row(staff, 'Amelia Hart').getByText('unread')).toHaveCount(0);
});

test('a message that cannot be read at first is shown all the same', async ({ staff }) => {
  await openConversation(staff, 'Amelia Hart');
  await staff.route('**/api/ui/messages/get', (route) => route.fulfill({ status: 502, body: 'Bad Gateway' }), { times: 1 });
  await write(staff, AMELIA, ['Are you there?']);
  await expect(bubble(staff, 'Are you there?')).toBeVisible();
});

test('the line above what is new goes with the answer, and does not come back', async ({ staff }) => {
  await write(staff, AMELIA, ['Is this new?']);
  await expect(row(staff, 'Amelia Hart')).toContainText('Is this new?');
  await row(staff, 'Amelia Hart').click();
  const line = thread(staff).getByText('New messages', { exact: true });
  await expect(line).toBeVisible();
  await send(staff, 'It was', 'Send SMS');
  await expect(bubble(staff, 'It was')).toBeVisible();
  await expect(line).toHaveCount(0);
  await staff.getByRole('link', { name: 'Patients' }).click();
  await expect(staff).toHaveURL(/\/patients$/);
  await staff.goBack();
  await expect(bubble(staff, 'It was')).toBeVisible();
  await expect(line).toHaveCount(0);
});

test('a link to an older message leaves unread what it does not show', async ({ staff }) => {
  await staff.goto('/patients', { waitUntil: 'networkidle' });
  await write(staff, AMELIA, Array.from({ length: 120 }, (_, at) => `Message ${at + 1}.`));
  const { id } = await unread(staff, 120);

  await staff.goto(await beginning(staff, id), { waitUntil: 'networkidle' });
  await expect(bubble(staff, 'Message 1.')).toBeInViewport();
  await expect(bubble(staff, 'Message 120.')).toHaveCount(0);
  await unread(staff, 120);

  await staff.getByRole('button', { name: 'Newest' }).click();
  await expect(bubble(staff, 'Message 120.')).toBeInViewport();
  await unread(staff, 0);
});

test('an answer that a proxy gives does not make a message unsent', async ({ staff, context }) => {
  await openConversation(staff, 'Amelia Hart');
  // Once the server never hears of it, once it has it and the answer is lost.
  const proxy = async (route: Route) => {
    if (++asked > 1) {
      await route.fetch();
    }
    await route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>502 Bad Gateway</h1>' });
  };
  let asked = 0;
  await staff.route(SEND, proxy, { times: 2 });
  await send(staff, 'Through the proxy', 'Send SMS');
  await expect(bubble(staff, 'Through the proxy').getByText('Waiting for connection')).toBeVisible();
  await expect(bubble(staff, 'Through the proxy').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  await expect(bubble(staff, 'Through the proxy')).toHaveCount(1);
  const phone = await openPhone(context, 'Amelia Hart');
  await expect(onPhone(phone, 'Through the proxy')).toHaveCount(1);
});

test('messages arrive in the order in which they were written', async ({ staff, context }) => {
  await openConversation(staff, 'Amelia Hart');
  let first = true;
  await staff.route(SEND, async (route) => {
    if (first) {
      first = false;
      await new Promise((resolve) => setTimeout(resolve, 1_500));
    }
    await route.continue();
  });
  for (const text of ['One', 'Two', 'Three']) {
    await send(staff, text, 'Send SMS');
  }
  await expect(thread(staff).getByRole('article')).toContainText(['One', 'Two', 'Three']);
  await expect(bubble(staff, 'Three').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  await staff.reload({ waitUntil: 'networkidle' });
  await expect(thread(staff).getByRole('article')).toContainText(['One', 'Two', 'Three']);
  const phone = await openPhone(context, 'Amelia Hart');
  await expect(onPhone(phone, '')).toContainText(['One', 'Two', 'Three']);
});

test('a long thread is read upwards, and what is written meanwhile stays', async ({ staff }) => {
  // Each once the one before it is there: the network may bring what is written at once in another order.
  for (let count = 1; count <= 150; count += 1) {
    await write(staff, AMELIA, [`Message ${count}.`]);
    await unread(staff, count);
  }
  await row(staff, 'Amelia Hart').click();
  await expect(bubble(staff, 'Message 150.')).toBeInViewport();
  const scroller = thread(staff);
  await expect(async () => {
    await scroller.evaluate((element) => element.scrollTo(0, -element.scrollHeight));
    await expect(bubble(staff, 'Message 1.')).toBeInViewport({ timeout: 500 });
  }).toPass();
  const texts = await thread(staff).getByRole('article').locator('p.bubble').allTextContents();
  expect(texts).toEqual(Array.from({ length: 150 }, (_, at) => `Message ${at + 1}.`));

  await write(staff, AMELIA, ['Below']);
  await staff.getByRole('button', { name: '1 new message' }).click();
  await expect(bubble(staff, 'Below')).toBeInViewport();
  await unread(staff, 0);

  await test.step('from a place far above', async () => {
    const { id } = await unread(staff, 0);
    await staff.goto(await beginning(staff, id), { waitUntil: 'networkidle' });
    let sent = false;
    staff.on('response', (response) => {
      sent ||= response.url().endsWith('/api/ui/messages/send');
    });
    // The thread answers after the message was sent, from before it was.
    await staff.route('**/api/ui/inbox/thread', async (route) => {
      const response = await route.fetch();
      await expect.poll(() => sent, { timeout: 20_000 }).toBe(true);
      await route.fulfill({ response });
    }, { times: 1 });
    await send(staff, 'From above', 'Send SMS');
    await expect(bubble(staff, 'From above').getByText('Delivered')).toBeInViewport({ timeout: 60_000 });
    await expect(bubble(staff, 'From above')).toHaveCount(1);
    await expect(thread(staff).getByRole('article').last()).toContainText('From above');
    await expect(bubble(staff, 'Below')).toHaveCount(1);
  });
});

test('a message that is refused elsewhere says so, and where', async ({ staff }) => {
  await openConversation(staff, 'Ben Okafor');
  const place = staff.url();
  await staff.route(SEND, (route) => route.abort());
  await send(staff, 'Never taken', 'Send SMS');
  await expect(bubble(staff, 'Never taken').getByText('Waiting for connection')).toBeVisible();
  await staff.getByRole('link', { name: 'Patients' }).click();
  await expect(staff).toHaveURL(/\/patients$/);

  await staff.unroute(SEND);
  const error = { code: 'cannot_send', message: 'This number asked not to be written to.', field: null };
  await staff.route(SEND, (route) => route.fulfill({ status: 409, json: { error } }));
  const notice = staff.getByRole('status').filter({ hasText: 'A message was not sent: This number asked' });
  await expect(notice).toBeVisible({ timeout: 60_000 });
  await notice.getByRole('link', { name: 'Open' }).click();
  await expect(staff).toHaveURL(place);
  await expect(bubble(staff, 'Never taken').getByText('Not sent')).toBeVisible();
  await staff.unroute(SEND);
  await bubble(staff, 'Never taken').getByRole('button', { name: 'Retry' }).click();
  await expect(bubble(staff, 'Never taken').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
});

test('signing out asks where something is not sent, and leaves no draft behind', async ({ staff }) => {
  const link = await invite(staff, 'Robin', 'robin@harbour.example');
  await staff.goto('/', { waitUntil: 'networkidle' });
  await openConversation(staff, 'Chloe Nguyen');
  const place = staff.url();
  await staff.route(SEND, (route) => route.abort());
  await send(staff, 'Still here', 'Send SMS');
  await expect(bubble(staff, 'Still here').getByText('Waiting for connection')).toBeVisible();
  await staff.getByRole('textbox', { name: 'Message', exact: true }).fill('Nobody else reads this');

  const leave = async () => {
    await staff.getByRole('button', { name: /^Alex Morgan/ }).click();
    await staff.getByRole('menuitem', { name: 'Sign out' }).click();
  };
  const dialog = staff.getByRole('dialog', { name: '1 message is not sent yet' });
  await leave();
  await dialog.getByRole('button', { name: 'Stay' }).click();
  await expect(dialog).toBeHidden();
  await leave();
  await dialog.getByRole('button', { name: 'Sign out' }).click();
  await expect(staff).toHaveURL(/\/sign-in$/);
  await staff.unroute(SEND);

  await signIn(staff, link);
  await staff.goto(place, { waitUntil: 'networkidle' });
  await expect(staff.getByRole('textbox', { name: 'Message', exact: true })).toHaveValue('');
  await expect(bubble(staff, 'Still here')).toHaveCount(0);
});

test('a session that ended elsewhere leads to signing in, and back', async ({ staff }) => {
  await openConversation(staff, 'Dan Rossi');
  const place = new URL(staff.url()).pathname;
  // Signed out in another window of the same browser.
  await staff.request.post('/api/ui/session/sign-out', { data: {}, headers: { origin: new URL(staff.url()).origin } });
  await expect(staff).toHaveURL(new RegExp(`/sign-in\\?next=${place}$`), { timeout: 60_000 });
});
