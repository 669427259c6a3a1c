/** One mining thread as the pool sees it: started, given jobs, restarted when it crashes, and given up when that goes on. */
import { Worker } from 'node:worker_threads';
import { explain } from '../base/errors.ts';
import { MiningError } from './errors.ts';
import type { SealResult } from './job.ts';
import type { KernelName } from './kernel.ts';
import type { Assignment, WorkerMessage, WorkerSetup } from './messages.ts';
import type { RejectedKernel } from './select-kernel.ts';

/** A thread that crashes more often than this without a quiet time in between is given up. */
export const MAX_RESTARTS = 3;
const QUIET_MS = 60_000;
/** A mining thread keeps a few kilobytes; the bound is there for mistakes. */
const MAX_HEAP_MEBIBYTES = 64;

export interface ThreadOptions {
  readonly script: URL;
  /** Asked anew for each start, since a restarted thread must not repeat the extra nonces of the crashed one. */
  setup(): WorkerSetup;
  onReady(kernel: KernelName, rejected: readonly RejectedKernel[]): void;
  onSealed(generation: number, result: SealResult): void;
  /** The thread will do nothing more. */
  onLost(error: MiningError): void;
}

export class MiningThread {
  readonly #options: ThreadOptions;
  #worker: Worker;
  #assignment: Assignment | undefined;
  #ready = false;
  #ended = false;
  #restarts = 0;
  #startedMs = 0;

  constructor(options: ThreadOptions) {
    this.#options = options;
    this.#worker = this.#start();
  }

  /** Whether it was given up or stopped. */
  get ended(): boolean {
    return this.#ended;
  }

  /** A thread that is not ready yet is told of its latest job only, so that jobs do not pile up. */
  assign(assignment: Assignment): void {
    this.#assignment = assignment;
    if (this.#ready) this.#worker.postMessage(assignment);
  }

  async stop(): Promise<void> {
    this.#ended = true;
    await this.#worker.terminate();
  }

  #start(): Worker {
    const worker = new Worker(this.#options.script, {
      name: 'synod-miner',
      workerData: this.#options.setup(),
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MEBIBYTES },
    });
    let cause: unknown;
    this.#startedMs = performance.now();
    worker.on('message', (message: WorkerMessage) => this.#heard(message));
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', (code) => this.#exited(cause ?? `exit code ${code}`));
    // Last, because listening for messages makes the thread keep the process alive again.
    worker.unref();
    return worker;
  }

  #heard(message: WorkerMessage): void {
    if (this.#ended) return;
    switch (message.type) {
      case 'ready':
        this.#ready = true;
        if (this.#assignment !== undefined) this.#worker.postMessage(this.#assignment);
        this.#options.onReady(message.kernel, message.rejected);
        return;
      case 'sealed':
        this.#options.onSealed(message.generation, message.result);
        return;
      case 'unable':
        void this.stop();
        this.#options.onLost(new MiningError(message.code, message.message));
        return;
    }
  }

  #exited(cause: unknown): void {
    if (this.#ended) return;
    this.#ready = false;
    if (performance.now() - this.#startedMs > QUIET_MS) this.#restarts = 0;
    if (this.#restarts < MAX_RESTARTS) {
      this.#restarts++;
      this.#worker = this.#start();
      return;
    }
    this.#ended = true;
    const message = `A mining thread crashed ${MAX_RESTARTS + 1} times in a row and was given up (${explain(cause)}). Restart mining to try again.`;
    this.#options.onLost(new MiningError('mining/thread-lost', message, { crashes: MAX_RESTARTS + 1 }, cause));
  }
}
