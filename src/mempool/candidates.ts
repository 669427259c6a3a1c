/**
 * What a block builder is offered: always the executable transaction that pays the maker most for its gas, each
 * sender's in the order of their nonces. Equal payers in the order in which they came, so that nobody gains by repeating.
 */
import type { RuleError } from '../base/errors.ts';
import type { TransactionSource, Tx } from '../execution/transaction.ts';
import type { Entry, SenderQueue } from './account.ts';

interface Head {
  readonly queue: SenderQueue;
  /** The transactions as they were when the block was begun; the pool may change meanwhile. */
  readonly entries: readonly Entry[];
  readonly index: number;
  readonly entry: Entry;
  readonly tip: bigint;
}

/** Wei for each unit of gas that goes to the block's maker; negative when the base fee is not covered. */
export function effectiveTip(tx: Tx, baseFee: bigint): bigint {
  const margin = tx.maxFeePerGas - baseFee;
  return margin < tx.maxPriorityFeePerGas ? margin : tx.maxPriorityFeePerGas;
}

/** `discard` is told of transactions that turned out invalid. */
export function offer(queues: Iterable<SenderQueue>, baseFee: bigint, discard: (tx: Tx, error: RuleError) => void): TransactionSource {
  const heap = new Heap();
  const push = (queue: SenderQueue, entries: readonly Entry[], index: number): void => {
    const entry = entries[index];
    if (entry === undefined) return;
    const tip = effectiveTip(entry.tx, baseFee);
    if (tip >= 0n) heap.push({ queue, entries, index, entry, tip });
  };
  for (const queue of queues) push(queue, queue.executable, 0);
  return {
    peek: () => heap.top()?.entry.tx,
    take() {
      const head = heap.pop();
      if (head !== undefined) push(head.queue, head.entries, head.index + 1);
    },
    drop(error) {
      const head = heap.pop();
      if (head !== undefined && error !== null) discard(head.entry.tx, error);
    },
  };
}

function isBetter(a: Head, b: Head): boolean {
  return a.tip === b.tip ? a.entry.order < b.entry.order : a.tip > b.tip;
}

/** A binary heap with the best on top. */
class Heap {
  readonly #items: Head[] = [];

  top(): Head | undefined {
    return this.#items[0];
  }

  push(item: Head): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent];
      if (above === undefined || !isBetter(item, above)) break;
      items[at] = above;
      items[parent] = item;
      at = parent;
    }
  }

  pop(): Head | undefined {
    const items = this.#items;
    const best = items[0];
    const last = items.pop();
    if (best === undefined || last === undefined || items.length === 0) return best;
    let at = 0;
    for (;;) {
      const child = this.#betterChild(at);
      const below = items[child];
      if (below === undefined || !isBetter(below, last)) break;
      items[at] = below;
      at = child;
    }
    items[at] = last;
    return best;
  }

  #betterChild(at: number): number {
    const left = this.#items[2 * at + 1];
    const right = this.#items[2 * at + 2];
    return left !== undefined && right !== undefined && isBetter(right, left) ? 2 * at + 2 : 2 * at + 1;
  }
}
