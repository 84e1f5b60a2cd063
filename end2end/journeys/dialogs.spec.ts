import type { Locator, Page } from '@playwright/test';
import { expect, test } from '../support/journey.ts';

/** Presses inside, moves out and lets go beside the dialog, as one does who marks a text. */
async function dragOut(page: Page, from: Locator): Promise<void> {
  const box = (await from.boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(10, 10, { steps: 5 });
  await page.mouse.up();
}

test('a form and what is shown once stay until they are closed', async ({ staff }) => {
  await staff.goto('/settings/tokens', { waitUntil: 'networkidle' });
  await staff.getByRole('button', { name: 'New token' }).click();
  const form = staff.getByRole('dialog', { name: 'New token' });
  const name = form.getByLabel('What it is for');
  await name.fill('Practice software');
  await dragOut(staff, name);
  await staff.mouse.click(10, 10);
  await expect(name).toHaveValue('Practice software');
  await form.getByRole('button', { name: 'Make token' }).click();

  const made = staff.getByRole('dialog', { name: 'Your new token' });
  const secret = made.getByLabel('Token');
  await expect(secret).not.toHaveValue('');
  await dragOut(staff, secret);
  await staff.mouse.click(10, 10);
  await expect(secret).not.toHaveValue('');
  await made.getByRole('button', { name: 'Close' }).click();
  await expect(made).toBeHidden();
});

test('a choice closes with a press beside it that began there', async ({ staff }) => {
  await staff.goto('/', { waitUntil: 'networkidle' });
  await staff.getByRole('button', { name: 'New conversation' }).first().click();
  const dialog = staff.getByRole('dialog', { name: 'New conversation' });
  const search = dialog.getByLabel('Name or number');
  await search.fill('Amelia');
  await dragOut(staff, search);
  await expect(search).toHaveValue('Amelia');
  await staff.mouse.click(10, 10);
  await expect(dialog).toBeHidden();
});
