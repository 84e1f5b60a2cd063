import type { Browser, Locator, Page } from '@playwright/test';
import { bubble, cards, choose, onPhone, openConversation, openPhone, prepared, send } from '../support/desk.ts';
import { expect, expectAccessible, test, violations } from '../support/journey.ts';
import { media } from '../support/settings.ts';

const PHONE = { width: 360, height: 740 };
const iphone = media('heic/arrow.heic') ?? media('photo.heic')!;

/** The line below a message that says how its link fares. */
function linkLine(staff: Page, text: string): Locator {
  return bubble(staff, text).getByText(/^Private link/);
}

/** Chooses a picture, switches the link on, and sends it. */
async function sendLink(staff: Page, file: string, text: string, choices: string[] = []): Promise<void> {
  await choose(staff, file);
  await prepared(cards(staff));
  await staff.getByLabel('Send as private link').check();
  for (const choice of choices) {
    await staff.getByLabel(choice).check();
  }
  await send(staff, text, 'Send link');
}

/** The link as the simulated phone got it. */
async function received(phone: Page, text: string): Promise<string> {
  const message = onPhone(phone, text).last();
  await expect(message).toBeVisible({ timeout: 60_000 });
  await expect(message.locator('img')).toHaveCount(0);
  return (await message.getByRole('link').getAttribute('href'))!;
}

/** A patient's own browser: no cookies of anybody, and no scripts either. */
async function patientsBrowser(browser: Browser): Promise<Page> {
  const context = await browser.newContext({ viewport: PHONE, javaScriptEnabled: false });
  return context.newPage();
}

/** Revokes a link where its menu is open, and after being asked. */
async function revoke(staff: Page): Promise<void> {
  await staff.getByRole('menuitem', { name: 'Revoke' }).click();
  const asked = staff.getByRole('dialog', { name: 'Revoke this link?' });
  await expect(asked).toContainText('The patient can no longer open it');
  await asked.getByRole('button', { name: 'Revoke link' }).click();
  await expect(asked).toHaveCount(0);
}

/** What a menu of a link offers. */
async function act(staff: Page, text: string, item: string): Promise<void> {
  await staff.bringToFront();
  await bubble(staff, text).first().getByRole('button', { name: 'Private link' }).click();
  await staff.getByRole('menuitem', { name: item }).click();
}

test('a photo stays, and its private link is opened by pressing the button', async ({ staff, browser, heliograph }) => {
  await openConversation(staff, 'Amelia Hart');
  await choose(staff, iphone);
  await prepared(cards(staff));
  await expect(staff.getByRole('button', { name: 'Send MMS' })).toBeVisible();
  await staff.getByLabel('Send as private link').check();
  await staff.getByRole('textbox', { name: 'Message', exact: true }).fill('Your scan');
  // The link is counted along.
  const counted = 'Your scan\n'.length + `${heliograph.url}/i/`.length + 17;
  await expect(staff.getByText(`${counted} / 160 · 1 part`)).toBeVisible();
  await expectAccessible(staff);
  await staff.getByRole('button', { name: 'Send link' }).click();
  await expect(cards(staff)).toHaveCount(0);
  await expect(linkLine(staff, 'Your scan')).toHaveText(/^Private link · not opened yet · until tomorrow \d\d:\d\d$/);
  // The text shows that a link follows, not the link.
  await expect(bubble(staff, 'Your scan').locator('p.bubble')).toHaveText('Your scan private link');

  const phone = await openPhone(staff.context(), 'Amelia Hart');
  const link = await received(phone, 'Your scan');
  const token = link.split('/').pop()!;
  expect(token).toMatch(/^[0-9A-Za-z]{17}$/);

  const patient = await patientsBrowser(browser);
  const asked: string[] = [];
  patient.on('request', (request) => asked.push(request.url()));
  await patient.goto(link);
  await expect(patient.getByRole('heading', { name: 'Harbour Clinic' })).toBeVisible();
  await expect(patient.getByText('Amelia')).toHaveCount(0);
  // A messenger has looked as well by now, and nothing was used up.
  await staff.bringToFront();
  await expect(linkLine(staff, 'Your scan')).toHaveText(/not opened yet/);
  await patient.getByRole('button', { name: 'View photo' }).click();
  const photo = patient.getByRole('img', { name: 'The photo' });
  await expect(photo).toBeVisible();
  const saved = patient.waitForEvent('download');
  await patient.getByRole('link', { name: 'Save the photo' }).click();
  expect((await saved).suggestedFilename()).toBe('photo.jpg');
  expect(asked.filter((url) => !url.startsWith(heliograph.url))).toEqual([]);

  // Staff see it without loading anew.
  await staff.bringToFront();
  await expect(linkLine(staff, 'Your scan')).toHaveText(/^Private link · opened \d\d:\d\d · until tomorrow/);
  await act(staff, 'Your scan', 'Extend by 24 hours');
  await expect(linkLine(staff, 'Your scan')).toHaveText(/until [A-Z][a-z]{2} \d\d:\d\d$/);
  // The answer to the first press gets lost: pressing once more is the same message.
  const ids: string[] = [];
  const resend = '**/api/ui/links/resend';
  await staff.route(resend, async (route) => {
    ids.push(route.request().postDataJSON().client_id);
    const answer = await route.fetch();
    await (ids.length === 1 ? route.abort() : route.fulfill({ response: answer }));
  });
  await act(staff, 'Your scan', 'Send again');
  await expect(linkLine(staff, 'Your scan')).toHaveCount(2, { timeout: 60_000 });
  await act(staff, 'Your scan', 'Send again');
  await expect.poll(() => ids.length).toBe(2);
  expect(ids[1]).toBe(ids[0]);
  await staff.unrouteAll({ behavior: 'wait' });
  await expect(linkLine(staff, 'Your scan').last()).toHaveText(/^Private link, sent again/);
  await phone.bringToFront();
  await expect(onPhone(phone, link)).toHaveCount(2, { timeout: 60_000 });
  await staff.bringToFront();
  await bubble(staff, 'Your scan').last().getByRole('button', { name: 'Private link' }).click();
  await expectAccessible(staff);
  // A slip of the finger costs nothing.
  await staff.getByRole('menuitem', { name: 'Revoke' }).click();
  await expect(staff.getByRole('dialog', { name: 'Revoke this link?' })).toBeVisible();
  await expectAccessible(staff);
  await staff.getByRole('button', { name: 'Keep it' }).click();
  await expect(linkLine(staff, 'Your scan').last()).not.toHaveText(/revoked/);
  await bubble(staff, 'Your scan').last().getByRole('button', { name: 'Private link' }).click();
  await revoke(staff);
  for (const line of await linkLine(staff, 'Your scan').all()) {
    await expect(line).toHaveText(/ · revoked$/);
  }

  expect((await patient.goto(link))!.status()).toBe(410);
  await expect(patient.getByRole('heading', { name: 'This link was withdrawn' })).toBeVisible();
  await expect(patient.getByText('Harbour Clinic')).toBeVisible();
  await expect(patient.getByRole('link', { name: '+61 491 570 006' })).toHaveAttribute('href', 'tel:+61491570006');
  expect(heliograph.output()).not.toContain(token);
  await patient.context().close();
});

test('a link may open once, and for the date of birth alone', async ({ staff, browser }) => {
  await openConversation(staff, 'Ben Okafor');
  await sendLink(staff, media('photo.jpg')!, 'Your result', ['Opens once', 'Ask for the date of birth']);
  const phone = await openPhone(staff.context(), 'Ben Okafor');
  const link = await received(phone, 'Your result');
  const patient = await patientsBrowser(browser);
  await patient.goto(link);
  const give = async (day: string, month: string, year: string) => {
    await patient.getByLabel('Day').fill(day);
    await patient.getByLabel('Month').fill(month);
    await patient.getByLabel('Year').fill(year);
    await patient.getByRole('button', { name: 'View photo' }).click();
  };
  await give('4', '11', '1971');
  await expect(patient.getByRole('alert')).toHaveText('This is not the right date. 4 tries are left.');
  await give('3', '11', '1971');
  await expect(patient.getByRole('img', { name: 'The photo' })).toBeVisible();
  await patient.goto(link);
  await expect(patient.getByRole('heading', { name: 'This link was used already' })).toBeVisible();
  await staff.bringToFront();
  await expect(linkLine(staff, 'Your result')).toHaveText(/opened \d\d:\d\d · closed after one opening$/);
  await patient.context().close();
});

test('a line that sends no pictures offers the link in their place', async ({ staff }) => {
  const call = async (name: string, data: unknown) => {
    const answer = await staff.request.post(`/api/ui/settings/${name}`, { data });
    expect(answer.status(), await answer.text()).toBe(200);
    return answer.json();
  };
  const credentials = { username: 'clinic', password: 'not a real one', api_base: 'http://127.0.0.1:1' };
  const line = { name: 'Text only', number: '0491 570 313', provider: 'smsbroadcast', credentials };
  const { id } = await call('create-line', line);
  await call('set-default-line', { id });
  await openConversation(staff, 'Chloe Nguyen');
  await choose(staff, media('photo.jpg')!);
  await prepared(cards(staff));
  await expect(staff.getByText('SMS Broadcast cannot send pictures, only text.')).toBeVisible();
  await expect(staff.getByRole('button', { name: 'Send MMS' })).toBeDisabled();
  await expectAccessible(staff);
  await staff.getByRole('button', { name: 'Use a private link' }).click();
  await expect(staff.getByRole('button', { name: 'Send link' })).toBeEnabled();
  await staff.reload({ waitUntil: 'networkidle' });
  // What was meant to stay here is not about to travel after a reload.
  await expect(staff.getByRole('button', { name: 'Send link' })).toBeEnabled();
});

test('the page behind a link is well on a phone and on a desk, in light and dark', async ({ staff, browser }) => {
  await openConversation(staff, 'Dan Rossi');
  await sendLink(staff, iphone, 'Your plan', ['Ask for the date of birth']);
  const phone = await openPhone(staff.context(), 'Dan Rossi');
  const link = await received(phone, 'Your plan');
  const context = await browser.newContext();
  const patient = await context.newPage();
  const expectWell = async (name: string) => {
    for (const size of [PHONE, { width: 1440, height: 900 }]) {
      await patient.setViewportSize(size);
      for (const colorScheme of ['light', 'dark'] as const) {
        await patient.emulateMedia({ colorScheme });
        expect.soft(await violations(patient), `${name}, ${size.width} px, ${colorScheme}`).toEqual([]);
      }
      const tooWide = await patient.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      expect.soft(tooWide, `${name} is wider than ${size.width} px`).toBe(false);
    }
  };
  await patient.goto(link);
  await expectWell('Before');
  await patient.getByLabel('Day').fill('9');
  await patient.getByLabel('Month').fill('1');
  await patient.getByLabel('Year').fill('1960');
  await patient.getByRole('button', { name: 'View photo' }).click();
  await expect(patient.getByRole('alert')).toBeVisible();
  await expectWell('Wrong date');
  await patient.getByLabel('Day').fill('9');
  await patient.getByLabel('Month').fill('1');
  await patient.getByLabel('Year').fill('1959');
  await patient.getByRole('button', { name: 'View photo' }).click();
  await expect(patient.getByRole('img')).toBeVisible();
  await expectWell('Inside');
  await staff.bringToFront();
  await bubble(staff, 'Your plan').first().getByRole('button', { name: 'Private link' }).click();
  await revoke(staff);
  await expect(linkLine(staff, 'Your plan')).toHaveText(/revoked$/);
  await patient.goto(link);
  await expectWell('Closed');
  await patient.goto(link.replace(/.$/, '_'));
  await expectWell('Unknown');
  await context.close();
});

test('a picture that was sent stays in sight while the server makes its own', async ({ staff }) => {
  await openConversation(staff, 'Elsie Brandt');
  // As far as this page hears, the server is never done.
  await staff.route(/\/api\/ui\/(messages|inbox)\//, async (route) => {
    const response = await route.fetch();
    const body = (await response.text())
      .replaceAll(/"tile_url":"[^"]*"/g, '"tile_url":null')
      .replaceAll('"state":"ready"', '"state":"processing"');
    await route.fulfill({ response, body });
  });
  await choose(staff, iphone);
  await expect(cards(staff).getByRole('img')).toBeVisible({ timeout: 60_000 });
  await staff.getByLabel('Send as private link').check();
  await send(staff, 'Your scan', 'Send link');
  await expect(linkLine(staff, 'Your scan')).toBeVisible();
  const isShown = () =>
    bubble(staff, 'Your scan').getByRole('img').evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth > 0);
  await expect(bubble(staff, 'Your scan').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  await expect.poll(isShown).toBe(true);
  // Also after looking something up elsewhere.
  await staff.getByRole('link', { name: 'Patients' }).click();
  await expect(staff).toHaveURL(/\/patients$/);
  await staff.goBack();
  await expect.poll(isShown).toBe(true);
  await staff.unrouteAll({ behavior: 'ignoreErrors' });
  await staff.reload({ waitUntil: 'networkidle' });
  await expect.poll(isShown, { timeout: 60_000 }).toBe(true);
});

test('a document goes as a private link by itself, and nothing else does', async ({ staff, browser }) => {
  await openConversation(staff, 'Amelia Hart');
  for (const [name, bytes, what] of [
    ['archive.zip', 'PK\x03\x04', 'a ZIP archive'],
    // Names decide nothing.
    ['letter.pdf', 'MZ\x90\0', 'a program'],
    ['notes.txt', 'Take one a day', 'a file of an unknown type'],
  ]) {
    await choose(staff, { name, mimeType: 'application/pdf', buffer: Buffer.from(bytes, 'latin1') });
    const notice = staff.locator('.notice').filter({ hasText: name });
    await expect(notice).toContainText(what);
    await expect(notice).toContainText('Accepted are JPEG, PNG, GIF, HEIC and WebP; as a private link also PDF');
    await notice.getByRole('button').click();
  }
  await expect(cards(staff)).toHaveCount(0);

  const letter = { name: 'Letter.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.7\n%%EOF\n') };
  await choose(staff, letter);
  await expect(cards(staff)).toContainText('Letter.pdf');
  await expect(staff.getByLabel('Send as private link')).toBeChecked();
  const reason = staff.getByText('A PDF cannot go by MMS here. It will be sent as a private link.');
  await expect(reason).toBeVisible();
  await expect(staff.getByText('The patient sees it as document.pdf, so that its name says nothing on the way.')).toBeVisible();
  await expectAccessible(staff);
  await staff.getByLabel('Send as private link').uncheck();
  await expect(staff.getByText('A PDF only goes as a private link.')).toBeVisible();
  await expect(staff.getByRole('button', { name: 'Send MMS' })).toBeDisabled();
  await staff.getByLabel('Send as private link').check();
  await expect(reason).toBeVisible();
  await send(staff, 'Your letter', 'Send link');
  const sent = bubble(staff, 'Your letter');
  await expect(sent).toContainText('Letter.pdf');
  const kept = staff.waitForEvent('download');
  await sent.getByRole('link', { name: 'Download' }).click();
  expect((await kept).suggestedFilename()).toBe('Letter.pdf');

  const phone = await openPhone(staff.context(), 'Amelia Hart');
  const link = await received(phone, 'Your letter');
  const context = await browser.newContext({ viewport: PHONE });
  const patient = await context.newPage();
  await patient.goto(link);
  await expect(patient.getByText('sent you a document')).toBeVisible();
  await patient.getByRole('button', { name: 'Open document' }).click();
  await expect(patient.getByRole('link', { name: 'Open the document' })).toBeVisible();
  await expectAccessible(patient);
  const saved = patient.waitForEvent('download');
  await patient.getByRole('link', { name: 'Save the document' }).click();
  expect((await saved).suggestedFilename()).toBe('document.pdf');
  await context.close();
});

test('a video stays as well, and is played on the page', async ({ staff, browser }) => {
  await openConversation(staff, 'Ben Okafor');
  const head = Buffer.from('\0\0\0\x18ftypmp42\0\0\0\0isommp42', 'latin1');
  await choose(staff, { name: 'walk.mp4', mimeType: 'video/mp4', buffer: Buffer.concat([head, Buffer.alloc(5000)]) });
  await expect(staff.getByText('A video cannot go by MMS here.')).toBeVisible();
  // It outlives the page like any draft.
  await expect(staff.getByRole('button', { name: 'Send link' })).toBeEnabled();
  await staff.reload({ waitUntil: 'networkidle' });
  await expect(cards(staff)).toContainText('walk.mp4');
  await send(staff, 'Your walk', 'Send link');
  const phone = await openPhone(staff.context(), 'Ben Okafor');
  const link = await received(phone, 'Your walk');
  const patient = await patientsBrowser(browser);
  await patient.goto(link);
  await patient.getByRole('button', { name: 'Play video' }).click();
  const video = patient.locator('video');
  await expect(video).toBeVisible();
  const piece = await patient.request.get((await video.getAttribute('src'))!, { headers: { range: 'bytes=4-7' } });
  expect([piece.status(), await piece.text()]).toEqual([206, 'ftyp']);
  await patient.context().close();
});
