/** The dashboard before a real network of four validating nodes: cut by its button, healed by its button. */
import type { Browser } from 'playwright-core';
import { afterAll, describe, expect, it } from 'vitest';
import { Testnet } from '../end-to-end/networks.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { useProcesses } from '../support/processes.ts';
import { blocksIn, CHROMIUM, launch, open } from './browser.ts';

const newDirectory = temporaryDirectories();
const processes = useProcesses();
/** Four processes beside whatever else the machine does. */
const PATIENCE = { timeout: 60_000, interval: 200 };

interface ServingEvent {
  readonly event: string;
  readonly url: string;
}

describe.skipIf(CHROMIUM === undefined)('a test network in the dashboard (skipped where no Chromium is installed)', () => {
  let browser: Browser | undefined;
  afterAll(() => browser?.close());

  it('forks at a click, comes together at another, and becomes final again', async () => {
    const [net, started] = await Promise.all([
      Testnet.start(processes, newDirectory(), '--engine', 'pos', '--rpc-port', '0', '--dashboard-port', '0'),
      launch(),
    ]);
    browser = started;
    const [serving] = net.events<ServingEvent>('serving');
    const { page, complaints } = await open(browser, serving?.url ?? '');
    const text = async (selector: string) => (await page.locator(selector).first().textContent()) ?? '';
    await expect.poll(() => blocksIn(page, '.final'), PATIENCE).toBeGreaterThan(0);
    expect(await text('.summary')).toContain('Proof of stake');

    await page.getByRole('button', { name: 'Partition…' }).click();
    await page.getByRole('button', { name: 'Cut' }).click();
    await expect.poll(() => text('.said'), PATIENCE).toContain('Cut: 0, 1 | 2, 3');
    // Blocks on nodes' chains: the network forks by itself now and then, and leaves blocks behind.
    await expect.poll(() => blocksIn(page, '.live.branch-1'), PATIENCE).toBeGreaterThan(2);
    for (const branch of [0, 1]) expect(await page.locator(`.node-line .head-mark.branch-${branch}`).count()).toBeGreaterThan(0);

    await page.getByRole('button', { name: 'Heal' }).click();
    await expect.poll(() => text('.said'), PATIENCE).toContain('Healed');
    await expect.poll(() => text('.feed'), PATIENCE).toMatch(/left \d+ blocks? for another branch/);
    await expect.poll(() => page.locator('.node-line .head-mark.branch-0').count(), PATIENCE).toBe(4);
    // Votes decide which side is left, not length: where the longer one stays, it may be a single block.
    await expect.poll(() => blocksIn(page, '.left'), PATIENCE).toBeGreaterThan(0);

    await page.evaluate("location.hash = '#/consensus'");
    await expect.poll(() => page.locator('section[aria-label="8 validators"] tbody tr').count(), PATIENCE).toBe(8);
    await page.evaluate("location.hash = '#/block/1'");
    await expect.poll(() => text('.title'), PATIENCE).toMatch(/Block 1final|Block 1.*final/s);
    expect(complaints).toEqual([]);
  }, 180_000);
});
