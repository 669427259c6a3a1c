/**
 * EVM calls for RPC, in worker threads: a call that runs for seconds holds up neither blocks nor the network, and one that
 * runs longer is killed together with its thread. No thread exists before the first call or a while after the last.
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
import { EvmThread } from './evm-thread.ts';
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
  /** Threads at the most. */
  readonly workers?: number;
  /** For the execution of one call; its thread is killed then. */
  readonly timeoutMs?: number;
  readonly gasCap?: bigint;
  /** Calls that may wait for a thread. */
  readonly maxQueued?: number;
  /** A thread without work is given up after this. */
  readonly idleMs?: number;
}

const DEFAULTS = { workers: 2, timeoutMs: 5_000, gasCap: 50_000_000n, maxQueued: 256, idleMs: 60_000 };

interface Waiting {
  readonly job: Job;
  readonly timeoutMs: number;
  readonly resolve: (result: JobResults[JobKind]) => void;
  readonly reject: (error: unknown) => void;
}

/** Where a job is not like a call. */
interface Limits {
  /** What it reads. */
  readonly stateRoot: Hash;
  readonly timeoutMs: number;
}

export class EvmPool {
  readonly #options: EvmPoolOptions & typeof DEFAULTS;
  readonly #queue: BoundedQueue<Waiting>;
  readonly #idle = new Map<EvmThread, NodeJS.Timeout>();
  readonly #busy = new Set<EvmThread>();
  #closed = false;

  constructor(options: EvmPoolOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#queue = new BoundedQueue(this.#options.maxQueued);
  }

  /** Jobs that no thread has begun. */
  get waiting(): number {
    return this.#queue.size;
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
    for (let waiting = this.#queue.shift(); waiting !== undefined; waiting = this.#queue.shift()) waiting.reject(closed());
    await Promise.all([...this.#busy, ...this.#idle.keys()].map((thread) => thread.kill(closed())));
    for (const timer of this.#idle.values()) clearTimeout(timer);
    this.#idle.clear();
  }

  #submit<Kind extends JobKind>(kind: Kind, request: JobRequests[Kind], options: Partial<Limits> = {}): Promise<JobResults[Kind]> {
    const { header } = request;
    const { stateRoot = header.stateRoot, timeoutMs = this.#options.timeoutMs } = options;
    const { promise, resolve, reject } = Promise.withResolvers<JobResults[JobKind]>();
    const refused = this.#refusal(stateRoot);
    if (refused !== null) return Promise.reject(refused);
    const job = { kind, request, randomness: this.#options.randomness(header) } as Job;
    if (!this.#queue.push({ job, timeoutMs, resolve, reject })) {
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

  #dispatch(): void {
    while (this.#queue.size > 0) {
      const thread = this.#takeThread();
      if (thread === null) return;
      const waiting = this.#queue.shift();
      if (waiting === undefined) return;
      this.#busy.add(thread);
      void this.#run(thread, waiting);
    }
  }

  #takeThread(): EvmThread | null {
    for (const [thread, timer] of this.#idle) {
      clearTimeout(timer);
      this.#idle.delete(thread);
      if (!thread.dead) return thread;
    }
    const { params, gasCap, state, workers } = this.#options;
    return this.#busy.size < workers ? new EvmThread({ params, gasCap, source: state }) : null;
  }

  async #run(thread: EvmThread, { job, timeoutMs, resolve, reject }: Waiting): Promise<void> {
    try {
      resolve(await thread.run(job, this.#ancestors(job.request.header), timeoutMs));
    } catch (error) {
      reject(error);
    } finally {
      this.#busy.delete(thread);
      if (!thread.dead && !this.#closed) this.#rest(thread);
      this.#dispatch();
    }
  }

  /** BLOCKHASH in the context of a block sees that block's ancestors, not the block itself. */
  #ancestors(header: Header): (number: number) => Hash | undefined {
    const parent = this.#options.headers.get(header.parentHash)?.header;
    return parent === undefined ? () => undefined : ancestorHashes(parent, this.#options.headers);
  }

  #rest(thread: EvmThread): void {
    const timer = setTimeout(() => {
      this.#idle.delete(thread);
      void thread.kill(closed());
    }, this.#options.idleMs);
    timer.unref();
    this.#idle.set(thread, timer);
  }
}

function closed(): RuleError {
  return new RuleError('evm/closed', 'The node is shutting down.');
}
