/**
 * The memory that the pool and its workers share.
 *
 *   Int32 0      generation: changes whenever the current job is replaced, cancelled or sealed
 *   Int32 1      hash rate limit of the whole pool, in hashes per second, 0 for none
 *   Int32 2      threads, which share the limit
 *   BigInt64 8+  hashes made by each worker, ever
 *
 * A worker reads the generation between two batches, and rests by waiting for it to change: a cancelled job is dropped
 * at once, without the worker's event loop, and however long the rest was meant to be.
 */
const GENERATION = 0;
const LIMIT = 1;
const THREADS = 2;
const COUNTERS_OFFSET_BYTES = 64;

export class Control {
  readonly buffer: SharedArrayBuffer;
  readonly #settings: Int32Array;
  readonly #counters: BigInt64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#settings = new Int32Array(buffer, 0, COUNTERS_OFFSET_BYTES / Int32Array.BYTES_PER_ELEMENT);
    this.#counters = new BigInt64Array(buffer, COUNTERS_OFFSET_BYTES);
  }

  static create(workers: number): Control {
    return new Control(new SharedArrayBuffer(COUNTERS_OFFSET_BYTES + workers * BigInt64Array.BYTES_PER_ELEMENT));
  }

  get generation(): number {
    return Atomics.load(this.#settings, GENERATION);
  }

  /** Makes every worker drop what it is doing. Answers the new generation. */
  advance(): number {
    const generation = (this.generation + 1) | 0;
    Atomics.store(this.#settings, GENERATION, generation);
    Atomics.notify(this.#settings, GENERATION);
    return generation;
  }

  /** Blocks the calling thread until the generation is another one, but no longer than this. */
  rest(generation: number, timeoutMs: number): void {
    Atomics.wait(this.#settings, GENERATION, generation, timeoutMs);
  }

  /** One worker's share of the limit, in hashes per second; 0 is no limit. */
  get limitPerWorker(): number {
    return Atomics.load(this.#settings, LIMIT) / Math.max(1, Atomics.load(this.#settings, THREADS));
  }

  set limit(hashesPerSecond: number) {
    Atomics.store(this.#settings, LIMIT, hashesPerSecond);
  }

  set threads(threads: number) {
    Atomics.store(this.#settings, THREADS, threads);
  }

  addHashes(worker: number, hashes: number): void {
    Atomics.add(this.#counters, worker, BigInt(hashes));
  }

  get hashes(): bigint {
    let sum = 0n;
    for (let worker = 0; worker < this.#counters.length; worker++) sum += Atomics.load(this.#counters, worker);
    return sum;
  }
}
