/**
 * The mining threads of a node: give it a job, and it answers once with a nonce that meets the target.
 *
 * Cheap to make: threads start with the first job. They never keep the process alive on their own account; whoever waits
 * for a result has to have a reason to stay. One job at a time: a newer one replaces it.
 */
import { randomInt } from 'node:crypto';
import { RuleError, UsageError } from '../base/errors.ts';
import { Control } from './control.ts';
import { MiningError } from './errors.ts';
import { checkJob, type SealJob, type SealResult } from './job.ts';
import type { KernelName } from './kernel.ts';
import { MAX_HASH_RATE_LIMIT, MAX_THREADS } from './limits.ts';
import type { Assignment } from './messages.ts';
import { RateWindow } from './rate.ts';
import type { RejectedKernel } from './select-kernel.ts';
import { MiningThread } from './thread.ts';

export type { SealJob, SealResult } from './job.ts';

const RATE_WINDOW_MS = 10_000;
const SAMPLE_INTERVAL_MS = 500;
const SALTS = 2 ** 32;

export interface MinerStats {
  /** Whether there is a job in hand. */
  readonly running: boolean;
  readonly threads: number;
  /** The kernel that the threads chose, or 'none' before the first of them has. */
  readonly kernel: string;
  /** Over the last ten seconds, rests included. */
  readonly hashesPerSecond: number;
  readonly hashes: bigint;
  readonly jobs: number;
  readonly sealed: number;
  /** Jobs that were replaced or cancelled before a nonce was found. */
  readonly abandoned: number;
  /** Hashes per second for the whole pool, 0 for no limit. */
  readonly hashRateLimit: number;
}

export interface MinerPoolOptions {
  /** 1 to 256. */
  readonly threads: number;
  /** Hashes per second for the whole pool, 0 (the default) for no limit. */
  readonly hashRateLimit?: number;
  /** Default: whichever is fastest here. */
  readonly kernel?: 'auto' | KernelName;
  onSealed(result: SealResult): void;
  /** A thread is lost for good, or none can run. The pool mines on with the threads that are left. */
  onError(error: Error): void;
}

/** For tests: another script for the threads, and a salt to expect. */
export interface MinerPoolSeams {
  readonly script?: URL;
  readonly salt?: number;
}

export class MinerPool {
  readonly #options: MinerPoolOptions;
  readonly #script: URL;
  readonly #salt: number;
  readonly #control = Control.create(MAX_THREADS);
  readonly #rate = new RateWindow(RATE_WINDOW_MS);
  readonly #threads: MiningThread[] = [];
  #wanted: number;
  #hashRateLimit: number;
  #current: Assignment | undefined;
  #kernel: string = 'none';
  #rejected: readonly RejectedKernel[] = [];
  #sampler: NodeJS.Timeout | undefined;
  #serial = 0;
  #jobs = 0;
  #sealed = 0;
  #abandoned = 0;
  #closed = false;

  /** @throws RuleError `mining/threads`, `mining/hash-rate-limit` */
  constructor(options: MinerPoolOptions, seams: MinerPoolSeams = {}) {
    this.#options = options;
    this.#script = seams.script ?? new URL('./worker.ts', import.meta.url);
    this.#salt = seams.salt ?? randomInt(SALTS);
    this.#wanted = checkThreads(options.threads);
    this.#hashRateLimit = checkLimit(options.hashRateLimit ?? 0);
    this.#control.threads = this.#wanted;
    this.#control.limit = this.#hashRateLimit;
  }

  /** Replaces the current job. @throws UsageError `mining/closed`, InternalError `mining/job` */
  mine(job: SealJob): void {
    if (this.#closed) throw new UsageError('mining/closed', 'This miner was closed and takes no more jobs. Start another one.');
    checkJob(job);
    this.#abandon();
    this.#jobs++;
    this.#current = { generation: this.#control.generation, job };
    this.#startSampling();
    this.#startThreads();
    for (const thread of this.#threads) thread.assign(this.#current);
    if (this.#threads.every((thread) => thread.ended)) {
      this.#abandon();
      const message = 'Every mining thread was given up. Set the number of threads to start them again.';
      this.#options.onError(new MiningError('mining/no-threads', message));
    }
  }

  /** Drops the job with this id, if it is the current one. */
  cancel(id: number): void {
    if (this.#current?.job.id === id) this.#abandon();
  }

  /** Takes effect at once, and gives threads that were lost another chance. @throws RuleError `mining/threads` */
  setThreads(threads: number): void {
    this.#wanted = checkThreads(threads);
    this.#control.threads = this.#wanted;
    const alive = this.#threads.filter((thread) => !thread.ended);
    const surplus = alive.splice(this.#wanted);
    this.#threads.splice(0, this.#threads.length, ...alive);
    for (const thread of surplus) void thread.stop();
    if (this.#current === undefined) return;
    this.#startThreads();
    for (const thread of this.#threads.slice(alive.length)) thread.assign(this.#current);
  }

  /** @throws RuleError `mining/hash-rate-limit` */
  setHashRateLimit(hashesPerSecond: number): void {
    this.#hashRateLimit = checkLimit(hashesPerSecond);
    this.#control.limit = this.#hashRateLimit;
  }

  stats(): MinerStats {
    const hashes = this.#control.hashes;
    return {
      running: this.#current !== undefined,
      threads: this.#wanted,
      kernel: this.#kernel,
      hashesPerSecond: this.#rate.perSecond(performance.now(), hashes),
      hashes,
      jobs: this.#jobs,
      sealed: this.#sealed,
      abandoned: this.#abandoned,
      hashRateLimit: this.#hashRateLimit,
    };
  }

  /** Kernels that were tried and found unfit when the threads started, and why. */
  rejectedKernels(): readonly RejectedKernel[] {
    return this.#rejected;
  }

  /** Ends every thread. The pool cannot be used again. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#abandon();
    clearInterval(this.#sampler);
    await Promise.all(this.#threads.splice(0).map((thread) => thread.stop()));
  }

  #abandon(): void {
    this.#control.advance();
    if (this.#current === undefined) return;
    this.#current = undefined;
    this.#abandoned++;
  }

  #startSampling(): void {
    if (this.#sampler !== undefined) return;
    const sample = () => this.#rate.sample(performance.now(), this.#control.hashes);
    sample();
    this.#sampler = setInterval(sample, SAMPLE_INTERVAL_MS).unref();
  }

  #startThreads(): void {
    while (this.#threads.length < this.#wanted) this.#threads.push(this.#newThread());
  }

  #newThread(): MiningThread {
    return new MiningThread({
      script: this.#script,
      setup: () => ({
        memory: this.#control.buffer,
        counter: this.#serial % MAX_THREADS,
        salt: this.#salt,
        serial: this.#serial++,
        kernel: this.#options.kernel ?? 'auto',
      }),
      onReady: (kernel, rejected) => {
        this.#kernel = kernel;
        this.#rejected = rejected;
      },
      onSealed: (generation, result) => this.#onSealed(generation, result),
      onLost: (error) => this.#onLost(error),
    });
  }

  /** A result of a job that was replaced or sealed in the meantime comes too late, and is dropped. */
  #onSealed(generation: number, result: SealResult): void {
    if (generation !== this.#current?.generation) return;
    this.#control.advance();
    this.#current = undefined;
    this.#sealed++;
    this.#options.onSealed(result);
  }

  #onLost(error: MiningError): void {
    if (this.#threads.every((thread) => thread.ended)) this.#abandon();
    this.#options.onError(error);
  }
}

function checkThreads(threads: number): number {
  if (Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS) return threads;
  throw new RuleError('mining/threads', `Mining takes 1 to ${MAX_THREADS} threads, got ${threads}. To mine with none, stop mining.`, {
    threads,
  });
}

function checkLimit(hashesPerSecond: number): number {
  if (Number.isInteger(hashesPerSecond) && hashesPerSecond >= 0 && hashesPerSecond <= MAX_HASH_RATE_LIMIT) return hashesPerSecond;
  const expected = `a whole number of hashes per second up to ${MAX_HASH_RATE_LIMIT}, or 0 for no limit`;
  throw new RuleError('mining/hash-rate-limit', `The hash rate limit must be ${expected}, got ${hashesPerSecond}.`, { hashesPerSecond });
}
