/**
 * What a block builder is offered: always the executable transaction that pays the maker most for its gas, each
 * sender's in the order of their nonces. Equal payers in the order in which they came, so that nobody gains by repeating.
 */
import type { RuleError } from '../base/errors.ts';
import type { TransactionSource, Tx } from '../execution/transaction.ts';
import type { Entry, SenderQueue } from './account.ts';
import { Heap } from './heap.ts';

/** A sender's next transaction. */
interface Turn {
  /** The sender's transactions as they were when the block was begun; the pool may change meanwhile. */
  readonly entries: readonly Entry[];
  readonly index: number;
  readonly entry: Entry;
  readonly tip: bigint;
}

/** Wei for each unit of gas that goes to the block's maker; negative when the base fee is not covered. */
export function effectiveTip(tx: Tx, baseFee: bigint): bigint {
  const margin = tx.maxFeePerGas - baseFee;
  if (margin < tx.maxPriorityFeePerGas) return margin;
  return tx.maxPriorityFeePerGas;
}

/** `refused` is told of what could not be executed, and why. */
export function offer(queues: Iterable<SenderQueue>, baseFee: bigint, refused: (tx: Tx, error: RuleError) => void): TransactionSource {
  const turns = new Heap<Turn>((a, b) => (a.tip === b.tip ? a.entry.order < b.entry.order : a.tip > b.tip));
  const push = (entries: readonly Entry[], index: number): void => {
    const entry = entries[index];
    if (entry === undefined) return;
    const tip = effectiveTip(entry.tx, baseFee);
    if (tip >= 0n) turns.push({ entries, index, entry, tip });
  };
  for (const queue of queues) push(queue.executable(), 0);
  return {
    peek: () => turns.top()?.entry.tx,
    take() {
      const turn = turns.pop();
      if (turn !== undefined) push(turn.entries, turn.index + 1);
    },
    drop(error) {
      const turn = turns.pop();
      if (turn === undefined || error === null) return;
      refused(turn.entry.tx, error);
      // It is in a block below that the pool does not know yet: the sender's next one may follow.
      if (error.code === 'tx/nonce-too-low') push(turn.entries, turn.index + 1);
    },
  };
}
