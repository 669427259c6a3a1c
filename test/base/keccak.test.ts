/** The faster implementation of keccak-256 is the same function, for the ring as well. */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { expect, it } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { keccak256 } from '../../src/base/keccak.ts';
import { keccak256 as installed } from '../../src/execution/keccak.ts';

/** Around the block of 136 bytes that the sponge takes at once, and a header's length. */
const LENGTHS = [0, 1, 31, 32, 135, 136, 137, 271, 272, 273, 620, 10_000];

it('base/keccak gives what @noble gives, at any length, and an array of its own each time', () => {
  for (const length of LENGTHS) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 167 + length) & 0xff);
    expect(toHex(keccak256(bytes))).toBe(toHex(keccak_256(bytes)));
    expect(toHex(installed(bytes))).toBe(toHex(keccak_256(bytes)));
  }
  const first = keccak256(Uint8Array.of(1));
  keccak256(Uint8Array.of(2));
  expect(first).toEqual(keccak_256(Uint8Array.of(1)));
});
