/** Counts of messages in bins of equal width. The run's length is not known before it ends, so bins grow by doubling. */
import type { Density } from './model.ts';

const MAX_BINS = 2_048;
const FIRST_BIN_US = 50_000;

export class DensityCounter {
  #binUs = FIRST_BIN_US;
  readonly #sent: number[][];
  readonly #lost: number[][];

  constructor(nodes: number) {
    this.#sent = Array.from({ length: nodes }, () => []);
    this.#lost = Array.from({ length: nodes }, () => []);
  }

  sent(node: number, atUs: number): void {
    this.#count(this.#sent, node, atUs);
  }

  lost(node: number, atUs: number): void {
    this.#count(this.#lost, node, atUs);
  }

  /** Counts so far; bins after the last that counts are left out. */
  read(): Density {
    const filled = (bins: readonly number[]) => Array.from(bins, (count) => count ?? 0);
    return { binUs: this.#binUs, sent: this.#sent.map(filled), lost: this.#lost.map(filled) };
  }

  #count(counts: number[][], node: number, atUs: number): void {
    while (atUs >= MAX_BINS * this.#binUs) this.#widen();
    const bins = counts[node];
    if (bins === undefined) return;
    const bin = Math.floor(atUs / this.#binUs);
    while (bins.length <= bin) bins.push(0);
    bins[bin] = (bins[bin] ?? 0) + 1;
  }

  #widen(): void {
    this.#binUs *= 2;
    for (const bins of [...this.#sent, ...this.#lost]) {
      for (let bin = 0; 2 * bin < bins.length; bin++) bins[bin] = (bins[2 * bin] ?? 0) + (bins[2 * bin + 1] ?? 0);
      bins.length = Math.ceil(bins.length / 2);
    }
  }
}
