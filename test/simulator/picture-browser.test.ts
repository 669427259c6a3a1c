/** The picture in a real browser: it opens from a file, asks nobody for anything, draws, and answers mouse and keyboard. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPicture } from '../../src/cli/simulate-html.ts';
import type { AnyEngine, Effect, EngineFactory } from '../../src/consensus/engine.ts';
import { carryOut, planRun, type RunInput } from '../../src/simulator/run.ts';
import type { Subject } from '../../src/simulator/subject.ts';
import { subjectOf } from '../../src/simulator/subjects/custom.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { sequencer, sequencerModule } from './engines/sequencer.ts';

const CHROMIUM = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const HOSTILE = '</script><img src=x onerror=document.title="broken"><b>';
const SIZE = { width: 1_400, height: 900 };

const newDirectory = temporaryDirectories();

async function draw(input: RunInput): Promise<string> {
  const plan = planRun(input);
  const file = join(newDirectory(), 'run.html');
  const picture = await openPicture(file, {}, plan.options.nodes);
  picture.write(carryOut(plan, picture.sink), 'synod simulate');
  return file;
}

/** An engine that works, and says what no page should take for markup, by every way that an engine has. */
function hostile(): Subject {
  const createEngine: EngineFactory = (...values) => {
    const engine = sequencer()(...values) as AnyEngine;
    const message = { type: HOSTILE, text: HOSTILE };
    const said: Effect<unknown>[] = [
      { type: 'trace', name: HOSTILE, data: { [HOSTILE]: HOSTILE } },
      { type: 'send', to: '*', message },
    ];
    return {
      ...engine,
      encode: () => new Uint8Array(1),
      decode: () => message,
      step: (state, event, context) => {
        if (event.type === 'message') return [];
        const effects = engine.step(state, event, context);
        return event.type === 'timer' ? [...effects, ...said] : effects;
      },
      inspect: () => ({ role: HOSTILE, [HOSTILE]: HOSTILE }),
    };
  };
  return subjectOf({ ...sequencerModule(), createEngine }, HOSTILE);
}

interface Opened {
  readonly page: Page;
  /** Errors, warnings of its policy, and requests for anything but the file itself. */
  readonly complaints: string[];
}

async function open(browser: Browser, file: string): Promise<Opened> {
  const page = await browser.newPage({ viewport: SIZE });
  const url = pathToFileURL(file).href;
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (request.url() !== url && request.url() !== 'data:,') complaints.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  await page.waitForSelector('html[data-ready]');
  await frames(page);
  return { page, complaints };
}

/** Two frames: what was asked for in the last one is drawn. */
async function frames(page: Page): Promise<void> {
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))');
}

async function press(page: Page, ...keys: string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key);
  await frames(page);
}

const text = async (page: Page, selector: string): Promise<string> => (await page.locator(selector).textContent()) ?? '';

/** What the line below the picture says: the ends of what is shown, in seconds, and how many arrows there are. */
async function shown(page: Page): Promise<{ readonly from: number; readonly to: number; readonly arrows: number }> {
  const found = /^([\d,.]+) s to ([\d,.]+) s · ([\d,]+) arrow/.exec(await text(page, '#status'));
  const [from = Number.NaN, to = Number.NaN, arrows = Number.NaN] = (found ?? [])
    .slice(1)
    .map((digits) => Number(digits.replaceAll(',', '')));
  return { from, to, arrows };
}

/** How many different colours a canvas has, and how many of its pixels are drawn on. */
async function pixels(page: Page, canvas: string): Promise<{ readonly colours: number; readonly drawn: number }> {
  return page.evaluate(`(() => {
    const canvas = document.getElementById('${canvas}-canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const words = new Uint32Array(data.buffer);
    return { colours: new Set(words).size, drawn: words.reduce((count, word) => count + (word === 0 ? 0 : 1), 0) };
  })()`);
}

async function centre(page: Page, canvas: string): Promise<{ readonly x: number; readonly y: number }> {
  const box = await page.locator(`#${canvas}-canvas`).boundingBox();
  if (box === null) return { x: Number.NaN, y: Number.NaN };
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

const isPressed = (page: Page, kind: string) => page.locator(`#legend [data-kind="${kind}"]`).getAttribute('aria-pressed');

describe.skipIf(CHROMIUM === undefined)('a picture in a browser (skipped where no Chromium is installed; CHROMIUM may name one)', () => {
  let browser: Browser;
  let work: Opened;
  let failure: Opened;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
    work = await open(browser, await draw({ subject: powSubject, seed: '2', options: { nodes: 4, faultsMs: 240_000 } }));
    const usurped = subjectOf(sequencerModule({ usurps: true }), 'usurps.ts');
    failure = await open(browser, await draw({ subject: usurped, seed: '4', options: { nodes: 3 }, schedule: [] }));
  });
  afterAll(() => browser?.close());

  it('opens from a file without a complaint or a request', () => {
    expect(work.complaints).toEqual([]);
    expect(failure.complaints).toEqual([]);
  });

  it('draws lines, arrows, blocks and the whole run', async () => {
    const { page } = work;
    expect((await shown(page)).arrows).toBeGreaterThan(20);
    for (const canvas of ['lanes', 'ruler', 'tree', 'overview']) {
      const { colours, drawn } = await pixels(page, canvas);
      expect({ canvas, colours: colours > 5, drawn: drawn > 500 }).toEqual({ canvas, colours: true, drawn: true });
    }
    expect(await page.locator('#labels button').allTextContents()).toHaveLength(4);
  });

  it('zooms about the pointer, moves by dragging, and shows the whole run on demand', async () => {
    const { page } = work;
    const { x, y } = await centre(page, 'lanes');
    const before = await shown(page);
    await page.mouse.move(x, y);
    await page.mouse.wheel(0, -600);
    await frames(page);
    const near = await shown(page);
    expect(near.to - near.from).toBeLessThan(0.6 * (before.to - before.from));
    expect(near.from).toBeGreaterThan(before.from);
    expect(near.to).toBeLessThan(before.to);
    await page.mouse.down();
    await page.mouse.move(x - 300, y, { steps: 3 });
    await page.mouse.up();
    await frames(page);
    expect((await shown(page)).from).toBeGreaterThan(near.from);
    await press(page, '0');
    expect((await shown(page)).from).toBe(0);
    expect((await shown(page)).to).toBeGreaterThanOrEqual(240);
  });

  it('jumps from block to block, and follows a block through the network', async () => {
    const { page } = work;
    await press(page, '0', 'b', '+', '+', '+', '+', '+', '+');
    expect(await text(page, '#selection h3')).toMatch(/^block produced at node-\d$/);
    await page.locator('#selection button.link', { hasText: '0x' }).click();
    await frames(page);
    expect(await text(page, '#selection h3')).toMatch(/^block \d+ \(0x/);
    expect(await page.locator('#selection tbody tr').count()).toBe(4);
  });

  it('finds a block by its hash and by its height', async () => {
    const { page } = work;
    const hash = await page.locator('#selection code').textContent();
    await press(page, 'Escape', '/');
    await page.keyboard.type(hash?.slice(0, 16) ?? '');
    await press(page, 'Enter');
    expect(await text(page, '#found')).toBe('1 of 1 block');
    expect(await page.locator('#selection code').textContent()).toBe(hash);
    await page.locator('#search').fill('123456789');
    await press(page, 'Enter');
    expect(await text(page, '#found')).toBe('no such block in the picture');
    await press(page, 'Escape');
  });

  it('says what lies under the pointer', async () => {
    const { page } = work;
    // The selected block stands on the line of its producer, at the cursor.
    const at = (await page.evaluate(`(() => {
      const canvas = document.getElementById('lanes-canvas').getBoundingClientRect();
      const [from, to] = document.getElementById('status').textContent.split(' to ').map((part) => Number.parseFloat(part.replaceAll(',', '')));
      const cursor = Number.parseFloat(document.querySelector('#nodes h3').textContent.replace(/[^\\d.]/g, ''));
      const producer = [...document.querySelectorAll('#selection dd')].map((dd) => /^by node-(\\d)/.exec(dd.textContent)).find((match) => match)[1];
      const label = document.querySelectorAll('#labels button')[Number(producer)].getBoundingClientRect();
      return { x: canvas.left + ((cursor - from) / (to - from)) * canvas.width, y: label.top + 0.38 * label.height };
    })()`)) as { readonly x: number; readonly y: number };
    await page.mouse.move(at.x, at.y);
    await frames(page);
    expect(await page.locator('#tip').isVisible()).toBe(true);
    expect(await text(page, '#tip')).toMatch(/node-\d/);
  });

  it('hides and shows kinds by the legend', async () => {
    const { page } = work;
    const before = await shown(page);
    const block = page.locator('#legend [data-kind="block"]');
    await block.click();
    await frames(page);
    expect(await isPressed(page, 'block')).toBe('false');
    expect((await shown(page)).arrows).toBeLessThan(before.arrows);
    await block.click({ modifiers: ['Alt'] });
    await frames(page);
    expect([await isPressed(page, 'block'), await isPressed(page, 'status')]).toEqual(['true', 'false']);
    await block.click({ modifiers: ['Alt'] });
    await frames(page);
    expect(await isPressed(page, 'status')).toBe('true');
    expect((await shown(page)).arrows).toBe(before.arrows);
  });

  it('draws only the messages of chosen nodes', async () => {
    const { page } = work;
    const before = await shown(page);
    const [first] = await page.locator('#labels button').all();
    await first?.click();
    await frames(page);
    expect((await shown(page)).arrows).toBeLessThan(before.arrows);
    await first?.click();
    await frames(page);
    expect((await shown(page)).arrows).toBe(before.arrows);
  });

  it('tells the state of every node and what happened around the cursor', async () => {
    const { page } = work;
    expect(await text(page, '#nodes')).toMatch(/node-0.*head \d+ 0x[0-9a-f]+, life \d+, peers/s);
    await page.locator('#nodes details').first().click();
    await frames(page);
    expect(await text(page, '#nodes details[open]')).toMatch(/head.*candidates/s);
    await page.click('[aria-controls=log]');
    await frames(page);
    expect(await page.locator('#log li').count()).toBeGreaterThan(20);
    await page.click('[aria-controls=run]');
    expect(await text(page, '#run code')).toBe('synod simulate');
    expect(await text(page, '#run')).toContain('faultsMs');
    await page.click('[aria-controls=nodes]');
  });

  it('begins at the failure, says what was violated, and shades its causes', async () => {
    const { page } = failure;
    expect(await text(page, '#verdict')).toBe('violated');
    expect(await text(page, '#selection')).toMatch(/^Agreement violated.*Finalized 0x[0-9a-f]+… at height/);
    expect((await shown(page)).arrows).toBeGreaterThan(5);
    const before = await pixels(page, 'lanes');
    await press(page, 'c');
    expect(await page.locator('#selection [aria-pressed=true]').textContent()).toBe('Causes and effects');
    expect((await pixels(page, 'lanes')).drawn).toBeGreaterThan(before.drawn + 1_000);
    await press(page, 'Escape', 'v');
    expect(await text(page, '#selection h3')).toBe('Agreement violated');
    // The two blocks of one height are links.
    await page.locator('#selection dd button.link', { hasText: '0x' }).first().click();
    await frames(page);
    expect(await text(page, '#selection h3')).toMatch(/^block/);
  });

  it('remembers in its address what was looked at', async () => {
    const { page } = failure;
    await press(page, 'v');
    await expect.poll(() => new URL(page.url()).hash).toMatch(/,violation,0$/);
    const before = await shown(page);
    await page.reload();
    await page.waitForSelector('html[data-ready]');
    await frames(page);
    expect(await shown(page)).toEqual(before);
    expect(await text(page, '#selection h3')).toBe('Agreement violated');
  });

  it('lets time pass and stops', async () => {
    const { page } = failure;
    await press(page, '0', 'Home');
    const cursor = () => text(page, '#nodes h3');
    const before = await cursor();
    await press(page, 'Space');
    await expect.poll(cursor).not.toBe(before);
    await press(page, 'Space');
    const after = await cursor();
    await frames(page);
    expect(await cursor()).toBe(after);
  });

  it('changes between light and dark', async () => {
    const { page } = failure;
    const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const before = await ground();
    await page.getByRole('button', { name: 'Light / dark' }).click();
    expect(await ground()).not.toBe(before);
    expect((await pixels(page, 'lanes')).colours).toBeGreaterThan(5);
  });

  it('takes nothing that an engine says for markup', async () => {
    const options = { nodes: 3, faultsMs: 15_000 };
    const { page, complaints } = await open(browser, await draw({ subject: hostile(), seed: '3', options, schedule: [] }));
    await press(page, '0', 'd');
    for (const tab of ['log', 'run', 'nodes']) await page.click(`[aria-controls=${tab}]`);
    await page.locator('#nodes details').first().click();
    await frames(page);
    expect(await text(page, '#nodes')).toContain(HOSTILE);
    expect(await text(page, '#legend')).toContain(HOSTILE.slice(0, 20));
    expect(await page.locator('img, b').count()).toBe(0);
    expect(await page.title()).toBe(`synod: ${HOSTILE}, seed 3`);
    expect(complaints).toEqual([]);
    await page.close();
  });
});
