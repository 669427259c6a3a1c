/**
 * The batch of PBFT that every change has to pass: seeds with whatever faults they draw, and for each way in which a member
 * of PBFT can misbehave one run with such a member and little else. One seed alone: synod simulate --engine pbft --events 6000 --seed 7
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { SeedReport, SeedTask } from '../../src/cli/seeds/task.ts';
import { runOnThreads } from '../../src/cli/seeds/threads.ts';
import { PBFT_BEHAVIOURS } from '../../src/simulator/behaviours/pbft.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { COMMON_MARKS } from '../../src/simulator/marks.ts';
import { FOR_EVER_MS } from '../../src/simulator/schedule.ts';
import { pbftSubject } from '../../src/simulator/subjects/pbft.ts';
import { missedMarks, Tally } from '../../src/simulator/tally.ts';

const SEEDS = 30;
const FAULT_EVENTS = 6_000;
const ROLE_EVENTS = 3_000;
const LIAR = 3;
/** Every so many-th seed is run twice. */
const TWICE_EVERY = 15;
const THREADS = 2;
const LIMIT_MS = 600_000;
/** Of real time, for some thousand events: a machine that is busy with much else is not to be taken for an endless loop. */
const SLICE_LIMIT_MS = 120_000;
/** Of decided blocks none is ever given up. */
const NEVER = ['a crash during a reorganisation', 'a reorganisation', 'a reorganisation deeper than 3'];
/** In so few seeds. */
const RARE = ['a node never came back', 'a crash lost a head that was not durable', 'a disk error stopped a node'];

function* tasks(): Generator<SeedTask, undefined> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const limits = { faultEvents: FAULT_EVENTS, sliceLimitMs: SLICE_LIMIT_MS };
    yield { engine: 'pbft', seed: String(seed), options: {}, limits, isRepeated: seed % TWICE_EVERY === 0 };
  }
  for (const behaviour of PBFT_BEHAVIOURS.keys()) {
    const schedule: Fault[] = [
      { fault: 'byzantine', node: LIAR, behaviour, atMs: 0, forMs: FOR_EVER_MS },
      // So that the others have to change views, and the liar gets its turn.
      { fault: 'crash', node: 0, atMs: 20_000, forMs: 15_000 },
      { fault: 'noise', loss: 0.1, duplicate: 0.1, reorder: 0.1, atMs: 0, forMs: 60_000 },
    ];
    const limits = { faultEvents: ROLE_EVENTS, sliceLimitMs: SLICE_LIMIT_MS };
    yield { engine: 'pbft', seed: behaviour, options: { nodes: 4, survivors: [0, 1, 2, 3] }, schedule, limits, isRepeated: false };
  }
}

describe(`${SEEDS} seeds of PBFT`, () => {
  const reports: SeedReport[] = [];
  const tally = new Tally([...COMMON_MARKS, ...pbftSubject.marks]);

  beforeAll(async () => {
    await runOnThreads({ jobs: THREADS, tasks: tasks(), onReport: (report) => reports.push(report) });
    for (const report of reports) tally.add(report);
  }, LIMIT_MS);

  it('violate nothing that their faults do not excuse', () => {
    const failed = reports.filter(({ ok }) => !ok);
    expect(failed.map(({ seed, violations }) => [seed, violations.find(({ expected }) => !expected)])).toEqual([]);
    expect(reports).toHaveLength(SEEDS + PBFT_BEHAVIOURS.size);
  });

  it('are the same when they are run twice', () => {
    const repeated = reports.filter(({ isStable }) => isStable !== null);
    expect(repeated.map(({ isStable }) => isStable)).toEqual(Array(SEEDS / TWICE_EVERY).fill(true));
  });

  it('reach the marks of coverage, but for those that PBFT has no use for', () => {
    const missed = missedMarks(tally);
    expect(missed.filter((mark) => ![...NEVER, ...RARE].includes(mark))).toEqual([]);
    expect(missed).toEqual(expect.arrayContaining(NEVER));
  });
});
