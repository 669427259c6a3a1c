/** Hashes of transactions for the index: WASM keccak, since the JavaScript one costs five times as much (measured). */
import { createKeccak } from 'hash-wasm';
import type { Hash } from '../base/types.ts';

// One instance, never awaited between init and digest, so that calls cannot interleave.
const hasher = await createKeccak(256);

export function transactionHash(transaction: Uint8Array): Hash {
  return `0x${hasher.init().update(transaction).digest('hex')}` as Hash;
}
