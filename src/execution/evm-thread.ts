/**
 * One EVM worker thread as the pool sees it: is given jobs, works them off in order, answers its reads of the state, can be
 * killed at any time, and loses none of the jobs that it had not begun then.
 */
import { MessageChannel, Worker } from 'node:worker_threads';
import { InternalError, RuleError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import type { ExecutionParams } from '../chain/params.ts';
import {
  type Answer,
  type Assignment,
  type Job,
  type JobKind,
  type JobResults,
  READ_ANSWERED,
  type Read,
  type ReadAnswer,
  SIGNAL,
  SIGNAL_BYTES,
  TAKEN_BACK,
  type WorkerSettings,
} from './evm-protocol.ts';
import { timedOut } from './time-limit.ts';
import type { StateSource } from './types.ts';

/** A job with whom to tell of its end. */
export interface Task {
  readonly job: Job;
  /** On whose behalf. */
  readonly client: string;
  /** How often it has given way to others. */
  readonly level: number;
  /** When it came, monotonic milliseconds. */
  readonly sinceMs: number;
  readonly ancestorHash: (number: number) => Hash | undefined;
  /** From when it is begun. */
  readonly timeoutMs: number;
  readonly resolve: (result: JobResults[JobKind]) => void;
  /** With RuleError when the call is at fault or took too long, else with InternalError. */
  readonly reject: (error: unknown) => void;
}

export interface ThreadOptions {
  readonly params: ExecutionParams;
  readonly gasCap: bigint;
  readonly source: StateSource;
  /** It is ready, a job ended, or the thread did: then `orphans` are those that it had not begun. */
  readonly onChange: (orphans: readonly Task[]) => void;
  /** A job gave way to others. */
  readonly onInterrupted: (task: Task) => void;
}

/** Loading the EVM takes a second, on a busy machine several. */
const START_TIMEOUT_MS = 60_000;
/** An attack on memory kills the worker, not the node. */
const MAX_HEAP_MB = 512;
/** A job ends itself in time, but for what the EVM does in one go (`time-limit.ts`): then the thread is killed. */
const GRACE_MS = 500;
const MAX_ID = 2 ** 31 - 1;

export class EvmThread {
  readonly #worker: Worker;
  readonly #source: StateSource;
  readonly #onChange: ThreadOptions['onChange'];
  readonly #onInterrupted: ThreadOptions['onInterrupted'];
  readonly #signals = new Int32Array(new SharedArrayBuffer(SIGNAL_BYTES));
  /** In order; the first is under way as soon as the thread is. */
  readonly #tasks: { readonly id: number; readonly task: Task }[] = [];
  #nextId = 1;
  #timer: NodeJS.Timeout | undefined;
  #isReady = false;
  /** Of the job under way, monotonic milliseconds. */
  #begunMs = 0;
  #isInterrupted = false;
  #isDead = false;

  constructor({ params, gasCap, source, onChange, onInterrupted }: ThreadOptions) {
    this.#source = source;
    this.#onChange = onChange;
    this.#onInterrupted = onInterrupted;
    const { port1: reads, port2 } = new MessageChannel();
    reads.on('message', (read: Read) => {
      reads.postMessage(this.#answer(read));
      Atomics.store(this.#signals, SIGNAL.read, READ_ANSWERED);
      Atomics.notify(this.#signals, SIGNAL.read);
    });
    reads.unref();
    const workerData: WorkerSettings = { params, gasCap, reads: port2, signal: this.#signals.buffer };
    this.#worker = new Worker(new URL('./evm-worker.ts', import.meta.url), {
      workerData,
      transferList: [port2],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    // A thread that waits for work must not keep the process alive.
    this.#worker.unref();
    this.#worker.on('message', (answer: Answer) => this.#hear(answer));
    this.#worker.on('error', (cause) => this.#die(failure(cause)));
    this.#worker.on('exit', () => {
      reads.close();
      this.#die(new InternalError('evm/worker-ended', 'An EVM worker ended by itself.'));
    });
    this.#setTimer(START_TIMEOUT_MS, notStarted);
  }

  get dead(): boolean {
    return this.#isDead;
  }

  /** Jobs that it has. */
  get load(): number {
    return this.#tasks.length;
  }

  get ready(): boolean {
    return this.#isReady;
  }

  /** Of the job under way; null without one, and once it is told to give way. */
  get level(): number | null {
    const [first] = this.#tasks;
    return first === undefined || !this.#isReady || this.#isInterrupted ? null : first.task.level;
  }

  /** For how long the job under way has been; 0 without one. */
  get busyMs(): number {
    return this.#isReady && this.#tasks.length > 0 ? performance.now() - this.#begunMs : 0;
  }

  /** Behind those that it has. */
  give(task: Task): void {
    const id = this.#nextId;
    this.#nextId = id === MAX_ID ? 1 : id + 1;
    this.#tasks.push({ id, task });
    this.#post({ type: 'job', id, job: task.job, timeoutMs: task.timeoutMs });
    if (this.#tasks.length > 1) return;
    this.#worker.ref();
    if (this.#isReady) this.#begin();
  }

  /** All that it has not begun; none where it is just between two. */
  takeBack(): Task[] {
    const [first] = this.#tasks;
    if (first === undefined || Atomics.compareExchange(this.#signals, SIGNAL.job, first.id, TAKEN_BACK) !== first.id) return [];
    this.#post({ type: 'goOn' });
    return this.#tasks.splice(1).map(({ task }) => task);
  }

  /** Tells the job under way to give way to others: it comes back as an orphan, unless it ends before it hears of it. */
  interrupt(): void {
    const [first] = this.#tasks;
    if (first === undefined) return;
    this.#isInterrupted = true;
    Atomics.store(this.#signals, SIGNAL.interrupt, first.id);
  }

  /** Whatever it is doing; the job under way rejects with this error. */
  async kill(error: unknown): Promise<void> {
    this.#die(error);
    await this.#worker.terminate();
  }

  #post(assignment: Assignment): void {
    this.#worker.postMessage(assignment);
  }

  #begin(): void {
    const [first] = this.#tasks;
    clearTimeout(this.#timer);
    this.#isInterrupted = false;
    if (first === undefined) return this.#worker.unref();
    const { timeoutMs } = first.task;
    this.#begunMs = performance.now();
    this.#setTimer(timeoutMs + GRACE_MS, () => timedOut(timeoutMs));
  }

  /** The error is made only when it is needed: its trace costs more than a small call. */
  #setTimer(timeoutMs: number, error: () => Error): void {
    this.#timer = setTimeout(() => void this.kill(error()), timeoutMs);
    this.#timer.unref();
  }

  #answer(read: Read): ReadAnswer {
    try {
      if (read.type === 'ancestor') return this.#tasks[0]?.task.ancestorHash(read.number);
      const bytes = read.type === 'node' ? this.#source.node(read.hash) : this.#source.code(read.hash);
      // A copy of these bytes alone: a view would take its whole buffer along.
      return bytes === undefined ? undefined : new Uint8Array(bytes);
    } catch (error) {
      // The store failed; the node learns it from its own reads. The worker must not wait for ever.
      void this.kill(error);
      return undefined;
    }
  }

  #hear(answer: Answer): void {
    if (this.#isDead) return;
    if (answer.type === 'ready') {
      this.#isReady = true;
      this.#begin();
      return this.#onChange([]);
    }
    const ended = this.#tasks.shift();
    this.#begin();
    if (answer.type === 'interrupted' && ended !== undefined) return this.#onInterrupted(ended.task);
    if (answer.type === 'done') ended?.task.resolve(answer.result);
    else if (answer.type === 'failed')
      ended?.task.reject(answer.blame ? new RuleError(answer.code, answer.message) : new InternalError(answer.code, answer.message));
    this.#onChange([]);
  }

  #die(error: unknown): void {
    if (this.#isDead) return;
    this.#isDead = true;
    clearTimeout(this.#timer);
    const [first, ...others] = this.#tasks.splice(0);
    first?.task.reject(error);
    this.#onChange(others.map(({ task }) => task));
  }
}

function notStarted(): InternalError {
  return new InternalError('evm/worker-start', `An EVM worker did not start within ${START_TIMEOUT_MS / 1000} s.`);
}

function failure(cause: unknown): InternalError | RuleError {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return new RuleError('evm/out-of-memory', `execution aborted (more than ${MAX_HEAP_MB} MB of memory)`);
  }
  return new InternalError('evm/worker-failed', 'An EVM worker failed.', {}, cause);
}
