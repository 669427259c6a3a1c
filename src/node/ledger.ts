/**
 * The driver's ledger port over the chain store, the executor and the pool.
 *
 * One block is executed or built at a time, since an EVM is not re-entrant; checks go before builds, because the head
 * must not wait for work on a block that may already be stale. What was built here is not executed again: its result is
 * kept until the block comes back with its proof.
 *
 * A block costs every member much the same whatever is in it, so it is worth waiting for what goes into the next one, as long as
 * some blocks take to build here (longer where processors are busy):
 * - a build on a block that is not the head yet (others are still deciding it) waits for that; but no longer, where messages
 *   take their time;
 * - clients that have just been told of a block send again. The more the last block had, the longer a build waits for the next of
 *   them; as soon as none comes it goes ahead. After a block with a few transactions nothing waits.
 */
import { BoundedMap } from '../base/bounded.ts';
import { InternalError, RuleError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import { EMPTY_NONCE, type Header, hashHeader } from '../chain/header.ts';
import type { ChainView, Facts } from '../chain/tree.ts';
import type { AnyEngine, BuildFields, Certificate } from '../consensus/engine.ts';
import type { Executor } from '../execution/executor.ts';
import { type Now, Pacer, paced, systemNow } from '../execution/pacer.ts';
import type { Execution } from '../execution/types.ts';
import type { Mempool } from '../mempool/mempool.ts';
import type { ChainStore, HeadChange } from '../storage/chain-store.ts';
import { bodyMatches } from './inbox.ts';
import type { ClockPort, LedgerPort } from './ports.ts';

export interface LedgerOptions {
  readonly store: ChainStore;
  readonly executor: Executor;
  readonly pool: Mempool;
  readonly engine: AnyEngine;
  /** Where the gas limit of built blocks moves to. */
  readonly gasLimit: bigint;
  /** How long a build may collect transactions. */
  readonly buildTimeMs: number;
  /** Where it is there, builds wait for what will go into them: see above. */
  readonly setTimer?: ClockPort['setTimer'];
  /** The clock by which long work pauses. */
  readonly now?: Now;
  /** Written, but not yet on disk: with more than this the ledger waits for the disk before it executes on. */
  readonly maxPendingBytes?: number;
  readonly onExecuted: (hash: Hash) => void;
  /** After the durable change and after the pool has followed it. */
  readonly onHead: (change: HeadChange) => void;
  readonly onInvalid: (hash: Hash, error: RuleError) => void;
  /** How long a block took, for metrics: 'import' is from `setHead` until clients are told. */
  readonly onWork?: (work: 'execute' | 'build' | 'import', ms: number) => void;
  readonly onBuildFailed: (error: RuleError) => void;
  /** An internal failure (storage, a bug): the node must stop. */
  readonly fatal: (error: unknown) => void;
}

/** Templates under way: the current one, its predecessor still being sealed, and room for late proofs. */
const MAX_BUILT_KEPT = 8;
/** A build waits for no longer than so many have taken: some rounds of messages in a local network at least, part of a slot at most. */
const GATHER_BUILDS = 4;
const LEAST_GATHER_MS = 20;
const MOST_GATHER_MS = 100;
/** And for one more transaction so long, for each that the last block had; at most as long as that one took, or messages take. */
const LINGER_MS_EACH = 0.25;
/** Dozens of full blocks. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;

interface Check {
  readonly hash: Hash;
  readonly done: (error: RuleError | null) => void;
}
interface Build {
  readonly parent: Hash;
  readonly fields: BuildFields;
  readonly done: (block: Block | null) => void;
}

export class NodeLedger implements LedgerPort {
  readonly view: ChainView;
  readonly #options: LedgerOptions;
  readonly #built = new BoundedMap<Hash, Execution>(MAX_BUILT_KEPT);
  readonly #checks: Check[] = [];
  #build: Build | null = null;
  /** A build that waits for its parent to be the head, or for transactions. */
  #gathering: Build | null = null;
  /** The head that clients know. */
  #told: Hash;
  /** Of the block that was built last: its transactions, and how long it took. */
  #last = { size: 0, tookMs: 0 };
  #working: Promise<void> | null = null;
  /** Resolves when every head change so far is durable and the pool has followed it. */
  #settled: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.view = options.store.view;
    this.#told = options.store.head.hash;
  }

  insert(block: Block, facts: Facts): void {
    this.#options.store.insert(block, facts);
  }

  setHead(hash: Hash, done: () => void): void {
    const took = this.#watch('import');
    const change = this.#options.store.setHead(hash);
    // It may fail while an earlier change is still awaited below, when nobody listens to it yet.
    change.catch(() => undefined);
    this.#settled = this.#settled.then(async () => {
      const settled = await change;
      // In steps: a deep reorganisation gives back more transactions than the event loop can spare time for at once.
      const back = await paced(this.#options.pool.returning(settled), new Pacer(this.#options.now));
      this.#options.pool.headChanged(settled, back);
      this.#options.onHead(settled);
      this.#told = hash;
      took();
      done();
      if (this.#gathering?.parent === hash) this.#linger(this.#gathering);
    });
    this.#settled = this.#settled.catch((error) => this.#fail(error));
  }

  finalize(hash: Hash, certificate: Certificate, done: () => void): void {
    this.#options.store.finalize(hash, certificate).then(done, (error) => this.#fail(error));
  }

  /** The engine asks for one block at a time for each branch, so this queue is as short as its branches are few. */
  check(hash: Hash, done: (error: RuleError | null) => void): void {
    this.#checks.push({ hash, done });
    this.#work();
  }

  build(parent: Hash, fields: BuildFields, done: (block: Block | null) => void): void {
    const build = { parent, fields, done };
    this.#build = build;
    const { setTimer } = this.#options;
    if (setTimer !== undefined && fields.isEmpty !== true) {
      this.#gathering = build;
      if (parent === this.#told) this.#linger(build);
      else setTimer(this.#patienceMs, () => parent !== this.view.head.hash && this.#gathered(build));
    }
    this.#work();
  }

  bodyMatches(block: Block): boolean {
    return bodyMatches(block);
  }

  /** Blocks that wait to be executed. */
  get waiting(): number {
    return this.#checks.length;
  }

  /** Ends after the block under way; nothing is answered any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#checks.length = 0;
    this.#build = null;
    await this.#working;
    await this.#settled;
  }

  #work(): void {
    this.#working ??= this.#drain()
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#working = null;
        // What was asked between the last look at the queue and now has found somebody at work.
        if (!this.#stopped && (this.#checks.length > 0 || this.#isBuildDue)) this.#work();
      });
  }

  get #isBuildDue(): boolean {
    return this.#build !== null && this.#build !== this.#gathering;
  }

  get #patienceMs(): number {
    return Math.min(Math.max(LEAST_GATHER_MS, GATHER_BUILDS * this.#last.tookMs), MOST_GATHER_MS);
  }

  /** Clients know of the parent: until no more transactions come. */
  #linger(build: Build): void {
    const { pool, setTimer, now = systemNow } = this.#options;
    const waitMs = Math.min(LINGER_MS_EACH * this.#last.size, this.#last.tookMs, LEAST_GATHER_MS);
    if (setTimer === undefined || waitMs < 1) return this.#gathered(build);
    const deadlineMs = now() + this.#patienceMs;
    const look = (before: number): void => {
      const { pending } = pool.status();
      if (pending === before || now() >= deadlineMs) this.#gathered(build);
      else if (this.#gathering === build) setTimer(waitMs, () => look(pending));
    };
    const { pending } = pool.status();
    setTimer(waitMs, () => look(pending));
  }

  #gathered(build: Build): void {
    if (this.#gathering !== build) return;
    this.#gathering = null;
    this.#work();
  }

  async #drain(): Promise<void> {
    while (!this.#stopped) {
      const check = this.#checks.shift();
      if (check !== undefined) {
        await this.#runCheck(check);
        continue;
      }
      const build = this.#build;
      if (build === null || !this.#isBuildDue) return;
      this.#build = null;
      await this.#runBuild(build);
    }
  }

  async #runCheck({ hash, done }: Check): Promise<void> {
    const { store, executor, onExecuted, onInvalid, maxPendingBytes = MAX_PENDING_BYTES } = this.#options;
    if (this.view.status(hash) === 'executed') return done(null);
    // Or a sync that is faster than the disk would fill the memory.
    if (store.pendingBytes > maxPendingBytes) await store.flush();
    const block = store.block(hash);
    const parent = block && this.view.get(block.header.parentHash);
    if (block === undefined || parent === undefined || this.view.status(parent.hash) !== 'executed') {
      throw new InternalError('node/check-order', `Block ${hash} was to be checked before it or its parent was there.`);
    }
    const key = this.#prooflessKey(block.header);
    try {
      const took = this.#watch('execute');
      const execution = this.#built.get(key) ?? (await executor.execute(block, parent.header));
      took();
      this.#built.delete(key);
      store.executed(hash, execution);
      onExecuted(hash);
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      store.invalid(hash);
      onInvalid(hash, error);
      return done(error);
    }
    done(null);
  }

  async #runBuild({ parent, fields, done }: Build): Promise<void> {
    // The pool follows the head only once it is durable; building earlier would offer it what was just mined.
    await this.#settled;
    if (this.#stopped || this.#build !== null) return;
    const { executor, pool, gasLimit, buildTimeMs, onBuildFailed, now = systemNow } = this.#options;
    const startMs = now();
    const node = this.view.get(parent);
    if (node === undefined || this.view.status(parent) !== 'executed') return done(null);
    try {
      const took = this.#watch('build');
      const { block, execution } = await executor.build(node.header, fields, pool, {
        gasLimit,
        buildTimeMs,
        // A block that waits to be checked makes this one stale: take what there is and make room.
        isHurried: () => this.#checks.length > 0,
      });
      took();
      this.#last = { size: block.transactions.length, tookMs: now() - startMs };
      this.#built.set(this.#prooflessKey(block.header), execution);
      done(block);
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      // Not a transaction's fault, those are left out: the network's own contracts make every block invalid.
      onBuildFailed(error);
      done(null);
    }
  }

  /** The same for a block before and after its proof was put in, and different for every different execution. */
  #prooflessKey(header: Header): Hash {
    const { engine } = this.#options;
    return hashHeader({ ...header, mixHash: engine.randomness(header), nonce: EMPTY_NONCE });
  }

  #watch(work: 'execute' | 'build' | 'import'): () => void {
    const { onWork, now = systemNow } = this.#options;
    const startMs = now();
    return () => onWork?.(work, now() - startMs);
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#options.fatal(error);
  }
}
