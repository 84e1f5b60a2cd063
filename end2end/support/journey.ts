import AxeBuilder from '@axe-core/playwright';
import { expect, test as base, type Page } from '@playwright/test';
import { startHeliograph, type Heliograph, type Scene } from './heliograph.ts';

interface Fixtures {
  /** Further settings of the server, set with `test.use({ settings: { … } })`. */
  settings: Record<string, string>;
  /** What the demo begins with, set with `test.use({ scene: 'full' })`. */
  scene: Scene;
  /** A server for this journey alone. */
  heliograph: Heliograph;
  /** A page of the admin, signed in, at the inbox. */
  staff: Page;
  /** Fails the journey when a script of any of its pages failed, also where nothing is seen of it. */
  unbroken: void;
}

/** `test` as Playwright has it, with a Heliograph. Paths in `page.goto` are the server's own. */
export const test = base.extend<Fixtures>({
  settings: [{}, { option: true }],
  scene: ['empty', { option: true }],

  heliograph: async ({ settings, scene }, use, testInfo) => {
    const heliograph = await startHeliograph(settings, scene);
    await use(heliograph);
    if (testInfo.status !== testInfo.expectedStatus) {
      await testInfo.attach('server.log', { body: heliograph.output(), contentType: 'text/plain' });
    }
    await heliograph.stop();
  },

  baseURL: async ({ heliograph }, use) => {
    await use(heliograph.url);
  },

  unbroken: [
    async ({ context }, use) => {
      const errors: string[] = [];
      context.on('weberror', (error) => errors.push(`${error.page()?.url()}: ${error.error()}`));
      await use();
      expect(errors).toEqual([]);
    },
    { auto: true },
  ],

  staff: async ({ page, heliograph }, use) => {
    await signIn(page, heliograph.welcomeLink);
    await use(page);
    // An answer that a journey rewrites may still be on its way when the journey has seen enough.
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  },
});

export { expect };

/** What staff choose as their password. */
export const PASSWORD = 'correct horse battery staple';

/** Opens a one-time link and chooses a password, as the first admin does; ends at the inbox. */
export async function signIn(page: Page, link: string): Promise<void> {
  // The form sends itself by script, so everything is to be loaded before it is used.
  await page.goto(link, { waitUntil: 'networkidle' });
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Set password and sign in' }).click();
  await page.waitForURL(new URL('/', link).href);
}

/** Fails with the rule, the element and the reason of everything that axe finds on the page. */
export async function expectAccessible(page: Page): Promise<void> {
  expect(await violations(page)).toEqual([]);
}

/** Everything that axe finds on the page: the rule, the element and the reason. */
export async function violations(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}\n${failureSummary}`),
  );
}
