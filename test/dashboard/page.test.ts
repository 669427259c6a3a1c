/** The dashboard in a real browser, before a network whose every block is made by the test. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocksIn, CHROMIUM, launch, type Opened, open, overflows } from './browser.ts';
import { CONTRACT, HOSTILE } from './mock-chain.ts';
import { MockNetwork, TOKEN } from './mock-network.ts';

const NO_CONNECTION = /ERR_CONNECTION_(REFUSED|RESET)|ERR_SOCKET_NOT_CONNECTED|ERR_EMPTY_RESPONSE|WebSocket connection/;
/** As the page shows it: the character that turns lines round is written out. */
const SHOWN = HOSTILE.replace('\u202e', '⟨U+202E⟩');

const text = async (page: Page, selector: string): Promise<string> => (await page.locator(selector).first().textContent()) ?? '';
/** Generous: it only says how long a test that fails may take. */
const soon = <T>(ask: () => T) => expect.poll(ask, { timeout: 20_000 });
const go = (page: Page, fragment: string) => page.evaluate(`location.hash = ${JSON.stringify(fragment)}`);

async function search(page: Page, words: string): Promise<void> {
  await page.keyboard.press('/');
  await page.keyboard.type(words);
  await page.keyboard.press('Enter');
}

describe.skipIf(CHROMIUM === undefined)('the dashboard (skipped where no Chromium is installed; CHROMIUM may name one)', () => {
  let browser: Browser;
  let network: MockNetwork;
  let owner: Opened;

  beforeAll(async () => {
    network = await MockNetwork.start({ nodes: 4, blocks: 40 });
    browser = await launch();
    owner = await open(browser, `${network.url}#token=${TOKEN}`);
    await owner.page.waitForSelector('.tree-picture [data-block]');
  });
  afterAll(async () => {
    await browser?.close();
    await network?.close();
  });

  it('draws blocks and a line for each node, and takes the token out of the address', async () => {
    const { page } = owner;
    await soon(() => blocksIn(page)).toBe(40);
    expect(await blocksIn(page, '.final')).toBe(32);
    expect(await page.locator('.node-line').count()).toBe(4);
    expect(await page.locator('.card').count()).toBe(4);
    expect(page.url()).toBe(`${network.url}#/`);
    expect(await page.title()).toBe('Network · synod');
    expect(await text(page, '.summary')).toMatch(/head39.*final31.*8 behind/s);
  });

  it('shows a new block as soon as there is one', async () => {
    network.mine(2);
    await soon(() => text(owner.page, '.summary')).toMatch(/head40/);
    await soon(() => blocksIn(owner.page)).toBe(41);
  });

  it('takes Escape for Cancel while sides are chosen', async () => {
    const { page } = owner;
    await page.getByRole('button', { name: 'Partition…' }).click();
    await page.waitForSelector('.sides');
    await page.keyboard.press('Escape');
    await page.waitForSelector('.sides', { state: 'detached' });
    expect(network.sides).toBeNull();
  });

  it('cuts the network by keyboard, and shows the fork on lanes of their own', async () => {
    const { page } = owner;
    await page.getByRole('button', { name: 'Partition…' }).focus();
    await page.keyboard.press('Enter');
    expect(await text(page, '.fault-bar')).toContain('A: 0, 1');
    // From side A to side B by the arrow key: a group of radio buttons.
    await page.locator('[data-node="1"] input[type=radio]').first().focus();
    await page.keyboard.press('ArrowRight');
    expect(await text(page, '.fault-bar')).toContain('B: 1, 2, 3');
    await page.getByRole('button', { name: 'Cut' }).focus();
    await page.keyboard.press('Enter');
    await soon(() => network.sides).toEqual([[0], [1, 2, 3]]);
    for (let turn = 0; turn < 3; turn++) network.mine();
    await soon(() => blocksIn(page, '.branch-1')).toBe(3);
    await soon(() => text(page, '.summary')).toContain('2 heads');
    await soon(() => text(page, '[data-node="0"]')).toContain('side A');
    // Three of four nodes follow it: the main branch.
    expect(await page.locator('.node-line .head-mark.branch-0').count()).toBe(3);
    expect(await page.locator('.node-line .head-mark.branch-1').count()).toBe(1);
  });

  it('walks the tree by arrow keys, opens a block by Enter, and lets either side be asked', async () => {
    const { page } = owner;
    await page.locator('.block[tabindex="0"]').focus();
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowDown');
    await soon(() => text(page, '.inspection')).toMatch(/Block 43.*on the chain of node 0/s);
    await page.keyboard.press('ArrowLeft');
    await soon(() => text(page, '.inspection')).toContain('Block 42');
    await page.keyboard.press('Enter');
    // Whoever is asked by default does not know this branch.
    await soon(() => text(page, 'main')).toMatch(/Node 1 has no such block/);
    await page.getByLabel('The node that is asked for blocks, transactions and accounts').selectOption('0');
    await soon(() => text(page, 'main')).toMatch(/Block 42.*only on the chain of 1 node: 0/s);
    await page.getByLabel('The node that is asked for blocks, transactions and accounts').selectOption('');
    await page.keyboard.press('Escape');
    await page.evaluate('document.activeElement.blur()');
    await page.keyboard.press('1');
    await page.waitForSelector('.fault-bar');
  });

  it('heals it: one head again, and the branch that was left behind stays to be seen', async () => {
    const { page } = owner;
    network.nodes[1]?.follow(network.nodes[1].head);
    network.mine();
    network.mine();
    await page.getByRole('button', { name: 'Heal' }).click();
    await soon(() => network.sides).toBeNull();
    network.mine();
    await soon(() => text(page, '.summary')).not.toContain('2 heads');
    await soon(() => text(page, '.feed')).toMatch(/left \d blocks for another branch/);
    await soon(() => blocksIn(page, '.left')).toBeGreaterThan(2);
    await soon(() => text(page, '.said')).toContain('Healed');
  });

  it('finds heights, hashes and addresses, and says what is wrong with anything else', async () => {
    const { page } = owner;
    await page.keyboard.press('1');
    await search(page, '17');
    await soon(() => text(page, 'h1')).toBe('Block 17');
    await search(page, '99,999');
    await soon(() => text(page, '#search-said')).toMatch(/no block 99,999 yet: the head is \d\d/);
    await page.locator('#search').fill('0xnothing');
    await page.keyboard.press('Enter');
    await soon(() => text(page, '#search-said')).toContain('neither a number nor hex digits');
    await page.locator('#search').fill(`0x${'99'.repeat(32)}`);
    await page.keyboard.press('Enter');
    await soon(() => text(page, '#search-said')).toContain('knows no block and no transaction');
    await go(page, '#/blocks');
    await soon(() => page.locator('#search').inputValue()).toBe('');
    await page.locator('#search').fill(CONTRACT);
    await page.keyboard.press('Enter');
    await soon(() => text(page, 'h1')).toBe('Contract');
  });

  it('takes nothing that a chain says for markup', async () => {
    const { page, complaints } = owner;
    const [hash = ''] = network.nodes[0]?.chain[17]?.transactions ?? [];
    await search(page, hash);
    await soon(() => text(page, 'h1')).toBe('Transaction');
    // Why it failed, its input and its log.
    await soon(() => text(page, '.problem')).toContain(SHOWN);
    expect(await text(page, 'section[aria-label=Input]')).toContain(SHOWN);
    await go(page, '#/block/17');
    await soon(() => text(page, 'main')).toContain(SHOWN);
    await go(page, `#/address/${CONTRACT}`);
    await page.locator('input[aria-label="Call data"]').fill('0x');
    await page.keyboard.press('Enter');
    await soon(() => text(page, 'section[aria-label=Read]')).toContain(SHOWN);
    await go(page, '#/consensus');
    await soon(() => text(page, '.tree-of-state')).toContain(SHOWN);
    await soon(() => text(page, 'main')).toMatch(/finality away for 7 epochs.*Slashed: validator 3/s);
    await go(page, '#/pool');
    await soon(() => text(page, 'table')).toContain('1.5 ETH');
    await go(page, '#/charts');
    await soon(() => page.locator('.chart canvas').count()).toBeGreaterThanOrEqual(4);
    // What it could not see itself, a node remembers.
    const firstMs = 5_000 * Math.floor(Date.now() / 5_000) - 600_000;
    const node = network.nodes[0];
    if (node === undefined) return expect.unreachable();
    node.history = {
      fields: ['timeMs', 'head', 'finalized', 'hashesPerSecond', 'participation', HOSTILE],
      moments: Array.from({ length: 100 }, (_, at) => [firstMs + 5_000 * at, 20, 12, 0, 0.5, HOSTILE]),
    };
    await go(page, '#/pool');
    await go(page, '#/charts');
    await soon(() => text(page, 'main')).toContain(`since it last moved, from ${new Date(firstMs).toLocaleTimeString('en-GB')} on`);
    node.history = undefined;
    await go(page, `#/<b>${HOSTILE}`);
    await soon(() => text(page, 'main')).toContain('There is no such view');
    expect(await page.locator('img, script:not([src]), b > b').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('shows validators and whose they are while another node hangs', async () => {
    const { page, complaints } = await open(browser, network.url);
    await page.waitForSelector('.tree-picture [data-block]');
    const [hanging] = network.nodes.slice(-1);
    if (hanging === undefined) return expect.unreachable();
    hanging.hangsAt = 'synod_getValidators';
    // The page shall not give the node up: then it would show them in any case.
    await page.evaluate('const real = setTimeout; window.setTimeout = (run, ms) => (ms < 5_000 ? real(run, ms) : 0)');
    await go(page, '#/consensus');
    await soon(() => text(page, 'section[aria-label="1 validator"]')).toMatch(/node [012]/);
    hanging.hangsAt = null;
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('fits a phone in every view, dark and light', async () => {
    const { page, complaints } = await open(browser, network.url, { viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
    await page.waitForSelector('.tree-picture [data-block]');
    expect(await text(page, '.notice')).toContain('Looking only');
    expect(await page.getByRole('button', { name: 'Partition…' }).count()).toBe(0);
    const [hash = ''] = network.nodes[0]?.chain[17]?.transactions ?? [];
    const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const dark = await ground();
    for (const view of ['', 'consensus', 'blocks', 'block/17', `tx/${hash}`, `address/${CONTRACT}`, 'pool', 'charts']) {
      await go(page, `#/${view}`);
      await page.waitForSelector('.panel');
      await page.waitForSelector('.loading', { state: 'detached' });
      expect(await overflows(page), view).toBe(false);
    }
    await page.keyboard.press('t');
    await soon(ground).not.toBe(dark);
    await page.keyboard.press('?');
    await soon(() => page.locator('dialog[open]').count()).toBe(1);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('only looks where the token is of another network', async () => {
    const { page, complaints } = await open(browser, `${network.url}#token=of-another-network`, {}, /status of 401/);
    await soon(() => text(page, '.notice')).toContain('The token is not the one of this network');
    expect(await page.locator('.card').count()).toBe(4);
    expect(await page.getByRole('button', { name: 'Kill node 0' }).count()).toBe(0);
    expect(page.url()).not.toContain('token');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('says so when nodes, and in the end everybody, have gone', async () => {
    const lonely = await MockNetwork.start({ nodes: 2, blocks: 12 });
    const { page, complaints } = await open(browser, `${lonely.url}#token=${TOKEN}`, {}, NO_CONNECTION);
    await page.waitForSelector('.tree-picture [data-block]');
    await page.getByRole('button', { name: 'Kill node 1' }).click();
    await soon(() => text(page, '.said')).toBe('Node 1 was killed.');
    await soon(() => text(page, '[data-node="1"]')).toContain('down');
    await soon(() => text(page, '.feed')).toContain('Node 1 is down');
    await page.getByRole('button', { name: 'Pause node 0' }).click();
    await soon(() => text(page, '.said.bad')).toContain('There is no method');
    await lonely.close();
    await soon(() => text(page, '[role=alert]')).toContain('The supervisor does not answer');
    await soon(() => text(page, '[data-node="0"]')).toContain('no answer');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('asks each node little', async () => {
    const before = network.nodes.map(({ asked }) => asked);
    await go(owner.page, '#/');
    await owner.page.waitForSelector('.tree');
    const since = performance.now();
    for (let turn = 0; turn < 10; turn++) network.mine();
    await soon(() => text(owner.page, '.summary')).toContain(`head${network.nodes[0]?.head.number}`);
    const seconds = (performance.now() - since) / 1_000;
    const asked = network.nodes.map((node, place) => node.asked - (before[place] ?? 0));
    // A status every two seconds of both pages that may be open, and a few questions for what changed; nothing for each block.
    expect(Math.max(...asked)).toBeLessThan(20 + 4 * seconds);
  });
});
