/**
 * Sends transactions again that clients gave to this node and that have not come into a block. Gossip may lose a message (a
 * peer that has too much to check drops it, a cut link does), and a pool takes a transaction once only: without this, what
 * did not reach the member whose turn it is would wait here until the next connection is made. Where they went to one node,
 * which makes the blocks, they go to the next one as soon as there is one.
 */
import { BoundedMap } from '../base/bounded.ts';
import type { Hash, NodeId } from '../base/types.ts';
import type { Tx } from '../execution/transaction.ts';
import { POOL_LIMITS } from '../mempool/limits.ts';
import type { ClockPort } from './ports.ts';

/** All that the pool holds: the next leader may have none of it. */
const MAX_WATCHED = POOL_LIMITS.globalSlots + POOL_LIMITS.globalQueue;
const LOOK_MS = 250;
/** After so long it is sent again, then after twice as long, and so on. */
const FIRST_WAIT_MS = 3_000;
const LONGEST_WAIT_MS = 60_000;

interface Watched {
  readonly tx: Tx;
  dueMs: number;
  waitMs: number;
  /** To whom it was sent; null: to all. */
  leader: NodeId | null;
}

export interface ReminderParts {
  readonly clock: ClockPort;
  /** Whether it still waits for a block here. */
  readonly isWaiting: (hash: Hash) => boolean;
  /** Who makes the next block, where that is known. */
  readonly leader: () => NodeId | null;
  readonly sendToLeader: (tx: Tx) => void;
  /** All at once: each message costs every node about the same, whatever it holds. */
  readonly sendToAll: (transactions: readonly Tx[]) => void;
}

export class Reminder {
  readonly #parts: ReminderParts;
  readonly #watched = new BoundedMap<Hash, Watched>(MAX_WATCHED);
  #timer: unknown = null;

  constructor(parts: ReminderParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#watched.size;
  }

  /** It was sent just now. */
  watch(tx: Tx): void {
    const { clock, leader } = this.#parts;
    this.#watched.set(tx.hash, { tx, dueMs: clock.nowMs() + FIRST_WAIT_MS, waitMs: FIRST_WAIT_MS, leader: leader() });
    this.#timer ??= clock.setTimer(LOOK_MS, () => this.#look());
  }

  stop(): void {
    if (this.#timer !== null) this.#parts.clock.cancelTimer(this.#timer);
    this.#timer = null;
    this.#watched.clear();
  }

  #look(): void {
    const { clock, isWaiting, sendToLeader, sendToAll } = this.#parts;
    const nowMs = clock.nowMs();
    const leader = this.#parts.leader();
    this.#timer = null;
    const due: Tx[] = [];
    for (const [hash, watched] of [...this.#watched.entries()]) {
      if (!isWaiting(hash)) {
        this.#watched.delete(hash);
      } else if (watched.dueMs <= nowMs) {
        watched.waitMs = Math.min(2 * watched.waitMs, LONGEST_WAIT_MS);
        watched.dueMs = nowMs + watched.waitMs;
        due.push(watched.tx);
      } else if (watched.leader !== leader) {
        watched.leader = leader;
        sendToLeader(watched.tx);
      }
    }
    if (due.length > 0) sendToAll(due);
    if (this.#watched.size > 0) this.#timer = clock.setTimer(LOOK_MS, () => this.#look());
  }
}
