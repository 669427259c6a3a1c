/**
 * A batch of seeds of one engine that every change has to pass, on two threads, as the tests have two cores. The runs of an
 * engine are short and their faults come fast (`pace`): three hundred seeds in which little happens show less.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { SeedReport, SeedTask } from '../../src/cli/seeds/task.ts';
import { runOnThreads } from '../../src/cli/seeds/threads.ts';
import { COMMON_MARKS } from '../../src/simulator/marks.ts';
import type { Options } from '../../src/simulator/options.ts';
import type { Subject } from '../../src/simulator/subject.ts';
import { missedMarks, Tally } from '../../src/simulator/tally.ts';

export interface SeedBatch {
  readonly subject: Subject;
  /** As people call it. */
  readonly title: string;
  readonly options?: Partial<Options>;
  /** Faults end after so many events; what is owed after them costs some more. */
  readonly faultEvents: number;
  readonly pace?: number;
  /** Runs besides those of the seeds. */
  readonly others?: readonly Pick<SeedTask, 'seed' | 'options' | 'schedule' | 'limits'>[];
  /** Marks that no run of this engine may reach: it never gives up a block, no member of it lies. */
  readonly never?: readonly string[];
  /** Marks that so few and short runs may miss. */
  readonly rare?: readonly string[];
  /** Of each seed, on average. */
  readonly minEvents: number;
}

const SEEDS = 300;
/** Every so many-th seed is run twice. */
const TWICE_EVERY = 30;
const THREADS = 2;
const LIMIT_MS = 900_000;
/** In short runs. */
const GONE = 'a node never came back';
/** Of real time, for some thousand events: a machine that is busy with much else is not to be taken for an endless loop. */
const SLICE_LIMIT_MS = 120_000;

function* tasksOf({ subject, options = {}, faultEvents, pace = 1, others = [] }: SeedBatch): Generator<SeedTask, undefined> {
  const engine = subject.name;
  const limits = { faultEvents, sliceLimitMs: SLICE_LIMIT_MS };
  for (let seed = 1; seed <= SEEDS; seed++) {
    yield { engine, seed: String(seed), options, limits, pace, isRepeated: seed % TWICE_EVERY === 0 };
  }
  for (const other of others) yield { engine, isRepeated: false, ...other, limits: { ...limits, ...other.limits } };
}

export function testSeeds(batch: SeedBatch): void {
  const { subject, title, others = [], never = [], rare = [], minEvents } = batch;

  describe(`${SEEDS} seeds of ${title}`, () => {
    const reports: SeedReport[] = [];
    const tally = new Tally([...COMMON_MARKS, ...subject.marks]);

    beforeAll(async () => {
      const startedMs = performance.now();
      await runOnThreads({ jobs: THREADS, tasks: tasksOf(batch), onReport: (report) => reports.push(report) });
      for (const report of reports) tally.add(report);
      const seconds = (performance.now() - startedMs) / 1_000;
      const perSecond = Math.round(tally.events / seconds);
      const hours = (tally.virtualMs / 3_600_000).toFixed(1);
      console.log(`${tally.events} events in ${hours} virtual hours, ${perSecond}/s on ${THREADS} threads that were not alone`);
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

    it(`are all there, with ${minEvents} events each, on average`, () => {
      const seeds = Array.from({ length: SEEDS }, (_, index) => String(index + 1));
      expect(reports.map(({ seed }) => seed).sort()).toEqual([...seeds, ...others.map(({ seed }) => seed)].sort());
      expect(tally.events).toBeGreaterThan(minEvents * SEEDS);
    });

    it('reach the marks of coverage', () => {
      const missed = missedMarks(tally);
      expect(missed.filter((mark) => ![...never, ...rare, GONE].includes(mark))).toEqual([]);
      expect(missed).toEqual(expect.arrayContaining([...never]));
    });
  });
}

/** Under engines of instant finality: of decided blocks none is ever given up. */
export const NO_REORGANISATION: readonly string[] = [
  'a crash during a reorganisation',
  'a reorganisation',
  'a reorganisation deeper than 3',
];
/** And where members only crash, none of them makes a block that is wrong. */
export const CRASHES_ONLY: readonly string[] = [...NO_REORGANISATION, 'a block was invalid'];
/** Blamed there is only who has not answered for long. */
export const SELDOM_BLAMED = 'a peer was blamed';
