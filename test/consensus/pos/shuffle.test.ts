import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import { fromHex } from '../../../src/base/bytes.ts';
import { shuffledIndex, shuffledIndices } from '../../../src/consensus/pos/shuffle.ts';

const FOLDER = process.env.SYNOD_VECTORS ?? join(import.meta.dirname, '../../../../shared/vectors');
const VECTORS = join(FOLDER, 'shuffling', 'tests.csv');

interface Vector {
  readonly seed: Uint8Array;
  readonly list: readonly number[];
  readonly shuffled: readonly number[];
}

function vectors(): Vector[] {
  const numbers = (text: string | undefined): number[] => (text === undefined || text === '' ? [] : text.split(':').map(Number));
  return readFileSync(VECTORS, 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [seed, , list, shuffled] = line.split(',');
      return { seed: fromHex(`0x${seed}`), list: numbers(list), shuffled: numbers(shuffled) };
    });
}

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('consensus/pos shuffle', () => {
  it.skipIf(!existsSync(VECTORS))(`matches the published vectors (in ${VECTORS}; skipped where that file is absent)`, () => {
    const all = vectors();
    expect(all.length).toBeGreaterThan(100);
    for (const { seed, list, shuffled } of all) {
      const places = shuffledIndices(list.length, seed);
      expect(places.map((_, i) => shuffled[places[i] ?? -1])).toEqual(list);
    }
  });

  it.skipIf(!existsSync(VECTORS))('gives single places as the vectors have them (skipped where the vectors are absent)', () => {
    for (const { seed, list, shuffled } of vectors().filter((each, i) => each.list.length > 0 && i % 7 === 3)) {
      for (const i of [0, list.length - 1]) {
        expect(shuffled[shuffledIndex(i, list.length, seed)]).toBe(list[i]);
      }
    }
  });

  it('gives one place as it gives all of them', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 300 }), fc.nat(), (seed, count, place) => {
        expect(shuffledIndex(place % count, count, seed)).toBe(present(shuffledIndices(count, seed)[place % count], 'a place'));
      }),
      { numRuns: 30 },
    );
  });

  it('is a permutation, also across the 256 places that one hash decides over', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom(0, 1, 2, 255, 256, 257, 600), (seed, count) => {
        expect(shuffledIndices(count, seed).sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      }),
      { numRuns: 20 },
    );
  });

  it('refuses a place outside the list', () => {
    expect(() => shuffledIndex(3, 3, new Uint8Array(32))).toThrow(/Invariant broken/);
  });
});
