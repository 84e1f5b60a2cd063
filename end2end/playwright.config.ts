import { defineConfig } from '@playwright/test';

/** `cargo xtask test browser` sets these; see `support/settings.ts`. */
const report = process.env.HELIOGRAPH_REPORT;

export default defineConfig({
  testDir: 'journeys',
  outputDir: 'results',
  // Every journey has a server of its own, so they may run side by side.
  fullyParallel: true,
  workers: 2,
  // A journey that passes the second time has found something; it is not tried again.
  retries: 0,
  forbidOnly: true,
  timeout: 180_000,
  expect: { timeout: 20_000 },
  reporter: report ? [['list'], ['json', { outputFile: report }]] : 'list',
  use: {
    browserName: 'chromium',
    locale: 'en-GB',
    timezoneId: 'Australia/Sydney',
    viewport: { width: 1440, height: 900 },
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.HELIOGRAPH_CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
