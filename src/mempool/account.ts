/**
 * One sender's transactions, by nonce. Executable ("pending") are those from the account's nonce on without a gap, as far
 * as the balance covers their worst case together and a block has the gas for each. The others are queued: they wait
 * for a nonce, for funds (a reorganisation may take them away for a while) or for a larger block.
 *
 * Between calls the nonces ascend, none is there twice and none is below the account's. Sums are kept and not counted
 * anew, or a sender with thousands of transactions would make each one dearer than the one before.
 */
import type { Address } from '../base/types.ts';
import type { Tx } from '../execution/transaction.ts';
import { SLOT_BYTES } from './limits.ts';

export type TransactionOrigin = 'local' | 'gossip';

export interface Entry {
  readonly tx: Tx;
  /** What the listeners are told: 'local' is ours to send on. */
  readonly origin: TransactionOrigin;
  /** A client of this node gave it to us: no better payer takes its place. */
  readonly exempt: boolean;
  /** Ascending: which came first. */
  readonly order: number;
  /** The listeners know that it is executable. They are told once, however often it is queued again in between. */
  announced: boolean;
}

/** A sender in the state of a head, and how much gas a block of that head has. */
export interface Standing {
  readonly nonce: bigint;
  /** Wei. */
  readonly balance: bigint;
  /** It has code: a delegation (EIP-7702), since nothing else with code can sign. */
  readonly delegated: boolean;
  readonly gasLimit: bigint;
}

export class SenderQueue {
  readonly address: Address;
  /** Which head `standing` was read from, by the pool's count of heads. */
  epoch: number;
  /** When a transaction last came or lost its turn; monotonic milliseconds. */
  activeMs: number;
  #standing: Standing;
  #entries: Entry[] = [];
  #executable = 0;
  #executableCost = 0n;
  #slots = 0;
  #version = 0;

  constructor(address: Address, standing: Standing, epoch: number, nowMs: number) {
    this.address = address;
    this.#standing = standing;
    this.epoch = epoch;
    this.activeMs = nowMs;
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** Counts the changes. */
  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#entries.length;
  }

  get executableCount(): number {
    return this.#executable;
  }

  get queuedCount(): number {
    return this.#entries.length - this.#executable;
  }

  get slots(): number {
    return this.#slots;
  }

  /** The nonce that comes after the executable ones. */
  get nextNonce(): bigint {
    return this.#standing.nonce + BigInt(this.#executable);
  }

  /** Those with this nonce and above; a copy, which does not follow later changes. */
  executable(from: bigint = this.#standing.nonce): readonly Entry[] {
    return this.#entries.slice(this.#position(from), this.#executable);
  }

  /** A copy, like `executable`. */
  queued(): readonly Entry[] {
    return this.#entries.slice(this.#executable);
  }

  at(nonce: bigint): Entry | undefined {
    const entry = this.#entries[this.#position(nonce)];
    return entry?.tx.nonce === nonce ? entry : undefined;
  }

  /** Counted down from the highest nonce, which is 0. */
  fromLast(index: number): Entry | undefined {
    return this.#entries[this.#entries.length - 1 - index];
  }

  /**
   * What must be paid for beside a transaction with this nonce, at worst, in wei: everything below it and, so that
   * replacing one cannot rob the others of their turn, everything else that is executable.
   */
  costBeside(nonce: bigint): bigint {
    let cost = this.#executableCost;
    const position = this.#position(nonce);
    const replaced = this.#entries[position];
    if (position < this.#executable && replaced !== undefined) cost -= costOf(replaced.tx);
    for (const { tx } of this.#entries.slice(this.#executable, Math.max(this.#executable, position))) cost += costOf(tx);
    return cost;
  }

  /** In place of the one with the same nonce, which it answers. It must not want more gas than a block has. */
  put(entry: Entry): Entry | undefined {
    this.#version++;
    const position = this.#position(entry.tx.nonce);
    const found = this.#entries[position];
    const replaced = found?.tx.nonce === entry.tx.nonce ? found : undefined;
    this.#entries.splice(position, replaced === undefined ? 0 : 1, entry);
    this.#slots += slotsOf(entry.tx) - (replaced === undefined ? 0 : slotsOf(replaced.tx));
    if (position < this.#executable && replaced !== undefined) this.#executableCost += costOf(entry.tx) - costOf(replaced.tx);
    this.#recount();
    return replaced;
  }

  remove(nonce: bigint): Entry | undefined {
    const position = this.#position(nonce);
    const entry = this.#entries[position];
    if (entry?.tx.nonce !== nonce) return undefined;
    this.#version++;
    this.#shrinkTo(position);
    this.#entries.splice(position, 1);
    this.#slots -= slotsOf(entry.tx);
    return entry;
  }

  /** Takes on the account's new state and answers those whose nonces are used up. */
  follow(standing: Standing): readonly Entry[] {
    this.#version++;
    const used = this.#entries.splice(0, this.#position(standing.nonce));
    for (const { tx } of used) this.#slots -= slotsOf(tx);
    this.#standing = standing;
    this.#executable = 0;
    this.#executableCost = 0n;
    this.#recount();
    return used;
  }

  /** Those that were executable may have become dearer, and others may follow them now. */
  #recount(): void {
    while (this.#executableCost > this.#standing.balance) this.#shrinkTo(this.#executable - 1);
    for (let next = this.#entries[this.#executable]; next !== undefined; next = this.#entries[this.#executable]) {
      const cost = this.#executableCost + costOf(next.tx);
      if (next.tx.nonce !== this.nextNonce || next.tx.gasLimit > this.#standing.gasLimit || cost > this.#standing.balance) return;
      this.#executable++;
      this.#executableCost = cost;
    }
  }

  #shrinkTo(count: number): void {
    for (const { tx } of this.#entries.slice(count, Math.max(count, this.#executable))) this.#executableCost -= costOf(tx);
    this.#executable = Math.min(this.#executable, count);
  }

  /** Index of the first entry whose nonce is not below this one. */
  #position(nonce: bigint): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entries[middle];
      if (entry !== undefined && entry.tx.nonce < nonce) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The most that a transaction can take from its sender, in wei. */
export function costOf(tx: Tx): bigint {
  return tx.gasLimit * tx.maxFeePerGas + tx.value;
}

export function slotsOf(tx: Tx): number {
  return Math.max(1, Math.ceil(tx.bytes.length / SLOT_BYTES));
}
