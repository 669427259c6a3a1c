/**
 * The pool of transactions that wait for a block, with the rules and sentences of geth's txpool.
 *
 * It is deterministic: its clock is passed in, and it reads accounts from the state of the durable head. What another
 * node's head or pool may explain (a nonce, a balance, a price, a full pool) is refused without blame.
 */
import { BoundedMap } from '../base/bounded.ts';
import { type ErrorFields, RuleError } from '../base/errors.ts';
import type { Address, Hash } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import type { ChainParams } from '../chain/params.ts';
import type { HeaderNode } from '../chain/tree.ts';
import { keccakHash } from '../execution/keccak.ts';
import { StateReader } from '../execution/state-reader.ts';
import { decodeTransaction, type TransactionSource, type Tx } from '../execution/transaction.ts';
import type { StateSource } from '../execution/types.ts';
import { costOf, type Entry, SenderQueue, slotsOf, type TransactionOrigin } from './account.ts';
import { offer } from './candidates.ts';
import { POOL_LIMITS, type PoolLimits } from './limits.ts';

export interface MempoolOptions {
  readonly params: ChainParams;
  /** The durable chain. */
  readonly chain: { readonly head: HeaderNode; block(hash: Hash): Block | undefined };
  readonly state: StateSource;
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

/** Accounts without transactions here whose nonce was asked for or whose transaction was refused. */
const MAX_CACHED_ACCOUNTS = 4_096;

export class Mempool {
  readonly #params: ChainParams;
  readonly #chain: MempoolOptions['chain'];
  readonly #reader: StateReader;
  readonly #now: () => number;
  readonly #limits: PoolLimits;
  readonly #byHash = new Map<Hash, Entry>();
  readonly #senders = new Map<Address, SenderQueue>();
  readonly #accounts = new BoundedMap<Address, { readonly nonce: bigint; readonly balance: bigint }>(MAX_CACHED_ACCOUNTS);
  readonly #listeners: AddedListener[] = [];
  #order = 0;
  #slots = 0;
  #queued = 0;

  constructor(options: MempoolOptions) {
    this.#params = options.params;
    this.#chain = options.chain;
    this.#reader = new StateReader(options.state);
    this.#now = options.now;
    this.#limits = { ...POOL_LIMITS, ...options.limits };
  }

  get minTip(): bigint {
    return this.#limits.minTip;
  }

  /** Called whenever a transaction becomes executable; with 'local' when it is ours to send on. */
  onAdded(listener: AddedListener): void {
    this.#listeners.push(listener);
  }

  /** Throws RuleError: `tx/...` for one that is invalid everywhere, `mempool/...` (without blame) for one not taken here. */
  add(bytes: Uint8Array, origin: TransactionOrigin): Tx {
    const hash = keccakHash(bytes);
    if (this.#byHash.has(hash)) throw refusal('already-known', 'already known', { hash });
    const tx = decodeTransaction(bytes, this.#params);
    const queue = this.#senders.get(tx.sender) ?? this.#newQueue(tx.sender);
    this.#check(tx, queue);
    this.#makeRoom(tx, queue, origin);
    this.#insert(queue, { tx, origin, addedMs: this.#now(), order: ++this.#order });
    return tx;
  }

  has(hash: Hash): boolean {
    return this.#byHash.has(hash);
  }

  get(hash: Hash): Tx | undefined {
    return this.#byHash.get(hash)?.tx;
  }

  /** The nonce that the sender's next transaction should have. */
  pendingNonce(address: Address): bigint {
    return this.#senders.get(address)?.nextNonce ?? this.#account(address).nonce;
  }

  status(): { readonly pending: number; readonly queued: number } {
    return { pending: this.#byHash.size - this.#queued, queued: this.#queued };
  }

  /** Ascending nonces; of one sender only, when given. */
  content(sender?: Address): PoolContent {
    const pending = new Map<Address, readonly Tx[]>();
    const queued = new Map<Address, readonly Tx[]>();
    for (const queue of this.#senders.values()) {
      if (sender !== undefined && queue.address !== sender) continue;
      if (queue.executableCount > 0) pending.set(queue.address, queue.executable.map(txOf));
      if (queue.queuedCount > 0) queued.set(queue.address, queue.queued.map(txOf));
    }
    return { pending, queued };
  }

  /** Encoded executable transactions, at most `limit`, in an order in which another pool can take them. */
  executable(limit: number): readonly Uint8Array[] {
    const out: Uint8Array[] = [];
    for (const queue of this.#senders.values()) {
      if (out.length >= limit) break;
      for (const { tx } of queue.executable.slice(0, limit - out.length)) out.push(tx.bytes);
    }
    return out;
  }

  /** For a block with this base fee (wei). A transaction that is dropped with an error leaves the pool. */
  candidates(baseFee: bigint): TransactionSource {
    return offer(this.#senders.values(), baseFee, (tx) => this.#remove(tx.hash));
  }

  /** What was mined leaves; what the abandoned blocks held, and the new ones do not, comes back. */
  headChanged({ removed, added }: PoolHeadChange): void {
    this.#accounts.clear();
    this.#expire();
    if (removed.length === 0 && this.#senders.size === 0) return;
    const mined = this.#transactionsOf(added);
    const abandoned = this.#transactionsOf(removed);
    const senders = new Set([...mined.values(), ...abandoned.values()].map(({ sender }) => sender));
    for (const { hash } of mined.values()) this.#remove(hash);
    for (const sender of senders) this.#settle(sender);
    for (const tx of abandoned.values()) if (!mined.has(tx.hash)) this.#giveBack(tx);
  }

  // ---- Checks ----

  #check(tx: Tx, queue: SenderQueue): void {
    const { gasLimit } = this.#chain.head.header;
    if (tx.gasLimit > gasLimit) {
      throw refusal('gas-limit', `exceeds block gas limit: the transaction wants ${tx.gasLimit} gas, a block has ${gasLimit}`, {
        hash: tx.hash,
      });
    }
    const { minTip } = this.#limits;
    if (tx.maxPriorityFeePerGas < minTip) {
      throw refusal('underpriced', `transaction underpriced: gas tip cap ${tx.maxPriorityFeePerGas}, minimum needed ${minTip}`, {
        hash: tx.hash,
      });
    }
    if (tx.nonce < queue.nonce) {
      throw refusal('nonce-too-low', `nonce too low: next nonce ${queue.nonce}, tx nonce ${tx.nonce}`, { hash: tx.hash });
    }
    const replaced = queue.at(tx.nonce)?.tx;
    if (replaced !== undefined) this.#checkBump(tx, replaced);
    checkFunds(tx, queue, replaced);
  }

  #checkBump(tx: Tx, old: Tx): void {
    const factor = 100n + this.#limits.priceBumpPercent;
    const fee = (old.maxFeePerGas * factor + 99n) / 100n;
    const tip = (old.maxPriorityFeePerGas * factor + 99n) / 100n;
    if (tx.maxFeePerGas >= fee && tx.maxPriorityFeePerGas >= tip) return;
    const needed = `both fee caps must rise by ${this.#limits.priceBumpPercent}%: to ${fee} and ${tip} wei`;
    throw refusal('replacement-underpriced', `replacement transaction underpriced; ${needed}`, { hash: tx.hash, replaces: old.hash });
  }

  // ---- Limits ----

  /** Evicts what pays least until the transaction fits, or refuses it. */
  #makeRoom(tx: Tx, queue: SenderQueue, origin: TransactionOrigin): void {
    if (queue.at(tx.nonce) !== undefined) return;
    if (tx.nonce > queue.nextNonce) return this.#makeQueueRoom(tx, queue, origin);
    while (this.#slots + slotsOf(tx) > this.#limits.globalSlots) {
      const victim = this.#cheapest(queue);
      const isBetter = victim !== undefined && (origin === 'local' || tx.maxPriorityFeePerGas > victim.tx.maxPriorityFeePerGas);
      if (!isBetter) {
        const message = `transaction pool is full (${this.#limits.globalSlots} slots) and nothing in it pays less; raise the fees or try again later`;
        throw refusal('full', message, { hash: tx.hash });
      }
      this.#remove(victim.tx.hash);
    }
  }

  #makeQueueRoom(tx: Tx, queue: SenderQueue, origin: TransactionOrigin): void {
    const { accountQueue, globalQueue } = this.#limits;
    if (queue.queuedCount >= accountQueue) {
      const message = `too many transactions of this sender wait behind a missing nonce (${accountQueue}); send nonce ${queue.nextNonce} first`;
      throw refusal('account-full', message, { hash: tx.hash });
    }
    if (this.#queued < globalQueue) return;
    const victim = origin === 'local' ? this.#oldestQueued() : undefined;
    if (victim === undefined) {
      const message = `too many transactions wait behind missing nonces (${globalQueue}); send nonce ${queue.nextNonce} first`;
      throw refusal('full', message, { hash: tx.hash });
    }
    this.#remove(victim.tx.hash);
  }

  /**
   * The last transaction of a sender, so that no gap is torn, which pays the maker least: first among those with more
   * than their guaranteed slots. Never a local one, nor one of the sender that wants the room. A walk over all senders,
   * which only a full pool pays for.
   */
  #cheapest(beneficiary: SenderQueue): Entry | undefined {
    let best: Entry | undefined;
    let bestIsGreedy = false;
    for (const queue of this.#senders.values()) {
      const { last } = queue;
      if (queue === beneficiary || last === undefined || last.origin === 'local') continue;
      const isGreedy = queue.all.length > this.#limits.accountSlots;
      if (bestIsGreedy && !isGreedy) continue;
      const isFirst = best === undefined || (isGreedy && !bestIsGreedy);
      if (!isFirst && best !== undefined && last.tx.maxPriorityFeePerGas >= best.tx.maxPriorityFeePerGas) continue;
      best = last;
      bestIsGreedy = isGreedy;
    }
    return best;
  }

  #oldestQueued(): Entry | undefined {
    let oldest: Entry | undefined;
    for (const queue of this.#senders.values()) {
      for (const entry of queue.queued) {
        if (entry.origin === 'gossip' && (oldest === undefined || entry.order < oldest.order)) oldest = entry;
      }
    }
    return oldest;
  }

  #expire(): void {
    const oldestMs = this.#now() - this.#limits.queueLifetimeMs;
    for (const queue of this.#senders.values()) {
      for (const { tx, addedMs } of queue.queued) if (addedMs < oldestMs) this.#remove(tx.hash);
    }
  }

  // ---- Bookkeeping: `#byHash`, `#slots` and `#queued` follow what the senders hold ----

  #insert(queue: SenderQueue, entry: Entry): void {
    this.#senders.set(queue.address, queue);
    const replaced = queue.at(entry.tx.nonce);
    if (replaced !== undefined) this.#forget(replaced);
    this.#byHash.set(entry.tx.hash, entry);
    this.#slots += slotsOf(entry.tx);
    const promoted = this.#counted(queue, () => queue.put(entry));
    for (const { tx, origin } of promoted) for (const listener of this.#listeners) listener(tx, origin);
  }

  #remove(hash: Hash): void {
    const entry = this.#byHash.get(hash);
    const queue = entry && this.#senders.get(entry.tx.sender);
    if (entry === undefined || queue === undefined) return;
    this.#forget(entry);
    this.#counted(queue, () => queue.remove(entry.tx.nonce));
  }

  /** Brings a sender's transactions in line with its account. */
  #settle(sender: Address): void {
    const queue = this.#senders.get(sender);
    if (queue === undefined) return;
    const { nonce, balance } = this.#account(sender);
    const gone = this.#counted(queue, () => queue.settle(nonce, balance));
    for (const entry of gone) this.#forget(entry);
  }

  /** A transaction of an abandoned block is ours to send on: the nodes that never saw that block may not have it. */
  #giveBack(tx: Tx): void {
    try {
      this.add(tx.bytes, 'local');
    } catch (error) {
      // The new chain may have made it invalid, or the pool may have had it all along.
      if (!(error instanceof RuleError)) throw error;
    }
  }

  #forget({ tx }: Entry): void {
    this.#byHash.delete(tx.hash);
    this.#slots -= slotsOf(tx);
  }

  /** Keeps the number of queued transactions while a sender's change. */
  #counted<T>(queue: SenderQueue, change: () => T): T {
    const before = queue.queuedCount;
    const result = change();
    this.#queued += queue.queuedCount - before;
    if (queue.isEmpty) this.#senders.delete(queue.address);
    return result;
  }

  #newQueue(address: Address): SenderQueue {
    const { nonce, balance } = this.#account(address);
    return new SenderQueue(address, nonce, balance);
  }

  #account(address: Address): { readonly nonce: bigint; readonly balance: bigint } {
    const known = this.#accounts.get(address);
    if (known !== undefined) return known;
    const { nonce, balance } = this.#reader.account(this.#chain.head.header, address) ?? { nonce: 0n, balance: 0n };
    this.#accounts.set(address, { nonce, balance });
    return { nonce, balance };
  }

  #transactionsOf(nodes: readonly HeaderNode[]): Map<Hash, Tx> {
    const out = new Map<Hash, Tx>();
    // Oldest first, so that nonces come back in order.
    for (const { hash } of [...nodes].sort((a, b) => a.header.number - b.header.number)) {
      for (const bytes of this.#chain.block(hash)?.transactions ?? []) {
        const tx = decodeTransaction(bytes, this.#params);
        out.set(tx.hash, tx);
      }
    }
    return out;
  }
}

function txOf({ tx }: Entry): Tx {
  return tx;
}

function refusal(what: string, message: string, fields: ErrorFields): RuleError {
  return new RuleError(`mempool/${what}`, message, fields, { blame: false });
}

/** The balance must cover the worst case of all the sender's transactions together. */
function checkFunds(tx: Tx, queue: SenderQueue, replaced: Tx | undefined): void {
  const { balance } = queue;
  const cost = costOf(tx);
  const fields = { hash: tx.hash };
  if (cost > balance) {
    const message = `insufficient funds for gas * price + value: balance ${balance}, tx cost ${cost}, overshot ${cost - balance}`;
    throw refusal('insufficient-funds', message, fields);
  }
  const spent = queue.cost - (replaced === undefined ? 0n : costOf(replaced));
  if (spent + cost > balance) {
    const over = spent + cost - balance;
    const message = `insufficient funds for gas * price + value: balance ${balance}, queued cost ${spent}, tx cost ${cost}, overshot ${over}`;
    throw refusal('insufficient-funds', message, fields);
  }
}
