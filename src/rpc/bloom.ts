/**
 * Ethereum's 2048-bit log bloom (Yellow Paper 4.4.1): each address and topic sets three bits, taken from the first six
 * bytes of its keccak. A clear bit proves absence, so most blocks of a log query need not be read.
 */

import { fromHex, toHex } from '../base/bytes.ts';
import { keccak256 } from '../base/keccak.ts';
import type { Hex } from '../base/types.ts';
import type { Log } from '../execution/types.ts';

const BLOOM_BYTES = 256;

/** The three bits of one item; bit 0 is the lowest bit of the last byte. */
export type BloomBits = readonly [number, number, number];

export function bloomBits(item: Hex): BloomBits {
  const digest = keccak256(fromHex(item));
  const bit = (at: number) => (((digest[at] ?? 0) << 8) | (digest[at + 1] ?? 0)) & 2047;
  return [bit(0), bit(2), bit(4)];
}

/** Read from the hex text itself: decoding 256 bytes to look at three bits would cost more than the look. */
export function mayContain(bloom: Hex, bits: BloomBits): boolean {
  return bits.every((bit) => {
    const digit = Number.parseInt(bloom.charAt(2 + 2 * BLOOM_BYTES - 1 - (bit >> 2)), 16);
    return ((digit >> (bit & 3)) & 1) === 1;
  });
}

/** The same of a bloom in bytes; of none, which is that of no logs, nothing may be. */
export function bytesMayContain(bloom: Uint8Array, bits: BloomBits): boolean {
  return bits.every((bit) => (((bloom[BLOOM_BYTES - 1 - (bit >> 3)] ?? 0) >> (bit & 7)) & 1) === 1);
}

export function bloomOf(logs: readonly Log[]): Hex {
  const bytes = new Uint8Array(BLOOM_BYTES);
  for (const log of logs) {
    for (const item of [log.address, ...log.topics]) {
      for (const bit of bloomBits(item)) {
        const at = BLOOM_BYTES - 1 - (bit >> 3);
        bytes[at] = (bytes[at] ?? 0) | (1 << (bit & 7));
      }
    }
  }
  return toHex(bytes);
}
