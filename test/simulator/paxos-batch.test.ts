/**
 * The batch of Multi-Paxos that every change has to pass. Faults happen for some thousand events, whatever the network is like. One
 * seed alone: synod simulate --engine paxos --events 10000 --seed 7
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { SeedReport, SeedTask } from '../../src/cli/seeds/task.ts';
import { runOnThreads } from '../../src/cli/seeds/threads.ts';
import { COMMON_MARKS } from '../../src/simulator/marks.ts';
import { paxosSubject } from '../../src/simulator/subjects/paxos.ts';
import { missedMarks, Tally } from '../../src/simulator/tally.ts';

const SEEDS = 36;
const FAULT_EVENTS = 5_000;
/** Every so many-th seed is run twice. */
const TWICE_EVERY = 18;
const THREADS = 2;
const LIMIT_MS = 600_000;
/** Of real time, for some thousand events: a machine that is busy with much else is not to be taken for an endless loop. */
const SLICE_LIMIT_MS = 120_000;
/** Of decided blocks none is ever given up, and no member lies. */
const NEVER = [
  'a crash during a reorganisation',
  'a reorganisation',
  'a reorganisation deeper than 3',
  'a block was invalid',
  'a peer was blamed',
];
/** What 300 seeds reach, and so few need not. */
const RARE = [
  'a node never came back',
  'a crash lost a head that was not durable',
  'a crash lost a write that was under way',
  'phase 1 showed values that had lost',
  'an accepted block was replaced',
];

function* tasks(): Generator<SeedTask, undefined> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const limits = { faultEvents: FAULT_EVENTS, sliceLimitMs: SLICE_LIMIT_MS };
    yield { engine: 'paxos', seed: String(seed), options: {}, limits, isRepeated: seed % TWICE_EVERY === 0 };
  }
}

describe(`${SEEDS} seeds of Multi-Paxos`, () => {
  const reports: SeedReport[] = [];
  const tally = new Tally([...COMMON_MARKS, ...paxosSubject.marks]);

  beforeAll(async () => {
    await runOnThreads({ jobs: THREADS, tasks: tasks(), onReport: (report) => reports.push(report) });
    for (const report of reports) tally.add(report);
  }, LIMIT_MS);

  it('violate nothing', () => {
    const failed = reports.filter(({ ok }) => !ok);
    expect(failed.map(({ seed, violations }) => [seed, violations[0]])).toEqual([]);
    expect(reports).toHaveLength(SEEDS);
  });

  it('are the same when they are run twice', () => {
    const repeated = reports.filter(({ isStable }) => isStable !== null);
    expect(repeated.map(({ isStable }) => isStable)).toEqual(Array(SEEDS / TWICE_EVERY).fill(true));
  });

  it('reach the marks of coverage, but for those that Multi-Paxos has no use for', () => {
    const missed = missedMarks(tally);
    expect(missed.filter((mark) => ![...NEVER, ...RARE].includes(mark))).toEqual([]);
    expect(missed).toEqual(expect.arrayContaining(NEVER));
  });
});
