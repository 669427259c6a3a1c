/**
 * Seeded pseudo-random numbers for simulations and tests: the same seed gives the same numbers on every machine.
 * Not for secrets.
 *
 * Source: xoshiro128** 1.1 by Blackman and Vigna (https://prng.di.unimi.it), which has a period of 2^128 - 1 and needs
 * 32-bit arithmetic only. Its state is the start of SHA-256 of the seed, so that similar seeds give unrelated streams.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { assert, present } from './assert.ts';

/** Four words. As 32-bit integers they stay in registers; as plain numbers they took ten times as long (measured). */
type Words = Int32Array;

const TWO_TO_26 = 0x400_0000;
const TWO_TO_32 = 0x1_0000_0000;
const TWO_TO_53 = 0x20_0000_0000_0000;

export class Random {
  readonly seed: string;
  readonly #words: Words;

  constructor(seed: string | number) {
    this.seed = String(seed);
    this.#words = wordsOf(this.seed);
  }

  /**
   * A stream of its own for one purpose. It depends on the seed and the name alone, not on what was drawn so far, so
   * that one more draw in one place does not change what happens in all others.
   */
  stream(name: string): Random {
    return new Random(`${this.seed}/${name}`);
  }

  /** Uniform in 0 .. 2^32 - 1. */
  uint32(): number {
    return nextWord(this.#words);
  }

  /** Uniform in [0, 1), all 53 bits. A property, so that it can be handed out as a plain function. */
  readonly float = (): number => {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * TWO_TO_26 + low) / TWO_TO_53;
  };

  /** Uniform integer in 0 .. limit - 1, for a limit of 1 to 2^32. */
  below(limit: number): number {
    assert(Number.isInteger(limit) && limit >= 1 && limit <= TWO_TO_32, `a limit of 1 to 2^32, not ${limit}`);
    // Numbers at or above the last multiple of the limit would make the small ones likelier; they are drawn again.
    const fair = TWO_TO_32 - (TWO_TO_32 % limit);
    for (;;) {
      const drawn = this.uint32();
      if (drawn < fair) return drawn % limit;
    }
  }

  /** True with this probability (0 to 1). */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  /** One of the items; the list must not be empty. */
  pick<T>(items: readonly T[]): T {
    return present(items[this.below(items.length)], 'a picked item');
  }

  /** A new list in random order (Fisher and Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const shuffled: T[] = [];
    for (const item of items) {
      const at = this.below(shuffled.length + 1);
      shuffled.push(item);
      [shuffled[at], shuffled[shuffled.length - 1]] = [item, present(shuffled[at], 'an item to swap')];
    }
    return shuffled;
  }

  /** Time until the next event of a process that has one every `mean` units on average (exponential). */
  waiting(mean: number): number {
    return -mean * Math.log(1 - this.float());
  }
}

function wordsOf(seed: string): Words {
  const digest = sha256(utf8ToBytes(seed));
  const view = new DataView(digest.buffer, digest.byteOffset);
  return Int32Array.of(view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12));
}

/** One step of xoshiro128**; changes the words in place. They must not all be zero. */
export function nextWord(words: Words): number {
  const w0 = words[0] ?? 0;
  const w1 = words[1] ?? 0;
  const x2 = (words[2] ?? 0) ^ w0;
  const x3 = (words[3] ?? 0) ^ w1;
  words[0] = w0 ^ x3;
  words[1] = w1 ^ x2;
  words[2] = x2 ^ (w1 << 9);
  words[3] = rotateLeft(x3, 11);
  return Math.imul(rotateLeft(Math.imul(w1, 5), 7), 9) >>> 0;
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
