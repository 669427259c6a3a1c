/**
 * The pool of transactions that wait for a block, with the rules and sentences of geth's txpool.
 *
 * It is deterministic: its clock is passed in, and it reads accounts from the state of the durable head. What another
 * node's head or pool may explain (a nonce, a balance, a price, a full pool) is refused without blame.
 *
 * A new head may change any account, and reading one costs tens of microseconds, so not all are read again at once: those
 * whose transactions were mined are, any other when it is asked for or fails in a block, and the rest by turns.
 */
import { RuleError } from '../base/errors.ts';
import type { Address, Hash } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import type { Header } from '../chain/header.ts';
import { type ChainParams, type Fork, forkAt } from '../chain/params.ts';
import { nextBaseFee } from '../chain/rules.ts';
import type { HeaderNode } from '../chain/tree.ts';
import { keccakHash } from '../execution/keccak.ts';
import { drain } from '../execution/pacer.ts';
import { MAX_TRANSACTION_BYTES, type TransactionSource, type Tx } from '../execution/transaction.ts';
import { checkTransaction } from '../execution/transaction-rules.ts';
import type { RecentTries } from '../execution/trie.ts';
import type { StateSource } from '../execution/types.ts';
import { type Entry, SenderQueue, slotsOf, type TransactionOrigin } from './account.ts';
import { offer } from './candidates.ts';
import { ABOVE_ANY_TIP, Evictor, RANK, type Rank } from './eviction.ts';
import { HeadState } from './head-state.ts';
import { Holdings } from './holdings.ts';
import { POOL_LIMITS, type PoolLimits } from './limits.ts';
import { checkOffer, checkSender, ForkAwareDecoder, refusal } from './rules.ts';

export interface MempoolOptions {
  readonly params: ChainParams;
  /** The durable chain. */
  readonly chain: { readonly head: HeaderNode; block(hash: Hash): Block | undefined };
  readonly state: StateSource;
  /** Where the executor keeps the tries of the last blocks. */
  readonly recent?: RecentTries;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly limits?: Partial<PoolLimits>;
}

export interface PoolContent {
  readonly pending: ReadonlyMap<Address, readonly Tx[]>;
  readonly queued: ReadonlyMap<Address, readonly Tx[]>;
}

/** A head that moved, as far as the pool needs to know. */
export interface PoolHeadChange {
  readonly removed: readonly HeaderNode[];
  readonly added: readonly HeaderNode[];
}

type AddedListener = (tx: Tx, origin: TransactionOrigin) => void;

/** Senders whose accounts are read again by turns at each head: about 2 ms (measured: 30 us each). */
const REFRESHED_PER_HEAD = 64;
/** After a longer jump of the head all senders are read again, which is cheaper than the blocks. */
const MAX_BLOCKS_READ = 32;
/** Why a transaction may fail in a block and yet be good: another before it in the block, or a block on another parent. */
const PASSING_FAILURES = new Set(['tx/nonce-too-low', 'tx/nonce-too-high', 'tx/insufficient-funds', 'tx/fee-below-base', 'tx/block-gas']);

export class Mempool {
  readonly #params: ChainParams;
  readonly #decoder: ForkAwareDecoder;
  readonly #chain: MempoolOptions['chain'];
  readonly #now: () => number;
  readonly #limits: PoolLimits;
  readonly #state: HeadState;
  readonly #holdings: Holdings;
  readonly #evictor: Evictor;
  readonly #listeners: AddedListener[] = [];
  /** Of the next block. */
  #fork: Fork;
  /** Counts the heads. */
  #epoch = 0;
  #order = 0;

  constructor(options: MempoolOptions) {
    this.#params = options.params;
    this.#decoder = new ForkAwareDecoder(options.params);
    this.#chain = options.chain;
    this.#state = new HeadState(options.state, options.chain.head.header, options.recent);
    this.#now = options.now;
    this.#limits = { ...POOL_LIMITS, ...options.limits };
    this.#holdings = new Holdings(options.now);
    this.#evictor = new Evictor(this.#holdings.senders, this.#limits.accountSlots);
    this.#evictor.baseFee = baseFeeAfter(this.#state.header);
    this.#holdings.onChange = (queue) => this.#evictor.changed(queue);
    this.#fork = this.#nextFork();
  }

  get minTip(): bigint {
    return this.#limits.minTip;
  }

  /** Called whenever a transaction becomes executable for the first time; with 'local' when it is ours to send on. */
  onAdded(listener: AddedListener): void {
    this.#listeners.push(listener);
  }

  /** Throws RuleError: `tx/...` for one that is invalid everywhere, `mempool/...` (without blame) for one not taken here. */
  add(bytes: Uint8Array, origin: TransactionOrigin): Tx {
    const hash = bytes.length <= MAX_TRANSACTION_BYTES ? keccakHash(bytes) : undefined;
    if (hash !== undefined && this.#holdings.has(hash)) throw refusal('already-known', 'already known', { hash });
    const tx = this.#decoder.decode(bytes, this.#fork);
    const queue = this.#queueOf(tx.sender);
    checkOffer(tx, queue, this.#limits);
    checkSender(tx, queue);
    const exempt = origin === 'local';
    this.#makeRoom(tx, queue, exempt);
    this.#holdings.put(queue, { tx, origin, exempt, order: ++this.#order, announced: false });
    this.#announce(queue.executable(tx.nonce));
    return tx;
  }

  has(hash: Hash): boolean {
    return this.#holdings.has(hash);
  }

  get(hash: Hash): Tx | undefined {
    return this.#holdings.get(hash)?.tx;
  }

  /** The nonce that the sender's next transaction should have. */
  pendingNonce(address: Address): bigint {
    return this.#queueOf(address).nextNonce;
  }

  status(): { readonly pending: number; readonly queued: number } {
    return { pending: this.#holdings.size - this.#holdings.queued, queued: this.#holdings.queued };
  }

  /** Ascending nonces; of one sender only, when given. */
  content(sender?: Address): PoolContent {
    const pending = new Map<Address, readonly Tx[]>();
    const queued = new Map<Address, readonly Tx[]>();
    for (const queue of sender === undefined ? this.#holdings.senders.values() : [this.#queueOf(sender)]) {
      if (queue.executableCount > 0) pending.set(queue.address, queue.executable().map(txOf));
      if (queue.queuedCount > 0) queued.set(queue.address, queue.queued().map(txOf));
    }
    return { pending, queued };
  }

  /** Encoded executable transactions, at most `limit`, in an order in which another pool can take them. */
  executable(limit: number): readonly Uint8Array[] {
    const out: Uint8Array[] = [];
    for (const queue of this.#holdings.senders.values()) {
      if (out.length >= limit) break;
      for (const { tx } of queue.executable().slice(0, limit - out.length)) out.push(tx.bytes);
    }
    return out;
  }

  /** For a block with this base fee (wei). One that no block can ever hold leaves the pool when it is dropped. */
  candidates(baseFee: bigint): TransactionSource {
    return offer(this.#holdings.senders.values(), baseFee, (tx, error) => this.#refused(tx, error));
  }

  /**
   * What comes back when the head moves: what the abandoned blocks held and the new ones do not, oldest first, and no more
   * than the pool can hold, since the rest would have to leave again at once. In small steps: recovering the senders of a
   * deep reorganisation takes a second (measured: 0.2 ms each), while the pool goes on with the head from before.
   */
  *returning({ removed, added }: PoolHeadChange): Generator<void, readonly Tx[]> {
    const back: Tx[] = [];
    if (removed.length === 0) return back;
    const mined = new Set<Hash>();
    for (const bytes of this.#bodies(added)) {
      mined.add(keccakHash(bytes));
      yield;
    }
    const fork = this.#forkAfter(this.#chain.head.header);
    let left = this.#limits.globalSlots;
    for (const bytes of this.#bodies([...removed].sort((a, b) => a.header.number - b.header.number))) {
      const hash = keccakHash(bytes);
      yield;
      if (mined.has(hash) || this.#holdings.has(hash)) continue;
      if (left-- === 0) break;
      unlessRefused(() => back.push(this.#decoder.decode(bytes, fork)));
    }
    return back;
  }

  /** What was mined leaves; what `returning` found, comes back. */
  headChanged(change: PoolHeadChange, back: readonly Tx[] = drain(this.returning(change))): void {
    this.#epoch++;
    this.#state.moveTo(this.#chain.head.header);
    this.#evictor.baseFee = baseFeeAfter(this.#state.header);
    this.#followFork();
    const touched = this.#due(change.added);
    for (const queue of touched) this.#follow(queue);
    for (const tx of back) unlessRefused(() => this.#giveBack(tx, touched));
    // Not earlier: what came back may have filled the gaps.
    for (const queue of touched) this.#settle(queue);
    this.#expire();
    this.#trimQueued();
  }

  // ---- Limits ----

  /** Lets others give way until the transaction fits, or refuses it; see `eviction.ts` for who gives way to whom. */
  #makeRoom(tx: Tx, queue: SenderQueue, exempt: boolean): void {
    const { globalSlots, globalQueue, accountQueue } = this.#limits;
    const rank = this.#evictor.rankAmong(queue, tx);
    const replaced = queue.at(tx.nonce)?.tx;
    const joinsQueue = rank === RANK.waiting && replaced === undefined;
    if (joinsQueue && queue.queuedCount >= accountQueue) {
      const message = `account limit exceeded: ${accountQueue} transactions of the sender wait for nonce ${queue.nextNonce}; send that first.`;
      throw refusal('account-full', message, { hash: tx.hash });
    }
    const slots = this.#holdings.slots + slotsOf(tx) - (replaced === undefined ? 0 : slotsOf(replaced)) - globalSlots;
    const places = joinsQueue ? this.#holdings.queued + 1 - globalQueue : 0;
    if (slots <= 0 && places <= 0) return;
    const tip = exempt ? ABOVE_ANY_TIP : this.#evictor.tipOf({ tx });
    const newcomer = { rank: exempt && rank !== RANK.waiting ? RANK.share : rank, tip };
    // What waits takes the place of nothing but what waits, so each that leaves is one less in the queue.
    const isEnough = (leaving: readonly Entry[]) => leaving.length >= places && slotsOfAll(leaving) >= slots;
    const leaving = this.#evictor.givingWay(newcomer, queue, isEnough);
    if (!isEnough(leaving)) throw this.#full(tx, queue, rank, exempt);
    for (const { tx: victim } of leaving) this.#holdings.remove(victim.hash);
  }

  #full(tx: Tx, queue: SenderQueue, rank: Rank, exempt: boolean): RuleError {
    const { globalSlots, globalQueue, accountSlots } = this.#limits;
    const fields = { hash: tx.hash };
    if (rank === RANK.waiting) {
      const message = `txpool is full: ${this.#holdings.queued} of ${globalQueue} transactions wait for a nonce; send nonce ${queue.nextNonce} first.`;
      return refusal('full', message, fields);
    }
    if (exempt) return refusal('full', `txpool is full: all ${globalSlots} slots are taken by others like it; try again later.`, fields);
    const tip = this.#evictor.tipOf({ tx });
    if (rank === RANK.surplus) {
      const message = `txpool is full: nothing pays less than ${tip} wei of those who, like the sender, hold more than ${accountSlots} slots.`;
      return refusal('full', message, fields);
    }
    const message = `transaction underpriced: the pool is full and holds nothing that pays the miner less than ${tip} wei per gas; raise the fees.`;
    return refusal('underpriced', message, fields);
  }

  /** After a change of the state more may be queued than the queue has places for. */
  #trimQueued(): void {
    const excess = this.#holdings.queued - this.#limits.globalQueue;
    if (excess <= 0) return;
    const newcomer = { rank: RANK.waiting, tip: ABOVE_ANY_TIP };
    for (const { tx } of this.#evictor.givingWay(newcomer, null, ({ length }) => length >= excess)) this.#holdings.remove(tx.hash);
  }

  #expire(): void {
    const oldestMs = this.#now() - this.#limits.queueLifetimeMs;
    for (const queue of this.#holdings.senders.values()) {
      if (queue.activeMs < oldestMs) for (const { tx } of queue.queued()) this.#holdings.remove(tx.hash);
    }
  }

  // ---- Following the chain ----

  /** The senders whose accounts are to be read again. */
  #due(added: readonly HeaderNode[]): Set<SenderQueue> {
    const every = this.#holdings.senders.size <= REFRESHED_PER_HEAD || added.length > MAX_BLOCKS_READ;
    if (every) return new Set(this.#holdings.senders.values());
    const due = new Set<SenderQueue>();
    for (const bytes of this.#bodies(added)) {
      const entry = this.#holdings.get(keccakHash(bytes));
      const queue = entry && this.#holdings.senders.get(entry.tx.sender);
      if (queue !== undefined) due.add(queue);
    }
    let turns = REFRESHED_PER_HEAD;
    for (const queue of this.#holdings.senders.values()) {
      if (turns-- === 0) break;
      due.add(queue);
    }
    return due;
  }

  #refresh(queue: SenderQueue): void {
    if (queue.epoch === this.#epoch) return;
    this.#follow(queue);
    this.#settle(queue);
    this.#trimQueued();
  }

  #follow(queue: SenderQueue): void {
    this.#holdings.follow(queue, this.#state.standing(queue.address), this.#epoch);
  }

  /** Whoever lost its turn must fit the queue; whoever has it now is announced. */
  #settle(queue: SenderQueue): void {
    while (queue.queuedCount > this.#limits.accountQueue) {
      const last = queue.fromLast(0);
      if (last !== undefined) this.#holdings.remove(last.tx.hash);
    }
    this.#announce(queue.executable());
  }

  /**
   * A transaction of an abandoned block is ours to send on: the nodes that never saw that block may not have it. It is
   * taken without the funds for it, since what pays for it may come back with the next block; until then it is queued.
   * The new chain, or a better payer in its place, may have made it pointless: then it is refused. Adds to `touched`.
   */
  #giveBack(tx: Tx, touched: Set<SenderQueue>): void {
    if (this.#holdings.has(tx.hash)) return;
    checkTransaction(tx, this.#fork);
    const queue = this.#holdings.senders.get(tx.sender) ?? this.#newQueue(tx.sender);
    touched.add(queue);
    if (queue.epoch !== this.#epoch) this.#follow(queue);
    checkOffer(tx, queue, this.#limits);
    this.#makeRoom(tx, queue, false);
    this.#holdings.put(queue, { tx, origin: 'local', exempt: false, order: ++this.#order, announced: false });
  }

  /** A fork may forbid what was allowed before it. */
  #followFork(): void {
    const fork = this.#nextFork();
    if (fork === this.#fork) return;
    this.#fork = fork;
    for (const { tx } of this.#holdings.all()) {
      if (!unlessRefused(() => checkTransaction(tx, fork))) this.#holdings.remove(tx.hash);
    }
  }

  #nextFork(): Fork {
    return this.#forkAfter(this.#state.header);
  }

  #forkAfter({ number, timestamp }: Header): Fork {
    return forkAt(this.#params.forks, number + 1, timestamp + 1);
  }

  #refused(tx: Tx, error: RuleError): void {
    const queue = this.#holdings.senders.get(tx.sender);
    if (queue === undefined) return;
    this.#refresh(queue);
    if (PASSING_FAILURES.has(error.code)) return;
    this.#holdings.remove(tx.hash);
    this.#settle(queue);
    this.#trimQueued();
  }

  *#bodies(nodes: readonly HeaderNode[]): Generator<Uint8Array> {
    for (const { hash } of nodes) yield* this.#chain.block(hash)?.transactions ?? [];
  }

  // ---- Senders ----

  #announce(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.announced) continue;
      entry.announced = true;
      for (const listener of this.#listeners) listener(entry.tx, entry.origin);
    }
  }

  /** With the account as it is now; one that is not in the pool unless something is put into it. */
  #queueOf(address: Address): SenderQueue {
    const queue = this.#holdings.senders.get(address);
    if (queue === undefined) return this.#newQueue(address);
    this.#refresh(queue);
    return queue;
  }

  #newQueue(address: Address): SenderQueue {
    return new SenderQueue(address, this.#state.standing(address), this.#epoch, this.#now());
  }
}

function baseFeeAfter(header: Header): bigint {
  return header.baseFeePerGas === undefined ? 0n : nextBaseFee(header);
}

/** False when it was refused. */
function unlessRefused(attempt: () => void): boolean {
  try {
    attempt();
    return true;
  } catch (error) {
    if (error instanceof RuleError) return false;
    throw error;
  }
}

function slotsOfAll(entries: readonly Entry[]): number {
  return entries.reduce((sum, { tx }) => sum + slotsOf(tx), 0);
}

function txOf({ tx }: Entry): Tx {
  return tx;
}
