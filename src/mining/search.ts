/**
 * The search for one nonce after another, header after header, until one is found or the job is dropped.
 *
 * It blocks the thread it runs on: what reaches it from outside is the memory it shares with the pool (control.ts).
 */
import type { Control } from './control.ts';
import { extraNonceOf, hashWithNonce, headerOf, NONCES_PER_HEADER, type SealResult } from './job.ts';
import type { Kernel, ScanResult } from './kernel.ts';
import type { Assignment } from './messages.ts';
import { Pace } from './pace.ts';

/** A rest is cut into pieces, so that a raised limit is noticed. */
const MAX_REST_MS = 100;

export interface SearchOptions {
  readonly kernel: Kernel;
  readonly control: Control;
  /** Which of the shared counters to count in. */
  readonly counter: number;
  /** What keeps the extra nonces of pools and of workers apart. */
  readonly salt: number;
  readonly serial: number;
  /** Milliseconds, monotonic. */
  now(): number;
}

export class Search {
  readonly #options: SearchOptions;
  readonly #pace = new Pace();
  /** Goes on from job to job, so that mining the same block again does not repeat the work. */
  #headers = 0n;

  constructor(options: SearchOptions) {
    this.#options = options;
  }

  /** Null if the job is no longer the current one. */
  run({ generation, job }: Assignment): SealResult | null {
    const { control, salt, serial } = this.#options;
    for (;;) {
      const extraNonce = extraNonceOf(salt, serial, this.#headers++);
      const header = headerOf(job, extraNonce);
      for (let start = 0; start < NONCES_PER_HEADER; ) {
        this.#rest(generation);
        if (control.generation !== generation) return null;
        const { nonce, hashes } = this.#scan(header, job.target, start);
        if (nonce !== null) return { id: job.id, nonce, extraNonce, hash: hashWithNonce(header, nonce) };
        start += hashes;
      }
    }
  }

  #scan(header: Uint8Array, target: bigint, start: number): ScanResult {
    const { kernel, control, counter, now } = this.#options;
    const limit = control.limitPerWorker;
    const count = Math.min(this.#pace.batch(limit), NONCES_PER_HEADER - start);
    const began = now();
    const result = kernel.scan(header, target, start, count);
    this.#pace.did(result.hashes, began, now(), limit);
    control.addHashes(counter, result.hashes);
    return result;
  }

  #rest(generation: number): void {
    const { control, now } = this.#options;
    while (control.generation === generation) {
      const restMs = this.#pace.restMs(now(), control.limitPerWorker);
      if (restMs <= 0) return;
      control.rest(generation, Math.min(restMs, MAX_REST_MS));
    }
  }
}
