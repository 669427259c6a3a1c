/**
 * Sends the transactions that came to this node on to its peers, several in one message: a gossip message costs about
 * the same whatever it holds (measured: 2,000-3,300 messages a second). One that comes after a pause is sent at once; those
 * that come soon after it are gathered.
 */
import { randomBytes } from 'node:crypto';
import { MAX_SALT_BYTES, packTransactions } from '../network/messages.ts';
import type { ClockPort } from './ports.ts';

/** Long enough to gather a burst, and a fraction of what a block takes: the leader of a permissioned network waits for it. */
const GATHER_MS = 3;
const MAX_WAITING = 8_192;

export class TransactionRelay {
  readonly #clock: ClockPort;
  readonly #publish: (message: Uint8Array) => void;
  #waiting: Uint8Array[] = [];
  #timer: unknown = null;
  #sentMs = Number.NEGATIVE_INFINITY;

  constructor(clock: ClockPort, publish: (message: Uint8Array) => void) {
    this.#clock = clock;
    this.#publish = publish;
  }

  /** Transactions that are being gathered. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** A transaction in its EIP-2718 form that the pool took. */
  add(transaction: Uint8Array): void {
    this.#waiting.push(transaction);
    const waitMs = this.#sentMs + GATHER_MS - this.#clock.nowMs();
    if (this.#waiting.length >= MAX_WAITING || (this.#timer === null && waitMs <= 0)) this.#flush();
    else this.#timer ??= this.#clock.setTimer(waitMs, () => this.#flush());
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
    this.#sentMs = this.#clock.nowMs();
    for (const message of packTransactions(waiting, randomBytes(MAX_SALT_BYTES))) this.#publish(message);
  }
}
