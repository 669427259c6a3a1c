/**
 * The swap-or-not shuffle (Hoang, Morris, Rogaway 2012, as in consensus-specs phase0 "compute_shuffled_index"): a permutation
 * of which one place can be computed without the others.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { assert } from '../../base/assert.ts';
import { bytesToBig } from '../../base/bytes.ts';

/** "SHUFFLE_ROUND_COUNT" */
export const SHUFFLE_ROUNDS = 90;

const SEED_BYTES = 32;
const PIVOT_BYTES = 8;
/** A hash decides over this many places, a bit for each. */
const PLACES_PER_HASH = 256;

/** "compute_shuffled_index": where `index` of `count` goes. `seed` has 32 bytes. */
export function shuffledIndex(index: number, count: number, seed: Uint8Array): number {
  assert(index >= 0 && index < count, 'a place that is shuffled is one of the list');
  let place = index;
  for (let round = 0; round < SHUFFLE_ROUNDS; round++) place = swapOrNot(seed, round, count)(place);
  return place;
}

/** `shuffledIndex` of each place, by place: the hashes of a round are made once for all. */
export function shuffledIndices(count: number, seed: Uint8Array): number[] {
  let places = Array.from({ length: count }, (_, index) => index);
  for (let round = 0; round < SHUFFLE_ROUNDS && count > 0; round++) places = places.map(swapOrNot(seed, round, count));
  return places;
}

/** One round: each place is paired with its mirror image about a pivot, and a coin for the pair says whether they swap. */
function swapOrNot(seed: Uint8Array, round: number, count: number): (place: number) => number {
  const message = new Uint8Array(SEED_BYTES + 1 + 4);
  message.set(seed);
  message[SEED_BYTES] = round;
  const pivot = Number(littleEndian(sha256(message.subarray(0, SEED_BYTES + 1)).subarray(0, PIVOT_BYTES)) % BigInt(count));
  const hashes = new Map<number, Uint8Array>();
  return (place) => {
    const mirror = (pivot + count - place) % count;
    const coin = Math.max(place, mirror);
    const block = Math.floor(coin / PLACES_PER_HASH);
    let hash = hashes.get(block);
    if (hash === undefined) {
      new DataView(message.buffer).setUint32(SEED_BYTES + 1, block, true);
      hash = sha256(message);
      hashes.set(block, hash);
    }
    const bit = coin % PLACES_PER_HASH;
    return (((hash[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1 ? mirror : place;
  };
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytesToBig(bytes.slice().reverse());
}
