import { expect, expectAccessible, PASSWORD, test } from '../support/journey.ts';

test('the printed link signs the first admin in, once', async ({ staff, heliograph, browser }) => {
  await expect(staff).toHaveURL(`${heliograph.url}/`);
  await expectAccessible(staff);

  const stranger = await browser.newContext();
  const again = await stranger.newPage();
  await again.goto(heliograph.welcomeLink);
  await again.goto(heliograph.url);
  await expect(again).toHaveURL(/\/sign-in/);
  await stranger.close();
});

test('a password is changed by whoever knows it, and other places are signed out', async ({ staff, browser, heliograph }) => {
  const signIn = async (password: string) => {
    const context = await browser.newContext({ baseURL: heliograph.url });
    const page = await context.newPage();
    await page.goto('/sign-in', { waitUntil: 'networkidle' });
    await page.getByLabel('E-mail').fill('admin@harbour.example');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    return page;
  };
  const elsewhere = await signIn(PASSWORD);
  await expect(elsewhere).toHaveURL(`${heliograph.url}/`);

  await staff.goto('/settings/profile', { waitUntil: 'networkidle' });
  const change = async (present: string, next: string) => {
    await staff.getByLabel('Current password').fill(present);
    await staff.getByLabel('New password').fill(next);
    await staff.getByRole('button', { name: 'Change password' }).click();
  };
  await change('not the password', 'quite another password');
  await expect(staff.getByText('This is not your current password.')).toBeVisible();
  await change(PASSWORD, 'too short');
  await expect(staff.getByText('Choose a password of at least 12 characters.')).toBeVisible();
  await expectAccessible(staff);
  await change(PASSWORD, 'quite another password');
  await expect(staff.getByText('Password changed. You are signed out everywhere else.')).toBeVisible();
  await staff.reload({ waitUntil: 'networkidle' });
  await expect(staff.getByLabel('Current password')).toBeVisible();
  await expect(async () => {
    await elsewhere.goto('/');
    await expect(elsewhere).toHaveURL(/\/sign-in/, { timeout: 2_000 });
  }).toPass();
  await elsewhere.context().close();

  const again = await signIn('quite another password');
  await expect(again).toHaveURL(`${heliograph.url}/`);
  await again.context().close();
});
