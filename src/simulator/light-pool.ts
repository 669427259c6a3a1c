/** Transfers that wait for a block, by sender and nonce. The real pool's place in the light tier; it follows the durable head. */
import { RuleError } from '../base/errors.ts';
import { applyTransfer, type Balances, decodeTransfer, nonceOf } from './transfers.ts';

export const MAX_POOLED = 4_096;
/** A sender's transfers may be this far ahead of its account. */
export const MAX_NONCE_GAP = 64;

export class LightPool {
  readonly #senders = new Map<number, Map<number, Uint8Array>>();
  #size = 0;
  /** What was taken last. */
  #taken: readonly Uint8Array[] = [];

  get size(): number {
    return this.#size;
  }

  /** True when it is new and fits the state. Throws RuleError for bytes that are no transfer. */
  add(bytes: Uint8Array, state: Balances): boolean {
    const { from, nonce } = decodeTransfer(bytes);
    const next = nonceOf(state, from);
    if (nonce < next || nonce > next + MAX_NONCE_GAP || this.#size >= MAX_POOLED) return false;
    const queue = this.#senders.get(from) ?? new Map<number, Uint8Array>();
    // First come, first kept: a conflicting transfer does not replace another.
    if (queue.has(nonce)) return false;
    this.#senders.set(from, queue.set(nonce, bytes));
    this.#size++;
    return true;
  }

  /** The new head's state; what the abandoned blocks held comes back. */
  headChanged(state: Balances, abandoned: readonly Uint8Array[]): void {
    for (const bytes of abandoned) this.add(bytes, state);
    for (const [sender, queue] of this.#senders) {
      const next = nonceOf(state, sender);
      for (const nonce of [...queue.keys()]) {
        if (nonce >= next) continue;
        queue.delete(nonce);
        this.#size--;
      }
      if (queue.size === 0) this.#senders.delete(sender);
    }
  }

  /**
   * Transfers that can be executed one after another on this state, at most `limit`. Changes the state. Where they are those of
   * the time before it is the same list, whose root is known (`transfersRoot`): most templates of a miner differ in their time alone.
   */
  take(state: Balances, limit: number): readonly Uint8Array[] {
    const taken: Uint8Array[] = [];
    for (const [sender, queue] of this.#senders) {
      for (let bytes = queue.get(nonceOf(state, sender)); bytes !== undefined && taken.length < limit; ) {
        if (!apply(state, bytes)) break;
        taken.push(bytes);
        bytes = queue.get(nonceOf(state, sender));
      }
    }
    const isSame = taken.length === this.#taken.length && taken.every((bytes, i) => bytes === this.#taken[i]);
    if (!isSame) this.#taken = taken;
    return this.#taken;
  }

  all(): Uint8Array[] {
    return [...this.#senders.values()].flatMap((queue) => [...queue.values()]);
  }
}

function apply(state: Balances, bytes: Uint8Array): boolean {
  try {
    applyTransfer(state, decodeTransfer(bytes));
    return true;
  } catch (error) {
    if (error instanceof RuleError) return false;
    throw error;
  }
}
