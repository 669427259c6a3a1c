/**
 * One sender's transactions, by nonce. Those that follow the account's nonce without a gap are executable ("pending");
 * those behind a gap are queued.
 */
import type { Address } from '../base/types.ts';
import type { Tx } from '../execution/transaction.ts';
import { SLOT_BYTES } from './limits.ts';

export type TransactionOrigin = 'local' | 'gossip';

export interface Entry {
  readonly tx: Tx;
  readonly origin: TransactionOrigin;
  /** Monotonic milliseconds. */
  readonly addedMs: number;
  /** Ascending: which came first. */
  readonly order: number;
}

export class SenderQueue {
  readonly address: Address;
  /** The account's nonce in the state of the head. */
  nonce: bigint;
  balance: bigint;
  /** Ascending nonces, none below the account's. */
  #entries: Entry[] = [];
  #executable = 0;

  constructor(address: Address, nonce: bigint, balance: bigint) {
    this.address = address;
    this.nonce = nonce;
    this.balance = balance;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  get all(): readonly Entry[] {
    return this.#entries;
  }

  get executable(): readonly Entry[] {
    return this.#entries.slice(0, this.#executable);
  }

  get queued(): readonly Entry[] {
    return this.#entries.slice(this.#executable);
  }

  get executableCount(): number {
    return this.#executable;
  }

  get queuedCount(): number {
    return this.#entries.length - this.#executable;
  }

  /** The nonce that comes after the executable ones. */
  get nextNonce(): bigint {
    return this.nonce + BigInt(this.#executable);
  }

  get last(): Entry | undefined {
    return this.#entries.at(-1);
  }

  at(nonce: bigint): Entry | undefined {
    return this.#entries[this.#position(nonce)]?.tx.nonce === nonce ? this.#entries[this.#position(nonce)] : undefined;
  }

  /** The executable transaction at this place in the order of nonces. */
  executableAt(index: number): Entry | undefined {
    return index < this.#executable ? this.#entries[index] : undefined;
  }

  /** Most that all of them together may cost, in wei. */
  get cost(): bigint {
    return this.#entries.reduce((sum, { tx }) => sum + costOf(tx), 0n);
  }

  /** In place of the one with the same nonce, if there is one. Answers those that became executable by it. */
  put(entry: Entry): readonly Entry[] {
    const position = this.#position(entry.tx.nonce);
    const replaces = this.#entries[position]?.tx.nonce === entry.tx.nonce;
    this.#entries.splice(position, replaces ? 1 : 0, entry);
    const before = this.#executable;
    this.#count();
    if (replaces) return position < this.#executable ? [entry] : [];
    return this.#entries.slice(Math.min(before, position), this.#executable);
  }

  remove(nonce: bigint): void {
    const position = this.#position(nonce);
    if (this.#entries[position]?.tx.nonce === nonce) this.#entries.splice(position, 1);
    this.#count();
  }

  /**
   * Follows the account to a new state. Answers what can no longer come: nonces that are used up, and the last ones
   * when the balance does not cover them all.
   */
  settle(nonce: bigint, balance: bigint): readonly Entry[] {
    this.nonce = nonce;
    this.balance = balance;
    const gone = this.#entries.filter(({ tx }) => tx.nonce < nonce);
    let spent = 0n;
    const kept = this.#entries.slice(gone.length).filter((entry) => {
      spent += costOf(entry.tx);
      if (spent <= balance) return true;
      gone.push(entry);
      return false;
    });
    this.#entries = kept;
    this.#count();
    return gone;
  }

  #count(): void {
    let count = 0;
    while (this.#entries[count]?.tx.nonce === this.nonce + BigInt(count)) count++;
    this.#executable = count;
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
