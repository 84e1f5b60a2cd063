import type { Locator, Page } from '@playwright/test';
import { bubble, cards, choose, onPhone, openConversation, openPhone, prepared, reply, send, thread } from '../support/desk.ts';
import type { Heliograph } from '../support/heliograph.ts';
import { expect, expectAccessible, test, violations } from '../support/journey.ts';
import { dragged } from '../support/pictures.ts';
import { media } from '../support/settings.ts';

/** The switch between the ways that a message can go. */
function way(staff: Page, name: 'SMS/MMS' | 'WhatsApp'): Locator {
  return staff.getByRole('group', { name: 'Send by' }).getByRole('button', { name });
}

/** Where one writes. */
function box(staff: Page): Locator {
  return staff.getByRole('textbox', { name: 'Message', exact: true });
}

/** Chloe Nguyen writes by WhatsApp, without anybody looking at her phone. */
async function chloeWrites(staff: Page, heliograph: Heliograph, text: string): Promise<void> {
  const written = await staff.request.post('/simulator/phones/+61491570158/replies', {
    multipart: { text, channel: 'whatsapp' },
    headers: { origin: new URL(heliograph.url).origin },
  });
  expect(written.status()).toBe(201);
}

/** Looks at the page as it stands, in every size and scheme. */
async function expectWell(page: Page, name: string): Promise<void> {
  for (const size of [{ width: 360, height: 740 }, { width: 1440, height: 900 }]) {
    await page.setViewportSize(size);
    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme });
      expect.soft(await violations(page), `${name}, ${size.width} px, ${colorScheme}`).toEqual([]);
    }
    const tooWide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    expect.soft(tooWide, `${name} is wider than ${size.width} px`).toBe(false);
  }
}

test('who writes by WhatsApp is answered by WhatsApp, and the time that is left is said', async ({ staff, context }) => {
  await openConversation(staff, 'Amelia Hart');
  await expect(way(staff, 'SMS/MMS')).toHaveAttribute('aria-pressed', 'true');
  await expect(staff.getByText('WhatsApp: templates only')).toBeVisible();

  const phone = await openPhone(context, 'Amelia Hart');
  await phone.getByLabel('Answer by').selectOption('WhatsApp');
  await reply(phone, 'Can I come earlier?');
  await expect(onPhone(phone, 'Can I come earlier?')).toContainText('· WhatsApp');
  await expectAccessible(phone);

  await staff.bringToFront();
  await expect(bubble(staff, 'Can I come earlier?')).toBeVisible();
  await expect(way(staff, 'WhatsApp')).toHaveAttribute('aria-pressed', 'true');
  await expect(staff.getByText(/^WhatsApp: 2[34] h \d+ min left to reply freely$/)).toBeVisible();
  await box(staff).fill('Yes, at two');
  await expect(staff.getByText('WhatsApp through Simulator, about A$0.10')).toBeVisible();
  await expectWell(staff, 'Answering by WhatsApp');
  await send(staff, 'Yes, at two', 'Send WhatsApp');
  await expect(bubble(staff, 'Yes, at two')).toHaveClass(/is-whatsapp/);
  await phone.bringToFront();
  await expect(onPhone(phone, 'Yes, at two')).toContainText('· WhatsApp');

  // Another way is one press away, and what is written stays.
  await staff.bringToFront();
  await box(staff).fill('Bring your card');
  await way(staff, 'SMS/MMS').click();
  await expect(box(staff)).toHaveValue('Bring your card');
  await staff.getByRole('button', { name: 'Send SMS' }).click();
  await expect(bubble(staff, 'Bring your card')).toHaveClass(/is-sms/);

  // It was chosen for that one message, or until the patient writes.
  await expect(way(staff, 'WhatsApp')).toHaveAttribute('aria-pressed', 'true');
  await way(staff, 'SMS/MMS').click();
  await expect(way(staff, 'SMS/MMS')).toHaveAttribute('aria-pressed', 'true');
  await phone.bringToFront();
  await phone.getByLabel('Answer by').selectOption('WhatsApp');
  await reply(phone, 'Which card?');
  await staff.bringToFront();
  await expect(bubble(staff, 'Which card?')).toBeVisible();
  await expect(way(staff, 'WhatsApp')).toHaveAttribute('aria-pressed', 'true');
});

test('who never wrote by WhatsApp gets an approved template, seen before it is sent', async ({ staff, context }) => {
  await openConversation(staff, 'Ben Okafor');
  await box(staff).fill('For later');
  await way(staff, 'WhatsApp').click();
  await expect(staff.getByText('only an approved template can be sent. Or send as SMS. What you wrote is kept.')).toBeVisible();
  await expect(box(staff)).toHaveCount(0);
  const templates = staff.getByLabel('Template', { exact: true });
  await expect(templates.getByRole('option')).toHaveText([
    'Choose a template',
    'Appointment reminder (en)',
    'Please reply (en)',
    'Results ready (en)',
  ]);
  await expect(staff.getByRole('button', { name: 'Send WhatsApp' })).toBeDisabled();
  await templates.selectOption('Results ready (en)');
  await expect(staff.getByText('Fill in Blank 1.')).toBeVisible();
  await expect(staff.getByRole('button', { name: 'Send WhatsApp' })).toBeDisabled();
  const preview = staff.getByRole('figure');
  await expect(preview).toContainText('Hello [Blank 1], your results are ready.');
  await expect(staff.getByText('For example Amelia')).toBeVisible();
  await staff.getByLabel('Blank 1').fill('Ben');
  await expect(preview).toContainText('Hello Ben, your results are ready.');
  await expectWell(staff, 'Choosing a template');
  // On a phone the button that sends stands at the right, as all of them do.
  await staff.setViewportSize({ width: 360, height: 740 });
  const form = (await staff.getByRole('form', { name: 'Send a template' }).boundingBox())!;
  const button = (await staff.getByRole('button', { name: 'Send WhatsApp' }).boundingBox())!;
  expect(Math.abs(form.x + form.width - button.x - button.width)).toBeLessThan(1);
  await staff.setViewportSize({ width: 1440, height: 900 });
  await staff.getByRole('button', { name: 'Send WhatsApp' }).click();
  await expect(bubble(staff, 'Hello Ben, your results are ready.')).toHaveClass(/is-whatsapp/);
  const phone = await openPhone(context, 'Ben Okafor');
  await expect(onPhone(phone, 'Hello Ben, your results are ready.')).toContainText('· WhatsApp');

  // One template was asked for: what comes next goes the usual way.
  await staff.bringToFront();
  await expect(way(staff, 'SMS/MMS')).toHaveAttribute('aria-pressed', 'true');
  await expect(box(staff)).toHaveValue('For later');
  await way(staff, 'WhatsApp').click();
  await staff.getByRole('button', { name: 'Send as SMS instead' }).click();
  await expect(box(staff)).toBeFocused();
  await expect(box(staff)).toHaveValue('For later');
  await staff.getByRole('button', { name: 'Send SMS' }).click();
  await expect(onPhone(phone, 'For later')).toHaveCount(1);
});

test('when the 24 hours end while one writes, the composer changes by itself and the text is kept', async ({ staff, heliograph }) => {
  await staff.clock.install();
  await staff.goto('/', { waitUntil: 'networkidle' });
  await chloeWrites(staff, heliograph, 'Are you open?');
  await openConversation(staff, 'Chloe Nguyen');
  await expect(bubble(staff, 'Are you open?')).toBeVisible();
  await box(staff).fill('Half a sentence');
  await expect(staff.getByRole('button', { name: 'Send WhatsApp' })).toBeEnabled();
  await staff.clock.fastForward('23:30:00');
  await expect(staff.locator('.ways-left.is-warn')).toHaveText(/^WhatsApp: [23]\d min left to reply freely$/);
  await staff.clock.fastForward('00:31:00');
  await expect(staff.getByText(/^More than 24 hours since their last WhatsApp message/)).toBeVisible();
  await expect(box(staff)).toHaveCount(0);
  await staff.getByRole('button', { name: 'Send as SMS instead' }).click();
  await expect(box(staff)).toHaveValue('Half a sentence');
});

test('what was kept from an earlier visit outlives a picture that is dropped where only a template can be sent', async ({ staff, heliograph }) => {
  await openConversation(staff, 'Chloe Nguyen');
  await choose(staff, media('photo.jpg')!);
  await prepared(cards(staff));
  await box(staff).fill('To be continued');
  await chloeWrites(staff, heliograph, 'Are you open?');
  await expect(bubble(staff, 'Are you open?')).toBeVisible();

  // A day later, on a page that has not shown this conversation before.
  await staff.clock.install({ time: Date.now() + 25 * 3_600_000 });
  await staff.goto('/', { waitUntil: 'networkidle' });
  await staff.getByRole('region', { name: 'Conversations' }).getByRole('link', { name: /Chloe Nguyen/ }).click();
  await expect(staff.getByText(/^More than 24 hours since their last WhatsApp message/)).toBeVisible();
  await expect(staff.getByText('What you wrote is kept.')).toBeVisible();
  const dataTransfer = await dragged(staff, [media('alpha.png')!]);
  const stored = staff.waitForResponse('**/api/sms/upload-media/');
  await thread(staff).dispatchEvent('dragenter', { dataTransfer });
  await thread(staff).dispatchEvent('drop', { dataTransfer });
  await stored;

  await staff.getByRole('button', { name: 'Send as SMS instead' }).click();
  await expect(box(staff)).toHaveValue('To be continued');
  await expect(cards(staff)).toHaveCount(2);
  await prepared(cards(staff).last());
  await staff.goto('/', { waitUntil: 'networkidle' });
  await staff.getByRole('region', { name: 'Conversations' }).getByRole('link', { name: /Chloe Nguyen/ }).click();
  await staff.getByRole('button', { name: 'Send as SMS instead' }).click();
  await expect(box(staff)).toHaveValue('To be continued');
  await expect(cards(staff)).toHaveCount(2);
});

test('what WhatsApp no longer takes goes as an SMS, or is taken back with its pictures', async ({ staff, heliograph, context }) => {
  await openConversation(staff, 'Chloe Nguyen');
  await chloeWrites(staff, heliograph, 'Are you open?');
  await expect(way(staff, 'WhatsApp')).toHaveAttribute('aria-pressed', 'true');
  const error = { code: 'template_needed', message: 'More than 24 hours since their last WhatsApp message.', field: null };
  await staff.route('**/api/ui/messages/send', (route) => route.fulfill({ status: 409, json: { error } }));
  await send(staff, 'Until six', 'Send WhatsApp');
  await expect(bubble(staff, 'Until six')).toHaveClass(/is-whatsapp/);
  await expect(bubble(staff, 'Until six').getByText(/^Not sent: More than 24 hours/)).toBeVisible();

  await choose(staff, media('alpha.png')!);
  await prepared(cards(staff));
  await send(staff, 'The way in', 'Send WhatsApp');
  await expect(bubble(staff, 'The way in').getByRole('button', { name: 'Send as MMS' })).toBeVisible();
  const discarded = staff.waitForResponse('**/api/ui/messages/discard-upload');
  await bubble(staff, 'The way in').getByRole('button', { name: 'Remove' }).click();
  expect((await discarded).ok()).toBe(true);
  await expect(bubble(staff, 'The way in')).toHaveCount(0);

  // Also after the page was loaded anew.
  await staff.reload({ waitUntil: 'networkidle' });
  await staff.unroute('**/api/ui/messages/send');
  await bubble(staff, 'Until six').getByRole('button', { name: 'Send as SMS' }).click();
  await expect(bubble(staff, 'Until six')).toHaveClass(/is-sms/);
  await expect(bubble(staff, 'Until six').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  const phone = await openPhone(context, 'Chloe Nguyen');
  await expect(onPhone(phone, 'Until six')).toHaveCount(1);
  await expect(onPhone(phone, 'Until six')).not.toContainText('· WhatsApp');
});

test('an open chooser learns of templates that were approved meanwhile', async ({ staff, context }) => {
  await openConversation(staff, 'Ben Okafor');
  await staff.route('**/api/ui/whatsapp/templates', (route) => route.fulfill({ json: [] }), { times: 1 });
  await way(staff, 'WhatsApp').click();
  await expect(staff.getByText(/^WhatsApp has approved no template for this line yet/)).toBeVisible();
  const admin = await context.newPage();
  await admin.goto('/settings/lines', { waitUntil: 'networkidle' });
  await admin.getByRole('button', { name: 'More for Simulator' }).click();
  await admin.getByRole('menuitem', { name: 'Refresh templates' }).click();
  await expect(admin.getByText('3 of 4 WhatsApp templates are approved.')).toBeVisible();
  await staff.bringToFront();
  await expect(staff.getByLabel('Template', { exact: true }).getByRole('option')).toHaveCount(4);
});

test('an admin asks for the templates of a line', async ({ staff }) => {
  await staff.goto('/settings/lines', { waitUntil: 'networkidle' });
  await staff.getByRole('button', { name: 'More for Simulator' }).click();
  await staff.getByRole('menuitem', { name: 'Refresh templates' }).click();
  await expect(staff.getByText('3 of 4 WhatsApp templates are approved.')).toBeVisible();
});
