import { test, useCarrier } from '../support/carrier.ts';
import { bubble, openConversation, send } from '../support/desk.ts';
import { expect } from '../support/journey.ts';

test('what may not have arrived is sent again, or not, as staff say', async ({ staff, carrier }) => {
  await useCarrier(staff, carrier);
  await openConversation(staff, 'Amelia Hart');

  await test.step('Send again makes one new attempt, with one press', async () => {
    carrier.answers.push(502);
    await send(staff, 'Did this arrive?', 'Send SMS');
    const message = bubble(staff, 'Did this arrive?');
    await expect(message.getByText('Not sure it arrived')).toBeVisible({ timeout: 60_000 });
    expect(carrier.asked).toEqual(['Did this arrive?']);
    await message.getByRole('button', { name: 'Send again' }).click();
    await expect(message.getByText('Sending')).toBeVisible({ timeout: 60_000 });
    await expect(message.getByRole('button')).toHaveCount(0);
    expect(carrier.asked).toEqual(['Did this arrive?', 'Did this arrive?']);
  });

  await test.step('It arrived settles it', async () => {
    carrier.answers.push(502);
    await send(staff, 'And this?', 'Send SMS');
    const message = bubble(staff, 'And this?');
    await expect(message.getByText('Not sure it arrived')).toBeVisible({ timeout: 60_000 });
    await message.getByRole('button', { name: 'It arrived' }).click();
    await expect(message.getByText('Delivered')).toBeVisible();
    await expect(message.getByRole('button')).toHaveCount(0);
    expect(carrier.asked.filter((text) => text === 'And this?')).toHaveLength(1);
  });
});
