import type { Page } from '@playwright/test';
import { bubble, openConversation, openPhone, reply, send, thread } from '../support/desk.ts';
import { expect, expectAccessible, test } from '../support/journey.ts';
import { media } from '../support/settings.ts';

/** The texts that rang the phone, each as often as it did. */
async function rang(phone: Page): Promise<string[]> {
  const answer = await phone.request.get('/simulator/phones/%2B61491570156');
  const { messages } = (await answer.json()) as { messages: { text: string; from_phone: boolean }[] };
  return messages.filter((message) => !message.from_phone).map((message) => message.text);
}

test('on a bad day nobody is texted twice, and what did not arrive is sent again by a person', async ({ staff, context }) => {
  await openConversation(staff, 'Amelia Hart');
  const phone = await openPhone(context, 'Amelia Hart');
  const badDay = phone.getByRole('switch', { name: 'Bad day' });
  const delay = phone.getByLabel('Webhooks take');

  await test.step('The switch turns a sensible set on, and each fault can be changed', async () => {
    await expect(badDay).not.toBeChecked();
    await expect(badDay).toHaveAccessibleDescription(/^Switched on, the carrier of .* would be slow/);
    await badDay.check();
    await expect(badDay).toHaveAccessibleDescription(/ is slow and busy/);
    await phone.getByText('What goes wrong').click();
    // The list scrolls by itself, also where there is little room.
    await phone.setViewportSize({ width: 360, height: 560 });
    await phone.goto('/phone', { waitUntil: 'networkidle' });
    await phone.getByText('What goes wrong').click();
    const seed = phone.getByLabel('Seed: the same number gives the same mishaps');
    await seed.scrollIntoViewIfNeeded();
    await expect(seed).toBeInViewport();
    expect((await phone.getByRole('list').filter({ has: seed }).boundingBox())!.height).toBeLessThanOrEqual(0.4 * 560);
    await phone.setViewportSize({ width: 1440, height: 900 });
    await phone.goBack({ waitUntil: 'networkidle' });
    await phone.getByText('What goes wrong').click();
    await expect(phone.getByLabel('Webhooks come twice')).toHaveValue('60');
    await delay.fill('500');
    await delay.blur();
    await phone.reload({ waitUntil: 'networkidle' });
    await expect(badDay).toBeChecked();
    await phone.getByText('What goes wrong').click();
    await expect(delay).toHaveValue('500');
    await expectAccessible(phone);
  });

  const texts = [1, 2, 3, 4, 5, 6].map((n) => `This is message ${n}`);
  await test.step('Every message is settled, or waits for a person', async () => {
    await staff.bringToFront();
    for (const text of texts) {
      await send(staff, text, 'Send SMS');
      const settled = bubble(staff, text).getByText(/Delivered|Not sure it arrived/);
      await expect(settled.first()).toBeVisible({ timeout: 60_000 });
    }
    // The one whose answer got lost is settled by its report.
    const open = thread(staff).getByRole('button', { name: 'Send again' });
    await expect(open).toHaveCount(1, { timeout: 60_000 });
    // The carrier failed at the fifth: the same day goes wrong in the same way.
    expect((await rang(phone)).sort()).toEqual(texts.toSpliced(4, 1));
    await open.click();
    await expect(open).toHaveCount(0, { timeout: 60_000 });
    await expect.poll(async () => (await rang(phone)).sort(), { timeout: 60_000 }).toEqual(texts);
  });

  await test.step('A photo that is not there at first arrives', async () => {
    await phone.bringToFront();
    await reply(phone, 'Here is how it looks', media('photo.jpg')!);
    await staff.bringToFront();
    const photo = bubble(staff, 'Here is how it looks').locator('img');
    await expect(photo).toBeVisible({ timeout: 60_000 });
    await expect(bubble(staff, 'Here is how it looks')).toHaveCount(1);
  });

  await test.step('Off again, nothing goes wrong any more', async () => {
    await phone.bringToFront();
    await badDay.uncheck();
    await expect(delay).toHaveValue('0');
    await staff.bringToFront();
    await send(staff, 'All well', 'Send SMS');
    await expect(bubble(staff, 'All well').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
    expect(await rang(phone)).toHaveLength(texts.length + 1);
  });
});
