/** A real browser for the dashboard's tests, and everything about which a page may complain. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

export const CHROMIUM = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);
/** Generous: it only says how long a test that fails may take. */
const PATIENCE_MS = 20_000;

export interface Opened {
  readonly page: Page;
  /** Errors, warnings of its policy, and requests to anybody but this machine. */
  readonly complaints: string[];
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
}

/** `expected` are complaints that the test brings about itself, such as a lost connection. */
export async function open(browser: Browser, url: string, options: BrowserContextOptions = {}, expected?: RegExp): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1_400, height: 900 }, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints: string[] = [];
  const complain = (complaint: string) => {
    if (expected === undefined || !expected.test(complaint)) complaints.push(complaint);
  };
  page.on('console', (message) => complain(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complain(error.message));
  page.on('dialog', (dialog) => {
    complain(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!/^(http:\/\/127\.0\.0\.1:|data:)/.test(request.url())) complain(`request: ${request.url()}`);
  });
  await page.goto(url);
  return { page, complaints };
}

export const blocksIn = (page: Page, selector = ''): Promise<number> => page.locator(`.tree-picture [data-block]${selector}`).count();

/** Whether the page is wider than its window. */
export function overflows(page: Page): Promise<boolean> {
  return page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth');
}
