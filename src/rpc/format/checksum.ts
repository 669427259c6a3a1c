/** EIP-55: an address whose letters' case is its checksum. */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Address } from '../../base/types.ts';

export function checksumAddress(address: Address): string {
  const digits = address.slice(2);
  const digest = bytesToHex(keccak_256(utf8ToBytes(digits)));
  return `0x${[...digits].map((digit, at) => (Number.parseInt(digest.charAt(at), 16) >= 8 ? digit.toUpperCase() : digit)).join('')}`;
}
