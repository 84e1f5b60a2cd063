import { bubble, openConversation, send } from '../support/desk.ts';
import { expect, test } from '../support/journey.ts';

test('staff go from one conversation to another and back', async ({ staff }) => {
  const list = staff.getByRole('region', { name: 'Conversations' });
  const heading = (name: string) => staff.getByRole('heading', { name, level: 1 });
  for (const patient of ['Amelia Hart', 'Ben Okafor', 'Chloe Nguyen']) {
    await openConversation(staff, patient);
    await send(staff, `Hello ${patient}`, 'Send SMS');
    await expect(bubble(staff, `Hello ${patient}`)).toBeVisible();
  }
  await expect(list.getByRole('listitem').first()).toContainText('Chloe Nguyen');

  for (const patient of ['Amelia Hart', 'Chloe Nguyen', 'Ben Okafor']) {
    await list.getByRole('link', { name: new RegExp(patient) }).click();
    await expect(heading(patient)).toBeVisible();
    await expect(staff).toHaveTitle(`${patient} · Heliograph`);
    await expect(bubble(staff, 'Hello')).toHaveCount(1);
    await expect(bubble(staff, `Hello ${patient}`)).toBeVisible();
  }
  await staff.goBack();
  await expect(heading('Chloe Nguyen')).toBeVisible();
  await expect(staff).toHaveTitle('Chloe Nguyen · Heliograph');
});

test('conversations are found by name and by number in any format', async ({ staff }) => {
  const list = staff.getByRole('region', { name: 'Conversations' });
  for (const patient of ['Amelia Hart', 'Dan Rossi']) {
    await staff.goto('/', { waitUntil: 'networkidle' });
    await openConversation(staff, patient);
    await send(staff, `Hello ${patient}`, 'Send SMS');
    await expect(bubble(staff, `Hello ${patient}`)).toBeVisible();
  }
  for (const words of ['ross', '0491 570 159', '+61 491-570-159', '0159']) {
    // What is found must not be what was found before.
    await list.getByRole('searchbox').fill('');
    await expect(list.getByRole('listitem')).toHaveCount(2);
    await list.getByRole('searchbox').fill(words);
    await expect(list.getByRole('listitem')).toHaveText([/Dan Rossi/]);
  }
  await list.getByRole('searchbox').fill('nobody at all');
  await expect(list.getByText('Nobody found')).toBeVisible();
});
