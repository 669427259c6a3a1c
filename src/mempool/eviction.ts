/**
 * Who makes room when the pool is full.
 *
 * Each sender can lose its last transaction, so that no gap is torn. How firm that one's place is:
 *
 *   waiting   queued: it may never be executed
 *   surplus   executable, of a sender that holds more than its guaranteed slots
 *   share     executable, within them
 *
 * A newcomer takes the place of what is less firm than itself, whatever that pays; of its equals, the place of those that
 * pay less; never that of anything firmer. So whoever floods the pool displaces itself first, and among those within their
 * share the better payers stay. Exempt transactions take no part: only the size of the pool bounds them.
 */
import { type Entry, type SenderQueue, slotsOf } from './account.ts';
import { effectiveTip } from './candidates.ts';
import { Heap } from './heap.ts';

export const RANK = { waiting: 0, surplus: 1, share: 2 } as const;
export type Rank = (typeof RANK)[keyof typeof RANK];

export interface Newcomer {
  readonly rank: Rank;
  /** Wei for each unit of gas, at the next block's base fee. */
  readonly tip: bigint;
}

interface Place extends Newcomer {
  readonly queue: SenderQueue;
  /** Of the queue when this was written down; it counts its changes. */
  readonly version: number;
  /** How many of the same sender go before it. */
  readonly index: number;
  readonly entry: Entry;
}

/** Above any fee: transactions hold at most 256 bits. */
export const ABOVE_ANY_TIP = 2n ** 256n;
/** Outdated places that the heap may hold for each sender before it is made anew. */
const MAX_PLACES_PER_SENDER = 4;

/**
 * Finds the weakest places without walking over all senders each time, which is what a flood would have every
 * transaction do. The heap is made when it is first needed; after that each change of a queue adds its new place, and the
 * places that it had are recognised by their version and passed over.
 */
export class Evictor {
  readonly #queues: ReadonlyMap<unknown, SenderQueue>;
  /** Slots that each sender is guaranteed. */
  readonly #accountSlots: number;
  #baseFee = 0n;
  #heap: Heap<Place> | null = null;

  constructor(queues: ReadonlyMap<unknown, SenderQueue>, accountSlots: number) {
    this.#queues = queues;
    this.#accountSlots = accountSlots;
  }

  /** Of the next block, in wei. */
  set baseFee(baseFee: bigint) {
    this.#baseFee = baseFee;
    this.#heap = null;
  }

  /** To be called after every change of a queue. */
  changed(queue: SenderQueue): void {
    if (this.#heap === null) return;
    this.#push(this.#heap, queue, 0);
    if (this.#heap.size > MAX_PLACES_PER_SENDER * (this.#queues.size + 1)) this.#heap = null;
  }

  tipOf(entry: Pick<Entry, 'tx'>): bigint {
    return effectiveTip(entry.tx, this.#baseFee);
  }

  rankAmong(queue: SenderQueue, tx: Entry['tx']): Rank {
    if (tx.nonce > queue.nextNonce) return RANK.waiting;
    return queue.slots + slotsOf(tx) > this.#accountSlots ? RANK.surplus : RANK.share;
  }

  /**
   * Those that must go for the newcomer, weakest first: until `isEnough` says so or no other gives way to it. None is
   * of its own sender.
   */
  givingWay(newcomer: Newcomer, own: SenderQueue | null, isEnough: (leaving: readonly Entry[]) => boolean): readonly Entry[] {
    const heap = this.#built();
    const leaving: Entry[] = [];
    const taken = new Map<SenderQueue, number>();
    const popped: Place[] = [];
    while (!isEnough(leaving)) {
      const place = heap.pop();
      if (place === undefined) break;
      const { queue, version, index, entry } = place;
      if (version !== queue.version || index !== (taken.get(queue) ?? 0)) continue;
      if (index === 0) popped.push(place);
      if (queue === own) continue;
      if (!givesWay(place, newcomer)) break;
      leaving.push(entry);
      taken.set(queue, index + 1);
      this.#push(heap, queue, index + 1);
    }
    // They are still there: whether they really leave is for the caller to say.
    for (const place of popped) heap.push(place);
    return leaving;
  }

  #built(): Heap<Place> {
    if (this.#heap !== null) return this.#heap;
    const heap = new Heap<Place>(isWeaker);
    for (const queue of this.#queues.values()) this.#push(heap, queue, 0);
    this.#heap = heap;
    return heap;
  }

  #push(heap: Heap<Place>, queue: SenderQueue, index: number): void {
    const entry = queue.fromLast(index);
    if (entry === undefined || entry.exempt) return;
    heap.push({ queue, version: queue.version, index, entry, rank: this.#rankAt(queue, index), tip: this.tipOf(entry) });
  }

  #rankAt(queue: SenderQueue, index: number): Rank {
    if (index < queue.queuedCount) return RANK.waiting;
    let slots = queue.slots;
    for (let before = 0; before < index; before++) {
      const entry = queue.fromLast(before);
      if (entry !== undefined) slots -= slotsOf(entry.tx);
    }
    return slots > this.#accountSlots ? RANK.surplus : RANK.share;
  }
}

function isWeaker(a: Place, b: Place): boolean {
  if (a.rank !== b.rank) return a.rank < b.rank;
  return a.tip === b.tip ? a.entry.order > b.entry.order : a.tip < b.tip;
}

function givesWay(place: Place, newcomer: Newcomer): boolean {
  return place.rank < newcomer.rank || (place.rank === newcomer.rank && place.tip < newcomer.tip);
}
