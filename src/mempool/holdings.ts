/**
 * What the pool holds, by hash and by sender, and the two sums that its limits are about. Every change goes through here,
 * so that they always agree: the senders are never empty, the sums are theirs, and each entry is found by its hash.
 */
import type { Address, Hash } from '../base/types.ts';
import type { Entry, SenderQueue, Standing } from './account.ts';

export class Holdings {
  readonly #byHash = new Map<Hash, Entry>();
  /** In the order in which their accounts were last read. */
  readonly #senders = new Map<Address, SenderQueue>();
  readonly #now: () => number;
  #onChange: (queue: SenderQueue) => void = () => undefined;
  #slots = 0;
  #queued = 0;

  /** `now` in monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Called after every change of a sender's transactions. */
  set onChange(listener: (queue: SenderQueue) => void) {
    this.#onChange = listener;
  }

  get senders(): ReadonlyMap<Address, SenderQueue> {
    return this.#senders;
  }

  get size(): number {
    return this.#byHash.size;
  }

  /** Slots that are taken. */
  get slots(): number {
    return this.#slots;
  }

  /** Transactions that cannot be executed yet. */
  get queued(): number {
    return this.#queued;
  }

  get(hash: Hash): Entry | undefined {
    return this.#byHash.get(hash);
  }

  has(hash: Hash): boolean {
    return this.#byHash.has(hash);
  }

  /** A copy. */
  all(): readonly Entry[] {
    return [...this.#byHash.values()];
  }

  /** In place of the one with the same nonce. The queue becomes the sender's if it has none yet. */
  put(queue: SenderQueue, entry: Entry): void {
    this.#senders.set(queue.address, queue);
    this.#byHash.set(entry.tx.hash, entry);
    const replaced = this.#change(queue, () => queue.put(entry));
    if (replaced !== undefined) this.#byHash.delete(replaced.tx.hash);
    queue.activeMs = this.#now();
  }

  remove(hash: Hash): void {
    const entry = this.#byHash.get(hash);
    const queue = entry && this.#senders.get(entry.tx.sender);
    if (entry === undefined || queue === undefined) return;
    this.#byHash.delete(hash);
    this.#change(queue, () => queue.remove(entry.tx.nonce));
  }

  /** Gives a sender the state of its account at this head; what is used up leaves, and the sender is the last read. */
  follow(queue: SenderQueue, standing: Standing, epoch: number): void {
    this.#senders.delete(queue.address);
    this.#senders.set(queue.address, queue);
    queue.epoch = epoch;
    for (const { tx } of this.#change(queue, () => queue.follow(standing))) this.#byHash.delete(tx.hash);
  }

  #change<T>(queue: SenderQueue, change: () => T): T {
    const { slots, queuedCount, executableCount } = queue;
    const result = change();
    this.#slots += queue.slots - slots;
    this.#queued += queue.queuedCount - queuedCount;
    if (queue.executableCount < executableCount) queue.activeMs = this.#now();
    if (queue.size === 0) this.#senders.delete(queue.address);
    this.#onChange(queue);
    return result;
  }
}
