/**
 * Keccak-256 for the hot paths of execution: WASM, 0.8 us for 32 bytes against 5.2 us for @noble/hashes (measured, Zen 3).
 * The one instance is reused and never awaited in between, so calls cannot interleave.
 */
import { createKeccak } from 'hash-wasm';
import { toHex } from '../base/bytes.ts';
import { useKeccak } from '../base/keccak.ts';
import type { Hash } from '../base/types.ts';

const hasher = await createKeccak(256);

export function keccak256(bytes: Uint8Array): Uint8Array {
  return hasher.init().update(bytes).digest('binary');
}

// For whatever lies below, in every program that loads this.
useKeccak(keccak256);

export function keccakHash(bytes: Uint8Array): Hash {
  return toHex(keccak256(bytes)) as Hash;
}
