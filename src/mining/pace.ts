/**
 * How many nonces a worker tries at a time, and how long it rests in between. No clock in here: times are arguments.
 *
 * At full speed a batch lasts about 10 ms, so that a cancelled job is dropped soon after. Under a limit, a token
 * bucket: hashes are paid for after they are made, and what is saved up while idle is worth a tenth of a second.
 */
const FIRST_BATCH = 1_000;
const FULL_BATCH_MS = 10;
/** Short rests keep a limited worker smooth: about forty batches a second. */
const LIMITED_BATCH_MS = 25;
const BUCKET_MS = 100;
/** Not worth going to sleep for; it stays owed. */
const MIN_REST_MS = 0.1;
const MAX_BATCH = 2 ** 24;
/** The weight of the newest batch in the estimate of speed. */
const NEWEST_WEIGHT = 0.3;

export class Pace {
  #hashesPerMs = 0;
  #tokens = 0;
  #refilledMs = 0;
  #limit = 0;

  /** Nonces to try next. `limit` is this worker's share in hashes per second, 0 for none. */
  batch(limit: number): number {
    const full = this.#hashesPerMs === 0 ? FIRST_BATCH : this.#hashesPerMs * FULL_BATCH_MS;
    const wanted = limit === 0 ? full : Math.min(full, (limit * LIMITED_BATCH_MS) / 1000);
    return Math.max(1, Math.min(MAX_BATCH, Math.round(wanted)));
  }

  /** Notes a batch that ran from `beganMs` to `endedMs`. */
  did(hashes: number, beganMs: number, endedMs: number, limit: number): void {
    const speed = hashes / Math.max(endedMs - beganMs, 0.001);
    this.#hashesPerMs = this.#hashesPerMs === 0 ? speed : this.#hashesPerMs + NEWEST_WEIGHT * (speed - this.#hashesPerMs);
    this.#refill(endedMs, limit);
    this.#tokens -= hashes;
  }

  /** Milliseconds to rest before the next batch. A changed limit counts from now on: what was owed under the old one is forgiven. */
  restMs(nowMs: number, limit: number): number {
    this.#refill(nowMs, limit);
    const restMs = limit === 0 ? 0 : (-this.#tokens * 1000) / limit;
    return restMs < MIN_REST_MS ? 0 : restMs;
  }

  #refill(nowMs: number, limit: number): void {
    if (limit === this.#limit) this.#tokens += ((nowMs - this.#refilledMs) * limit) / 1000;
    else this.#tokens = 0;
    this.#tokens = Math.min(this.#tokens, (BUCKET_MS * limit) / 1000);
    this.#refilledMs = nowMs;
    this.#limit = limit;
  }
}
