import type { Page } from '@playwright/test';
import { bubble, openConversation, openPhone, openViewer, reply, send } from '../support/desk.ts';
import { expect, signIn, test, violations } from '../support/journey.ts';
import { media } from '../support/settings.ts';

const SIZES = [
  { width: 1440, height: 900 },
  { width: 360, height: 740 },
];
const SCHEMES = ['light', 'dark'] as const;

/** Errors of a page's console; emptied when they are asked for. */
function listen(page: Page): () => string[] {
  let errors: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') {
      errors.push(`${message.text()} (${message.location().url})`);
    }
  });
  return () => {
    const heard = errors;
    errors = [];
    return heard;
  };
}

/** The page and its scrollers, as far as their content is wider than they are: they hide what sticks out. */
function tooWide(): string[] {
  const scrollers = [document.documentElement, ...document.querySelectorAll('.page, .thread-scroll, .inbox-rows, .panel, .dialog')];
  return scrollers
    .filter((element) => element.scrollWidth > element.clientWidth)
    .map((element) => `${element.className || element.tagName}: ${element.scrollWidth} > ${element.clientWidth}`);
}

/** Looks at a screen, as it stands open, in every size and in light and dark; what is wrong with one hides no other. */
async function expectWell(page: Page, name: string, errors: () => string[], expected?: RegExp): Promise<void> {
  await test.step(name, async () => {
    for (const size of SIZES) {
      await page.setViewportSize(size);
      for (const colorScheme of SCHEMES) {
        await test.step(`${size.width} px, ${colorScheme}`, async () => {
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          expect.soft(await violations(page), `${name}, ${size.width} px, ${colorScheme}`).toEqual([]);
        });
      }
      expect.soft(await page.evaluate(tooWide), `${name} is wider than ${size.width} px`).toEqual([]);
    }
    expect.soft(errors().filter((error) => !expected?.test(error)), name).toEqual([]);
    await page.setViewportSize(SIZES[0]);
  });
}

test('the way in is well in every size and scheme', async ({ page, heliograph }) => {
  const errors = listen(page);
  await page.goto('/sign-in', { waitUntil: 'networkidle' });
  await expectWell(page, 'Sign in', errors);
  await page.getByLabel('E-mail').fill('admin@harbour.example');
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.locator('.banner')).toBeVisible();
  await expectWell(page, 'Sign in, refused', errors, /status of 4\d\d/);
  await page.goto(heliograph.welcomeLink, { waitUntil: 'networkidle' });
  await expectWell(page, 'Welcome', errors);
  await signIn(page, heliograph.welcomeLink);
  await page.goto(heliograph.welcomeLink, { waitUntil: 'networkidle' });
  await expectWell(page, 'Welcome, used link', errors, /status of 404/);
});

test('the inbox and its dialogs are well in every size and scheme', async ({ staff }) => {
  const errors = listen(staff);
  await staff.goto('/', { waitUntil: 'networkidle' });
  await expect(staff.getByText('No conversations yet')).toBeVisible();
  await expectWell(staff, 'Inbox, empty', errors);

  await staff.getByRole('button', { name: 'New conversation' }).first().click();
  await expect(staff.getByRole('dialog').getByText('Elsie Brandt')).toBeVisible();
  await expectWell(staff, 'New conversation', errors);
  await staff.keyboard.press('Escape');

  await openConversation(staff, 'Amelia Hart');
  await expectWell(staff, 'Thread, empty', errors);
  const phone = await openPhone(staff.context(), 'Amelia Hart');
  const errorsOfPhone = listen(phone);
  await reply(phone, 'A photo', media('photo.jpg')!);
  await staff.bringToFront();
  await send(staff, 'Thank you', 'Send SMS');
  await expect(bubble(staff, 'Thank you').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  await expect(bubble(staff, 'A photo').getByRole('img')).toBeVisible({ timeout: 60_000 });
  await expectWell(staff, 'Thread', errors);
  await phone.bringToFront();
  await expectWell(phone, 'Phone', errorsOfPhone);
  await phone.close();

  await staff.bringToFront();
  await openViewer(staff, 'A photo');
  await expectWell(staff, 'Viewer', errors);
  await staff.keyboard.press('Escape');
  await staff.keyboard.press('?');
  await expect(staff.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
  await expectWell(staff, 'Keyboard', errors);
});

test('records and images are well in every size and scheme', async ({ staff }) => {
  const errors = listen(staff);
  await staff.goto('/images', { waitUntil: 'networkidle' });
  await expect(staff.getByText('No images filed yet')).toBeVisible();
  await expectWell(staff, 'Images, empty', errors);
  await staff.goto('/patients', { waitUntil: 'networkidle' });
  await expectWell(staff, 'Patients', errors);
  await staff.getByRole('link', { name: /Amelia Hart/ }).click();
  await expect(staff.getByText('No images in this record yet')).toBeVisible();
  await staff.getByRole('button', { name: 'Change details' }).click();
  await expect(staff.getByRole('dialog')).toBeVisible();
  await expectWell(staff, 'Change details', errors);
  await staff.keyboard.press('Escape');

  await staff.getByRole('button', { name: 'Add images' }).click();
  const dialog = staff.getByRole('dialog', { name: 'Add images' });
  await dialog.locator('input[type=file]').setInputFiles(media('photo.jpg')!);
  await dialog.getByLabel('Category').selectOption('Other');
  await expectWell(staff, 'Add images', errors);
  await dialog.getByRole('button', { name: 'Save to Images' }).click();
  const tile = staff.getByRole('region', { name: 'Today' }).getByRole('img');
  await expect(tile).toBeVisible({ timeout: 60_000 });
  await expectWell(staff, 'Record', errors);
  await staff.goto('/images', { waitUntil: 'networkidle' });
  await expect(tile).toBeVisible();
  await expectWell(staff, 'Images', errors);
  await tile.click();
  await expect(staff.getByRole('dialog').getByRole('img')).toBeVisible();
  await expectWell(staff, 'Image, large', errors);
});

test('reports are well in every size and scheme', async ({ staff }) => {
  const errors = listen(staff);
  await staff.goto('/reports', { waitUntil: 'networkidle' });
  await expect(staff.getByText('Nothing sent or received')).toBeVisible();
  await expectWell(staff, 'Reports, empty', errors);
  await staff.goto('/', { waitUntil: 'networkidle' });
  await openConversation(staff, 'Amelia Hart');
  await send(staff, 'Hello', 'Send SMS');
  await expect(bubble(staff, 'Hello').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  for (const by of ['day', 'line', 'carrier', 'channel']) {
    await staff.goto(`/reports?by=${by}`, { waitUntil: 'networkidle' });
    await expectWell(staff, `Reports by ${by}`, errors);
  }
  // A large practice: numbers and names that leave each other little room.
  await staff.route('**/api/ui/reports/messages', async (route) => {
    const report = await (await route.fetch()).json();
    const large = { ...report.rows[0], messages: 123_456, parts: 234_567, cost_micros: 12_345_670_000 };
    report.rows = [
      { ...large, group: 'smsbroadcast', name: 'SMS Broadcast' },
      { ...large, group: 'smsbroadcast', name: 'SMS Broadcast', currency: null, cost_micros: 0 },
      { ...large, group: 'messagemedia', name: 'MessageMedia', direction: 'inbound' },
    ];
    await route.fulfill({ json: report });
  });
  await staff.getByRole('link', { name: 'By carrier' }).click();
  await expect(staff.getByRole('row', { name: /^SMS Broadcast/ })).toContainText('A$12,345.67');
  await expectWell(staff, 'Reports of a large practice', errors);
  await staff.unrouteAll({ behavior: 'wait' });
  await staff.goto('/reports?from=2026-03-02&to=2026-03-01', { waitUntil: 'networkidle' });
  await expect(staff.getByText('The last day is before the first one.')).toBeVisible();
  await expectWell(staff, 'Reports, refused', errors, /status of 422/);
  await staff.goto('/reports/compare', { waitUntil: 'networkidle' });
  await expectWell(staff, 'Compare carriers', errors);
});

test('settings and what is not there are well in every size and scheme', async ({ staff }) => {
  const errors = listen(staff);
  for (const tab of ['organisation', 'staff', 'lines', 'tokens', 'operation', 'profile']) {
    await staff.goto(`/settings/${tab}`, { waitUntil: 'networkidle' });
    await expectWell(staff, `Settings, ${tab}`, errors);
  }
  await staff.goto('/phone', { waitUntil: 'networkidle' });
  await expectWell(staff, 'Phone, none chosen', errors);
  for (const path of ['/nowhere', '/settings/nowhere', '/patients/nobody', '/c/nobody']) {
    await staff.goto(path, { waitUntil: 'networkidle' });
    await expectWell(staff, path, errors, /status of 404/);
  }
});
