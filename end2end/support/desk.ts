import type { BrowserContext, Locator, Page } from '@playwright/test';
import { expect } from '@playwright/test';

/** What one hands to an input for files: a path, or bytes with a name. */
export type Upload = string | { name: string; mimeType: string; buffer: Buffer };

/** Opens the conversation with a patient of the demo by the dialog for new ones. */
export async function openConversation(staff: Page, patient: string): Promise<void> {
  await staff.getByRole('button', { name: 'New conversation' }).first().click();
  await staff.getByRole('dialog').getByText(patient).first().click();
  await expect(staff).toHaveURL(/\/c\//);
  await expect(staff.getByRole('heading', { name: patient, level: 1 })).toBeVisible();
  await expect(staff.getByPlaceholder('Write a message')).toBeVisible();
}

/** The messages of the open conversation. */
export function thread(staff: Page): Locator {
  return staff.getByRole('log', { name: 'Messages' });
}

/** One message of the thread, by its words. */
export function bubble(staff: Page, text: string): Locator {
  return thread(staff).getByRole('article').filter({ hasText: text });
}

/** Chooses files with the composer's attach button. */
export async function choose(staff: Page, files: Upload | string[]): Promise<void> {
  await staff.getByLabel('Files to attach').setInputFiles(files);
}

/** The cards of what was chosen and is not sent yet. */
export function cards(staff: Page): Locator {
  return staff.getByRole('list', { name: 'Files to send' }).getByRole('listitem');
}

/** Waits until the server has made the copy that leaves for the patient; its size then stands on the card. */
export async function prepared(card: Locator): Promise<void> {
  await expect(card.getByText(/\d+ x \d+ · \d+ KB/)).toBeVisible({ timeout: 60_000 });
}

/** What the button that sends may say. */
export type SendButton = 'Send SMS' | 'Send MMS' | 'Send WhatsApp' | 'Send link';

/** Writes into the composer and sends it with the button of the given name. */
export async function send(staff: Page, text: string, button: SendButton): Promise<void> {
  await staff.getByRole('textbox', { name: 'Message', exact: true }).fill(text);
  await staff.getByRole('button', { name: button }).click();
}

/** The simulated phone of a patient, or of a number with `+`, on a page of its own. */
export async function openPhone(context: BrowserContext, owner: string): Promise<Page> {
  const phone = await context.newPage();
  await phone.goto(`/phone?q=${encodeURIComponent(owner)}`, { waitUntil: 'networkidle' });
  // The list is there before it is alive: a click that came too early is made again.
  await expect(async () => {
    await phone.locator('.phone-owner').first().click();
    await expect(phone.getByRole('textbox', { name: 'Message from this phone' })).toBeVisible({ timeout: 2_000 });
  }).toPass();
  return phone;
}

/** Messages on a simulated phone, with the words that are asked for. */
export function onPhone(phone: Page, text: string): Locator {
  return phone.getByRole('list', { name: 'Messages on this phone' }).getByRole('listitem').filter({ hasText: text });
}

/** Writes from a simulated phone, with photos where there are any. */
export async function reply(phone: Page, text: string, photos: Upload | string[] = []): Promise<void> {
  await phone.getByLabel('Attach photos').setInputFiles(photos);
  await phone.getByRole('textbox', { name: 'Message from this phone' }).fill(text);
  await phone.getByRole('button', { name: 'Send from this phone' }).click();
  await expect(onPhone(phone, text)).toBeVisible();
}

/** Writes from the phone of a number without looking at it, one message after the other. */
export async function write(staff: Page, number: string, texts: string[]): Promise<void> {
  for (const text of texts) {
    const answer = await staff.request.post(`/simulator/phones/${number}/replies`, {
      multipart: { text },
      headers: { origin: new URL(staff.url()).origin },
    });
    expect(answer.status()).toBe(201);
  }
}

/** Opens the picture of a message large. */
export async function openViewer(staff: Page, text: string): Promise<Locator> {
  await bubble(staff, text).getByRole('button', { name: /^Picture 1/ }).click();
  const viewer = staff.getByRole('dialog');
  await expect(viewer.getByRole('img')).toBeVisible();
  return viewer;
}

/** Makes an API token in Settings and answers it. */
export async function makeToken(staff: Page): Promise<string> {
  await staff.goto('/settings/tokens', { waitUntil: 'networkidle' });
  await staff.getByRole('button', { name: 'New token' }).click();
  await staff.getByLabel('What it is for').fill('Practice software');
  await staff.getByRole('button', { name: 'Make token' }).click();
  return staff.getByRole('dialog', { name: 'Your new token' }).getByLabel('Token').inputValue();
}

/** Invites a colleague in Settings and answers the one-time link. */
export async function invite(staff: Page, name: string, email: string): Promise<string> {
  await staff.goto('/settings/staff', { waitUntil: 'networkidle' });
  await staff.getByRole('button', { name: 'Invite' }).click();
  await staff.getByLabel('Name').fill(name);
  await staff.getByLabel('E-mail').fill(email);
  await staff.getByRole('button', { name: 'Make one-time link' }).click();
  return staff.getByRole('dialog', { name: 'One-time link' }).getByLabel('Link').inputValue();
}
