/** The table of a test network on a terminal: one row of the screen for each line, however narrow it is. */
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { truncate, visibleWidth } from '../../src/cli/output.ts';
import { hintLines, openDisplay, reportTable, reportText, rowsOf, screenLines } from '../../src/cli/testnet-display.ts';
import type { NodeStatus } from '../../src/node/status.ts';
import type { Manifest } from '../../src/testnet/manifest.ts';
import type { NodeReport } from '../../src/testnet/supervisor.ts';

const STATUS = {
  head: { number: 1_234, hash: `0x${'ab'.repeat(32)}` },
  finalized: { number: 1_210 },
  peers: 3,
  mining: { enabled: true, hashesPerSecond: 98_765, sealed: 617 },
  reorgs: { count: 12, deepest: 2, last: 1 },
  pool: { pending: 40, queued: 2 },
  sync: { state: 'idle' },
} as unknown as NodeStatus;

function report(index: number, fields: Partial<NodeReport> = {}): NodeReport {
  const status = STATUS as unknown as NodeReport['status'];
  return {
    index,
    state: 'up',
    mines: true,
    pid: 1,
    rpcUrl: `http://127.0.0.1:${8545 + index}`,
    metricsUrl: null,
    peerId: 'p',
    side: 0,
    faults: [],
    status,
    ...fields,
  };
}

const REPORT = [report(0), report(1, { side: 1 }), report(2, { status: null }), report(3, { state: 'down', rpcUrl: null, status: null })];
const widthOf = (text: string) => Math.max(...text.split('\n').map(visibleWidth));
const titlesOf = (text: string) => stripVTControlCharacters(text.split('\n')[0] ?? '').split(/ {2,}/);

describe('the table', () => {
  it('is whole where nothing limits it', () => {
    const text = stripVTControlCharacters(reportTable(REPORT));
    const titles = ['node', 'rpc', 'height', 'head', 'peers', 'final', 'works', 'made', 'reorgs', 'deepest', 'pool', 'state'];
    expect(titlesOf(text)).toEqual(titles);
    const cells = ['0', 'http://127.0.0.1:8545', '1234', '0xababab..abab', '3', '1210', '99 kH/s', '617', '12', '2', '42', 'up (side 0)'];
    expect(text.split('\n')[1]?.split(/ {2,}/)).toEqual(cells);
    expect(text).toContain('silent (side 0)');
    expect(text).toContain('down (side 0)');
  });

  it('shows validators where there are no miners', () => {
    const consensus = { keys: 2, counts: { proposed: 31 } };
    const staking = { ...STATUS, engine: 'pos', mining: null, consensus } as unknown as NodeReport['status'];
    const text = stripVTControlCharacters(reportTable([report(0, { status: staking })]));
    expect(text.split('\n')[1]?.split(/ {2,}/).slice(5, 8)).toEqual(['1210', '2 val', '31']);
  });

  it('has below it what is wrong on purpose, and what was signed twice', () => {
    const status = { ...STATUS, faults: { equivocations: { proposal: 0, vote: 2 } } } as unknown as NodeReport['status'];
    const text = reportText([
      report(0),
      report(1, { faults: ['makes no blocks'], status }),
      report(2, { faults: ['paused'], status: null }),
    ]);
    expect(stripVTControlCharacters(text).split('\n').slice(4)).toEqual([
      'node 1: makes no blocks; has signed a second vote, 2 times',
      'node 2: paused',
    ]);
  });

  it('tells members from nodes that have no vote', () => {
    const seat = ({ engine = 'raft', ...consensus }: { engine?: string }) =>
      ({ ...STATUS, engine, mining: null, peerId: 'p', consensus }) as unknown as NodeReport['status'];
    const seats = [
      { role: 'leader', leader: 'p' },
      { role: 'follower', leader: 'q' },
      { role: 'learner', leader: 'q' },
      { role: 'observer', leader: 'q' },
      { engine: 'pbft', role: 'backup', leader: 'q' },
      { engine: 'pbft', role: 'follower', leader: 'q' },
    ];
    const text = stripVTControlCharacters(reportTable(seats.map((each, index) => report(index, { status: seat(each) }))));
    const works = text
      .split('\n')
      .slice(1)
      .map((line) => line.split(/ {2,}/)[6]);
    expect(works).toEqual(['leads', 'follows', 'learns', 'watches', 'follows', 'watches']);
  });

  it.each([200, 120, 100, 80, 60])('fits a terminal of %i columns', (columns) => {
    const text = reportTable(REPORT, columns);
    expect(widthOf(text)).toBeLessThanOrEqual(columns);
    for (const title of ['node', 'height', 'head', 'peers', 'state']) expect(titlesOf(text)).toContain(title);
  });

  it('keeps what matters most the longest', () => {
    expect(titlesOf(reportTable(REPORT, 80))).toEqual(['node', 'height', 'head', 'peers', 'final', 'works', 'reorgs', 'state']);
    expect(titlesOf(reportTable(REPORT, 1))).toEqual(['node', 'height', 'head', 'peers', 'state']);
  });
});

it('says that a node has ended, but not of those that end because the network is stopped', () => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  onTestFinished(() => write.mockRestore());
  const display = openDisplay(false, '/net', {} as Manifest);
  const down = (index: number, expected: boolean) => display.event({ type: 'node-down', index, reason: 'SIGKILL', expected, log: 'l' });
  down(1, true);
  display.stopping();
  down(0, true);
  down(2, false);
  display.event({ type: 'equivocated', index: 3, lie: 'vote' });
  display.end();
  const lines = write.mock.calls.map(([text]) => stripVTControlCharacters(String(text)));
  expect(lines).toEqual([
    'Node 1 is down\n',
    'Stopping the nodes ...\n',
    'Node 2 ended by itself (SIGKILL); see its log l\n',
    'Node 3 signed a second vote\n',
    'Stopped.\n',
  ]);
});

describe('the screen', () => {
  it('has every line in one row, and fewer lines than rows', () => {
    const lines = Array.from({ length: 60 }, (_, index) => `line ${index} ${'x'.repeat(index)}`);
    const shown = screenLines(lines, 40, 24);
    expect(shown).toHaveLength(23);
    expect(shown.at(-1)).toBe('... and 38 more lines: synod testnet sta');
    expect(shown.slice(0, 22)).toEqual(lines.slice(0, 22).map((line) => line.slice(0, 40)));
    expect(screenLines(lines.slice(0, 23), 100, 24)).toEqual(lines.slice(0, 23));
    expect(screenLines(lines, 10, 1)).toHaveLength(1);
  });

  it('counts the rows that lines take once it is narrower', () => {
    expect(rowsOf([0, 79, 80, 81, 160, 161], 80)).toBe(1 + 1 + 1 + 2 + 2 + 3);
    expect(rowsOf([], 80)).toBe(0);
  });
});

describe('a line that is cut', () => {
  const red = (text: string) => `\u001b[31m${text}\u001b[39m`;
  it.each([
    ['short', 10, 'short'],
    ['exactly', 7, 'exactly'],
    ['too long', 3, 'too'],
    [`a${red('bcd')}e`, 5, `a${red('bcd')}e`],
    [`a${red('bcd')}e`, 2, `a${red('b')}`],
    [red('ab') + red('cd'), 2, red('ab') + red('')],
    ['🙂🙂🙂', 2, '🙂🙂'],
    ['text', 0, ''],
  ])('%j to %i columns', (text, columns, expected) => expect(truncate(text, columns)).toBe(expected));
});

describe('the hint', () => {
  const hint = (nodes: number, directory: string, columns = 80) => hintLines(nodes, directory, '/w', columns);

  it('is a command that works for this network', () => {
    expect(hint(4, '/w/.synod/testnet')).toEqual(['Ctrl-C stops it. In another terminal: npx synod testnet partition 0,1 2,3']);
    expect(hint(3, '/w/.synod/testnet')[0]).toMatch(/partition 0,1 2$/);
    expect(hint(1, '/w/.synod/testnet')[0]).toMatch(/testnet status$/);
  });

  it('has the command on a line of its own where both are too long for one', () => {
    expect(hint(4, '/net')).toEqual(['Ctrl-C stops it. In another terminal:', 'npx synod testnet partition 0,1 2,3 --dir ../net']);
  });

  it.each([80, 40, 37])('loses nothing of a longer command in %i columns', (columns) => {
    const directory = `/${'deep/'.repeat(20)}net`;
    const [, ...lines] = hint(64, directory, columns);
    const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index).join();
    const command = `npx synod testnet partition ${numbers(0, 32)} ${numbers(32, 64)} --dir ..${directory}`;
    expect(lines.join('\n').replaceAll('\\\n', '')).toBe(command);
    expect(Math.max(...lines.map(visibleWidth))).toBeLessThanOrEqual(columns);
  });
});
