/** One EVM worker thread as the pool sees it: takes a job, answers its state reads, and can be killed at any time. */
import { MessageChannel, Worker } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { InternalError, RuleError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import type { ExecutionParams } from '../chain/params.ts';
import {
  type Answer,
  type Job,
  type JobKind,
  type JobResults,
  READ_ANSWERED,
  type Read,
  type ReadAnswer,
  type WorkerSettings,
} from './evm-protocol.ts';
import type { StateSource } from './types.ts';

export interface ThreadOptions {
  readonly params: ExecutionParams;
  readonly gasCap: bigint;
  readonly source: StateSource;
}

/** Loading the EVM takes a second, on a busy machine several. */
const START_TIMEOUT_MS = 60_000;
/** An attack on memory kills the worker, not the node. */
const MAX_HEAP_MB = 512;

interface Current {
  readonly ancestorHash: (number: number) => Hash | undefined;
  readonly resolve: (result: JobResults[JobKind]) => void;
  readonly reject: (error: unknown) => void;
}

export class EvmThread {
  readonly #worker: Worker;
  readonly #source: StateSource;
  readonly #ready = Promise.withResolvers<void>();
  #current: Current | null = null;
  /** Why it is dead. */
  #fate: { readonly error: unknown } | null = null;

  constructor({ params, gasCap, source }: ThreadOptions) {
    this.#source = source;
    const { port1: reads, port2 } = new MessageChannel();
    const signal = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const flag = new Int32Array(signal);
    reads.on('message', (read: Read) => {
      reads.postMessage(this.#answer(read));
      Atomics.store(flag, 0, READ_ANSWERED);
      Atomics.notify(flag, 0);
    });
    reads.unref();
    const workerData: WorkerSettings = { params, gasCap, reads: port2, signal };
    this.#worker = new Worker(new URL('./evm-worker.ts', import.meta.url), {
      workerData,
      transferList: [port2],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    // A thread that waits for work must not keep the process alive.
    this.#worker.unref();
    this.#limitStart();
    this.#worker.on('message', (answer: Answer) => this.#settle(answer));
    this.#worker.on('error', (cause) => this.#die(failure(cause)));
    this.#worker.on('exit', () => {
      reads.close();
      this.#die(new InternalError('evm/worker-ended', 'An EVM worker ended by itself.'));
    });
  }

  get dead(): boolean {
    return this.#fate !== null;
  }

  /** One at a time. Rejects with RuleError when the call is at fault or the thread was killed, else with InternalError. */
  async run(job: Job, ancestorHash: (number: number) => Hash | undefined, timeoutMs: number): Promise<JobResults[JobKind]> {
    assert(this.#current === null, 'a worker thread runs one job at a time');
    await this.#ready.promise;
    if (this.#fate !== null) throw this.#fate.error;
    const timer = setTimeout(() => void this.kill(timeout(timeoutMs)), timeoutMs);
    this.#worker.ref();
    try {
      return await new Promise((resolve, reject) => {
        this.#current = { ancestorHash, resolve, reject };
        this.#worker.postMessage(job);
      });
    } finally {
      clearTimeout(timer);
      this.#current = null;
      this.#worker.unref();
    }
  }

  /** Whatever it is doing; the job under way rejects with this error. */
  async kill(error: unknown): Promise<void> {
    this.#die(error);
    await this.#worker.terminate();
  }

  #limitStart(): void {
    const late = new InternalError('evm/worker-start', `An EVM worker did not start within ${START_TIMEOUT_MS / 1000} s.`);
    const timer = setTimeout(() => void this.kill(late), START_TIMEOUT_MS);
    timer.unref();
    // Whoever waits for the start learns of a failure; nobody may be waiting.
    this.#ready.promise.catch(() => {}).finally(() => clearTimeout(timer));
  }

  #answer(read: Read): ReadAnswer {
    try {
      if (read.type === 'ancestor') return this.#current?.ancestorHash(read.number);
      const bytes = read.type === 'node' ? this.#source.node(read.hash) : this.#source.code(read.hash);
      // A copy of these bytes alone: a view would take its whole buffer along.
      return bytes === undefined ? undefined : new Uint8Array(bytes);
    } catch (error) {
      // The store failed; the node learns it from its own reads. The worker must not wait for ever.
      void this.kill(error);
      return undefined;
    }
  }

  #settle(answer: Answer): void {
    if (answer.type === 'ready') this.#ready.resolve();
    if (answer.type === 'done') this.#current?.resolve(answer.result);
    if (answer.type !== 'failed') return;
    const { blame, code, message } = answer;
    this.#current?.reject(blame ? new RuleError(code, message) : new InternalError(code, message));
  }

  #die(error: unknown): void {
    if (this.#fate !== null) return;
    this.#fate = { error };
    this.#ready.reject(error);
    this.#current?.reject(error);
  }
}

function timeout(timeoutMs: number): RuleError {
  return new RuleError('evm/timeout', `execution aborted (timeout = ${timeoutMs / 1000}s)`, { timeoutMs });
}

function failure(cause: unknown): InternalError | RuleError {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return new RuleError('evm/out-of-memory', `execution aborted (more than ${MAX_HEAP_MB} MB of memory)`);
  }
  return new InternalError('evm/worker-failed', 'An EVM worker failed.', {}, cause);
}
