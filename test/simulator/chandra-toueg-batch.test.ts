/**
 * The batch of Chandra-Toueg that every change has to pass. Faults happen for some thousand events, whatever the network is
 * like. One seed alone: synod simulate --engine chandra-toueg --events 6000 --seed 7
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { SeedReport, SeedTask } from '../../src/cli/seeds/task.ts';
import { runOnThreads } from '../../src/cli/seeds/threads.ts';
import { chandraTouegSubject } from '../../src/simulator/subjects/chandra-toueg.ts';
import { missedMarks, Tally } from '../../src/simulator/tally.ts';

const SEEDS = 16;
const FAULT_EVENTS = 6_000;
/** Every so many-th seed is run twice. */
const TWICE_EVERY = 8;
const THREADS = 2;
const LIMIT_MS = 600_000;
/** Of real time, for some thousand events: a machine that is busy with much else is not to be taken for an endless loop. */
const SLICE_LIMIT_MS = 120_000;

function* tasks(): Generator<SeedTask, undefined> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const limits = { faultEvents: FAULT_EVENTS, sliceLimitMs: SLICE_LIMIT_MS };
    yield { engine: 'chandra-toueg', seed: String(seed), options: {}, limits, isRepeated: seed % TWICE_EVERY === 0 };
  }
}

describe(`${SEEDS} seeds of Chandra-Toueg`, () => {
  const reports: SeedReport[] = [];
  const tally = new Tally(chandraTouegSubject.marks);

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

  it('reach every mark of the protocol', () => {
    expect(missedMarks(tally)).toEqual([]);
  });
});
