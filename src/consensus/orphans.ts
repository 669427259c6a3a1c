/**
 * Blocks whose parent is not here yet. Everything in it was sent by strangers, so it is bounded by number, by bytes and by
 * sender; when it is full, the oldest go. Whatever else a block must show before it may enter is for the engine to check.
 */
import type { Hash, NodeId } from '../base/types.ts';
import type { Block } from '../chain/block.ts';

export const MAX_ORPHANS = 128;
export const MAX_ORPHAN_BYTES = 32 * 1024 * 1024;
export const MAX_ORPHANS_PER_SENDER = 32;
/** Added to the transactions of a block for its header and for what objects cost. */
const BLOCK_OVERHEAD_BYTES = 2_048;

/** A block on its way in. */
export interface Arrival {
  readonly block: Block;
  readonly hash: Hash;
  readonly from: NodeId | null;
}

export class OrphanPool<A extends Arrival> {
  /** Oldest first. */
  readonly #arrivals = new Map<Hash, A>();
  readonly #childrenOf = new Map<Hash, Set<Hash>>();
  readonly #countOf = new Map<NodeId | null, number>();
  #bytes = 0;

  get size(): number {
    return this.#arrivals.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(hash: Hash): boolean {
    return this.#arrivals.has(hash);
  }

  /** Makes room as the bounds need it: a sender who is over its quota loses its own oldest block, not another's. */
  add(arrival: A): void {
    const { hash, from, block } = arrival;
    this.#remove(hash);
    if ((this.#countOf.get(from) ?? 0) >= MAX_ORPHANS_PER_SENDER) this.#removeOldest((other) => other.from === from);
    this.#arrivals.set(hash, arrival);
    const siblings = this.#childrenOf.get(block.header.parentHash) ?? new Set();
    this.#childrenOf.set(block.header.parentHash, siblings.add(hash));
    this.#countOf.set(from, (this.#countOf.get(from) ?? 0) + 1);
    this.#bytes += sizeOf(block);
    while (this.size > MAX_ORPHANS || this.#bytes > MAX_ORPHAN_BYTES) this.#removeOldest(() => true);
  }

  /** Removes and returns the blocks that waited for this one. */
  takeChildren(parent: Hash): A[] {
    const taken: A[] = [];
    for (const hash of [...(this.#childrenOf.get(parent) ?? [])]) {
      const arrival = this.#remove(hash);
      if (arrival !== undefined) taken.push(arrival);
    }
    return taken;
  }

  /** Forgets everything that waited for this block, which will not come or is not valid. */
  dropDescendants(parent: Hash): void {
    const pending = [parent];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      for (const child of this.takeChildren(next)) pending.push(child.hash);
    }
  }

  /** The block that this orphan waits for in the end: its first ancestor that is not held here. */
  missingAncestor(arrival: A): Hash {
    let missing = arrival.block.header.parentHash;
    for (let held = this.#arrivals.get(missing); held !== undefined; held = this.#arrivals.get(missing)) {
      missing = held.block.header.parentHash;
    }
    return missing;
  }

  /** The blocks that wait for this one. */
  *children(parent: Hash): Generator<A> {
    for (const hash of this.#childrenOf.get(parent) ?? []) {
      const arrival = this.#arrivals.get(hash);
      if (arrival !== undefined) yield arrival;
    }
  }

  #removeOldest(matches: (arrival: A) => boolean): void {
    for (const arrival of this.#arrivals.values()) {
      if (!matches(arrival)) continue;
      this.#remove(arrival.hash);
      return;
    }
  }

  #remove(hash: Hash): A | undefined {
    const arrival = this.#arrivals.get(hash);
    if (arrival === undefined) return undefined;
    const { block, from } = arrival;
    this.#arrivals.delete(hash);
    this.#bytes -= sizeOf(block);
    const siblings = this.#childrenOf.get(block.header.parentHash);
    siblings?.delete(hash);
    if (siblings?.size === 0) this.#childrenOf.delete(block.header.parentHash);
    const left = (this.#countOf.get(from) ?? 1) - 1;
    if (left === 0) this.#countOf.delete(from);
    else this.#countOf.set(from, left);
    return arrival;
  }
}

function sizeOf(block: Block): number {
  return block.transactions.reduce((sum, transaction) => sum + transaction.length, BLOCK_OVERHEAD_BYTES + block.payload.length);
}
