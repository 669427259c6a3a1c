/**
 * Runs for as long as somebody has patience: one seed after another on every engine in turn, on as many threads as wanted.
 * Failures are made small where they are found, and come as scenarios. What is kept does not grow with the time it takes.
 */

import { COMMON_MARKS } from '../../simulator/marks.ts';
import type { Options } from '../../simulator/options.ts';
import type { RunLimits } from '../../simulator/run.ts';
import { Tally } from '../../simulator/tally.ts';
import { loadSubject } from './load.ts';
import type { SeedReport, SeedTask } from './task.ts';
import { runOnThreads } from './threads.ts';

/** More are counted and not kept. */
export const MAX_FAILURES = 100;
/** Every so many-th seed of an engine is run twice, and the traces compared. */
const TWICE_EVERY = 50;
/** Of real time, for some thousand events. Long runs are made at low priority, and being starved is not an endless loop. */
const SLICE_LIMIT_MS = 600_000;

export interface LongInput {
  /** Names, or files of modules. */
  readonly engines: readonly string[];
  /** Of real time. When it is over, the runs that are under way come to their end. Infinity where only the last seed ends it. */
  readonly durationMs: number;
  /** The first of each engine's seeds; the others follow, up to the last if there is one. */
  readonly seed: number;
  readonly lastSeed?: number | undefined;
  /** How fast faults come and go: see `RunInput`. */
  readonly pace?: number | undefined;
  /** Threads, 1 to 256. */
  readonly jobs: number;
  readonly options?: Partial<Options>;
  readonly limits?: Partial<RunLimits>;
  readonly onFailure?: (report: SeedReport) => void;
  /** A thread is given a seed: what all of them are at from now on. */
  readonly onBegin?: (() => void) | undefined;
  /** Ends it at once. */
  readonly signal?: AbortSignal;
}

/** Of the whole process, in bytes. */
export interface Memory {
  readonly startBytes: number;
  readonly nowBytes: number;
  readonly maxBytes: number;
  /** Of a thread, after the first run, the last one, and the one after which it was largest. */
  readonly startHeapBytes: number;
  readonly nowHeapBytes: number;
  readonly maxHeapBytes: number;
  /** How the process grows once it is warm, by a line through all that was measured; null before enough was. */
  readonly bytesPerHour: number | null;
}

/** Code is compiled and heaps find their size before this. */
const WARM_AFTER_MS = 30_000;
const MIN_SAMPLES = 20;

const MS_PER_HOUR = 3_600_000;

/** The straight line that is nearest to some points (least squares), which are not kept. */
export class Line {
  count = 0;
  #x = 0;
  #y = 0;
  #xx = 0;
  #xy = 0;

  add(x: number, y: number): void {
    this.count++;
    this.#x += x;
    this.#y += y;
    this.#xx += x * x;
    this.#xy += x * y;
  }

  /** NaN for fewer than two different x. */
  get slope(): number {
    return (this.count * this.#xy - this.#x * this.#y) / (this.count * this.#xx - this.#x ** 2);
  }
}

export class LongRun {
  /** By engine. */
  readonly tallies = new Map<string, Tally>();
  /** Of runs that failed, or were not the same twice. */
  readonly failures: SeedReport[] = [];
  failed = 0;
  readonly #input: LongInput;
  readonly #startedMs = performance.now();
  readonly #startBytes = process.memoryUsage.rss();
  #endedMs: number | null = null;
  #maxBytes = this.#startBytes;
  #startHeapBytes = 0;
  #nowHeapBytes = 0;
  #maxHeapBytes = 0;
  readonly #trend = new Line();
  readonly #running = new Set<string>();

  constructor(input: LongInput) {
    this.#input = input;
  }

  /** What differs from an ordinary run of a seed, as a command says it. */
  get flags(): string {
    const { options = {}, limits = {}, pace } = this.#input;
    const { nodes, faultsMs } = options;
    const { faultEvents } = limits;
    return [
      nodes === undefined ? '' : ` --nodes ${nodes}`,
      faultsMs === undefined ? '' : ` --duration ${faultsMs / 1_000}`,
      faultEvents === undefined ? '' : ` --events ${faultEvents}`,
      pace === undefined ? '' : ` --pace ${pace}`,
    ].join('');
  }

  /** What threads are at: engines and seeds. */
  get running(): string {
    return [...this.#running].join(', ');
  }

  get jobs(): number {
    return this.#input.jobs;
  }

  get elapsedMs(): number {
    return (this.#endedMs ?? performance.now()) - this.#startedMs;
  }

  get events(): number {
    return [...this.tallies.values()].reduce((sum, { events }) => sum + events, 0);
  }

  /** To be asked now and then: the maximum is that of the moments in which it was. */
  memory(): Memory {
    const nowBytes = process.memoryUsage.rss();
    this.#maxBytes = Math.max(this.#maxBytes, nowBytes);
    if (this.elapsedMs > WARM_AFTER_MS) this.#trend.add(this.elapsedMs / MS_PER_HOUR, nowBytes);
    return {
      startBytes: this.#startBytes,
      nowBytes,
      maxBytes: this.#maxBytes,
      startHeapBytes: this.#startHeapBytes,
      nowHeapBytes: this.#nowHeapBytes,
      maxHeapBytes: this.#maxHeapBytes,
      bytesPerHour: this.#trend.count < MIN_SAMPLES ? null : this.#trend.slope,
    };
  }

  /** Throws what loading an engine throws, and InternalError `simulator/thread`. */
  async run(): Promise<void> {
    const { engines, jobs, signal } = this.#input;
    for (const engine of engines) {
      const { marks, unreachable } = await loadSubject(engine);
      this.tallies.set(engine, new Tally([...COMMON_MARKS, ...marks], unreachable));
    }
    const onReport = (report: SeedReport) => this.#add(report);
    try {
      await runOnThreads({ jobs, tasks: this.#tasks(), onReport, ...(signal && { signal }) });
    } finally {
      this.#endedMs = performance.now();
    }
  }

  *#tasks(): Generator<SeedTask, undefined> {
    const { engines, durationMs, seed, lastSeed = Number.POSITIVE_INFINITY, options = {}, pace = 1 } = this.#input;
    const limits = { sliceLimitMs: SLICE_LIMIT_MS, ...this.#input.limits };
    for (let round = 0; seed + round <= lastSeed; round++) {
      for (const engine of engines) {
        if (this.elapsedMs >= durationMs) return;
        this.#running.add(nameOf(engine, String(seed + round)));
        this.#input.onBegin?.();
        yield { engine, seed: String(seed + round), options, limits, pace, isShrunk: true, isRepeated: round % TWICE_EVERY === 0 };
      }
    }
  }

  #add(report: SeedReport): void {
    this.#running.delete(nameOf(report.engine, report.seed));
    this.tallies.get(report.engine)?.add(report);
    this.#startHeapBytes ||= report.heapBytes;
    this.#nowHeapBytes = report.heapBytes;
    this.#maxHeapBytes = Math.max(this.#maxHeapBytes, report.heapBytes);
    this.memory();
    if (report.ok && report.isStable !== false) return;
    this.failed++;
    if (this.failures.length >= MAX_FAILURES) return;
    this.failures.push(report);
    this.#input.onFailure?.(report);
  }
}

function nameOf(engine: string, seed: string): string {
  return `engine ${engine}, seed ${seed}`;
}
