import type { Locator, Page } from '@playwright/test';
import { bubble, cards, prepared, thread } from '../support/desk.ts';
import { expect, PASSWORD, test } from '../support/journey.ts';
import { media } from '../support/settings.ts';

/** Presses Tab, or Shift and Tab, until the element has the focus; nobody should need more than `most`. */
async function tabTo(page: Page, target: Locator, key: 'Tab' | 'Shift+Tab' = 'Tab', most = 30): Promise<void> {
  for (let presses = 0; presses < most; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) {
      return;
    }
    await page.keyboard.press(key);
  }
  await expect(target).toBeFocused();
}

test('from signing in to a filed picture without a mouse', async ({ page, heliograph }) => {
  const { keyboard } = page;

  await test.step('sign in', async () => {
    await page.goto(heliograph.welcomeLink, { waitUntil: 'networkidle' });
    await tabTo(page, page.getByLabel('Password'));
    await keyboard.type(PASSWORD);
    await keyboard.press('Enter');
    await page.waitForURL(`${heliograph.url}/`);
    await page.waitForLoadState('networkidle');
  });

  await test.step('open a conversation', async () => {
    await keyboard.press('n');
    await expect(page.getByRole('dialog').getByLabel('Name or number')).toBeFocused();
    await keyboard.type('Amelia');
    const found = page.getByRole('dialog').getByRole('list', { name: 'Patients' }).getByRole('button');
    await expect(found).toHaveCount(1);
    await tabTo(page, found);
    await keyboard.press('Enter');
    await expect(page).toHaveURL(/\/c\//);
    await expect(page.getByRole('heading', { name: 'Amelia Hart' })).toBeVisible();
    await expect(page.getByRole('dialog')).toBeHidden();
  });

  const text = page.getByRole('textbox', { name: 'Message', exact: true });
  await test.step('write and attach', async () => {
    await keyboard.press('r');
    await expect(text).toBeFocused();
    await keyboard.type('First line');
    await keyboard.press('Shift+Enter');
    await keyboard.type('second line');
    await expect(text).toHaveValue('First line\nsecond line');
    await tabTo(page, page.getByRole('button', { name: 'Attach files' }));
    const chooser = page.waitForEvent('filechooser');
    await keyboard.press('Enter');
    await (await chooser).setFiles(media('photo.jpg')!);
    await prepared(cards(page));
    await expect(text).toBeFocused();
  });

  await test.step('send', async () => {
    await keyboard.press('Enter');
    await expect(text).toHaveValue('');
    await expect(bubble(page, 'second line').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  });

  const picture = thread(page).getByRole('button', { name: /^Picture 1/ });
  const viewer = page.getByRole('dialog');
  await test.step('open the picture and file it', async () => {
    await tabTo(page, picture, 'Shift+Tab');
    await keyboard.press('Enter');
    await expect(viewer.getByRole('img')).toBeVisible();
    await tabTo(page, viewer.getByLabel('Category'));
    await keyboard.press('d');
    await expect(viewer.getByLabel('Category')).toHaveValue('devices');
    await tabTo(page, viewer.getByRole('button', { name: 'Save to Images' }));
    await keyboard.press('Enter');
    await expect(viewer.getByRole('button', { name: 'Saved to Images' })).toBeVisible();
  });

  await test.step('close, and be where one was', async () => {
    await keyboard.press('Escape');
    await expect(viewer).toBeHidden();
    await expect(picture).toBeFocused();
  });

  await test.step('come back to it from the list', async () => {
    await page.goto('/', { waitUntil: 'networkidle' });
    await keyboard.press('j');
    await expect(page.getByRole('link', { name: /Amelia Hart/ })).toBeFocused();
    await keyboard.press('Enter');
    await expect(page).toHaveURL(/\/c\//);
    await expect(picture).toBeVisible();
  });
});
