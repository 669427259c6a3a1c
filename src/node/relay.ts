/**
 * Sends the transactions that came to this node on: to the node that makes the next block where one is known (nobody else needs
 * them before the block comes), else to all by gossip. Several go in one message: one costs about the same whatever it
 * holds (gossip: 2,000-3,300 messages a second, measured). One that comes after a pause is sent at once; those that come
 * soon after it are gathered.
 */
import { randomBytes } from 'node:crypto';
import type { NodeId } from '../base/types.ts';
import { MAX_SALT_BYTES, packTransactions, type TransactionBatch } from '../network/messages.ts';
import type { ClockPort } from './ports.ts';

/**
 * From one message to the next, for each transaction that the one had: the busier this node is, the more goes into one. A
 * fraction of what a block takes in any case: the leader of a permissioned network waits for it.
 */
const GATHER_MS_EACH = 3;
const MAX_GATHER_MS = 12;
const MAX_WAITING = 8_192;

export interface RelayPorts {
  /** Who makes the next block; null where anybody may, or nobody is known to. */
  readonly leader: () => NodeId | null;
  readonly self: NodeId;
  /** False where that node is not connected. */
  readonly forward: (to: NodeId, batch: TransactionBatch) => boolean;
  readonly publish: (message: Uint8Array) => void;
}

export class TransactionRelay {
  readonly #clock: ClockPort;
  readonly #ports: RelayPorts;
  #waiting: Uint8Array[] = [];
  #timer: unknown = null;
  /** No message before then. */
  #nextMs = Number.NEGATIVE_INFINITY;

  constructor(clock: ClockPort, ports: RelayPorts) {
    this.#clock = clock;
    this.#ports = ports;
  }

  /** Transactions that are being gathered. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** A transaction in its EIP-2718 form that the pool took. */
  add(transaction: Uint8Array): void {
    // The pool has it, and this node makes the next block.
    if (this.#ports.leader() === this.#ports.self) return;
    this.#waiting.push(transaction);
    const waitMs = this.#nextMs - this.#clock.nowMs();
    if (this.#waiting.length >= MAX_WAITING || (this.#timer === null && waitMs <= 0)) this.#flush();
    else this.#timer ??= this.#clock.setTimer(waitMs, () => this.#flush());
  }

  /** To all, whoever makes the next block. */
  publish(transactions: readonly Uint8Array[]): void {
    for (const { message } of packTransactions(transactions, randomBytes(MAX_SALT_BYTES))) this.#ports.publish(message);
  }

  stop(): void {
    if (this.#timer !== null) this.#clock.cancelTimer(this.#timer);
    this.#timer = null;
    this.#waiting = [];
  }

  #flush(): void {
    if (this.#timer !== null) this.#clock.cancelTimer(this.#timer);
    this.#timer = null;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#nextMs = this.#clock.nowMs() + Math.min(GATHER_MS_EACH * waiting.length, MAX_GATHER_MS);
    const leader = this.#ports.leader();
    for (const batch of packTransactions(waiting, randomBytes(MAX_SALT_BYTES))) {
      if (leader === null || !this.#ports.forward(leader, batch)) this.#ports.publish(batch.message);
    }
  }
}
