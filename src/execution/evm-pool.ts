/**
 * EVM calls for RPC, in worker threads: a call that runs for seconds holds up neither blocks nor the network, and one that
 * runs longer is ended, if need be together with its thread. No thread exists before the first call or a while after the last.
 *
 * Most calls are short, so a thread is given some ahead: waking it up takes as long as the call. If the one under way turns
 * out to be long, those behind it are taken back. Where others wait, and for no shorter turns than it has had, it gives way: it
 * is broken off, and begun anew with more time when its turn comes (a call changes nothing, so only its time is lost). Of those under
 * way one stays, and where short calls never cease, a call that gave way has a turn now and then, so that long calls come to their
 * end too (with a single thread only once nobody else waits). Clients take turns (`call-queue.ts`).
 */
import { RuleError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import { EMPTY_TRIE_ROOT, type Header } from '../chain/header.ts';
import type { ExecutionParams } from '../chain/params.ts';
import type { HeaderView } from '../chain/tree.ts';
import { ancestorHashes } from './ancestors.ts';
import { CallQueue } from './call-queue.ts';
import type { AccessListResult, CallRequest, CallResult, EstimateResult } from './call-types.ts';
import type { Job, JobKind, JobRequests, JobResults } from './evm-protocol.ts';
import { EvmThread, type Task } from './evm-thread.ts';
import type { SimulatedBlock, SimulationRequest } from './simulation-types.ts';
import type { TestBlock, TestBlockRequest } from './test-block.ts';
import type { TraceRequest } from './tracing/trace-request.ts';
import type { StateSource } from './types.ts';

export interface EvmPoolOptions {
  readonly params: ExecutionParams;
  readonly state: StateSource;
  readonly headers: HeaderView;
  /** The engine's. */
  readonly randomness: (header: Header) => Hash;
  /** Threads at the most; the second is started when the first is busy with a long call. */
  readonly workers?: number;
  /** Jobs that one thread is given at once. */
  readonly depth?: number;
  /** For the execution of one call; its thread is killed then. */
  readonly timeoutMs?: number;
  readonly gasCap?: bigint;
  /** Calls that may wait for a thread. */
  readonly maxQueued?: number;
  /**
   * Nobody waits any more for the answer of a call that came so long ago: it has no turn then, also where it had one and gave way.
   * By default as long as the RPC server lets a client wait (its `requestTimeoutMs`).
   */
  readonly maxWaitMs?: number;
  /** A thread without work is given up after this. */
  readonly idleMs?: number;
}

export const DEFAULTS = {
  workers: 2,
  depth: 8,
  timeoutMs: 5_000,
  gasCap: 50_000_000n,
  maxQueued: 256,
  maxWaitMs: 30_000,
  idleMs: 60_000,
} satisfies Partial<EvmPoolOptions>;
/**
 * A job that is not done by then is long: nothing more is put behind it, and what is there goes elsewhere. Where processors are
 * short a short job takes ten milliseconds, and to move what stands behind it costs more than to wait (measured: three times).
 */
const LONG_MS = 50;
/** A turn by how often a call has given way: with others waiting that had no longer ones, it gives way after so long. The next ends. */
const TURNS_MS = [LONG_MS, 500];
/** Where no job that gave way has had a turn for so long, one comes before all others: at a single thread a tenth of its time. */
const LONG_TURN_EVERY_MS = 500;
/** As long as a job usually takes to hear of it. One that does not, deep in a precompile, is not waited for. */
const INTERRUPT_PAUSE_MS = 10;
/** Only when all threads are busy for that long, or a call that gave way waits, another one pays: it takes a second to start, on a busy machine several, and 40 MB. */
const START_AFTER_MS = 250;

/** Where a job is not like a call. */
interface Limits {
  /** What it reads. */
  readonly stateRoot: Hash;
  readonly timeoutMs: number;
}

export class EvmPool {
  readonly #options: EvmPoolOptions & typeof DEFAULTS;
  readonly #queue: CallQueue<Task>;
  /** With what gives up each that has nothing to do. */
  readonly #threads = new Map<EvmThread, NodeJS.Timeout | null>();
  #watch: NodeJS.Timeout | null = null;
  /** Monotonic milliseconds. */
  #interruptedMs = Number.NEGATIVE_INFINITY;
  /** When a job that had given way before was last given a thread, or gave way again; monotonic milliseconds. */
  #longTurnMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: EvmPoolOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#queue = new CallQueue(this.#options.maxQueued);
  }

  /** Jobs that no thread has begun. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Every method rejects with RuleError: `evm/timeout`, `rpc/busy`, `state/missing`, or why the call could not start. `client`:
   * who is to take turns with others.
   */
  call(request: CallRequest, client = ''): Promise<CallResult> {
    return this.#submit('call', request, client);
  }

  estimateGas(request: CallRequest, client = ''): Promise<EstimateResult> {
    return this.#submit('estimateGas', request, client);
  }

  createAccessList(request: CallRequest, client = ''): Promise<AccessListResult> {
    return this.#submit('createAccessList', request, client);
  }

  simulate(request: SimulationRequest, client = ''): Promise<readonly SimulatedBlock[]> {
    return this.#submit('simulate', request, client);
  }

  buildTestBlock(request: TestBlockRequest, client = ''): Promise<TestBlock> {
    return this.#submit('buildTestBlock', request, client);
  }

  /** JSON text; also rejects with `trace/timeout` and `trace/too-large`. */
  trace(request: TraceRequest, client = ''): Promise<string> {
    return this.#submit('trace', request, client, { stateRoot: request.stateRoot, timeoutMs: request.jobTimeoutMs });
  }

  /** Kills what is under way and refuses what waits. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#watch !== null) clearTimeout(this.#watch);
    for (let task = this.#next(); task !== undefined; task = this.#next()) task.reject(closed());
    const threads = [...this.#threads];
    for (const [, timer] of threads) if (timer !== null) clearTimeout(timer);
    await Promise.all(threads.map(([thread]) => thread.kill(closed())));
    this.#threads.clear();
  }

  #submit<Kind extends JobKind>(
    kind: Kind,
    request: JobRequests[Kind],
    client: string,
    options: Partial<Limits> = {},
  ): Promise<JobResults[Kind]> {
    const { header } = request;
    const { stateRoot = header.stateRoot, timeoutMs = this.#options.timeoutMs } = options;
    const { promise, resolve, reject } = Promise.withResolvers<JobResults[JobKind]>();
    const refused = this.#refusal(stateRoot);
    if (refused !== null) return Promise.reject(refused);
    const job = { kind, request, randomness: this.#options.randomness(header) } as Job;
    const sinceMs = performance.now();
    this.#queue.push({ job, client, level: 0, sinceMs, timeoutMs, ancestorHash: this.#ancestors(header), resolve, reject })?.reject(busy());
    this.#dispatch();
    return promise as Promise<JobResults[Kind]>;
  }

  #refusal(stateRoot: Hash): RuleError | null {
    if (this.#closed) return closed();
    if (stateRoot === EMPTY_TRIE_ROOT || this.#options.state.node(stateRoot) !== undefined) return null;
    return new RuleError('state/missing', `missing trie node ${stateRoot}: the state of this block is not kept by this node.`, {
      stateRoot,
    });
  }

  /** Of those that somebody still waits for. */
  #next(): Task | undefined {
    for (;;) {
      const nowMs = performance.now();
      const task = this.#queue.shift(this.#isLongTurn(nowMs));
      if (task === undefined || nowMs - task.sinceMs < this.#options.maxWaitMs) {
        if (task !== undefined && task.level > 0) this.#longTurnMs = nowMs;
        return task;
      }
      task.reject(busy());
    }
  }

  #isLongTurn(nowMs: number): boolean {
    return nowMs - this.#longTurnMs >= LONG_TURN_EVERY_MS && [...this.#threads.keys()].every(({ level }) => (level ?? 0) === 0);
  }

  #dispatch(): void {
    if (this.#closed) return;
    this.#takeBack();
    while (this.waiting > 0) {
      const thread = this.#free() ?? this.#soonFree() ?? this.#another();
      const task = thread === undefined ? undefined : this.#next();
      if (thread === undefined || task === undefined) break;
      this.#stopRest(thread);
      thread.give(task);
    }
    this.#makeWay();
    // Whoever calls next should not have to wait for it to start.
    if (this.#threads.size > 0) this.#another();
    const isWatched = [...this.#threads.keys()].some(({ load }) => load > 0);
    if (isWatched && this.#watch === null) this.#watch = setTimeout(() => this.#look(), LONG_MS);
  }

  /** Nothing tells that a job has become long, so it is looked at as long as there are any. */
  #look(): void {
    this.#watch = null;
    this.#dispatch();
  }

  /** What stands behind long jobs. */
  #takeBack(): void {
    for (const thread of this.#threads.keys()) {
      if (thread.load > 1 && thread.busyMs >= LONG_MS) this.#queue.putBack(thread.takeBack());
    }
  }

  /** Where calls wait that no thread can take: breaks off the job that has had most turns, one at a time. */
  #makeWay(): void {
    const level = this.#queue.level;
    const turnMs = level === null ? undefined : TURNS_MS[level];
    if (level === null || turnMs === undefined || performance.now() - this.#interruptedMs < INTERRUPT_PAUSE_MS) return;
    const threads = [...this.#threads.keys()];
    const staying = this.#staying(threads);
    const lasting = threads.filter((thread) => thread !== staying && thread.busyMs >= turnMs && (thread.level ?? -1) >= level);
    const [chosen] = lasting.sort((a, b) => (b.level ?? 0) - (a.level ?? 0) || b.busyMs - a.busyMs);
    if (chosen === undefined) return;
    this.#interruptedMs = performance.now();
    chosen.interrupt();
  }

  /**
   * The one whose job is left to its end, where there are threads for others beside it: that which gave way most often, and has been
   * under way for longest then.
   */
  #staying(threads: readonly EvmThread[]): EvmThread | undefined {
    const isFull = threads.length === this.#options.workers && threads.every(({ ready }) => ready);
    if (!isFull || threads.length === 1) return undefined;
    return threads.toSorted((a, b) => (b.level ?? -1) - (a.level ?? -1) || b.busyMs - a.busyMs)[0];
  }

  #free(): EvmThread | undefined {
    return this.#usable().find(({ load }) => load === 0);
  }

  /** A thread that is being started takes calls only as long as there is no other. */
  #usable(): EvmThread[] {
    const threads = [...this.#threads.keys()];
    const ready = threads.filter((thread) => thread.ready);
    return ready.length > 0 ? ready : threads;
  }

  /** The one with the least to do among those whose job is not long. */
  #soonFree(): EvmThread | undefined {
    const some = this.#usable().filter(({ load, busyMs }) => load < this.#options.depth && busyMs < LONG_MS);
    return some.sort((a, b) => a.load - b.load)[0];
  }

  /** One at a time. */
  get #mayStart(): boolean {
    const threads = [...this.#threads.keys()];
    if (threads.length >= this.#options.workers || threads.some(({ ready }) => !ready)) return false;
    return this.#queue.hasLong || threads.every(({ busyMs }) => busyMs >= START_AFTER_MS);
  }

  #another(): EvmThread | undefined {
    if (!this.#mayStart) return undefined;
    const { params, gasCap, state: source } = this.#options;
    const thread: EvmThread = new EvmThread({
      params,
      gasCap,
      source,
      onChange: (orphans) => this.#changed(thread, orphans),
      onInterrupted: (task) => {
        if (task.level > 0) this.#longTurnMs = performance.now();
        this.#queue.putBehind({ ...task, level: Math.min(task.level + 1, TURNS_MS.length) });
        this.#changed(thread, []);
      },
    });
    this.#threads.set(thread, null);
    return thread;
  }

  #changed(thread: EvmThread, orphans: readonly Task[]): void {
    if (this.#closed) {
      for (const task of orphans) task.reject(closed());
      return;
    }
    this.#queue.putBack(orphans);
    if (thread.dead) {
      this.#stopRest(thread);
      this.#threads.delete(thread);
    }
    this.#dispatch();
    if (!thread.dead && thread.load === 0) this.#rest(thread);
  }

  /** BLOCKHASH in the context of a block sees that block's ancestors, not the block itself. */
  #ancestors({ parentHash }: Header): (number: number) => Hash | undefined {
    const { headers } = this.#options;
    let known: ((number: number) => Hash | undefined) | undefined;
    return (number) => {
      const parent = headers.get(parentHash)?.header;
      if (parent === undefined) return undefined;
      known ??= ancestorHashes(parent, headers);
      return known(number);
    };
  }

  #rest(thread: EvmThread): void {
    this.#stopRest(thread);
    const timer = setTimeout(() => void thread.kill(closed()), this.#options.idleMs);
    timer.unref();
    this.#threads.set(thread, timer);
  }

  #stopRest(thread: EvmThread): void {
    const timer = this.#threads.get(thread);
    if (timer === undefined || timer === null) return;
    clearTimeout(timer);
    this.#threads.set(thread, null);
  }
}

function busy(): RuleError {
  return new RuleError('rpc/busy', 'too many calls at once; try again later.');
}

function closed(): RuleError {
  return new RuleError('evm/closed', 'The node is shutting down.');
}
