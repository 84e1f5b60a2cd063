import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { bubble, cards, choose, openConversation, openPhone, reply, send } from '../support/desk.ts';
import { expect, test } from '../support/journey.ts';
import type { Heliograph } from '../support/heliograph.ts';
import { allMedia } from '../support/settings.ts';

/** The most memory that the server may ever have held: what it does not decode, it does not hold either. */
const PEAK_MEMORY_BYTES = 512 * 1024 * 1024;

/** The carried files and, where they are at hand, those of the shared test media. */
const files = allMedia('hostile');

/** The server answers, is the process it was, and has not held more memory than it may. */
async function expectAlive(heliograph: Heliograph): Promise<void> {
  const answer = await fetch(`${heliograph.url}/readyz`);
  expect(answer.status).toBe(200);
  const status = await readFile(`/proc/${heliograph.pid}/status`, 'utf8');
  const peak = Number(status.match(/^VmHWM:\s+(\d+) kB$/m)![1]) * 1024;
  expect(peak).toBeLessThan(PEAK_MEMORY_BYTES);
}

test('no file that staff choose harms the page or the server', async ({ staff, heliograph }) => {
  await openConversation(staff, 'Amelia Hart');
  const notices = staff.locator('.notice');
  for (const file of files) {
    const name = path.basename(file);
    await test.step(name, async () => {
      await choose(staff, file);
      // Refused at once, or by the server on its card, or read after all: whatever it is, it is said.
      const refused = notices.filter({ hasText: name });
      const wrong = cards(staff).getByRole('alert');
      const read = cards(staff).getByText(/\d+ x \d+ · \d+ KB/);
      await expect(refused.or(wrong).or(read).first()).toBeVisible({ timeout: 60_000 });
      if (await refused.isVisible()) {
        await expect(cards(staff)).toHaveCount(0);
        await refused.getByRole('button').click();
      } else {
        if (await wrong.isVisible()) {
          await expect(wrong).not.toBeEmpty();
          await expect(staff.getByRole('button', { name: 'Send MMS' })).toBeDisabled();
        }
        await cards(staff).getByRole('button', { name: `Remove ${name}` }).click();
        await expect(cards(staff)).toHaveCount(0);
      }
      await send(staff, `After ${name}`, 'Send SMS');
      await expect(bubble(staff, `After ${name}`)).toBeVisible();
      await expectAlive(heliograph);
    });
  }
});

test('no file that a patient sends harms the thread or the server', async ({ staff, heliograph }) => {
  await openConversation(staff, 'Ben Okafor');
  const phone = await openPhone(staff.context(), 'Ben Okafor');
  // A phone sends no file without a byte.
  const sent = [];
  for (const file of files) {
    if ((await readFile(file)).length > 0) {
      sent.push(path.basename(file));
      await reply(phone, `Sent ${path.basename(file)}`, file);
    }
  }
  await staff.bringToFront();
  for (const name of sent) {
    await test.step(name, async () => {
      const message = bubble(staff, `Sent ${name}`);
      await expect(message).toBeVisible({ timeout: 60_000 });
      const wrong = message.getByText('Cannot be shown');
      const other = message.getByText('Not a picture');
      await expect(wrong.or(other).or(message.getByRole('img', { name: /^Picture 1/ }))).toBeVisible({ timeout: 60_000 });
      if (await wrong.isVisible()) {
        // The reason in words, and the way to have it looked at again.
        await expect(message.locator('.no-picture-why')).toHaveText(/\w+/);
        await expect(message.getByRole('button', { name: 'Retry' })).toBeVisible();
      }
      if ((await wrong.isVisible()) || (await other.isVisible())) {
        await expect(message.getByRole('link', { name: 'Download' })).toBeVisible();
      }
    });
  }
  await send(staff, 'We have them', 'Send SMS');
  await expect(bubble(staff, 'We have them').getByText('Delivered')).toBeVisible({ timeout: 60_000 });
  await expectAlive(heliograph);
});
