/**
 * Seeds on several threads: each runs one after another, so that a run has a core and a heap of its own, and the clocks
 * that a run takes away are nobody else's. The reports come in the order in which the runs end.
 */
import { type ResourceLimits, Worker } from 'node:worker_threads';
import { explain, InternalError } from '../../base/errors.ts';
import { isModuleFile } from '../apart/run-apart.ts';
import type { SeedReport, SeedTask } from './task.ts';

/**
 * Of each thread: more room for what is young. Half of what an event makes is on its way in the queue when the default of 48 MB is
 * full, and is copied; with twice the room a tenth of all time is saved (measured).
 */
export const THREAD_LIMITS: ResourceLimits = { maxYoungGenerationSizeMb: 96 };

export interface ThreadsInput {
  /** 1 to 256 threads. */
  readonly jobs: number;
  /** Asked for the next one whenever a thread is free; the work is done when there are no more. */
  readonly tasks: Iterator<SeedTask>;
  readonly onReport: (report: SeedReport) => void;
  /** Stops at once: what is under way is given up. */
  readonly signal?: AbortSignal;
}

/**
 * Ends when every task has been reported. Where the engine is a user's, a thread that dies over it is a failure of that seed,
 * and another takes its place. Else it rejects with InternalError `simulator/thread`, which names the seed: a run of its own
 * accord reports whatever an engine does, so that is the simulator's fault, or memory's.
 */
export async function runOnThreads({ jobs, tasks, onReport, signal }: ThreadsInput): Promise<void> {
  const workers: Worker[] = [];
  const ended: Promise<void>[] = [];
  const aborted = new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
  const thread = async () => {
    for (let isOver = false; !isOver; ) {
      const worker = new Worker(new URL('./worker.ts', import.meta.url), { resourceLimits: THREAD_LIMITS });
      workers.push(worker);
      isOver = (await serve(worker, tasks, onReport)) === 'done';
      if (isOver) ended.push(leave(worker));
      else workers.splice(workers.indexOf(worker), 1);
    }
  };
  try {
    if (signal?.aborted !== true) await Promise.race([aborted, Promise.all(Array.from({ length: jobs }, thread))]);
    await Promise.all(ended);
  } finally {
    for (const worker of workers) worker.removeAllListeners();
    // Those that are at work still; the others are gone.
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** Lets a thread end by itself: Node has died (SIGSEGV) when idle threads with time limits and WebAssembly were terminated. */
function leave(worker: Worker): Promise<void> {
  worker.removeAllListeners();
  return new Promise((resolve) => {
    worker.once('exit', () => resolve());
    worker.postMessage(null);
  });
}

/** Gives one worker a task after another, until there are no more or it dies over a user's engine. */
function serve(worker: Worker, tasks: Iterator<SeedTask>, onReport: (report: SeedReport) => void): Promise<'done' | 'dead'> {
  let current: SeedTask | null = null;
  return new Promise((resolve, reject) => {
    const next = () => {
      const { done, value } = tasks.next();
      current = done === true ? null : value;
      if (current === null) resolve('done');
      else worker.postMessage(current);
    };
    worker.on('message', (report: SeedReport) => {
      try {
        onReport(report);
        next();
      } catch (error) {
        reject(error);
      }
    });
    const died = (cause?: unknown) => {
      worker.removeAllListeners();
      if (current === null || !isModuleFile(current.engine)) return reject(deadThread(current, cause));
      try {
        onReport(reportOfDeath(current, cause === undefined ? 'it ended its process' : explain(cause)));
        resolve('dead');
      } catch (error) {
        reject(error);
      }
    };
    worker.on('error', died);
    worker.on('exit', () => died());
    next();
  });
}

/** There is no more to be said of such a run. */
function reportOfDeath({ engine, seed }: SeedTask, why: string): SeedReport {
  const message = `The thread that ran it died: ${why.replace(/\.$/, '')}.`;
  return {
    engine,
    seed,
    ok: false,
    violations: [{ checker: 'Engine', atMs: 0, node: -1, message, expected: false }],
    traceHash: '',
    marks: [],
    stats: { events: 0, virtualMs: 0, messages: 0, lost: 0 },
    isStable: null,
    scenario: null,
    heapBytes: 0,
  };
}

function deadThread(task: SeedTask | null, cause?: unknown): InternalError {
  const at = task === null ? 'between two runs' : `on engine ${task.engine}, seed ${task.seed}`;
  return new InternalError('simulator/thread', `A thread of the simulator died ${at}`, { seed: task?.seed ?? null }, cause);
}
