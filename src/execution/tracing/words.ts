/** Words of the EVM's stack as addresses, hashes and hex. */
import { bigToFixed, concatBytes, fromHex, toHex } from '../../base/bytes.ts';
import type { Address, Hash, Hex } from '../../base/types.ts';
import { keccak256 } from '../keccak.ts';

/** The lower 20 bytes. */
export function addressFrom(word: bigint): Address {
  return toHex(bigToFixed(word, 32).subarray(12)) as Address;
}

export function hashFrom(word: bigint): Hash {
  return toHex(bigToFixed(word, 32)) as Hash;
}

/** Without leading zeros, as geth prints stacks. */
export function wordHex(word: bigint): Hex {
  return `0x${word.toString(16)}`;
}

/** Where CREATE2 puts a contract (EIP-1014). */
export function saltedAddress(creator: Address, salt: Uint8Array, initcode: Uint8Array): Address {
  const digest = keccak256(concatBytes(Uint8Array.of(0xff), fromHex(creator), salt, keccak256(initcode)));
  return toHex(digest.subarray(12)) as Address;
}
