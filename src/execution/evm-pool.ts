/**
 * EVM calls for RPC, in worker threads: a call that runs for seconds holds up neither blocks nor the network, and one that
 * runs longer is killed together with its thread. No thread exists before the first call or a while after the last.
 *
 * Most calls are short, so a thread is given some ahead: waking it up takes as long as the call. If the one under way turns
 * out to be long, another thread is started, and those behind the long one go there.
 */
import { BoundedQueue } from '../base/bounded.ts';
import { RuleError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import { EMPTY_TRIE_ROOT, type Header } from '../chain/header.ts';
import type { ExecutionParams } from '../chain/params.ts';
import type { HeaderView } from '../chain/tree.ts';
import { ancestorHashes } from './ancestors.ts';
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
  /** A thread without work is given up after this. */
  readonly idleMs?: number;
}

const DEFAULTS = { workers: 2, depth: 8, timeoutMs: 5_000, gasCap: 50_000_000n, maxQueued: 256, idleMs: 60_000 };
/**
 * A job that is not done by then is long: nothing more is put behind it, and what is there goes elsewhere. Where processors are
 * short a short job takes ten milliseconds, and to move what stands behind it costs more than to wait (measured: three times).
 */
const LONG_MS = 50;
/** Only when all threads are busy for that long another one pays: it takes a second to start, on a busy machine several, and 40 MB. */
const START_AFTER_MS = 250;

/** Where a job is not like a call. */
interface Limits {
  /** What it reads. */
  readonly stateRoot: Hash;
  readonly timeoutMs: number;
}

export class EvmPool {
  readonly #options: EvmPoolOptions & typeof DEFAULTS;
  readonly #queue: BoundedQueue<Task>;
  /** Taken back from threads, to be given out before the queue; as many as fit into the threads at the most. */
  readonly #returned: Task[] = [];
  /** With what gives up each that has nothing to do. */
  readonly #threads = new Map<EvmThread, NodeJS.Timeout | null>();
  #watch: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: EvmPoolOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#queue = new BoundedQueue(this.#options.maxQueued);
  }

  /** Jobs that no thread has begun. */
  get waiting(): number {
    return this.#queue.size + this.#returned.length;
  }

  /** Every method rejects with RuleError: `evm/timeout`, `rpc/busy`, `state/missing`, or why the call could not start. */
  call(request: CallRequest): Promise<CallResult> {
    return this.#submit('call', request);
  }

  estimateGas(request: CallRequest): Promise<EstimateResult> {
    return this.#submit('estimateGas', request);
  }

  createAccessList(request: CallRequest): Promise<AccessListResult> {
    return this.#submit('createAccessList', request);
  }

  simulate(request: SimulationRequest): Promise<readonly SimulatedBlock[]> {
    return this.#submit('simulate', request);
  }

  buildTestBlock(request: TestBlockRequest): Promise<TestBlock> {
    return this.#submit('buildTestBlock', request);
  }

  /** JSON text; also rejects with `trace/timeout` and `trace/too-large`. */
  trace(request: TraceRequest): Promise<string> {
    return this.#submit('trace', request, { stateRoot: request.stateRoot, timeoutMs: request.jobTimeoutMs });
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

  #submit<Kind extends JobKind>(kind: Kind, request: JobRequests[Kind], options: Partial<Limits> = {}): Promise<JobResults[Kind]> {
    const { header } = request;
    const { stateRoot = header.stateRoot, timeoutMs = this.#options.timeoutMs } = options;
    const { promise, resolve, reject } = Promise.withResolvers<JobResults[JobKind]>();
    const refused = this.#refusal(stateRoot);
    if (refused !== null) return Promise.reject(refused);
    const job = { kind, request, randomness: this.#options.randomness(header) } as Job;
    if (!this.#queue.push({ job, timeoutMs, ancestorHash: this.#ancestors(header), resolve, reject })) {
      return Promise.reject(new RuleError('rpc/busy', `too many calls at once: ${this.#queue.size} are waiting; try again later.`));
    }
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

  #next(): Task | undefined {
    return this.#returned.shift() ?? this.#queue.shift();
  }

  #dispatch(): void {
    if (this.#closed) return;
    this.#relieve();
    while (this.waiting > 0) {
      const thread = this.#free() ?? this.#soonFree() ?? this.#another();
      const task = thread === undefined ? undefined : this.#next();
      if (thread === undefined || task === undefined) break;
      this.#stopRest(thread);
      thread.give(task);
    }
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

  /** Takes what stands behind long jobs where another thread can do it. */
  #relieve(): void {
    for (const thread of this.#threads.keys()) {
      if (thread.load < 2 || thread.busyMs < LONG_MS) continue;
      if (this.#free() !== undefined || this.#soonFree() !== undefined || this.#mayStart) this.#returned.push(...thread.takeBack());
    }
  }

  #free(): EvmThread | undefined {
    return [...this.#threads.keys()].find(({ load }) => load === 0);
  }

  /** The one with the least to do among those whose job is not long. */
  #soonFree(): EvmThread | undefined {
    const some = [...this.#threads.keys()].filter(({ load, busyMs }) => load < this.#options.depth && busyMs < LONG_MS);
    return some.sort((a, b) => a.load - b.load)[0];
  }

  get #mayStart(): boolean {
    const threads = [...this.#threads.keys()];
    return threads.length < this.#options.workers && threads.every(({ busyMs }) => busyMs >= START_AFTER_MS);
  }

  #another(): EvmThread | undefined {
    if (!this.#mayStart) return undefined;
    const { params, gasCap, state: source } = this.#options;
    const thread: EvmThread = new EvmThread({ params, gasCap, source, onChange: (orphans) => this.#changed(thread, orphans) });
    this.#threads.set(thread, null);
    return thread;
  }

  #changed(thread: EvmThread, orphans: readonly Task[]): void {
    if (this.#closed) {
      for (const task of orphans) task.reject(closed());
      return;
    }
    this.#returned.push(...orphans);
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

function closed(): RuleError {
  return new RuleError('evm/closed', 'The node is shutting down.');
}
