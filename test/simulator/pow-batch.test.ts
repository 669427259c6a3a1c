/**
 * The batch that every change has to pass: 300 seeds of proof-of-work, 20,000 events each. Faults happen for 19,000 events,
 * whatever the network is like; what is owed after them takes about a thousand more. On two threads, as the tests have two
 * cores. One seed alone: synod simulate --duration 14400 --events 19000 --seed 7
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { SeedReport, SeedTask } from '../../src/cli/seeds/task.ts';
import { runOnThreads } from '../../src/cli/seeds/threads.ts';
import { COMMON_MARKS } from '../../src/simulator/marks.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import { missedMarks, Tally } from '../../src/simulator/tally.ts';

const SEEDS = 300;
const EVENTS = 20_000;
const FAULT_EVENTS = 19_000;
/** Long enough for the smallest and slowest network to have so many events. */
const FAULTS_MS = 4 * 3_600_000;
/** Every so many-th seed is run twice. */
const TWICE_EVERY = 30;
const THREADS = 2;
const LIMIT_MS = 600_000;
/** Of real time, for some thousand events: a machine that is busy with much else is not to be taken for an endless loop. */
const SLICE_LIMIT_MS = 120_000;

function* tasks(): Generator<SeedTask, undefined> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const isRepeated = seed % TWICE_EVERY === 0;
    const limits = { faultEvents: FAULT_EVENTS, sliceLimitMs: SLICE_LIMIT_MS };
    yield { engine: 'pow', seed: String(seed), options: { faultsMs: FAULTS_MS }, limits, isRepeated };
  }
}

describe(`${SEEDS} seeds of proof-of-work`, () => {
  const reports: SeedReport[] = [];
  const tally = new Tally([...COMMON_MARKS, ...powSubject.marks]);

  beforeAll(async () => {
    const startedMs = performance.now();
    await runOnThreads({ jobs: THREADS, tasks: tasks(), onReport: (report) => reports.push(report) });
    for (const report of reports) tally.add(report);
    const seconds = (performance.now() - startedMs) / 1_000;
    console.log(`${tally.events} events, ${Math.round(tally.events / seconds)}/s on ${THREADS} threads that were not alone`);
  }, LIMIT_MS);

  it('violate nothing that their faults do not excuse', () => {
    const failed = reports.filter(({ ok }) => !ok);
    expect(failed.map(({ seed, violations }) => [seed, violations.find(({ expected }) => !expected)])).toEqual([]);
  });

  it('are the same when they are run twice', () => {
    const repeated = reports.filter(({ isStable }) => isStable !== null);
    expect(repeated).toHaveLength(SEEDS / TWICE_EVERY);
    expect(repeated.filter(({ isStable }) => !isStable).map(({ seed }) => seed)).toEqual([]);
  });

  it(`have ${EVENTS} events each, on average`, () => {
    expect(reports.map(({ seed }) => Number(seed)).sort((a, b) => a - b)).toEqual(Array.from({ length: SEEDS }, (_, index) => index + 1));
    expect(tally.events).toBeGreaterThan(0.95 * SEEDS * EVENTS);
    expect(Math.min(...reports.map(({ stats }) => stats.events))).toBeGreaterThan(0.75 * EVENTS);
  });

  it('reach every mark of coverage', () => {
    expect(missedMarks(tally)).toEqual([]);
  });
});
