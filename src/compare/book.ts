/**
 * What became of everything that clients sent: one entry for each transaction, with the times of three events: it was sent,
 * its client's node showed it in a block, its client's node showed it final. Times are milliseconds from the beginning of the case.
 */
import type { Window } from './plan.ts';

export type Side = 'majority' | 'minority';

export interface Entry {
  readonly key: string;
  /** Of the node that it was sent to; without a partition everybody is of the majority. */
  readonly side: Side;
  readonly sentMs: number;
  includedMs: number | null;
  finalMs: number | null;
}

/** A second of a case. */
export interface Second {
  readonly majority: number;
  readonly minority: number;
}

const MS_PER_SECOND = 1_000;

export class LoadBook {
  readonly #entries = new Map<string, Entry>();
  #unfinished = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Sent, and not final yet. */
  get unfinished(): number {
    return this.#unfinished;
  }

  sent(key: string, side: Side, atMs: number): void {
    if (this.#entries.has(key)) return;
    this.#entries.set(key, { key, side, sentMs: atMs, includedMs: null, finalMs: null });
    this.#unfinished++;
  }

  included(key: string, atMs: number): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.includedMs ??= atMs;
  }

  final(key: string, atMs: number): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.finalMs !== null) return;
    entry.includedMs ??= atMs;
    entry.finalMs = atMs;
    this.#unfinished--;
  }

  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** Milliseconds from sent to final of what was sent within the window, ascending. */
  latencies({ fromMs, toMs }: Window): number[] {
    return [...this.#entries.values()]
      .flatMap(({ sentMs, finalMs }) => (finalMs !== null && sentMs >= fromMs && sentMs < toMs ? [finalMs - sentMs] : []))
      .sort((a, b) => a - b);
  }

  /** How many came into a block within the window and became final, then or later; of both sides, or of one. */
  taken(window: Window, side?: Side): number {
    return this.#takenMs(side).filter((ms) => ms >= window.fromMs && ms < window.toMs).length;
  }

  /** The same by seconds, from the beginning on. */
  bySecond(seconds: number): Second[] {
    const counts = Array.from({ length: seconds }, () => ({ majority: 0, minority: 0 }));
    for (const { side, includedMs, finalMs } of this.#entries.values()) {
      const second = includedMs === null || finalMs === null ? undefined : counts[Math.floor(includedMs / MS_PER_SECOND)];
      if (second !== undefined) second[side]++;
    }
    return counts;
  }

  /** The longest time within the window in which nothing came into a block for clients of the majority. */
  longestPauseMs({ fromMs, toMs }: Window): number {
    const within = this.#takenMs('majority').filter((ms) => ms > fromMs && ms < toMs);
    const times = [fromMs, ...within.sort((a, b) => a - b), toMs];
    return Math.max(...times.slice(1).map((ms, i) => ms - (times[i] ?? ms)));
  }

  #takenMs(side?: Side): number[] {
    return [...this.#entries.values()].flatMap((entry) => {
      const isWanted = entry.finalMs !== null && entry.includedMs !== null && (side === undefined || entry.side === side);
      return isWanted && entry.includedMs !== null ? [entry.includedMs] : [];
    });
  }
}
