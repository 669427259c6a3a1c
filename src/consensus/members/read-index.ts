/**
 * The leader's part in linearizable reads (Ongaro's dissertation, section 6.4, "read index"; no clocks are relied on). It notes the
 * height that is decided, asks all members whether they still follow it, and once a quorum has said so in a round that began
 * after the question, that height shows every write that was acknowledged before. What comes meanwhile waits for the next
 * round, so that one round answers many.
 */
import type { NodeId } from '../../base/types.ts';
import type { ReadId } from './reads.ts';

/** Reads of all members that wait for this leader. */
const MAX_ASKED = 4_096;

interface Asked {
  readonly from: NodeId;
  readonly read: ReadId;
}

export interface Answer extends Asked {
  readonly height: number;
}

export class ReadIndex {
  /** For the next round. */
  #waiting: Asked[] = [];
  /** For this round: once a quorum has answered it, or a later one, this height is the answer. */
  #current: { readonly round: number; readonly height: number; readonly asked: readonly Asked[] } | null = null;

  /** A member asks; perhaps this leader itself. What is too much is dropped: it will be asked again. */
  ask(from: NodeId, read: ReadId): void {
    if (this.#waiting.length < MAX_ASKED) this.#waiting.push({ from, read });
  }

  /** True: a round of this number is to begin now, for those that wait. `height` is decided. */
  begins(round: number, height: number): boolean {
    if (this.#waiting.length === 0 || this.#current !== null) return false;
    this.#current = { round, height, asked: this.#waiting };
    this.#waiting = [];
    return true;
  }

  /** A quorum has answered this round. What may be answered now. */
  answers(confirmed: number): Answer[] {
    if (this.#current === null || this.#current.round > confirmed) return [];
    const { height, asked } = this.#current;
    this.#current = null;
    return asked.map((one) => ({ ...one, height }));
  }

  /** This node leads no more: whoever asked will ask another. */
  clear(): void {
    this.#waiting = [];
    this.#current = null;
  }
}
