/**
 * keccak-256 for what lies below the driver, which loads no WebAssembly. Above it there is a faster implementation
 * (`execution/keccak.ts`: 2.5 us for a header, against 23 us in plain JavaScript; measured), which is used once it is loaded.
 */
import { keccak_256 } from '@noble/hashes/sha3.js';

export type Keccak = (bytes: Uint8Array) => Uint8Array;

let implementation: Keccak = keccak_256;

/** 32 bytes, which are the caller's. */
export function keccak256(bytes: Uint8Array): Uint8Array {
  return implementation(bytes);
}

/** From now on for the whole program. It must be the same function. */
export function useKeccak(faster: Keccak): void {
  implementation = faster;
}
