import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { bubble, cards, choose, makeToken, openConversation, openPhone, openViewer, prepared, reply, send, thread } from '../support/desk.ts';
import { expect, test } from '../support/journey.ts';
import { held, media } from '../support/settings.ts';

const photo = media('photo.jpg')!;

/** A conversation with a photo that the patient sent, opened by staff. */
async function received(staff: Page, patient: string, text: string): Promise<void> {
  await openConversation(staff, patient);
  const phone = await openPhone(staff.context(), patient);
  await reply(phone, text, photo);
  await phone.close();
  await staff.bringToFront();
  await expect(bubble(staff, text).getByRole('img')).toBeVisible({ timeout: 60_000 });
}

/** Files the picture of a message. */
async function file(staff: Page, text: string, category: string): Promise<void> {
  const viewer = await openViewer(staff, text);
  await viewer.getByLabel('Category').selectOption(category);
  await viewer.getByRole('button', { name: 'Save to Images' }).click();
  await expect(viewer.getByRole('button', { name: 'Saved to Images' })).toBeDisabled();
  await staff.keyboard.press('Escape');
  await expect(viewer).toBeHidden();
}

/** Opens the record of the conversation's patient and waits for its images. */
async function openRecord(staff: Page, patient: string): Promise<void> {
  await staff.getByRole('complementary', { name: 'Patient' }).getByRole('link', { name: patient, exact: true }).click();
  await expect(staff.getByRole('heading', { name: 'Images' })).toBeVisible();
}

test('a picture is filed once, whoever saves it again', async ({ staff, context, heliograph }) => {
  await received(staff, 'Amelia Hart', 'My knee');

  // A second window that hears of no change, as one that has just lost its connection.
  const other = await context.newPage();
  await other.route('**/api/live?*', (route) => route.abort());
  await other.goto(staff.url(), { waitUntil: 'networkidle' });
  const stale = await openViewer(other, 'My knee');

  await staff.bringToFront();
  const viewer = await openViewer(staff, 'My knee');
  await viewer.getByRole('button', { name: 'Save to Images' }).click();
  await expect(viewer.getByText('Select a category').last()).toBeVisible();
  await viewer.getByLabel('Category').selectOption('X-rays');
  await viewer.getByRole('button', { name: 'Save to Images' }).click();
  await expect(viewer.getByRole('button', { name: 'Saved to Images' })).toBeDisabled();

  await other.bringToFront();
  await stale.getByLabel('Category').selectOption('Devices');
  await stale.getByRole('button', { name: 'Save to Images' }).click();
  await expect(stale.getByRole('button', { name: 'Saved to Images' })).toBeDisabled();
  await expect(stale.getByText('Category: X-rays')).toBeVisible();
  await other.close();

  await staff.bringToFront();
  await staff.keyboard.press('Escape');
  const token = await makeToken(staff);
  const ask = async (path: string, body?: unknown) => {
    const answer = await fetch(`${heliograph.url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: answer.status, body: await answer.json() };
  };
  const patients = await ask('/api/patients?search=Amelia');
  const patient = patients.body.items[0].patient.id;
  const messages = await ask(`/api/sms/patient/${patient}/messages/`);
  const message = messages.body.messages.find(({ text }: { text: string }) => text === 'My knee').id;
  const saved = await ask(`/api/sms/mms/${message}/is-saved/?patient_id=${patient}`);
  expect(saved.body).toMatchObject({ is_saved: true });
  const again = await ask(`/api/sms/mms/${message}/save-to-images/`, { patient_id: patient, category: 'other' });
  expect(again).toMatchObject({ status: 200, body: { image_id: saved.body.image_id, already_saved: true } });
});

test('a filed picture shows where it came from and leads back there', async ({ staff }) => {
  await received(staff, 'Ben Okafor', 'The brace');
  await send(staff, 'Thank you', 'Send SMS');
  await file(staff, 'The brace', 'Devices');
  await openRecord(staff, 'Ben Okafor');

  const today = staff.getByRole('region', { name: 'Today' });
  const tile = today.getByRole('listitem');
  await expect(tile).toHaveCount(1);
  await expect(tile.getByRole('img')).toBeVisible();
  await expect(tile.getByText(/^From SMS: \d+ \w+ \d{4}, \d\d:\d\d$/)).toBeVisible();

  await test.step('category filter', async () => {
    const filter = staff.getByRole('navigation', { name: 'Category' });
    await filter.getByRole('link', { name: 'Reports' }).click();
    await expect(staff.getByText('Nothing under Reports')).toBeVisible();
    await filter.getByRole('link', { name: 'Devices' }).click();
    await expect(tile.getByRole('img')).toBeVisible();
  });

  await test.step('View in SMS', async () => {
    await tile.getByRole('link', { name: 'View in SMS' }).click();
    await expect(staff).toHaveURL(/\/c\/.+\?m=/);
    await expect(bubble(staff, 'The brace')).toHaveClass(/is-marked/);
    await expect(bubble(staff, 'The brace')).toBeInViewport();
    await expect(bubble(staff, 'Thank you')).not.toHaveClass(/is-marked/);
  });
});

test('what we sent is filed too, and pictures are added to a record directly', async ({ staff }) => {
  await openConversation(staff, 'Chloe Nguyen');
  await choose(staff, photo);
  await prepared(cards(staff));
  await send(staff, 'Your prescription', 'Send MMS');
  await expect(bubble(staff, 'Your prescription').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  await file(staff, 'Your prescription', 'Prescriptions');
  await openRecord(staff, 'Chloe Nguyen');

  await staff.getByRole('button', { name: 'Add images' }).click();
  const dialog = staff.getByRole('dialog', { name: 'Add images' });
  await dialog.locator('input[type=file]').setInputFiles(media('heic/arrow.heic') ?? media('photo.heic')!);
  await expect(dialog.getByRole('list', { name: 'Chosen' }).getByRole('listitem')).toHaveCount(1);
  await dialog.getByRole('button', { name: 'Save to Images' }).click();
  await expect(dialog.getByText('Select a category.')).toBeVisible();
  await dialog.getByLabel('Category').selectOption('Reports');
  await dialog.getByLabel('Caption (optional)').fill('From the laboratory');
  await dialog.getByRole('button', { name: 'Save to Images' }).click();
  await expect(dialog).toBeHidden({ timeout: 60_000 });

  const tiles = staff.getByRole('region', { name: 'Today' }).getByRole('listitem');
  await expect(tiles).toHaveCount(2);
  await expect(tiles.filter({ hasText: 'From the laboratory' }).getByText('Added here')).toBeVisible();
  await expect(tiles.filter({ hasText: 'Prescriptions' }).getByText(/From SMS/)).toBeVisible();
  await expect(tiles.locator('img')).toHaveCount(2, { timeout: 60_000 });
});

test('the viewer leads from picture to picture and gives the original back', async ({ staff }) => {
  await received(staff, 'Dan Rossi', 'First');
  const phone = await openPhone(staff.context(), 'Dan Rossi');
  await reply(phone, 'Second', media('alpha.png')!);
  await staff.bringToFront();
  await expect(thread(staff).getByRole('img')).toHaveCount(2, { timeout: 60_000 });

  const viewer = await openViewer(staff, 'First');
  await expect(viewer.getByText('First')).toBeVisible();
  await expect(viewer.getByRole('button', { name: /^Previous picture/ })).toBeDisabled();
  await staff.keyboard.press('ArrowRight');
  await expect(viewer.getByText('Second')).toBeVisible();
  await expect(viewer.getByRole('button', { name: /^Next picture/ })).toBeDisabled();
  await staff.keyboard.press('ArrowLeft');
  await expect(viewer.getByText('First')).toBeVisible();

  await test.step('what arrives meanwhile takes no choice away', async () => {
    await staff.keyboard.press('ArrowRight');
    await expect(viewer.getByText('Second')).toBeVisible();
    await viewer.getByLabel('Category').selectOption('Devices');
    await phone.bringToFront();
    await reply(phone, 'Third', photo);
    await staff.bringToFront();
    await expect(viewer.getByRole('button', { name: /^Next picture/ })).toBeEnabled({ timeout: 60_000 });
    await expect(viewer.getByLabel('Category')).toHaveValue('devices');
    await viewer.getByRole('button', { name: /^Previous picture/ }).click();
    await expect(viewer.getByText('First')).toBeVisible();
  });

  const download = staff.waitForEvent('download');
  await viewer.getByRole('link', { name: 'Download original' }).click();
  const original = await readFile((await (await download).path())!);
  expect(original.equals(await readFile(photo))).toBe(true);

  await staff.keyboard.press('Escape');
  await expect(viewer).toBeHidden();
  await expect(bubble(staff, 'First').getByRole('button', { name: /^Picture 1/ })).toBeFocused();
});

test('a picture goes to the one of several patients on a number that it is saved for', async ({ staff }) => {
  await staff.goto('/patients?number=%2B61491570156', { waitUntil: 'networkidle' });
  await staff.getByRole('dialog').getByLabel('Name').fill('Oscar Hart');
  await staff.getByRole('dialog').getByRole('button', { name: 'Make record' }).click();
  await expect(staff.getByRole('heading', { name: 'Oscar Hart' })).toBeVisible();
  await staff.goto('/', { waitUntil: 'networkidle' });
  await received(staff, 'Amelia Hart', 'His elbow');

  const viewer = await openViewer(staff, 'His elbow');
  const patient = viewer.getByLabel('Patient', { exact: true });
  await viewer.getByRole('button', { name: 'Save to Images' }).click();
  await expect(viewer.getByText('Select a patient').last()).toBeVisible();
  await patient.selectOption('Oscar Hart');
  await viewer.getByLabel('Category').selectOption('Devices');
  await viewer.getByRole('button', { name: 'Save to Images' }).click();
  const saved = viewer.getByRole('button', { name: 'Saved to Images' });
  await expect(saved).toBeDisabled();
  await expect(patient.getByRole('option', { name: 'Oscar Hart' })).toHaveJSProperty('selected', true);

  await test.step('whom it was saved for stands there the next time', async () => {
    await staff.keyboard.press('Escape');
    await expect(viewer).toBeHidden();
    await openViewer(staff, 'His elbow');
    await expect(patient.getByRole('option', { name: 'Oscar Hart' })).toHaveJSProperty('selected', true);
    await expect(saved).toBeVisible();
    await patient.selectOption('Amelia Hart');
    await expect(viewer.getByRole('button', { name: 'Save to Images' })).toBeVisible();
  });
});

test('what is left out, or not sent yet when the dialog closes, is not filed', async ({ staff }) => {
  await staff.goto('/patients', { waitUntil: 'networkidle' });
  await staff.getByRole('link', { name: /Ben Okafor/ }).click();
  const dialog = staff.getByRole('dialog', { name: 'Add images' });
  const chosen = dialog.getByRole('list', { name: 'Chosen' }).getByRole('listitem');
  let uploads = 0;
  let first = held();
  await staff.route('**/api/patients/*/images', async (route) => {
    uploads += 1;
    await first.released;
    // The page may have given it up meanwhile.
    await route.continue().catch(() => {});
  });
  const begin = async () => {
    first = held();
    await staff.getByRole('button', { name: 'Add images' }).click();
    await dialog.locator('input[type=file]').setInputFiles([photo, media('alpha.png')!]);
    await expect(chosen).toHaveCount(2);
    await dialog.getByLabel('Category').selectOption('Other');
    await dialog.getByRole('button', { name: 'Save to Images' }).click();
    await expect(dialog.getByRole('progressbar')).toHaveCount(1);
  };

  await begin();
  const waits = chosen.filter({ hasNot: staff.getByRole('progressbar') });
  await waits.getByRole('button', { name: /^Leave out/ }).click();
  first.release();
  await expect(dialog).toBeHidden();
  const tiles = staff.getByRole('region', { name: 'Today' }).getByRole('listitem');
  await expect(tiles).toHaveCount(1);
  expect(uploads).toBe(1);

  await begin();
  await staff.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  first.release();
  await staff.reload({ waitUntil: 'networkidle' });
  await expect(tiles).toHaveCount(1);
  expect(uploads).toBe(2);
});

test('a small picture whose link has expired is shown again', async ({ staff }) => {
  await received(staff, 'Chloe Nguyen', 'My wrist');
  await staff.goto('/', { waitUntil: 'networkidle' });
  await staff.route(
    '**/api/ui/inbox/thread',
    async (route) => {
      const answer = await route.fetch();
      const slice = await answer.json();
      slice.messages[0].attachments[0].tile_url = '/media/expired';
      await route.fulfill({ response: answer, json: slice });
    },
    { times: 1 },
  );
  await openConversation(staff, 'Chloe Nguyen');
  const tile = bubble(staff, 'My wrist').getByRole('img');
  await expect(tile).not.toHaveAttribute('src', '/media/expired');
  await expect(tile).not.toHaveJSProperty('naturalWidth', 0);
});

test('why a photo is not there is said in words', async ({ staff }) => {
  await openConversation(staff, 'Dan Rossi');
  const reason = 'The carrier does not have this photo any more. Ask for it again.';
  await staff.route('**/api/ui/messages/get', async (route) => {
    const answer = await route.fetch();
    const message = await answer.json();
    for (const attachment of message.attachments) {
      Object.assign(attachment, { state: 'unfetchable', failure: reason, tile_url: null });
    }
    await route.fulfill({ response: answer, json: message });
  });
  const phone = await openPhone(staff.context(), 'Dan Rossi');
  await reply(phone, 'Look at this', photo);
  await phone.close();
  await staff.bringToFront();
  await expect(bubble(staff, 'Look at this').getByText(reason)).toBeVisible({ timeout: 60_000 });
});
