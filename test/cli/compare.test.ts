/** `synod compare`: bad options, JSON, and the report in a real browser. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineResult, Figures } from '../../src/compare/figures.ts';
import { QUANTILES } from '../../src/compare/figures.ts';
import { comparisonPage } from '../../src/compare/page.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { useProcesses } from '../support/processes.ts';

const CHROMIUM = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const HOSTILE = '</style><script>document.title="broken"</script><img src=x>';
const SIZES = [
  { width: 1_400, height: 900 },
  { width: 390, height: 800 },
];

const processes = useProcesses();
const temporary = temporaryDirectories();

describe('synod compare', () => {
  it.each([
    [['--engines', 'raft,nonsense'], 'arguments/engines'],
    [['--seconds', '1'], 'arguments/seconds'],
    [['--engines', 'pbft', '--nodes', '3'], 'arguments/nodes'],
    [['--only', 'nothing'], 'arguments/only'],
  ])('refuses %j', async (flags, code) => {
    const { code: exit, stdout, stderr } = await processes.runSynod('compare', ...flags);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
    expect(stderr).toContain(`[${code}]`);
  });

  it('says before it begins that a report cannot be written', async () => {
    const { code, stderr } = await processes.runSynod('compare', '--html', join(temporary(), 'no', 'such', 'place.html'));
    expect(code).toBe(1);
    expect(stderr).toContain('[cli/unwritable-file]');
  });

  it('prints JSON with every case, and writes the report beside it', async () => {
    const file = join(temporary(), 'report.html');
    const flags = ['--only', 'simulator', '--engines', 'pow', '--seconds', '5', '--clients', '2', '--json', '--html', file];
    const { code, stdout } = await processes.runSynod('compare', ...flags);
    expect(code).toBe(0);
    const { engines } = JSON.parse(stdout) as { readonly engines: readonly EngineResult[] };
    expect(engines.map(({ engine, processes: real }) => [engine, real])).toEqual([['pow', null]]);
    expect(Object.keys(engines[0]?.simulator ?? {})).toEqual(['calm', 'crash', 'leader', 'partition', 'byzantine']);
    expect(readFileSync(file, 'utf8')).toContain('Consensus engines side by side');
  });
});

const figures = (changes: Partial<Figures> = {}): Figures => ({
  seconds: 10,
  fault: { fromMs: 3_000, toMs: 7_000 },
  hit: [1],
  sent: 1_000,
  unfinished: 0,
  perSecond: 100,
  perSecondInFault: 50,
  perSecondCutOff: 0,
  pauseMs: 900,
  p50Ms: 20,
  p99Ms: 60,
  latenciesMs: QUANTILES.map((part) => 10 + 50 * part),
  bySecond: Array.from({ length: 10 }, (_, i) => ({ majority: 100 - i, minority: i })),
  traffic: null,
  broken: [],
  ...changes,
});

const RESULT: EngineResult = {
  engine: HOSTILE,
  nodes: 3,
  behaviour: HOSTILE,
  simulator: {
    calm: { figures: figures({ fault: null }), reason: null },
    leader: { figures: figures({ broken: [HOSTILE] }), reason: null },
  },
  processes: { calm: { figures: null, reason: HOSTILE }, partition: { figures: figures({ latenciesMs: [] }), reason: null } },
};

describe.skipIf(CHROMIUM === undefined)('the report in a browser (skipped where there is none)', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
  });
  afterAll(async () => await browser.close());

  it('draws on a desk and on a phone, asks nobody for anything, and takes nothing for markup', async () => {
    const file = join(temporary(), 'report.html');
    writeFileSync(file, comparisonPage({ seconds: 10, clients: 32, seed: '1', results: [RESULT] }));
    const url = pathToFileURL(file).href;
    const complaints: string[] = [];
    for (const viewport of SIZES) {
      const page = await browser.newPage({ viewport });
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('request', (request) => {
        if (![url, 'data:,'].includes(request.url())) complaints.push(request.url());
      });
      await page.goto(url);
      const seen = await page.evaluate<unknown>(`({
        title: document.title.startsWith('synod: '),
        scripts: document.scripts.length + document.images.length,
        drawings: document.querySelectorAll('svg').length,
        faults: document.querySelectorAll('rect.fault').length,
        isNarrow: document.documentElement.scrollWidth <= innerWidth,
        isStyled: getComputedStyle(document.querySelector('.curve')).fill === 'none',
      })`);
      expect(seen).toEqual({ title: true, scripts: 0, drawings: 4, faults: 2, isNarrow: true, isStyled: true });
      await page.close();
    }
    expect(complaints).toEqual([]);
  });
});
