import type { Page } from '@playwright/test';
import { cards, choose, openConversation, openPhone, prepared, reply, thread } from '../support/desk.ts';
import { expect, test } from '../support/journey.ts';
import { held, media } from '../support/settings.ts';

const FIRST = '+61491570159';
const SECOND = '+61491570737';

/** The conversation of Dan's second number, which he wrote from. */
async function openSecondNumber(staff: Page): Promise<void> {
  const phone = await openPhone(staff.context(), SECOND);
  await reply(phone, 'This is Dan from another phone');
  await phone.close();
  await staff.bringToFront();
  await staff.getByRole('region', { name: 'Conversations' }).getByRole('link', { name: /\+61 491 570 737/ }).click();
  await staff.getByRole('button', { name: 'Link to a patient' }).click();
  await staff.getByRole('dialog').getByText('Dan Rossi').click();
  await expect(to(staff).getByRole('option')).toHaveCount(2);
}

function to(staff: Page) {
  return staff.getByRole('combobox', { name: 'To', exact: true });
}

function text(staff: Page) {
  return staff.getByRole('textbox', { name: 'Message', exact: true });
}

test('nothing is sent to a number other than the one that is shown', async ({ staff }) => {
  await openSecondNumber(staff);
  await text(staff).fill('For the first number');
  const opening = held();
  await staff.route('**/api/ui/inbox/open', async (route) => {
    await opening.released;
    await route.abort();
  });
  await to(staff).selectOption(FIRST);
  await expect(staff.getByText('Changing the number…')).toBeVisible();
  await expect(staff.getByRole('button', { name: 'Send SMS' })).toBeDisabled();
  await text(staff).press('Enter');
  await expect(text(staff)).toHaveValue('For the first number');
  await expect(thread(staff).getByRole('article')).toHaveCount(1);

  opening.release();
  await expect(to(staff)).toHaveValue(SECOND);
  await expect(staff.getByRole('button', { name: 'Send SMS' })).toBeEnabled();
  await expect(thread(staff).getByRole('article')).toHaveCount(1);
});

test('a draft that moves to another number leaves what is written there', async ({ staff }) => {
  await openConversation(staff, 'Dan Rossi');
  await text(staff).fill('Written first');
  await openSecondNumber(staff);
  await text(staff).fill('Written second');
  await choose(staff, media('alpha.png')!);
  await prepared(cards(staff));
  const here = staff.url();
  await to(staff).selectOption(FIRST);
  await expect(text(staff)).toHaveValue('Written first\nWritten second');
  await expect(to(staff)).toHaveValue(FIRST);
  expect(staff.url()).not.toBe(here);
  await staff.reload({ waitUntil: 'networkidle' });
  await expect(text(staff)).toHaveValue('Written first\nWritten second');
  await expect(cards(staff)).toHaveCount(1);
  await staff.goto(here, { waitUntil: 'networkidle' });
  await expect(text(staff)).toHaveValue('');
  await expect(cards(staff)).toHaveCount(0);
});
