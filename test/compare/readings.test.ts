/** Cells and sentences follow from what was measured: good, bad and missing. */
import { describe, expect, it } from 'vitest';
import { table, visibleWidth } from '../../src/cli/output.ts';
import type { CaseResult, EngineResult, Figures } from '../../src/compare/figures.ts';
import { COLUMNS, readingOf, rowsOf, SHORT_COLUMNS, shortRowsOf } from '../../src/compare/readings.ts';

const FIGURES: Figures = {
  seconds: 10,
  fault: null,
  hit: [],
  sent: 100,
  unfinished: 0,
  perSecond: 812.4,
  perSecondInFault: null,
  perSecondCutOff: null,
  pauseMs: 20,
  p50Ms: 12.3,
  p99Ms: 1_234,
  latenciesMs: [],
  bySecond: [{ majority: 80, minority: 0 }],
  traffic: { blocks: 10, messagesPerBlock: 8.25, bytesPerBlock: 1_653 },
  broken: [],
};

const measured = (changes: Partial<Figures> = {}): CaseResult => ({ figures: { ...FIGURES, ...changes }, reason: null });
const inFault = (changes: Partial<Figures>) => measured({ perSecondInFault: 400, pauseMs: 120, ...changes });

const RAFT: EngineResult = {
  engine: 'raft',
  nodes: 3,
  behaviour: 'twin',
  processes: null,
  simulator: {
    calm: measured(),
    crash: inFault({}),
    leader: inFault({ pauseMs: 1_400 }),
    partition: inFault({ perSecondCutOff: 0 }),
    byzantine: measured({ broken: ['Agreement: two final blocks at height 3'] }),
  },
};

describe('a comparison in words', () => {
  it('fits a terminal of 120 columns', () => {
    const wide = { ...RAFT, engine: 'chandra-toueg', processes: RAFT.simulator };
    const slow = { ...RAFT, engine: 'pos', simulator: { ...RAFT.simulator, calm: measured({ p50Ms: 10_982, p99Ms: 12_002 }) } };
    const text = table(SHORT_COLUMNS, [wide, slow].flatMap(shortRowsOf));
    for (const line of text.split('\n')) expect(visibleWidth(line)).toBeLessThanOrEqual(120);
    expect(shortRowsOf(wide).map((row) => [row.length, row[1], row.at(-1)])).toEqual([
      [SHORT_COLUMNS.length, 'sim', 'not borne'],
      [SHORT_COLUMNS.length, 'real', '-'],
    ]);
    expect(shortRowsOf({ ...RAFT, engine: 'pbft', nodes: 4 })[0]?.at(-1)).toBe('BROKEN');
  });

  it('has a cell for each column, with what was measured in it', () => {
    const [row, ...others] = rowsOf(RAFT);
    expect(others).toEqual([]);
    expect(row).toHaveLength(COLUMNS.length);
    expect(row).toEqual([
      'raft',
      'simulator',
      '3',
      '812',
      '12',
      '1,234',
      '8.3',
      '1.7',
      '400, 0.12 s',
      '400, 1.4 s',
      '400 | 0',
      'not borne (1 twin): 812 tx/s, BROKEN',
    ]);
  });

  it('says what a reader should see', () => {
    const text = readingOf(RAFT);
    expect(text).toContain('3 nodes took 812 tx/s; half of them were final after 12 ms, 99% after 1.2 s.');
    expect(text).toContain('Losing its leader cost 1.4 s without a transaction; losing another node was not felt (120 ms).');
    expect(text).toContain('the larger side went on with 400 tx/s and the smaller side took nothing');
    expect(text).toContain('It bears no lying member: with one (twin) it broke (Agreement).');
  });

  it('never praises what only went well', () => {
    const lucky = { ...RAFT, simulator: { ...RAFT.simulator, byzantine: measured() } };
    expect(readingOf(lucky)).toContain('by luck and not by design');
  });

  it('does not call a pause what is usual without a fault', () => {
    const simulator = { ...RAFT.simulator, calm: measured({ pauseMs: 1_000 }) };
    expect(readingOf({ ...RAFT, simulator })).toContain('Losing its leader was not felt (1.4 s)');
  });

  it('says what must not happen, and what did not come back', () => {
    const leader = inFault({
      broken: ['Durability: block 7 is gone'],
      fault: { fromMs: 0, toMs: 500 },
      bySecond: [{ majority: 0, minority: 0 }],
    });
    const text = readingOf({ ...RAFT, simulator: { ...RAFT.simulator, leader } });
    expect(text).toContain('What must not happen did: Durability: block 7 is gone');
    expect(text).toContain('It did not take transactions again before the end.');
  });

  it('names an engine that makes no progress, and one that could not be run', () => {
    const still = measured({ perSecond: 0, p50Ms: Number.NaN, p99Ms: Number.NaN, sent: 32, unfinished: 32 });
    const stuck: EngineResult = {
      ...RAFT,
      simulator: { calm: still },
      processes: { calm: { figures: null, reason: 'made no block within 60 s' } },
    };
    expect(rowsOf(stuck).map((row) => row.slice(0, 6))).toEqual([
      ['raft', 'simulator', '3', '0', 'never', 'never'],
      ['', 'processes', '', 'not measured', '-', '-'],
    ]);
    expect(readingOf(stuck)).toContain('3 nodes made no progress: of 32 transactions none became final.');
    expect(readingOf(stuck)).toContain("On real processes 'no fault' could not be measured: made no block within 60 s.");
  });
});
