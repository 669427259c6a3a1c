/** Hashes per second over a sliding window, from samples of a counter that only grows. Times are arguments. */
interface Sample {
  readonly atMs: number;
  readonly hashes: bigint;
}

export class RateWindow {
  readonly #windowMs: number;
  #samples: Sample[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Keeps one sample from before the window, so that the whole of it is covered. */
  sample(atMs: number, hashes: bigint): void {
    this.#samples.push({ atMs, hashes });
    const firstInside = this.#samples.findIndex((sample) => sample.atMs > atMs - this.#windowMs);
    this.#samples = this.#samples.slice(Math.max(0, firstInside - 1));
  }

  perSecond(nowMs: number, hashes: bigint): number {
    const [oldest] = this.#samples;
    if (oldest === undefined || nowMs <= oldest.atMs) return 0;
    return (Number(hashes - oldest.hashes) * 1000) / (nowMs - oldest.atMs);
  }
}
